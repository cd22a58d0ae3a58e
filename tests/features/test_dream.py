"""The laws of a dream, on small seeded networks, on the default one with real photos, and on other architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pellucid
from nets import SIZE, SPEC, module, network
from pellucid.core.types import View
from pellucid.features.drawing.cost import cost_of
from pellucid.features.drawing.plan import plan_of

GOLDEN = Path(__file__).with_name("golden") / "dream.png"


def photo(height: int = SIZE, width: int = SIZE, channels: int = 3, *, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels != 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def dreamt(net: pellucid.Network, *given: Any, **options: Any) -> View:
    """With few steps, and held against nothing, unless it is asked for."""
    return pellucid.dream(net, *given, **{"steps": 3, "images": None, **options})


# -- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(SIZE, SIZE), (17, 30)])
def test_no_step_gives_the_photo(size: tuple[int, int]) -> None:
    given = photo(*size)
    v = dreamt(network("modules"), given, "conv2", steps=0, size=size)
    assert np.array_equal(v["picture"], given)
    assert np.array_equal(v["start"], given)
    assert (len(v["climb"]), v.table[1]["change"]) == (0, 0)


def test_no_step_gives_the_photo_that_many_octaves_would_start_from(default_network: pellucid.Network) -> None:
    cat = pellucid.read("example:cat")
    v = dreamt(default_network, cat, steps=0, size=cat.array.shape[:2])
    assert np.array_equal(v["picture"], cat.array)


@pytest.mark.parametrize("mode", ["octaves", "fourier"])
def test_the_same_seed_gives_the_same_bytes(mode: str) -> None:
    one, again, other = (dreamt(network("modules"), layer="conv2", mode=mode, seed=s) for s in (3, 3, 4))
    assert one["picture"].tobytes() == again["picture"].tobytes()
    assert np.array_equal(one["climb"], again["climb"])
    assert not np.array_equal(one["picture"], other["picture"])


class Scaled(nn.Module):
    """A layer whose activations, and with them every objective, are larger by a factor."""

    def __init__(self, factor: float):
        super().__init__()
        self.first, self.factor, self.layer = module("modules").conv1, factor, nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.first(x) * self.factor).mean((2, 3))


@pytest.mark.parametrize("options", [{}, {"channel": 2}, {"channel": 2, "mode": "fourier"}, {"mode": "fourier"}])
def test_a_factor_on_the_objective_changes_nothing(options: dict[str, Any]) -> None:
    image = None if "mode" in options else photo()
    one, large = (dreamt(pellucid.open(Scaled(f), input=SPEC), image, "layer", **options) for f in (1.0, 1024.0))
    assert one["picture"].tobytes() == large["picture"].tobytes()
    assert large.table[1]["score"] > 1000 * one.table[1]["score"] > 0


@pytest.mark.parametrize(("mode", "least"), [("octaves", 0.9), ("fourier", 0.25)])
def test_a_linear_objective_draws_its_weights(mode: str, least: float) -> None:
    """In Fourier mode the shifts and turns blur a picture of 12 pixels."""
    net = network("linear")
    options = {"jitter": 0, "steps": 20} if mode == "octaves" else {"steps": 200}
    v = dreamt(net, layer="head", channel="cat", mode=mode, **options)
    weights = net.module.head.weight[2].detach().reshape(3, SIZE, SIZE).permute(1, 2, 0).numpy()
    change = v["picture"].astype(float) - v["start"]
    assert np.corrcoef(change.ravel(), (weights / np.array(SPEC.std)).ravel())[0, 1] > least
    assert v.table[1]["score"] > v.table[0]["score"]


class Bursting(nn.Module):
    """Raises in the middle of a pass, from the given one on."""

    def __init__(self, at: int):
        super().__init__()
        self.inner, self.passes, self.at = module("modules"), 0, at

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        x = self.inner.conv1(x)
        if self.passes >= self.at:
            raise RuntimeError("burst")
        return self.inner.conv2(self.inner.act1(x)).mean((2, 3))


@pytest.mark.parametrize("unprepared", [True, False])
def test_no_hook_is_left_after_an_exception(unprepared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Bursting(10**9)
    own.inner.conv1.train()
    if unprepared:  # then the user's own module runs
        monkeypatch.setattr("pellucid.models.prepare._try", lambda *_: None)
    net = pellucid.open(own, input=SPEC)
    modes = [m.training for m in own.modules()]
    ready = net.prepared(keep=["inner.conv2"]).module
    ready.passes, ready.at = 0, 6
    with pytest.raises((RuntimeError, pellucid.BadInput)):
        dreamt(net, photo(), "inner.conv2", steps=30)
    for each in (own, ready):
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in each.modules())
    assert [m.training for m in own.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in own.parameters())


def test_the_detail_is_carried_and_the_photo_stays_sharp() -> None:
    """With steps so small that nothing is drawn, four octaves give the photo back, not an enlarged small one."""
    given = photo(40, 48)
    v = dreamt(network("modules"), given, "conv2", size=(40, 48), step=1e-3, octaves=4)
    assert np.abs(v["picture"].astype(int) - given).max() <= 1
    assert v.options["octaves"] == 4


# -- what may be asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "target", "channel"),
    [
        ({"layer": "conv2"}, "conv2", None),
        ({"layer": "conv2", "channel": 7}, "channel 7 of conv2", 7),
        ({"layer": "conv2", "channel": "7"}, "channel 7 of conv2", 7),
        ({"unit": "conv2:7"}, "channel 7 of conv2", 7),
        ({"unit": "conv2:7@2,5"}, "channel 7 of conv2 at row 2, column 5", 7),
        ({"channel": "honeybee"}, "bee", 1),
        ({"layer": "head", "channel": 3}, "dog", 3),
        ({}, "act1", None),
    ],
)
def test_targets(options: dict[str, Any], target: str, channel: int | None) -> None:
    v = dreamt(network("modules"), **options, steps=30)
    assert (v.options["target"], v.options["channel"]) == (target, channel)
    assert v.table[1]["score"] > v.table[0]["score"]
    assert ("rank" in v.table[1]) == (channel is not None)


def test_a_unit_is_drawn_where_it_looks() -> None:
    """On a picture four times the network's input the place lies where it was asked for."""
    v = dreamt(network("modules"), photo(48, 48), unit="conv2:7@20,3", size=(48, 48), octaves=1, jitter=0)
    changed = np.abs(v["picture"].astype(float) - v["start"]).sum(2)
    down, across = np.nonzero(changed)
    assert 36 <= down.min() <= down.max() <= 45
    assert 2 <= across.min() <= across.max() <= 11


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"layer": "conw2"}, "conv2"),
        ({"layer": "conv*"}, "picks 2 layers"),
        ({"layer": "conv2", "channel": 16}, "0 to 15"),
        ({"layer": "conv2", "channel": "cat"}, "no names"),
        ({"channel": "cow"}, "unknown class"),
        ({"unit": "conv2"}, "LAYER:CHANNEL"),
        ({"unit": "conv2:1@99,0"}, "6 × 6 places"),
        ({"unit": "conv2:1", "layer": "conv2"}, "one of them"),
        ({"layer": "conv2", "octaves": 0}, "octaves is 0"),
        ({"layer": "conv2", "scale": 1.0}, "scale is 1.0"),
        ({"layer": "conv2", "steps": -1}, "steps is -1"),
        ({"layer": "conv2", "step": 0.0}, "step is 0.0"),
        ({"layer": "conv2", "jitter": -1}, "jitter is -1"),
        ({"layer": "conv2", "size": 0}, "no pixels"),
        ({"layer": "conv2", "size": (10**6, 10**6)}, "choose a smaller size"),
        ({"layer": "conv2", "mode": "wild"}, "mode is 'wild'"),
        ({"layer": "conv2", "mode": "fourier", "image": photo()}, "from noise"),
        ({"layer": "conv2", "image": "absent.jpg"}, "no such file"),
        ({"layer": "conv2", "image": photo(channels=4)}, "4 channels"),
    ],
)
def test_bad_input(options: dict[str, Any], word: str) -> None:
    with pytest.raises(pellucid.BadInput, match=word):
        dreamt(network("modules"), **options)


def test_weights_that_are_nan_are_told() -> None:
    own = module("modules")
    own.conv1.weight.data[0] = float("nan")
    with pytest.raises(pellucid.BadInput, match="NaN or infinite"):
        dreamt(pellucid.open(own, input=SPEC), photo(), "conv2")


def test_inference_mode_is_told() -> None:
    with torch.inference_mode(), pytest.raises(pellucid.BadInput, match="inference_mode"):
        dreamt(network("modules"), photo(), "conv2")


def test_a_channel_that_is_closed_everywhere_is_climbed_before_its_activation() -> None:
    own = module("modules")
    own.bn2.weight.data[4], own.bn2.bias.data[4] = 0.01, -50
    v = dreamt(pellucid.open(own, input=SPEC), photo(), "act2", channel=4, octaves=1)
    assert v.options["before_activation"]
    assert v.table[0]["score"] < v.table[1]["score"] < 0


def test_a_target_without_a_slope_says_so() -> None:
    own = module("modules")
    own.conv2.weight.data[4] = 0
    v = dreamt(pellucid.open(own, input=SPEC), photo(), "conv2", channel=4, octaves=1)
    assert v.table[1]["change"] == 0
    assert np.array_equal(v["picture"], v["start"])


# -- sizes and channels ---------------------------------------------------------------------------


def of_channels(channels: int) -> pellucid.Network:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3))
    spec = pellucid.InputSpec(size=(10, 14), mean=(0.5,) * channels, std=(0.2,) * channels)
    return pellucid.open(own, input=spec)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("from_photo", [True, False])
def test_any_number_of_channels_and_any_size(channels: int, from_photo: bool) -> None:
    given = photo(20, 33, channels) if from_photo else None
    v = dreamt(of_channels(channels), given, "2", size=(21, 30), channel=2, frames=4, steps=30)
    wide = 30 * channels if channels == 4 else 30
    assert (v["picture"].shape, v["picture"].dtype) == ((21, 30, channels), np.uint8)
    assert v.pictures is not None
    assert v.pictures.shape == (1, 21, wide, 3)
    assert v["frames"].shape == (4, 21, wide, 3)
    assert np.array_equal(v["frames"][-1], v.pictures[0])
    assert v.table[1]["score"] > v.table[0]["score"]


def test_grey_photos_and_networks() -> None:
    assert dreamt(network("modules"), photo(channels=1), "conv2")["picture"].shape[2] == 3
    assert dreamt(of_channels(1), photo(), "2")["picture"].shape[2] == 1


@pytest.mark.parametrize(
    ("size", "image", "expected"),
    [
        (None, photo(30, 40), (450, 600)),
        (40, photo(30, 40), (30, 40)),
        (40, None, (40, 40)),
        (None, None, (SIZE, SIZE)),
        ((33, 21), photo(30, 40), (33, 21)),
    ],
)
def test_sizes(size: Any, image: Any, expected: tuple[int, int]) -> None:
    sample = None if image is None else pellucid.Sample(image)
    assert plan_of(network("modules"), sample, "conv2", size=size).sizes[-1] == expected


def test_a_network_that_takes_one_size_dreams_at_it_and_says_so() -> None:
    v = dreamt(network("linear"), photo(30, 40), "head", channel="dog")
    assert v["picture"].shape == (SIZE, SIZE, 3)
    assert any("takes 12 × 12 only" in n for n in v.notes)
    assert any("1 of 4 octaves" in n for n in v.notes)
    with pytest.raises(pellucid.BadInput, match="it takes 12 × 12"):
        dreamt(network("linear"), photo(), "head", size=40)


class Halved(nn.Module):
    """Three times smaller, and put together again with what it was: only whole multiples of 8 go through."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(*(nn.Conv2d(3, 3, 2, stride=2) for _ in range(3)))
        self.up = nn.Upsample(scale_factor=8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.up(self.down(x))


def test_a_network_of_halvings_gets_the_nearest_size_that_it_takes() -> None:
    torch.manual_seed(0)
    whole = nn.Sequential(Halved(), nn.Identity())
    net = pellucid.open(whole, input=pellucid.InputSpec(size=(64, 64)))
    v = dreamt(net, photo(90, 110), "1", size=(90, 110), octaves=2)
    assert v["picture"].shape == (96, 96, 3)
    assert any("does not take 90 × 110" in n for n in v.notes)
    assert v.options["octaves"] == 2


def test_matrices() -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3))
    net = pellucid.open(own, input=pellucid.InputSpec.matrix(9, 16))
    matrix = np.random.default_rng(0).normal(size=(9, 16)).astype(np.float32) * 40 - 7
    still = dreamt(net, matrix, "2", steps=0)
    np.testing.assert_allclose(still["picture"][..., 0], matrix, atol=1e-4)
    v = dreamt(net, matrix, "2", channel=1, images=[matrix, matrix[::-1].copy()])
    assert (v["picture"].shape, v["picture"].dtype) == ((9, 16, 1), np.float32)
    assert matrix.min() - 1e-3 <= v["picture"].min() <= v["picture"].max() <= matrix.max() + 1e-3
    assert v.table[1]["score"] > v.table[0]["score"]
    assert (len(v["natural"]), v.options["octaves"]) == (2, 1)
    with pytest.raises(pellucid.BadInput, match="no darkest"):
        dreamt(net, None, "2")
    with pytest.raises(pellucid.BadInput, match="9 × 16"):
        dreamt(net, matrix, "2", size=40)


def test_a_vision_transformer_draws_at_its_own_size() -> None:
    net = pellucid.open("timm:vit_tiny_patch16_224", weights="none")
    v = dreamt(net, photo(300, 400), "blocks.3", steps=1)
    assert v["picture"].shape == (224, 224, 3)
    assert any("224 × 224 only" in n for n in v.notes)
    place = dreamt(net, unit="blocks.1.mlp.act:5@3,13", steps=1)
    assert place.options["before_activation"]
    assert place.options["channels"] == 768
    with pytest.raises(pellucid.BadInput, match="14 × 14 places"):
        dreamt(net, unit="blocks.1:5@14,0", steps=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"),
    [("torchvision:vgg16", "features.15"), ("timm:legacy_xception", "block3"), ("timm:xception41", None)],
)
def test_other_architectures(name: str, layer: str | None) -> None:
    net = pellucid.open(name, weights="none")
    v = dreamt(net, photo(120, 170), layer, steps=2, octaves=2, size=(97, 140))
    assert v["picture"].shape == (97, 140, 3)
    assert v.table[1]["score"] > v.table[0]["score"]
    one = dreamt(net, None, layer, channel=3, steps=2, size=(97, 140))
    assert one.options["before_activation"] == (name == "torchvision:vgg16")


# -- natural pictures -----------------------------------------------------------------------------


def test_the_percentile_and_ranks_are_what_they_say(photos: list[pellucid.Sample]) -> None:
    net = network("modules")
    naturals = [photo(20, 20, seed=s) for s in range(140)]
    v = dreamt(net, photos[0], "conv2", channel=7, images=naturals)
    assert (v.options["natural"], v.options["natural_pictures"]) == (128, 128)
    end = v.table[1]
    assert end["percentile"] == 100 * np.mean(v["natural"] < end["score"])
    x = net.input.normalise(torch.from_numpy(v["picture"]).permute(2, 0, 1)[None].float())
    each = net.prepared(keep=["conv2"]).until("conv2")(x).mean((2, 3))[0]
    np.testing.assert_allclose(end["score"], float(each[7]), rtol=1e-4)
    assert end["rank"] == 1 + int((each > each[7]).sum())


def test_few_pictures_are_shown_in_crops(photos: list[pellucid.Sample]) -> None:
    v = dreamt(network("modules"), photos[0], "conv2", channel=7, images=photos)
    assert (v.options["natural"], v.options["natural_pictures"]) == (128, 2)
    assert v["patches"].shape[0] == len(v["patch_activations"]) == 2
    assert list(v["patch_activations"]) == sorted(v["patch_activations"], reverse=True)


def test_it_saves_and_loads(tmp_path: Path) -> None:
    v = dreamt(network("modules"), photo(), unit="conv2:7", frames=3, images=[photo(seed=1), photo(seed=2)])
    assert pellucid.load(v.save(tmp_path / "v.npz")) == v


# -- the default network, real photos -------------------------------------------------------------


def test_the_layer_rises_in_a_real_photo(default_network: pellucid.Network) -> None:
    v = pellucid.dream(default_network, "example:cat", size=240, octaves=3, steps=6)
    start, end = v.table
    assert v.options["layer"] == "blocks.4"
    assert end["score"] > 1.5 * start["score"]
    assert end["percentile"] >= 99
    assert end["saturated"] < 0.05
    assert v.options["natural"] >= 128 > v.options["natural_pictures"]
    grey = v["picture"].mean(2).std()
    assert 0.7 < grey / v["start"].mean(2).std() < 1.6  # neither mud nor glare


@pytest.mark.parametrize(
    "target", [pytest.param({"unit": "blocks.3:17"}, marks=pytest.mark.slow), {"channel": "zebra"}], ids=str
)
def test_a_channels_drawing_beats_natural_pictures(default_network: pellucid.Network, target: dict[str, str]) -> None:
    v = pellucid.dream(default_network, **target, steps=32)
    assert v.table[1]["percentile"] >= 99
    assert v.table[1]["rank"] <= 3
    assert 20 < v["picture"].std() < 90


def test_the_picture_is_the_one_that_it_was(default_network: pellucid.Network) -> None:
    """Golden: what two octaves draw into the cat. Other processors round otherwise, so shades may differ a little."""
    v = dreamt(default_network, "example:cat", "blocks.4", size=128, octaves=2, steps=4)
    golden = np.asarray(Image.open(GOLDEN))
    difference = np.abs(v["picture"].astype(int) - golden)
    assert difference.mean() < 1.5
    assert np.abs(golden.astype(int) - v["start"]).mean() > 2 * 1.5  # the tolerance tells a dream from its start


# -- cost -----------------------------------------------------------------------------------------


def test_the_cost_counts_every_octave() -> None:
    plan = plan_of(network("modules"), pellucid.Sample(photo(40, 40)), "conv2", size=40, octaves=3, scale=2.0, steps=10)
    cost = cost_of(plan)
    assert (cost.steps, cost.sizes) == (30, ((10, 10), (20, 20), (40, 40)))
    np.testing.assert_allclose(cost.seconds, cost.step_seconds * 10 * (1 + 1 / 4 + 1 / 16))
    assert cost.bytes > 0
