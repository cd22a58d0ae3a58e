"""Content and style scores: laws of their parts, planted layers and textures, real pictures, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.features import style as styles
from pellucid.features.resampling import Interval, weights
from pellucid.features.table import views
from pellucid.features.texture.candidates import candidates
from pellucid.features.texture.gram import energy, gram, half, moments
from pellucid.features.texture.layer_scores import Scores, content_layer, score, style_layers
from pellucid.features.texture.sketch import distances, sketch
from pellucid.features.texture.variants import quarters, recoloured, shuffled, unit

SIZE = 16
SPEC = pellucid.InputSpec(size=(SIZE, SIZE), mean=(0.5, 0.4, 0.6), std=(0.5, 0.4, 0.3), crop=None)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# -- Gram matrices --------------------------------------------------------------------------------


def test_places_do_not_matter_to_a_gram_matrix_but_to_the_features() -> None:
    maps = noise(2, 8, 7, 9)
    order = torch.randperm(63, generator=torch.Generator().manual_seed(1))
    moved = maps.flatten(2)[..., order].view_as(maps)
    assert (gram(maps) - gram(moved)).norm() < 1e-6 * gram(maps).norm()
    assert (maps - moved).norm() > maps.norm()


def test_gram_as_the_paper_writes_it() -> None:
    maps = noise(1, 3, 4, 5)
    slow = [
        [sum(float(maps[0, i, y, x] * maps[0, j, y, x]) for y in range(4) for x in range(5)) for j in range(3)]
        for i in range(3)
    ]
    np.testing.assert_allclose(gram(maps)[0], np.array(slow) / 20, rtol=1e-5)
    mean, covariance = moments(maps)
    torch.testing.assert_close(gram(maps), covariance + mean[:, :, None] * mean[:, None])


def test_half_a_symmetric_matrix_keeps_its_distances() -> None:
    a, b = gram(noise(2, 6, 5, 5)), gram(noise(2, 6, 5, 5, seed=1))
    assert half(a).shape == (2, 21)
    torch.testing.assert_close((half(a) - half(b)).norm(dim=1), (a - b).flatten(1).norm(dim=1))
    torch.testing.assert_close(half(a).double().square().sum(1), energy(a))


# -- sketches -------------------------------------------------------------------------------------


def test_sketches_keep_distances() -> None:
    x = noise(12, 30_000)
    x[6:] = x[:6] + 0.1 * x[6:]
    short, full = distances(s := sketch(x), s), distances(x, x)
    assert s.shape == (12, 2048)
    off = ~torch.eye(12, dtype=torch.bool)
    assert float(((short / full)[off] - 1).abs().max()) < 4 * 0.5 * (2 / 2048) ** 0.5
    assert float(distances(sketch(x[:1]), sketch(x[:1].clone()))) == 0
    assert torch.equal(sketch(x[:, :2048]), x[:, :2048])
    assert torch.equal(sketch(x[3:4]), s[3:4])  # also when it comes in another batch


# -- variants -------------------------------------------------------------------------------------


def test_quarters_share_no_pixel() -> None:
    x = torch.arange(2 * 3 * 8 * 6.0).view(2, 3, 8, 6)
    parts = quarters(x)
    assert parts.shape == (8, 3, 4, 3)
    assert torch.equal(parts[:4].flatten().sort().values, x[0].flatten())


@pytest.mark.parametrize("size", [(16, 16), (19, 22), (2, 3)])
def test_shuffling_moves_every_patch(size: tuple[int, int]) -> None:
    x = torch.arange(float(np.prod(size))).view(1, 1, *size)
    out = shuffled(x, torch.Generator().manual_seed(0))
    assert torch.equal(out.flatten().sort().values, x.flatten())
    rows, columns = (min(4, side) for side in size)
    height, width = size[0] // rows, size[1] // columns
    assert not (out == x)[..., : rows * height, : columns * width].any()
    assert torch.equal(out[..., rows * height :, :], x[..., rows * height :, :])


def test_recolouring_keeps_places() -> None:
    pixels = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    out = recoloured(pixels, torch.Generator().manual_seed(0))
    assert out.min() >= 0
    assert out.max() <= 1
    assert (out - pixels).abs().mean() > 0.1
    grey = recoloured(pixels[:, :1].expand(-1, 3, -1, -1), torch.Generator().manual_seed(0))
    torch.testing.assert_close(grey[:, 0], grey[:, 2], atol=1e-5, rtol=0)
    order = pixels[0, 0].flatten().argsort()
    assert (grey[0, 0].flatten()[order].diff() >= -1e-6).all()  # of greys the order stays
    assert recoloured(pixels[:, :1], torch.Generator().manual_seed(0)).shape == (4, 1, 8, 8)


def test_recolouring_draws_from_the_ranges_that_it_says() -> None:
    """Turn, saturation, contrast and brightness, read off pictures so faint that nothing is cut off."""
    pixels = 0.5 + 0.1 * (torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double() - 0.5)
    out = recoloured(pixels.expand(4000, -1, -1, -1), torch.Generator().manual_seed(0))
    brightness = out.mean((1, 2, 3)) - pixels.mean()
    grey = lambda x: (x.mean(1) - x.mean((1, 2, 3), keepdim=True)[:, 0]).flatten(1)  # noqa: E731
    contrast = (grey(out) @ grey(pixels)[0]) / grey(pixels).square().sum()
    colour = lambda x: (x - x.mean(1, keepdim=True)).flatten(1)  # noqa: E731
    saturation = colour(out).norm(dim=1) / colour(pixels).norm() / contrast
    cosine = (colour(out) @ colour(pixels)[0]) / colour(out).norm(dim=1) / colour(pixels).norm()
    for values, low, high in ((brightness, -0.3, 0.3), (contrast, 0.3, 1.7), (saturation, 0, 2)):
        assert low - 1e-6 <= values.min() < low + 0.01
        assert high - 0.01 < values.max() <= high + 1e-6
    assert 0.49 < cosine.max() <= 0.5 + 1e-6  # cos 60° and cos 300°


def test_unit_undoes_the_normalisation() -> None:
    pixels = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(unit(SPEC, SPEC.normalise(255 * pixels)), pixels)


# -- scores ---------------------------------------------------------------------------------------


def test_equal_distances_count_half() -> None:
    """Of two pictures that a layer cannot tell apart."""
    same = torch.ones(3, 2, 4)
    found = score(same, same[:, 0], same, same[:, 0])
    off = ~np.eye(3, dtype=bool)
    assert (found.style[off] == 0.5).all()
    assert (found.content[off] == 0.5).all()


def test_scores_by_a_slow_second_way() -> None:
    crops, whole, again, moved = noise(5, 3, 7), noise(5, 7, seed=1), noise(5, 2, 7, seed=2), noise(5, 7, seed=3)
    found = score(crops, whole, again, moved)
    gap = lambda a, b: float((a.double() - b.double()).norm())  # noqa: E731
    parts = found.of_pictures()
    for i in range(5):
        pairs = [
            (gap(crops[i, a], crops[i, b]), gap(crops[i, a], crops[j, c]))
            for a in range(3)
            for b in range(3)
            for j in range(5)
            for c in range(3)
            if a != b and j != i
        ]
        assert parts["style"][i] == pytest.approx(np.mean([near < far for near, far in pairs]))
        same = [gap(whole[i], again[i, k]) < gap(whole[i], whole[j]) for k in range(2) for j in range(5) if j != i]
        assert parts["content"][i] == pytest.approx(np.mean(same))
        assert parts["place"][i] == pytest.approx(gap(whole[i], moved[i]) ** 2)
    between = np.mean([gap(whole[i], whole[j]) ** 2 for i in range(5) for j in range(5) if j != i])
    told = found.intervals(np.ones((1, 5), np.float32))
    assert told["style"].value == pytest.approx(parts["style"].mean())
    assert told["content"].value == pytest.approx(parts["content"].mean())
    assert told["place"].value == pytest.approx(parts["place"].mean() / between)
    assert told["both"].value == pytest.approx(told["content"].value * told["place"].value)
    assert all(each.draws == pytest.approx([each.value]) for each in told.values())


def test_a_pair_counts_as_often_as_both_its_pictures_are_drawn() -> None:
    vectors = [noise(4, 3, 7), noise(4, 7, seed=1), noise(4, 2, 7, seed=2), noise(4, 7, seed=3)]
    found, times = score(*vectors), [2, 0, 1, 1]
    drawn = found.intervals(np.array([times, [4, 0, 0, 0]], np.float32))
    pairs = [(i, j) for i in (0, 0, 2, 3) for j in (0, 0, 2, 3) if i != j]
    for name in ("style", "content"):
        assert drawn[name].draws[0] == pytest.approx(np.mean([getattr(found, name)[pair] for pair in pairs]))
    between = np.mean([found.between[pair] for pair in pairs])
    assert drawn["place"].draws[0] == pytest.approx(np.average(found.moved, weights=times) / between)
    assert all(np.isnan(each.draws[1]) for each in drawn.values())  # one picture is no pair
    assert np.isfinite(drawn["both"].low)


def test_the_intervals_hold_what_all_pictures_give() -> None:
    """Pictures of a kind are drawn again and again: about so many intervals hold the truth as they say."""
    everything = drawn_scores(400, seed=1000)
    truth = {name: each.value for name, each in everything.intervals(np.zeros((0, 400))).items()}
    inside = dict.fromkeys(truth, 0)
    for seed in range(100):
        for name, each in drawn_scores(20, seed=seed).intervals(weights(np.arange(20), seed=seed)).items():
            inside[name] += each.low <= truth[name] <= each.high
    assert {name: count for name, count in inside.items() if count < 83} == {}


def drawn_scores(pictures: int, *, seed: int) -> Scores:
    """Of pictures that differ in how loud they are, with crops, colours and patches that resemble them."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(pictures, 1, 6)) * rng.lognormal(0, 0.5, (pictures, 1, 1))
    near = lambda count, scale: torch.from_numpy(own + rng.normal(0, scale, (pictures, count, 6)))  # noqa: E731
    whole = torch.from_numpy(own[:, 0])
    return score(near(2, 0.5), whole, near(2, 0.7), near(1, 0.8)[:, 0])


def test_the_content_layer_and_how_often_it_is_drawn() -> None:
    a, b = Interval(0.5, np.array([0.5, 0.6, 0.2, np.nan])), Interval(0.4, np.array([0.5, 0.3, 0.4, np.nan]))
    assert content_layer({"a": a, "b": b}) == ("a", {"a": 2 / 3, "b": 1 / 3})  # of equals the first


def test_one_style_layer_a_resolution() -> None:
    found = [("a", (8, 8), 0.8), ("b", (8, 8), 0.95), ("c", (4, 4), 1.0), ("d", (4, 4), 1.0), ("e", (2, 2), 0.89)]
    assert style_layers(found) == ["b", "c"]


# -- planted --------------------------------------------------------------------------------------


class Planted(nn.Module):
    """``plain`` sees each pixel; ``mean`` knows of all places together alone; ``dead`` says nothing."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.plain, self.mean, self.dead = nn.Conv2d(3, 6, 1), Mean(), nn.Conv2d(6, 4, 1)
        self.head = nn.Linear(4, 2)
        nn.init.zeros_(self.dead.weight)
        nn.init.zeros_(self.dead.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dead(self.mean(self.plain(x).relu())).mean((2, 3)))


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)


def textures(count: int = 6) -> list[np.ndarray]:
    """Noise, each picture with colours of its own: all of its crops are one texture."""
    rng = np.random.default_rng(0)
    colours = rng.uniform(0, 255, (count, 4, 3))
    picks = rng.integers(4, size=(count, 2 * SIZE, 2 * SIZE))
    return [c[p].astype(np.uint8) for c, p in zip(colours, picks, strict=True)]


@pytest.fixture(scope="module")
def planted() -> pellucid.View:
    net = pellucid.open(Planted(), input=SPEC)
    return pellucid.style(net, textures(), ["plain", "mean", "dead"])


def rows(view: pellucid.View) -> dict[str, Any]:
    return {row["layer"]: row for row in view.table}


def test_planted_textures_are_told_apart(planted: pellucid.View) -> None:
    row = rows(planted)["plain"]
    assert (row["style"], row["style_low"], row["style_high"]) == (1, 1, 1)
    assert row["role"] == "content, style"


def test_a_layer_that_shuffling_cannot_change(planted: pellucid.View) -> None:
    row = rows(planted)["mean"]
    assert row["place"] < 1e-9
    assert row["both"] < 1e-9
    assert "content" not in row["role"]
    assert rows(planted)["plain"]["place"] > 0.3


def test_a_dead_layer_is_chance_and_has_no_role(planted: pellucid.View) -> None:
    row = rows(planted)["dead"]
    assert (row["style"], row["content"], row["place"], row["weight"], row["role"]) == (0.5, 0.5, 0, None, "")


def test_the_weight_is_one_over_the_mean_energy(planted: pellucid.View) -> None:
    net = pellucid.open(Planted(), input=SPEC)
    x = torch.stack([SPEC.normalise(torch.from_numpy(t).permute(2, 0, 1).float()) for t in textures()])
    energies = energy(gram(net.maps(quarters(x), ["plain"])["plain"]))
    assert rows(planted)["plain"]["weight"] == pytest.approx(1 / float(energies.mean()), rel=1e-4)
    assert planted["style"].shape == (3, 6)


# -- inputs ---------------------------------------------------------------------------------------


def test_same_seed_same_bytes_and_untouched() -> None:
    net = nets.network("modules")
    modes = [m.training for m in net.module.modules()]
    a, b = (pellucid.style(net, textures()) for _ in range(2))
    assert all(a[n].tobytes() == b[n].tobytes() for n in a.arrays)
    assert a.table == b.table
    assert [m.training for m in net.module.modules()] == modes
    assert not any(m._forward_hooks for m in net.module.modules())


def test_the_memory_does_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    a = pellucid.style(nets.network("modules"), textures(5))
    monkeypatch.setattr(pellucid.Network, "batch_size", lambda self, x, gradient: 1)
    b = pellucid.style(nets.network("modules"), textures(5))
    for name in a.arrays:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4)


@pytest.mark.parametrize("name", ["functional", "reused", "in_place", "residual", "awkward"])
def test_any_small_network(name: str) -> None:
    view = pellucid.style(nets.network(name), textures())
    assert len(view.table) >= 1
    assert sum("content" in row["role"] for row in view.table) == 1


def test_a_tensor_is_enlarged_and_a_grey_network_works() -> None:
    assert len(pellucid.style(nets.network("modules"), nets.images(5)).names) == 5
    spec = pellucid.InputSpec(size=(8, 8), mean=(0.5,), std=(0.5,), crop=None)
    grey = pellucid.open(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()), input=spec)
    assert pellucid.style(grey, textures()).pictures.shape == (4, 8, 8, 3)


def test_few_pictures_are_joined_by_the_examples() -> None:
    view = pellucid.style(nets.network("modules"), ["example:cat"])
    assert view.names.count("example:cat") + view.names.count("cat") == 1
    assert len(view.names) == len(pellucid.style(nets.network("modules")).names)
    assert "one picture cannot be told apart" in view.notes[0]


def test_many_pictures_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(styles, "MOST", 5)
    view = pellucid.style(nets.network("modules"), textures(9))
    assert len(view.names) == 5
    assert "5 of the 9 pictures were drawn" in view.notes[0]
    assert len(pellucid.style(nets.network("modules"), nets.images(9)).names) == 5


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda: pellucid.style(nets.network("modules"), textures(), "cod"), "no layer matches 'cod'"),
        (lambda: pellucid.style(nets.network("modules"), textures(), "head"), "not spatial"),
        (lambda: pellucid.style(nets.network("linear"), textures()), "no layer gives a feature map"),
        (lambda: pellucid.style(nets.network("modules"), nets.images(2)), "too few to tell pictures apart"),
        (lambda: pellucid.style(matrices(), textures()), "a matrix has no colours and no texture"),
        (lambda: pellucid.style(broken(), textures(), "0"), "activations are NaN or infinite"),
    ],
)
def test_bad_input(what: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        what()


def matrices() -> pellucid.Network:
    return pellucid.open(nn.Sequential(nn.Conv2d(1, 4, 3)), input=pellucid.InputSpec.matrix(8, 8))


def broken() -> pellucid.Network:
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    nn.init.constant_(module[0].weight, float("nan"))
    return pellucid.open(module, input=SPEC)


def test_layers_are_told_in_the_order_of_the_pass() -> None:
    view = pellucid.style(nets.network("modules"), textures(), ["conv2", "conv1"])
    assert [row["layer"] for row in view.table] == ["conv1", "conv2"]


def test_it_is_registered() -> None:
    assert views["style"].options.keys() == {"seed"}
    assert "content" in views["style"].facts.question


# -- real networks --------------------------------------------------------------------------------


def test_the_default_network_on_photos_and_textures(default_network: pellucid.Network) -> None:
    """Golden, with tolerance: what the 12 examples say of EfficientNet-Lite0."""
    view = pellucid.style(default_network)
    row = rows(view)
    assert styles.recommended(view) == (
        ["blocks.1.1"],
        ["blocks.0.0", "blocks.1.1", "blocks.2.0", "blocks.3.2", "blocks.5.0"],
    )
    assert row["blocks.3.2"]["style"] == pytest.approx(0.962, abs=0.02)
    assert row["bn1"]["content"] == pytest.approx(0.87, abs=0.06)
    assert row["blocks.1.1"]["both"] == pytest.approx(0.911, abs=0.04)
    assert all(r["content"] == 1 for n, r in row.items() if n not in ("bn1", "blocks.0.0"))
    assert row["blocks.6.0"]["place"] < 0.7 < row["blocks.1.1"]["place"]


def test_candidates_of_the_default_network(default_network: pellucid.Network) -> None:
    names = candidates(default_network)
    assert names[:3] == ["bn1", "blocks.0.0", "blocks.1.0"]
    assert names[-2:] == ["blocks.6.0", "bn2"]
    assert len(names) == 18
    assert candidates(default_network, 5) == ["bn1", "blocks.2.0", "blocks.3.2", "blocks.5.0", "bn2"]


class Trunk(nn.Module):
    """A backbone of five blocks whose output is a map."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()) for _ in range(5)))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_a_backbone_in_a_wrapper_is_looked_into() -> None:
    net = pellucid.open(nn.Sequential(Trunk(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), input=SPEC)
    assert candidates(net) == [f"0.inner.{i}.1" for i in range(5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("torchvision:vgg16", 13, "features.1", "features.29"),
        ("timm:legacy_xception", 18, "act1", "act4"),
        ("timm:vit_tiny_patch16_224", 14, "patch_embed", "norm"),
    ],
)
def test_other_architectures(name: str, count: int, first: str, last: str) -> None:
    net = pellucid.open(name, weights="none")
    names = candidates(net)
    assert (len(names), names[0], names[-1]) == (count, first, last)
    photos = ["example:cat", "example:brick", "example:grass", "example:coffee"]
    view = pellucid.style(net, photos, [names[0], names[len(names) // 2]])
    assert view["style"].shape == (2, 4)
    assert styles.recommended(view)[0]
