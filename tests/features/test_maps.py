"""Activations within bounded memory: what is remembered, what is run again, what is drawn."""

from __future__ import annotations

import pytest
import torch

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.stream import Stream
from pellucid.features.grouping import maps as module
from pellucid.features.grouping.maps import FeatureMaps, cells_of, draw_cells
from pellucid.models import memory

LAYERS = ["act1", "act2"]


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(memory.MOST, "cpu", 2)


def network() -> pellucid.Network:
    opened = nets.network("modules")
    opened.module.eval()
    return opened


def feature_maps(opened: pellucid.Network, x: torch.Tensor, layers: list[str]) -> FeatureMaps:
    return FeatureMaps(opened, Stream.of(opened, x), layers)


def runs(opened: pellucid.Network) -> list[int]:
    """How many inputs each forward pass of the network saw, noted from here on."""
    opened.tree()  # which runs it once
    seen: list[int] = []
    opened.module.conv1.register_forward_hook(lambda m, i, o: seen.append(len(o)))
    return seen


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize(("share", "passes"), [(0.25, 1), (0.0, 2)])
def test_remembered_where_there_is_room(monkeypatch: pytest.MonkeyPatch, share: float, passes: int) -> None:
    monkeypatch.setattr(module, "SHARE", share)
    opened, x = network(), nets.images(5)
    found, seen = feature_maps(opened, x, LAYERS), runs(opened)
    opened.tree()  # the counting hook is a change of the module, so its layers are looked at anew
    seen.clear()
    first, second = list(found), list(found)
    assert seen == [2, 2, 1] * passes
    for a, b in zip(first, second, strict=True):
        assert a.rows == b.rows
        assert all(torch.equal(a.maps[name], b.maps[name]) for name in LAYERS)


@pytest.mark.usefixtures("few_at_once")
def test_cells_of_all_inputs_in_order() -> None:
    opened, x = network(), nets.images(5)
    drawn = draw_cells(feature_maps(opened, x, LAYERS))
    whole = opened.capture(x, LAYERS)
    for name in LAYERS:
        torch.testing.assert_close(drawn[name].cells, cells_of(whole[name]))
        assert drawn[name].grid == tuple(whole[name].shape[2:])
    # Cell (2, 3) of the fourth picture, on the grid of half the size: the mean of four pixels, up to an offset.
    row = 3 * 36 + 2 * 6 + 3
    pixels = nets.SPEC.pictures(x)[3, 4:6, 6:8].mean((0, 1)) / 255 - torch.tensor(nets.SPEC.mean).numpy()
    unclipped = (x[3, :, 4:6, 6:8].mean((1, 2)) * torch.tensor(nets.SPEC.std)).numpy()
    torch.testing.assert_close(drawn["act2"].colours[row].numpy(), unclipped, atol=1e-5, rtol=0)
    assert abs(pixels - unclipped).max() < 0.3  # clipped to what a screen can show, but the same


@pytest.mark.usefixtures("few_at_once")
def test_a_drawn_cell_is_one_of_all_and_keeps_its_colour() -> None:
    opened, x = network(), nets.images(5)
    every = draw_cells(feature_maps(opened, x, LAYERS))
    some = draw_cells(feature_maps(opened, x, LAYERS), most=100, seed=3)
    alone = draw_cells(feature_maps(opened, x, ["act2"]), most=100, seed=3)
    for name in LAYERS:
        assert len(some[name].cells) == 100
        rows = (some[name].colours[:, None] == every[name].colours).all(2).float().argmax(1)
        torch.testing.assert_close(some[name].cells, every[name].cells[rows])
    assert torch.equal(alone["act2"].cells, some["act2"].cells)


def test_activations_that_are_not_finite_are_refused() -> None:
    opened = network()
    opened.module.bn1.weight.data[0] = torch.nan
    with pytest.raises(BadInput, match=r"act1: 144 of 1152 activations are NaN"):
        list(feature_maps(opened, nets.images(1), ["act1"]))
