"""Which filters are alike, and what chance makes alike."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from features.plants import Planted
from pellucid.features.units.banks import Bank, bank_of, symmetry, symmetry_by_chance
from pellucid.features.units.pairs import alike, largest_by_chance, threshold_of


def simulated(filters: int, fan_in: int, draws: int = 300) -> Tensor:
    """The largest |cos| of any two of so many random filters, drawn literally."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        w = normalize(torch.randn(filters, fan_in, generator=generator), dim=1)
        found.append((w @ w.T).abs().fill_diagonal_(0).max())
    return torch.stack(found)


@pytest.mark.parametrize(("fan_in", "published"), [(27, 0.64), (147, 0.30), (576, 0.16)])
def test_the_largest_by_chance_is_what_random_filters_reach(fan_in: int, published: float) -> None:
    drawn, pairs = simulated(64, fan_in), 64 * 63 // 2
    assert largest_by_chance(pairs, fan_in) == pytest.approx(float(drawn.median()), abs=0.006)
    assert float(drawn.mean()) == pytest.approx(published, abs=0.012)
    assert largest_by_chance(pairs, fan_in, 0.95) == pytest.approx(float(drawn.quantile(0.95)), abs=0.01)


def test_small_filters_are_alike_by_chance() -> None:
    drawn = simulated(64, 9)
    assert float(drawn.quantile(0.97)) > 0.95  # so 0.95 alone would call random filters duplicates
    assert threshold_of(Bank(torch.randn(64, 1, 3, 3))) == pytest.approx(0.967, abs=0.001)
    assert float((drawn > threshold_of(Bank(torch.randn(64, 1, 3, 3)))).float().mean()) < 0.03
    assert threshold_of(Bank(torch.randn(64, 3, 3, 3))) == 0.95
    assert largest_by_chance(3, 1) == 1


def test_planted_filters_are_found_each_by_its_kind() -> None:
    found = alike(bank_of(Planted().first))
    kinds = {(p.unit, p.other): p.kind for p in found.pairs}
    assert kinds == {
        (9, 2): "duplicate",
        (10, 3): "duplicate",
        (11, 4): "negative",
        (12, 5): "mirrored",
        (15, 6): "duplicate",
    }
    assert found.highest == pytest.approx(1)
    assert found.threshold == 0.95


def test_random_filters_are_not_alike() -> None:
    torch.manual_seed(0)
    found = alike(bank_of(nn.Conv2d(3, 64, 3)))
    assert found.pairs == ()
    assert 0.5 < found.highest < 0.85


def test_the_mirror_image_of_the_negative_has_a_name_of_its_own() -> None:
    layer = nn.Conv2d(3, 8, 5)
    with torch.no_grad():
        layer.weight[7] = -layer.weight[1].flip(-1)
    assert [(p.unit, p.other, p.kind) for p in alike(bank_of(layer)).pairs] == [(7, 1, "mirrored negative")]


def test_an_odd_filters_negative_is_named_once() -> None:
    layer = nn.Conv2d(3, 8, 5)
    with torch.no_grad():
        layer.weight[1] = layer.weight[1] - layer.weight[1].flip(-1)
        layer.weight[7] = -layer.weight[1]
    assert [(p.unit, p.other, p.kind) for p in alike(bank_of(layer)).pairs] == [(7, 1, "negative")]


def test_equal_filters_each_repeat_an_earlier_one() -> None:
    pairs = alike(Bank(torch.ones(300, 3, 3, 3))).pairs
    assert len(pairs) == 299
    assert all(p.kind == "duplicate" and p.other < p.unit for p in pairs)


def test_rows_at_a_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_of(Planted().first)
    whole = alike(bank)
    monkeypatch.setattr("pellucid.features.units.pairs._ROWS", 3)
    parts = alike(bank)
    assert [(p.kind, p.unit, p.other) for p in parts.pairs] == [(p.kind, p.unit, p.other) for p in whole.pairs]
    assert parts.highest == pytest.approx(whole.highest)


def test_zero_and_broken_filters_resemble_nothing() -> None:
    weights = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    weights[1] = weights[2] = 0
    weights[3] = weights[4] = torch.nan
    bank = Bank(weights)
    assert alike(bank).pairs == ()
    assert bank.zero().tolist() == [False, True, True, False, False, False]
    assert bank.finite().tolist() == [True, True, True, False, False, True]


def test_filters_of_different_groups_see_different_inputs() -> None:
    depthwise = nn.Conv2d(8, 8, 3, groups=8)
    with torch.no_grad():
        depthwise.weight[:] = depthwise.weight[:1]
    found = alike(bank_of(depthwise))
    assert (found.pairs, found.highest, found.threshold) == ((), None, None)
    grouped = nn.Conv2d(8, 8, 3, groups=2)
    with torch.no_grad():
        grouped.weight[3] = grouped.weight[0]  # the same group
        grouped.weight[7] = grouped.weight[1]  # another one
    assert [(p.unit, p.other) for p in alike(bank_of(grouped)).pairs] == [(3, 0)]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolutions_filters_are_those_of_its_outputs(groups: int) -> None:
    layer = nn.ConvTranspose2d(6, 8, 3, groups=groups)
    bank = bank_of(layer)
    assert bank.weights.shape == (8, 6 // groups, 3, 3)
    x = torch.zeros(1, 6, 1, 1)
    x[0, 4] = 1  # of two groups the second's
    maps = layer(x) - layer.bias[:, None, None]
    for unit in range(8):
        seen = unit >= 4 or groups == 1
        expected = bank.weights[unit, 4 - (3 if groups == 2 else 0)] if seen else torch.zeros(3, 3)
        torch.testing.assert_close(maps[0, unit], expected)


def test_a_batch_norm_turns_its_filter_round() -> None:
    layer = nn.Conv2d(3, 4, 3)
    sign = torch.tensor([1.0, -1.0, 0.0, 1.0])
    with torch.no_grad():
        layer.weight[1] = layer.weight[0]
    pairs = alike(bank_of(layer, sign)).pairs
    assert [(p.unit, p.other, p.kind) for p in pairs] == [(1, 0, "negative")]
    assert bank_of(layer, sign).zero().tolist() == [False, False, True, False]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 16])
def test_the_symmetry_of_random_filters(width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    bank = Bank(torch.randn(4000, 3, 3, width, generator=generator))
    if width == 1:
        assert symmetry(bank) is None
        return
    assert symmetry(bank) == pytest.approx(symmetry_by_chance(width), abs=0.01)


def test_the_symmetry_of_even_and_odd_filters() -> None:
    w = torch.randn(5, 3, 3, 5, generator=torch.Generator().manual_seed(0))
    assert symmetry(Bank(w + w.flip(-1))) == pytest.approx(1)
    assert symmetry(Bank(w - w.flip(-1))) == pytest.approx(0, abs=1e-12)
    assert symmetry(Bank(torch.randn(4, 9))) is None
