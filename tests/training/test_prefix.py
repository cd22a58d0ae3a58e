"""What learns behind a frozen beginning learns the same whether the beginning runs in every epoch or once."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import pellucid
from pellucid.data.dataset import Dataset, Stack
from pellucid.training import prefix
from pellucid.training.fit import Loop
from pellucid.training.plan import Plan
from pellucid.training.prefix import cut_before, on_prefix
from pellucid.training.setup import Setup, prepare
from pellucid.training.train import Training, fit, train
from pellucid.training.transfer import learners


def digits(count: int = 120) -> Dataset:
    found = load_digits()
    pixels = (found.images[:count] * 15.9).astype(np.uint8)
    return Dataset("digits", Stack.of(pixels, "digits"), {"digit": tuple(map(str, found.target[:count]))}, "digit")


class Block(nn.Module):
    """Two convolutions with a way around them, and a dropout."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.drop, self.second = nn.Dropout(0.3), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.drop(torch.relu(self.norm(self.first(x))))))


class Residual(nn.Module):
    """Three blocks behind each other. leak: what also goes to the end, "first" block's output or the "input"."""

    def __init__(self, leak: str = ""):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.blocks, self.leak = nn.Conv2d(1, 6, 3, padding=1), nn.ModuleList(map(Block, [6] * 3)), leak
        self.classifier = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        given = x
        x = first = self.blocks[0](self.stem(x))
        for block in self.blocks[1:]:
            x = block(x)
        if self.leak:
            x = x + (first if self.leak == "first" else given)
        return self.classifier(x.mean((2, 3)))


class Positions(nn.Module):
    """A parameter of the whole that is used before its first layer that learns, as a transformer's positions are."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = Inner()
        self.classifier = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.inner(x))


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(64))
        self.one, self.two = nn.Linear(64, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x.flatten(1) + self.place).relu()).relu()


class Noisy(nn.Module):
    """Draws numbers of its own, before its second layer, in training."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.classifier = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(x.flatten(1), 0.5, self.training)
        return self.classifier(self.two(self.one(x).relu()).relu())


def setup_of(module: nn.Module, unfreeze_from: str, **choices: object) -> Setup:
    net = pellucid.open(module, input=pellucid.InputSpec.matrix(8, 8))
    plan = Plan(model="own", weights="none", unfreeze_from=unfreeze_from, epochs=3, batch=32, **choices)
    return prepare(digits(), plan, model=net, check=False)


def loop_of(setup: Setup, *, once: bool) -> Loop:
    network, train, val = setup.network, setup.train, setup.val
    if once:
        cut = on_prefix(setup)
        assert cut is not None
        network, codes = cut
        train, val = codes["train"], codes["val"]
    return Loop(network, setup.task, setup.chosen, setup.plan, train, val)


@pytest.mark.parametrize("unfreeze_from", ["blocks.1", "blocks.2", "blocks.2.second", "classifier"])
@pytest.mark.parametrize("choices", [{}, {"probe_epochs": 1, "clip": 1.0, "optimizer": "sgd"}])
def test_the_rest_learns_what_it_learns_within_the_whole(unfreeze_from: str, choices: dict[str, object]) -> None:
    whole, once = (loop_of(setup_of(Residual(), unfreeze_from, **choices), once=each) for each in (False, True))
    before = {n: t.clone() for n, t in whole.module.state_dict().items()}
    for loop in (whole, once):
        loop.run()
    wanted, found = whole.module.state_dict(), once.module.state_dict()
    assert list(wanted) == list(found)
    assert any(not torch.equal(wanted[n], before[n]) for n in wanted)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-5, atol=1e-6)
    for a, b in zip(whole.state.rows, once.state.rows, strict=True):
        assert a["val_loss"] == pytest.approx(b["val_loss"], rel=1e-5)
        assert a["val_accuracy"] == b["val_accuracy"]


def test_the_frozen_layers_run_once_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forward = nn.Conv2d.forward

    def counted(self: nn.Conv2d, x: Tensor) -> Tensor:
        if self.in_channels == 1:  # the stem
            seen.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(nn.Conv2d, "forward", counted)
    setup = setup_of(Residual(), "blocks.2")
    seen.clear()
    fitted = fit(setup)
    cut = sum(seen)
    assert cut <= 120 + 40  # every picture, and what finding the cut takes
    fitted.answers("val")
    assert sum(seen) == cut


def test_the_whole_network_answers_as_the_rest_did() -> None:
    fitted = fit(setup_of(Residual(), "blocks.2"))
    assert fitted.rest is not None
    network = fitted.network
    for split in ("train", "val", "test"):
        examples = fitted.setup.examples(split)
        output = network.module(examples.x(slice(None), network.device))
        wanted = fitted.setup.task.probabilities(output.detach()).numpy()
        np.testing.assert_allclose(fitted.answers(split), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "unfreeze_from", "cut"),
    [
        (Residual(), "blocks.2", "blocks.1:1"),
        (Residual(), "blocks.2.second", "blocks.1:1"),  # within a block the way around it is needed too
        (Residual("first"), "blocks.2", "blocks.0:1"),  # which the end needs
    ],
)
def test_the_cut_is_the_last_layer_that_suffices(module: nn.Module, unfreeze_from: str, cut: str) -> None:
    setup = setup_of(module, unfreeze_from)
    tail = cut_before(setup.network, setup.chosen)
    assert tail is not None
    assert tail.layer == cut


def test_the_default_network_is_cut_where_its_block_begins(default_network: pellucid.Network) -> None:
    network = pellucid.open(default_network, input=pellucid.InputSpec(size=(65, 65)))
    tail = cut_before(network, learners(network, "blocks.5"))
    assert tail is not None
    assert tail.layer == "blocks.4:1"


@pytest.mark.parametrize(
    ("module", "unfreeze_from"),
    [
        (Residual("input"), "blocks.2"),  # something before is needed behind
        (Positions(), "inner.two"),  # something that learns lies before
        (Noisy(), "two"),  # something is drawn before
    ],
)
def test_where_there_is_no_cut_everything_runs(module: nn.Module, unfreeze_from: str) -> None:
    setup = setup_of(module, unfreeze_from)
    assert on_prefix(setup) is None
    training = Training(setup)
    assert not training.codes
    training.loop.run()
    assert training.fitted().rest is None


def test_augmentation_and_small_memory_leave_it_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Training(setup_of(Residual(), "blocks.2", augment=("shift",))).codes
    assert not Training(setup_of(Residual(), "all")).codes
    setup = setup_of(Residual(), "blocks.2")
    monkeypatch.setattr(prefix, "free_bytes", lambda device: 1000)
    assert not Training(setup).codes


def test_the_rest_may_be_copied() -> None:
    loop = loop_of(setup_of(Residual(), "blocks.2"), once=True)
    x = loop.train.x(slice(0, 4), loop.device)
    with torch.no_grad():
        wanted = loop.module.eval()(x)
        twin = copy.deepcopy(loop.module)
        loop.module.classifier.weight.zero_()
        assert torch.equal(twin(x), wanted)
        assert not torch.equal(loop.module(x), wanted)


class Stop(Exception):
    pass


def test_it_is_taken_up_again_bit_for_bit(tmp_path: Path) -> None:
    choices = {"model": "small_cnn:4", "unfreeze_from": "stage2", "epochs": 4, "batch": 20, "init": "he"}
    whole = train(digits(), out=tmp_path / "whole", **choices)

    def stop(row: dict[str, object], best: int) -> None:
        if row["epoch"] == 2:
            raise Stop

    with pytest.raises(Stop):
        train(digits(), out=tmp_path / "parted", on_epoch=stop, **choices)
    again = train(digits(), out=tmp_path / "parted", resume=True, **choices)
    assert [row["epoch"] for row in again.rows] == [1, 2, 3, 4]
    for name in ("best.safetensors", "last.safetensors"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_what_is_not_finite_has_its_layers_name() -> None:
    setup = setup_of(Residual(), "blocks.2")
    with torch.no_grad():
        setup.network.module.blocks[2].second.weight.fill_(float("inf"))
    with pytest.raises(pellucid.PellucidError, match=r"blocks\.2"):
        Training(setup).loop.run()


def test_a_norm_that_is_too_large_for_its_type_is_no_fault() -> None:
    setup = setup_of(Residual(), "all", optimizer="sgd", lr=1e-30, backbone_lr=1.0)
    with torch.no_grad():
        setup.network.module.blocks[2].second.weight.mul_(1e22)
    training = Training(setup)
    training.loop.run()
    assert training.loop.state.norm == float("inf")
    assert torch.isfinite(setup.network.module.stem.weight).all()
