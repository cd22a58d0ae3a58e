"""Spans against a search that tries every set of places."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.spans import LONGEST, MOST_RUNS, Span, profile, shortest
from pellucid.core.types import Explanation

LINES = st.lists(st.integers(-3, 6), min_size=1, max_size=8).map(lambda l: np.array(l, np.float64))


def runs_in(chosen: tuple[int, ...]) -> int:
    return sum(on and not before for before, on in zip((0, *chosen), chosen, strict=False))


def tried(line: np.ndarray, share: float, runs: int) -> tuple[int, int, float]:
    """The least (places, runs, −relevance) over every set of places that carries the share."""
    gain = np.maximum(line, 0)
    every = itertools.product((0, 1), repeat=len(line))
    enough = [c for c in every if gain @ c >= share * gain.sum() * (1 - 1e-9) and runs_in(c) <= runs]
    return min((sum(c), runs_in(c), -float(gain @ c)) for c in enough)


@given(LINES, st.sampled_from([0.1, 0.5, 0.8, 1.0]), st.integers(1, 3))
def test_no_set_of_places_is_better(line, share, runs):
    found = shortest(line, share, runs)
    if np.maximum(line, 0).sum() == 0:
        assert found == []
        return
    told = (sum(s.stop - s.start for s in found), len(found), -sum(s.relevance for s in found))
    assert told == pytest.approx(tried(line, share, runs))
    assert all(a.stop < b.start for a, b in itertools.pairwise(found))
    assert sum(s.share for s in found) >= share * (1 - 1e-9)


def test_two_bursts_are_two_spans_and_one_burst_stays_whole():
    line = np.zeros(40)
    line[[5, 6, 7, 30, 31, 32]] = 1
    assert [(s.start, s.stop) for s in shortest(line, 1.0)] == [(5, 8), (30, 33)]
    assert [(s.start, s.stop) for s in shortest(line, 1.0, runs=1)] == [(5, 33)]
    crumbs = np.array([0, 3, 1, 3, 0.0])
    assert [(s.start, s.stop) for s in shortest(crumbs, 0.8)] == [(1, 4)]  # two runs would need 2 places instead of 3
    assert [(s.start, s.stop) for s in shortest(crumbs, 0.8, runs=2)] == [(1, 2), (3, 4)]


def test_what_speaks_against_is_not_shared_out():
    assert shortest(np.array([-5.0, 2, 2, -9])) == [Span(1, 2, 2.0, 0.5)]
    assert shortest(np.array([-1.0, 0, -2])) == []


def test_of_runs_as_short_the_fullest_and_then_the_first():
    assert shortest(np.array([2.0, 0, 3, 0, 3]), 0.25)[0].start == 2


@pytest.mark.parametrize("share", [0, -0.5, 1.01, float("nan")])
def test_a_share_is_a_share(share):
    with pytest.raises(BadInput, match="share is"):
        shortest(np.ones(3), share)


def test_runs_within_reason():
    for runs in (0, MOST_RUNS + 1, True):
        with pytest.raises(BadInput, match="runs is"):
            shortest(np.ones(3), runs=runs)
    with pytest.raises(BadInput, match="pass runs=1"):
        shortest(np.ones(LONGEST + 1), runs=2)
    assert shortest(np.ones(LONGEST + 1), 0.5) == [
        Span(0, LONGEST // 2 + 1, LONGEST // 2 + 1.0, pytest.approx(0.5, abs=1e-3))
    ]


# -- of an explanation ----------------------------------------------------------------------------


def explanation(values: np.ndarray, axes=("sample", "channel", "height", "width")) -> Explanation:
    return Explanation(
        values.astype(np.float32), axes, ("up",) * len(values), "gradient", names=("a", "b")[: len(values)]
    )


def test_profiles_add_up_all_other_axes():
    values = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    axes = ("sample", "channel", "height", "width")
    np.testing.assert_allclose(profile(values, axes, "row"), values.astype(float).sum((1, 3)), atol=1e-12)
    turned = values.transpose(3, 1, 0, 2)  # the names count, not the places
    np.testing.assert_allclose(
        profile(turned, ("width", "channel", "sample", "height"), "column"),
        values.astype(float).sum((1, 2)),
        atol=1e-12,
    )


def test_an_explanations_spans(tmp_path):
    values = np.zeros((2, 3, 6, 4))
    values[0, :, 2:4, 1] = 1
    values[1] = -1
    view = explanation(values).spans(share=1.0)
    assert view["map"].shape == (2, 6, 4)
    assert [tuple(r.values()) for r in view.table] == [(0, "row", 2, 4, 6.0, 1.0), (0, "column", 1, 2, 6.0, 1.0)]
    assert view.notes == ("b: no row speaks for up", "b: no column speaks for up")
    assert pellucid.load(view.save(tmp_path / "v")) == view
    assert {r["axis"] for r in explanation(values).spans("column").table} == {"column"}


def test_what_has_no_rows_is_refused():
    with pytest.raises(BadInput, match="no axis 'width'"):
        explanation(np.ones((1, 3, 4, 4))).sum("width").spans("row")
    with pytest.raises(BadInput, match="'row'"):
        explanation(np.ones((1, 3, 4, 4))).spans("rows")
