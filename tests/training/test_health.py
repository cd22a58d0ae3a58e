"""What stands in the way of training is found and named, and the advice that is given makes it train."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

import nets
import pellucid
from pellucid.report.look import look_of
from training.broken import SPEC, deep, digits, opened
from training.hooks import hooks_on


def kinds(view: pellucid.View) -> list[str]:
    return [p["kind"] for p in view.options["problems"]]


def check(module: nn.Module, **options: object) -> pellucid.View:
    """The module's health on digits; it is left as found."""
    x, y = digits(64)
    before = copy.deepcopy(module.state_dict())
    modes = [m.training for m in module.modules()]
    view = pellucid.health(opened(module), x, labels=y, **options)
    for (name, old), new in zip(before.items(), module.state_dict().values(), strict=True):
        assert torch.equal(old, new) or (torch.isnan(old) == torch.isnan(new)).all(), name
    assert hooks_on(module) == 0
    assert modes == [m.training for m in module.modules()]
    assert not any(p.grad is not None for p in module.parameters())
    look = look_of("health")
    look.figure(view)
    assert look.words(view)
    return view


def train(module: nn.Module, rate: float, clip: float | None, steps: int = 120) -> list[float]:
    """On digits, the loss of each step up to the first that is not finite."""
    x, y = digits()
    sgd = torch.optim.SGD(module.parameters(), rate, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    losses: list[float] = []
    for _ in range(steps):
        rows = torch.randint(0, len(x), (64,), generator=generator)
        sgd.zero_grad()
        loss = cross_entropy(module(x[rows]), y[rows])
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(module.parameters(), clip, error_if_nonfinite=True)
        sgd.step()
    return losses


def test_a_broken_deep_relu_net_is_named_and_the_advice_makes_it_train() -> None:
    """Weights N(0, 0.1²), learning rate 0.02, no clipping: 20 layers of 256."""
    view = check(deep(256), rate=0.02)
    (problem,) = view.options["problems"]
    assert (problem["kind"], problem["layer"]) == ("step too large", "39")
    trial = view.options["trial"]
    assert trial["helps"]
    assert trial["as_is"][1] is None
    assert not math.isfinite(train(deep(256), 0.02, None)[-1])
    mended = pellucid.initialise(deep(256), trial["scheme"], seed=0)
    losses = train(mended, trial["advised_rate"], trial["clip"])
    assert np.mean(losses[-10:]) < 0.5
    with pytest.raises(pellucid.NonFinite, match=r"\(Linear\) gave .* the numbers had grown from 1 at the input"):
        watched(deep(256))


def test_the_printed_lines_train_as_the_trial_did() -> None:
    """They are run as they are printed, after another's weights, and reach the same losses."""
    view = check(deep(256), rate=0.02)
    told = look_of("health").words(view)
    tried = next(s.text for s in told if s.text.startswith("Tried"))
    assert "SGD with momentum 0.9" in tried
    printed = next(s.text for s in told if s.text.startswith("In Python: ")).removeprefix("In Python: ")
    begin, optimizer, clip = printed.split("; ")
    model = deep(256)
    x, y = digits(64)
    scope = {"pellucid": pellucid, "torch": torch, "model": model}
    torch.manual_seed(0)
    exec(begin, scope)
    exec(optimizer, scope)
    losses = []
    for _ in view["trial/advised"]:
        scope["optimizer"].zero_grad()
        loss = cross_entropy(model(x), y)
        losses.append(float(loss.detach()))
        loss.backward()
        exec(clip, scope)
        scope["optimizer"].step()
    assert losses == pytest.approx(view["trial/advised"].tolist(), rel=1e-3)
    assert losses[-1] < 0.1
    (problem,) = view.options["problems"]
    assert "with momentum or without" in problem["text"]


def watched(module: nn.Module) -> None:
    x, y = digits()
    sgd = torch.optim.SGD(module.parameters(), 0.02, momentum=0.9)
    with pellucid.watch(module, sgd):
        for i in range(0, 1024, 64):
            sgd.zero_grad()
            cross_entropy(module(x[i : i + 64]), y[i : i + 64]).backward()
            sgd.step()


@pytest.mark.parametrize(("width", "fate", "first"), [(512, "explode", "17"), (64, "vanish", "13")])
def test_scales_out_of_hand_name_the_layer_where_it_is_a_thousandfold(width: int, fate: str, first: str) -> None:
    view = check(deep(width), rate=0.02, trial=False)
    assert kinds(view)[:2] == [f"activations {fate}", f"gradients {fate}"]
    assert view.options["problems"][0]["layer"] == first
    sizes = dict(zip([r["layer"] for r in view.table], view["activation"], strict=True))
    assert abs(math.log10(sizes[first] / sizes["1"])) >= 3
    before = str(int(first) - 2)
    assert abs(math.log10(sizes[before] / sizes["1"])) < 3
    factor = width * 0.01 / 2  # theory: fan-in × variance / 2 a layer
    assert (sizes["37"] / sizes["1"]) ** (1 / 18) == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("width", [512, 64])
@pytest.mark.slow
def test_the_advice_makes_those_train_too(width: int) -> None:
    view = check(deep(width), rate=0.02)
    trial = view.options["trial"]
    assert trial["helps"]
    as_is = train(deep(width), 0.02, None)
    assert not as_is[-1] < 2.2
    mended = pellucid.initialise(deep(width), trial["scheme"], seed=0)
    assert np.mean(train(mended, trial["advised_rate"], trial["clip"], 200)[-10:]) < 1


def test_the_references_are_those_of_the_initialisations() -> None:
    view = check(deep(128, 31, None), trial=False)
    of = {n: dict(zip([r["layer"] for r in view.table], a, strict=True)) for n, a in view.arrays.items() if "act" in n}
    assert 0.2 < of["activation/he"]["60"] < 5
    assert of["activation/xavier"]["60"] < 1e-8
    assert 8e-4 < of["activation/default"]["60"] < 3e-3  # the biases': about 0.6 / (3 × 128)
    assert view["activation"].shape == view["gradient/he"].shape == (62,)


def test_torchs_own_weights_lose_the_signal_in_a_deep_net() -> None:
    """The mean square stays (4e-4), and is all biases: the trap that looking at scales alone would miss."""
    view = check(deep(128, 30, None), trial=False)
    assert "no signal" in kinds(view)


def test_a_sound_network_is_called_so_and_its_loss_is_held_against_chance() -> None:
    module = pellucid.initialise(deep(64, 4), "small_last", seed=0)
    view = check(module, rate=1e-3)
    assert not view.options["problems"]
    assert view.options["trial"] is None
    assert view.options["loss"] == pytest.approx(math.log(10), abs=0.01)
    said = [s.text for s in look_of("health").words(view)]
    assert said[0].startswith("Nothing stands in the way")
    assert any("ln 10 = 2.303" in s for s in said)


def test_equal_units_dead_units_and_bad_numbers_are_named() -> None:
    module = pellucid.initialise(deep(32, 4), "constant", seed=0)
    assert kinds(check(module, trial=False))[0] == "equal units"

    module = pellucid.initialise(deep(32, 4), "he", seed=0)
    with torch.no_grad():
        module[3].bias.fill_(-100)
    view = check(module, trial=False)
    assert (view.options["problems"][0]["kind"], view.options["problems"][0]["layer"]) == ("dead units", "4")
    assert next(r for r in view.table if r["layer"] == "4")["dead"] == 32

    module = pellucid.initialise(deep(32, 4), "he", seed=0)
    with torch.no_grad():
        module[5].weight[3, 3] = math.nan
    view = check(module, trial=False)
    assert view.options["problems"][0]["kind"] == "bad parameter"
    assert "5.weight holds 1 NaN in 1024 numbers" in view.options["problems"][0]["text"]
    assert view.options["loss"] is None


def test_a_planted_log_is_named() -> None:
    class Log(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.log()

    module = deep(16, 3)
    module.insert(3, Log())
    view = check(module, trial=False)
    assert kinds(view) == ["not finite"]
    assert view.options["problems"][0]["layer"] == "3"
    assert "clamp" in view.options["problems"][0]["cure"]


@pytest.mark.parametrize("name", nets.TWINS)
def test_dead_units_of_functional_and_in_place_rectifiers_are_counted(name: str) -> None:
    network = nets.network(name)
    with torch.no_grad():
        network.module.bn1.bias.fill_(0)
        network.module.bn1.weight.fill_(1)
        network.module.bn1.bias[:3] = -100
    view = pellucid.health(network, nets.images(16), trial=False)
    counts = [(r["dead"], r["units"]) for r in view.table if r["dead"]]
    assert counts[0] == (3, 8)


@pytest.mark.parametrize("name", nets.NETS)
def test_every_kind_of_network_and_same_seed_same_bytes(name: str) -> None:
    network = nets.network(name)
    one, two = (pellucid.health(network, nets.images(8), trial=False, seed=3) for _ in range(2))
    for array in one.arrays:
        assert one[array].tobytes() == two[array].tobytes(), array
    assert one.table == two.table
    assert hooks_on(network.module) == 0


def test_batch_norms_with_odd_statistics_are_named() -> None:
    network = nets.network("modules")
    network.module.bn2.running_var[1] = 1e9
    assert "odd variance" in kinds(pellucid.health(network, trial=False))
    network.module.bn2.running_var[1] = 0.0
    view = pellucid.health(network, trial=False)
    (problem,) = (p for p in view.options["problems"] if p["kind"] == "still channels")
    assert not problem["grave"]
    network.module.bn2.reset_running_stats()
    assert "no statistics" in kinds(pellucid.health(network, trial=False))


# -- inputs and labels ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures in a folder a class."""
    cat = pellucid.read("example:cat").array
    for i, name in enumerate(["ant", "bee", "cat", "dog"]):
        (tmp_path / name).mkdir()
        Image.fromarray(np.roll(cat, 60 * i, 1)[:200, :200]).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_labels_come_from_folders_from_the_user_or_are_drawn(folder: Path) -> None:
    network = nets.network("modules")
    asked = lambda *args, **more: pellucid.health(network, *args, trial=False, **more).options  # noqa: E731
    assert asked(str(folder))["labels"] == "from the folders"
    assert asked(str(folder), labels=["ant", "honeybee", 2, 3])["loss"] == asked(str(folder))["loss"]
    assert asked(str(folder), count=2)["count"] == 2
    (folder / "bee").rename(folder / "wasp")
    assert asked(str(folder))["labels"] == "from the folders"  # four folders for four classes
    (folder / "eel").mkdir()
    os.link(folder / "ant" / "0.png", folder / "eel" / "0.png")
    assert asked(str(folder))["labels"] == "drawn at random"
    assert asked()["inputs"] == "noise"
    with pytest.raises(pellucid.BadInput, match="3 labels for 5"):
        asked(str(folder), labels=[0, 1, 2])
    with pytest.raises(pellucid.BadInput, match="label 9 of 4"):
        asked(str(folder), labels=[0, 1, 2, 3, 9])


def test_folders_are_labels_for_a_network_without_class_names_too(folder: Path) -> None:
    network = pellucid.open(nets.module("modules"), input=nets.SPEC)
    assert network.classes is None
    asked = lambda **more: pellucid.health(network, str(folder), trial=False, **more).options  # noqa: E731
    assert asked()["labels"] == "from the folders"
    assert asked()["loss"] == asked(labels=[0, 1, 2, 3])["loss"]
    (folder / "eel").mkdir()
    os.link(folder / "ant" / "0.png", folder / "eel" / "0.png")
    assert asked()["labels"] == "drawn at random"
    maps = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1))  # a class at each place
    asked = pellucid.health(pellucid.open(maps, input=nets.SPEC), str(folder), trial=False).options
    assert asked["labels"] == "drawn at random"


def test_labels_that_do_not_fit_are_told_in_one_line() -> None:
    network = pellucid.open(nets.module("modules"), input=nets.SPEC)
    with pytest.raises(pellucid.BadInput, match="labels: they do not fit the output: ") as caught:
        pellucid.health(network, nets.images(3), labels=torch.zeros(3, 7))
    assert len(str(caught.value).splitlines()) == 1


class Normed(nn.Module):
    """Batch norm behind the pooling: a value a channel, of which a single input has no statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.norm, self.head = nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.body(x)))


def test_one_input_with_batch_norm_is_tried_in_eval_mode(folder: Path) -> None:
    network = pellucid.open(Normed(), input=nets.SPEC)
    view = pellucid.health(network, str(folder / "ant" / "0.png"), trial=True, rates=True)
    assert {"trial/as_is", "lr_range/lr"} <= view.arrays.keys()
    assert view.options["lr_suggested"] is not None


def test_what_cannot_be_tried_is_told() -> None:
    """A network without parameters has nothing to train, and the rest of its report stands."""
    network = pellucid.open(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), input=nets.SPEC)
    view = pellucid.health(network, nets.images(4), trial=True, rates=True)
    assert view.options["trial"] is None
    told = [n for n in view.notes if "a training step fails: optimizer got an empty parameter list" in n]
    assert [n.partition(":")[0] for n in told] == ["no training for a moment", "no learning-rate range test"]
    look_of("health").figure(view)


def test_a_single_picture_is_measured_and_said_to_be_one(folder: Path) -> None:
    view = pellucid.health(nets.network("modules"), str(folder / "ant" / "0.png"), trial=True, rates=True)
    assert any("a single input" in n for n in view.notes)
    assert all(r["varies"] is None for r in view.table)
    look_of("health").figure(view)


@pytest.mark.parametrize("output", ["multilabel", "values", "probabilities"])
def test_other_outputs_have_their_loss(output: str) -> None:
    module = nets.module("awkward" if output == "probabilities" else "modules")
    network = pellucid.open(module, input=nets.SPEC, output=output)
    view = pellucid.health(network, nets.images(8), trial=True)
    names = {"multilabel": "binary cross entropy", "values": "mean squared error", "probabilities": "cross entropy"}
    assert view.options["loss_name"] == names[output]
    assert look_of("health").words(view)


def test_maps_of_classes_have_a_loss_too() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    view = pellucid.health(pellucid.open(module, input=nets.SPEC), trial=False)
    assert view.options["classes"] == 4


def test_mistakes() -> None:
    network = opened(deep(8, 2))
    with pytest.raises(pellucid.BadInput, match="learning rate"):
        pellucid.health(network, rate=0)
    with pytest.raises(pellucid.BadInput, match="count"):
        pellucid.health(network, count=0)


def test_a_view_is_saved_and_loaded(tmp_path: Path) -> None:
    view = check(deep(16, 3), trial=True, rates=True)
    assert pellucid.load(view.save(tmp_path / "health")) == view
    assert SPEC.is_matrix


# -- real networks --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_default_network_on_real_photos_is_sound(default_network: pellucid.Network) -> None:
    view = pellucid.health(default_network, "example:*")
    assert not any(p["grave"] for p in view.options["problems"])
    assert len(view.table) == 85
    assert (view["gradient"] > 0).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchvision:vgg16", "timm:legacy_xception", "timm:vit_tiny_patch16_224"])
def test_architectures(name: str) -> None:
    network = pellucid.open(name, weights="none", input=None)
    view = pellucid.health(network, count=2, trial=False)
    layers = [r["layer"] for r in view.table]
    assert len(set(layers)) == len(layers) > 20
    assert (view["activation"] > 0).all()
    assert hooks_on(network.module) == 0


class _Functional(nn.Module):
    """Three convolutions with functional rectifiers; behind the last one stands a global average."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.c3 = (nn.Conv2d(i, 8, 3, padding=1) for i in (1, 8, 8))
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.c1, self.c2, self.c3):
            x = torch.relu(layer(x.reshape(len(x), -1, 8, 8)))
        return self.head(x.mean((2, 3)))


def test_rectifiers_are_met_by_what_runs_and_not_by_the_numbers() -> None:
    x, y = digits(16)
    for seed in range(4):
        torch.manual_seed(seed)
        module = _Functional()
        with torch.no_grad():
            module.c2.bias.fill_(100.0)  # nothing to rectify
        rows = {r["layer"]: r for r in pellucid.health(opened(module), x, labels=y).table}
        assert [rows[n]["units"] for n in ("c1", "c2", "c3", "head")] == [8, 8, 8, None]
        assert rows["c2"]["dead"] == 0
