"""Where the cut lies: what only guesses gives none, what tells does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import nets
from pellucid.features.equivariance.cut import Cut, find_cut
from pellucid.features.resampling import Interval, ratio, weights

TREE = nets.network("modules").tree()
PAIRS = 128


def probed(accuracies: Sequence[float], *, seed: int) -> dict[str, Interval]:
    """Scores of probes, each layer's by itself, that are so often right about a picture; two make a pair."""
    rng = np.random.default_rng(seed)
    drawn = weights(np.arange(PAIRS), seed=seed, draws=400)
    right = [(rng.random((PAIRS, 2)) < p).mean(1) for p in accuracies]
    return {layer.name: ratio(each, np.ones(PAIRS), drawn) for layer, each in zip(TREE, right, strict=True)}


def test_noise_gives_no_advice() -> None:
    """Of networks whose eight layers only guess, one in forty looks as if it told, in either pooling."""
    guess = [0.5] * len(TREE)
    cuts = [find_cut(probed(guess, seed=2 * i), probed(guess, seed=2 * i + 1), 0.5, TREE) for i in range(400)]
    assert sum(cut.layer is not None for cut in cuts) <= 0.045 * 400
    assert sum(cut.pooled_apart is not None for cut in cuts if cut.layer is None) <= 0.045 * 400


def test_what_tells_is_a_cut() -> None:
    nothing, middle = probed([0.5] * 8, seed=1), probed([0.5, 0.5, 0.5, 0.9, 0.9, 0.6, 0.5, 0.5], seed=0)
    late = probed([0.5] * 6 + [0.9, 0.5], seed=2)
    assert find_cut(middle, late, 0.5, TREE) == Cut("conv2", "bn2", "act2")
    assert find_cut(nothing, late, 0.5, TREE) == Cut(None, None, "act2")
    assert find_cut(nothing, {}, 0.5, TREE) == Cut(None, None, None)


def test_a_score_of_one_is_above_chance() -> None:
    sure = probed([0.5, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5], seed=0)
    assert find_cut(sure, {}, 0.5, TREE).layer == "act1"


def test_what_no_average_has_is_brought_into_it_from_the_first_layer_whose_parts_tell() -> None:
    little, parts = probed([0.5] * 4 + [0.7] * 4, seed=0), probed([0.5, 0.5, 0.6, 0.6, 0.97, 0.97, 0.97, 0.9], seed=1)
    names = [layer.name for layer in TREE]
    found = find_cut(little, parts, 0.5, TREE)
    assert (found.layer, found.pooled_apart, found.never) == (names[4], names[6], True)
    assert found.unfreeze_from is not None
    all_tell = probed([0.97] * 8, seed=2)
    assert find_cut(all_tell, parts, 0.5, TREE) == Cut(names[7], None, None)


def test_advice_is_for_the_last_layer_where_parts_only_seem_to_tell_more() -> None:
    """Of networks whose averages and parts tell alike, few look as if no average ever had it."""
    same = [0.5] * 4 + [0.7] * 4
    cuts = [find_cut(probed(same, seed=2 * i), probed(same, seed=2 * i + 1), 0.5, TREE) for i in range(200)]
    assert sum(cut.never for cut in cuts) <= 0.1 * 200
