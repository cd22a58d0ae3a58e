"""Scores that hold a map against a truth: exact values, the expectation of random maps, the worst for inverted ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench, Parts
from pellucid.evaluation.scores.mass_within_mask import mass_within_mask
from pellucid.evaluation.scores.part_ranks import part_ranks
from pellucid.evaluation.scores.pointing_game import pointing_game
from pellucid.evaluation.scores.relevance_rank import relevance_rank

MASKED = (pointing_game, mass_within_mask, relevance_rank)


def bench(masks=None, parts=None, size=8):
    n = len(masks) if masks is not None else len(parts.effects)
    spec = pellucid.InputSpec(size=(size, size), mean=(0.5,), std=(0.5,), crop=None)
    network = pellucid.open(nn.Sequential(nn.Flatten(), nn.Linear(size * size, 2)), input=spec)
    x, names = torch.zeros(n, 1, size, size), tuple(map(str, range(n)))
    return Bench(network, x, torch.zeros(n, dtype=torch.int64), names, masks=masks, parts=parts)


def corner(n=1, size=8):
    masks = np.zeros((n, size, size), bool)
    masks[:, :2, :4] = True
    return masks


@pytest.mark.parametrize("score", MASKED)
def test_the_mask_itself_is_best_and_its_opposite_worst(score):
    masks = corner()
    perfect = torch.from_numpy(masks.astype(np.float32)) - 0.5
    assert score(bench(masks), perfect).tolist() == [1.0]
    assert score(bench(masks), -perfect).tolist() == [0.0]


@pytest.mark.parametrize("score", MASKED)
def test_random_maps_sit_on_the_masks_share_of_the_picture(score):
    masks = corner(4000)
    noise = torch.randn(4000, 8, 8, generator=torch.Generator().manual_seed(0))
    found = score(bench(masks), noise)
    error = found.std() / 4000**0.5
    assert abs(found.mean() - 8 / 64) < 4 * error


@pytest.mark.parametrize("score", MASKED)
def test_a_picture_without_a_mask_has_no_value_and_keeps_its_place(score):
    masks = corner(3)
    masks[1] = False
    found = score(bench(masks), torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert found.isfinite().tolist() == [True, False, True]


def test_a_flat_map_is_as_good_as_chance_where_pixels_are_ranked_and_has_found_nothing():
    masks, flat = corner(), torch.zeros(1, 8, 8)
    assert pointing_game(bench(masks), flat).item() == relevance_rank(bench(masks), flat).item() == 8 / 64
    assert mass_within_mask(bench(masks), flat).item() == 0


def test_half_of_the_mass_is_half():
    masks, maps = corner(), torch.zeros(1, 8, 8)
    maps[0, 0, 0] = maps[0, 7, 7] = 2.0
    maps[0, 5, 5] = -9.0
    assert mass_within_mask(bench(masks), maps).item() == 0.5


def test_the_pointing_game_forgives_a_near_miss_if_asked():
    masks, maps = corner(), torch.zeros(1, 8, 8)
    maps[0, 3, 3] = 1
    assert [pointing_game(bench(masks), maps, tolerance=t).item() for t in (0, 1, 2)] == [0, 0, 1]
    with pytest.raises(BadInput, match="tolerance"):
        pointing_game(bench(masks), maps, tolerance=-1)


# -- parts ------------------------------------------------------------------------------------------


def strips(effects, noise=None):
    """Parts of one row of pixels each."""
    effects = np.array(effects, np.float64)
    n, count = effects.shape
    masks = np.zeros((n, count, 8, 8), bool)
    for p in range(count):
        masks[:, p, p] = True
    return Parts(tuple(f"part {p}" for p in range(count)), masks, effects, None if noise is None else np.array(noise))


def rows(values):
    """Maps whose rows sum to these."""
    maps = torch.zeros(len(values), 8, 8)
    maps[:, : len(values[0]), 0] = torch.tensor(values)
    return maps


def test_parts_in_the_order_of_their_effects_are_best_and_in_the_opposite_order_worst():
    b = bench(parts=strips([[3.0, -1, 0.5, 8]]))
    for by in ("spearman", "kendall"):
        right = part_ranks(b, rows([[0.3, -9, 0.1, 0.31]]), by=by)
        assert right.item() == pytest.approx(1)
        assert part_ranks(b, -rows([[0.3, -9, 0.1, 0.31]]), by=by).item() == pytest.approx(-1)


def test_what_is_not_in_the_picture_does_not_count_and_two_parts_have_no_order():
    b = bench(parts=strips([[3.0, np.nan, 0.5, 8], [1.0, np.nan, np.nan, 2]]))
    found = part_ranks(b, rows([[2.0, 100, 1, 3], [1.0, 0, 0, 2]]))
    assert found[0].item() == pytest.approx(1)
    assert found[1].isnan()


def test_a_network_that_hears_no_part_allows_no_value():
    parts = strips([[0.03, -0.1, 0.05], [0.03, -0.1, 0.5]], noise=[0.2, 0.2])
    found = part_ranks(bench(parts=parts), rows([[1.0, 0, 2], [1.0, 0, 2]]))
    assert found[0].isnan()
    assert found[1].item() == pytest.approx(1)


def test_a_flat_map_has_no_order_of_parts():
    assert part_ranks(bench(parts=strips([[1.0, 2, 3]])), torch.zeros(1, 8, 8)).item() == 0


def test_random_maps_know_no_order_of_parts():
    b = bench(parts=strips([[5.0, 1, 3, 2, 4]] * 500))
    found = part_ranks(b, torch.randn(500, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert abs(found.mean()) < 4 * found.std() / 500**0.5
