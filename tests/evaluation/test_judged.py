"""How sure scores are, and who can be told apart."""

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pellucid.evaluation.judged import Judged, holm


def judged(values, groups=None, signs=None, seed=0):
    values = np.asarray(values, float)
    groups = np.arange(values.shape[2]) if groups is None else np.asarray(groups)
    return Judged(values, groups, np.ones(values.shape[1]) if signs is None else np.asarray(signs), seed)


def test_means_leave_out_what_is_unknown():
    values = np.array([[[1.0, 3.0, np.nan, 8.0]], [[np.nan] * 4]])
    mean, low, high = judged(values).means()
    assert mean[0, 0] == pytest.approx(4)
    assert low[0, 0] <= 4 <= high[0, 0]
    assert np.isnan([mean[1, 0], low[1, 0], high[1, 0]]).all()


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hit = np.random.default_rng(0), 0
    for _ in range(200):
        _, low, high = judged(rng.normal(size=(1, 1, 40))).means()
        hit += bool(low[0, 0] <= 0 <= high[0, 0])
    assert 175 <= hit <= 199  # 95 % of 200 is 190, less a little for a bootstrap of 40


def test_pictures_of_a_group_are_one():
    rng = np.random.default_rng(1)
    each = rng.normal(size=10)
    alone, grouped = judged(each[None, None]), judged(np.repeat(each, 5)[None, None], np.repeat(np.arange(10), 5))
    assert grouped.means()[1][0, 0] == pytest.approx(alone.means()[1][0, 0])
    pair = np.stack([each, np.zeros(10)])[:, None]
    many = np.repeat(pair, 5, axis=2)
    assert judged(many, np.repeat(np.arange(10), 5)).differences(0)[3][0, 1] == pytest.approx(
        judged(pair).differences(0)[3][0, 1]
    )


def test_figure_interval_and_test_are_of_the_mean_over_pictures_whatever_the_groups():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(16), [5] * 6 + [1] * 10)
    # Six large groups are above by 0.6, ten small ones below by 0.4: over pictures above, over groups' means below.
    gap = np.where(groups < 6, 0.6, -0.4) + rng.normal(0, 0.05, len(groups))
    found = judged(np.stack([gap, np.zeros(len(gap))])[:, None], groups)
    mean, low, high, p = (each[0, 1] for each in found.differences(0))
    assert mean == pytest.approx(gap.mean())
    assert mean > 0 > np.mean([gap[groups == g].mean() for g in range(16)])
    assert low < mean < high
    assert p < 0.05
    assert low > 0
    assert found.means()[0][0, 0] == pytest.approx(gap.mean())
    draws = rng.integers(0, 16, (4000, 16))
    again = [np.concatenate([gap[groups == g] for g in d]).mean() for d in draws]
    assert [low, high] == pytest.approx(np.percentile(again, [2.5, 97.5]), abs=0.08)


def test_groups_of_one_are_the_paired_t_test():
    gaps = np.random.default_rng(5).normal(0.3, 1, (2, 1, 25))
    assert judged(gaps).differences(0)[3][0, 1] == pytest.approx(ttest_rel(gaps[0, 0], gaps[1, 0]).pvalue)


def test_equal_groups_are_told_apart_as_rarely_as_single_pictures():
    rng, wrong = np.random.default_rng(6), 0
    groups = np.repeat(np.arange(15), rng.integers(1, 5, 15))
    for _ in range(300):
        own = rng.normal(size=(2, 1, 15))[..., groups] + rng.normal(0, 0.5, (2, 1, len(groups)))
        wrong += judged(own, groups).differences(0)[3][0, 1] < 0.05
    assert wrong <= 30  # 15 expected; the error of few and unequal groups is a little small


def test_pairs_are_compared_picture_by_picture():
    rng = np.random.default_rng(2)
    ease = 10 * rng.normal(size=30)  # far more than what tells the methods apart
    values = np.stack([ease + rng.normal(0, 0.1, 30) + gap for gap in (0.0, 0.5, 0.52)])[:, None]
    found = judged(values)
    mean, low, high, p = found.differences(0)
    beats = found.beats(0, mean, p)
    assert beats.tolist() == [[0, -1, -1], [1, 0, 0], [1, 0, 0]]
    np.testing.assert_allclose(mean, -mean.T, atol=1e-12)
    assert (low <= mean + 1e-12).all()
    assert (mean <= high + 1e-12).all()
    raw = [ttest_rel(values[a, 0], values[b, 0]).pvalue for a, b in itertools.combinations(range(3), 2)]
    np.testing.assert_allclose(p[np.triu_indices(3, 1)], np.maximum(holm(raw), 3 * 2.0**-29 * 0), rtol=1e-6, atol=1e-8)


def test_lower_may_be_better():
    values = np.stack([np.linspace(0, 1, 20), np.linspace(5, 6.1, 20)])[:, None]
    found = judged(values, signs=[-1])
    mean, _, _, p = found.differences(0)
    assert found.beats(0, mean, p).tolist() == [[0, 1], [-1, 0]]
    assert found.against(1, 0).tolist() == [1, 0]
    assert found.ranks()[:, 0].tolist() == [1, 2]


def test_a_few_equal_differences_prove_nothing():
    values = np.stack([np.arange(4.0), np.arange(4.0) + 1])[:, None]
    assert judged(values).differences(0)[3][0, 1] >= 0.125


def test_equals_are_rarely_told_apart():
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(100):
        found = judged(rng.normal(size=(6, 1, 15)))
        mean, _, _, p = found.differences(0)
        wrong += bool(found.beats(0, mean, p).any())
    assert wrong <= 12  # 5 of 100 expected at most, over all fifteen pairs


def test_holm():
    # As in Holm's paper: the smallest times 4, the next times 3, never less than the one before.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
