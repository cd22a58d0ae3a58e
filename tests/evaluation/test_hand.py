"""The hand-weighted network: its exact attribution is exact, and no registered method is better than it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pellucid.core.errors import BadInput
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.scores.part_ranks import part_ranks
from pellucid.evaluation.table import scores
from pellucid.evaluation.truth.hand import SQUARES, hand_weighted
from pellucid.prove.explainers import chosen

#: Scores that an exact attribution must win, with the baseline that it is exact beside.
MEANT = {
    "deletion": {"baseline": "zero"},
    "insertion": {"baseline": "zero"},
    "infidelity": {"baseline": "zero"},
    "sensitivity_n": {"baseline": "zero"},
    "pointing_game": {},
    "mass_within_mask": {},
    "relevance_rank": {},
    "part_ranks": {},
}


@pytest.fixture(scope="module")
def hand():
    return hand_weighted()


@pytest.fixture(scope="module")
def bench(hand):
    return hand.bench(10)


def maps_of(bench, explain):
    return explain(bench.source, bench.x, bench.targets)


def test_the_exact_attribution_adds_up_to_the_answer_and_each_pixel_to_its_own_fall(hand, bench):
    exact = maps_of(bench, hand.exact).double()
    torch.testing.assert_close(exact.sum((1, 2)), bench.clean, rtol=1e-4, atol=1e-4)
    places = [(3, 3), (3, 12), (12, 3), (12, 12), (0, 0)]

    def without(which, rows):
        x = bench.x[rows].clone()
        for i, place in enumerate(which.tolist()):
            x[i, :, places[place][0], places[place][1]] = 0
        return x

    falls = bench.clean[0] - bench.asked(torch.zeros(len(places), dtype=torch.int64), without)
    said = torch.stack([exact[0, y, x] for y, x in places])
    torch.testing.assert_close(falls, said, rtol=1e-3, atol=1e-4)


def test_each_squares_effect_is_the_answers_fall_without_it(hand, bench):
    for p, square in enumerate(hand.squares.values()):
        gone = torch.where(torch.from_numpy(square), 0.0, bench.x)
        falls = bench.clean - bench.asked(torch.arange(len(bench)), lambda _, rows, x=gone: x[rows])
        np.testing.assert_allclose(falls, bench.parts.effects[:, p], rtol=1e-3, atol=1e-3)


def test_what_is_planted_is_what_decides(hand, bench):
    assert tuple(hand.squares) == tuple(SQUARES) == bench.parts.names
    assert bench.masks.any((1, 2)).all()
    assert bench.network.classes == ("no", "yes")


@pytest.mark.slow
def test_no_method_is_better_than_the_exact_attribution_by_any_score_that_is_meant_to_find_it(hand, bench):
    methods, _ = chosen(None, of="logit", seed=0, quick=False, options={})
    for name, options in MEANT.items():
        score, sign = scores[name], 1 if scores[name].facts.better == "higher" else -1
        best = sign * score.function(bench, maps_of(bench, hand.exact), **options).nanmean()
        for key, explain in {**methods, **BASELINES}.items():
            try:
                maps = maps_of(bench, explain)
            except BadInput:
                continue  # it cannot look at such a network, and says so
            found = sign * score.function(bench, maps, **options).nanmean()
            assert found <= best + 1e-4, (name, key)


@pytest.mark.parametrize("name", MEANT)
def test_the_exact_attribution_beats_all_that_know_nothing_and_inverted_it_is_worst(name, hand, bench):
    score, sign = scores[name], 1 if scores[name].facts.better == "higher" else -1
    maps = {key: maps_of(bench, explain) for key, explain in BASELINES.items()}
    exact = maps_of(bench, hand.exact)
    found = {k: sign * score.function(bench, m, **MEANT[name]).nanmean() for k, m in maps.items()}
    right, wrong = (sign * score.function(bench, m, **MEANT[name]).nanmean() for m in (exact, -exact))
    assert all(right > value for value in found.values())
    assert all(wrong <= value + 1e-6 for value in found.values())


def test_exact_scores_are_perfect_where_perfection_has_a_value(hand, bench):
    exact = maps_of(bench, hand.exact)
    for name in ("pointing_game", "mass_within_mask", "relevance_rank"):
        assert scores[name].function(bench, exact).tolist() == pytest.approx([1.0] * len(bench))
    assert part_ranks(bench, exact).tolist() == pytest.approx([1.0] * len(bench))
    assert scores["sensitivity_n"].function(bench, exact, baseline="zero").mean() == pytest.approx(1, abs=1e-4)
    assert scores["infidelity"].function(bench, exact, baseline="zero").max() < 1e-6


def test_a_side_that_has_no_eighths_is_refused():
    with pytest.raises(BadInput, match="multiple of 8"):
        hand_weighted(12)
