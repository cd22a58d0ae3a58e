"""The metrics of an ordered scale against scikit-learn, scipy and dlordinal."""

from __future__ import annotations

import numpy as np
import pytest
from dlordinal import metrics as theirs
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, mean_squared_error

from pellucid.tasks.ordinal_metrics import ordinal_metrics
from pellucid.tasks.task import MISSING

PLACES = np.arange(5.0)


def drawn(seed: int, levels: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.5] * levels, size=60)
    truth = rng.integers(0, levels, 60)
    truth[:levels] = np.arange(levels)
    return truth, p, np.clip(truth + rng.integers(-2, 3, 60), 0, levels - 1)


def scores(truth: np.ndarray, p: np.ndarray, decisions: np.ndarray, places: np.ndarray = PLACES) -> dict[str, float]:
    return {name: m.compute(truth, p, decisions) for name, m in ordinal_metrics(places).items()}


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_other_libraries(seed: int) -> None:
    truth, p, d = drawn(seed)
    own = scores(truth, p, d)
    assert own["mae"] == pytest.approx(mean_absolute_error(truth, d))
    assert own["mse"] == pytest.approx(mean_squared_error(truth, d))
    assert own["qwk"] == pytest.approx(cohen_kappa_score(truth, d, weights="quadratic"))
    assert own["macro_mae"] == pytest.approx(theirs.amae(truth, d))
    assert own["off_by_one"] == pytest.approx(theirs.accuracy_off1(truth, d, labels=range(5)))
    assert own["spearman"] == pytest.approx(spearmanr(truth, d).statistic)
    assert own["kendall"] == pytest.approx(kendalltau(truth, d).statistic)
    assert own["rps"] == pytest.approx(theirs.ranked_probability_score(truth, p))
    assert own["accuracy"] == pytest.approx((truth == d).mean())


def test_values_as_places_are_their_distances() -> None:
    truth, p, d = drawn(1, 3)
    places = np.array([1.0, 2.0, 5.0])
    own = scores(truth, p, d, places)
    assert own["mae"] == pytest.approx(mean_absolute_error(places[truth], places[d]))
    assert own["mse"] == pytest.approx(mean_squared_error(places[truth], places[d]))
    t, a = places[truth], places[d]  # Lin's concordance of the values
    concordance = 2 * ((t - t.mean()) * (a - a.mean())).mean() / (t.var() + a.var() + (t.mean() - a.mean()) ** 2)
    assert own["qwk"] == pytest.approx(concordance)
    assert own["off_by_one"] == pytest.approx(scores(truth, p, d, np.arange(3.0))["off_by_one"])
    reached = p.cumsum(1)
    literal = [sum(g * (reached[i, k] - (truth[i] <= k)) ** 2 for k, g in enumerate((1, 3))) for i in range(60)]
    assert own["rps"] == pytest.approx(np.mean(literal))


def test_missing_truths_count_for_nothing() -> None:
    truth, p, d = drawn(2)
    hidden = truth.copy()
    hidden[::3] = MISSING
    known = hidden != MISSING
    assert scores(hidden, p, d) == pytest.approx(scores(truth[known], p[known], d[known]))
    assert all(np.isnan(v) for v in scores(np.full(60, MISSING), p, d).values())


def test_what_is_not_defined_is_nan() -> None:
    truth, p, d = np.zeros(4, int), np.full((4, 5), 0.2), np.zeros(4, int)
    own = scores(truth, p, d)
    assert [name for name, v in own.items() if np.isnan(v)] == ["qwk", "spearman", "kendall"]
    assert scores(np.array([0, 1, 2, 3]), p, d)["qwk"] == 0  # one answer for everything is chance


def test_which_is_better_is_known() -> None:
    """A perfect answer is better by every metric than one that is not."""
    truth, p, d = drawn(3)
    perfect = np.eye(5)[truth]
    for name, metric in ordinal_metrics(PLACES).items():
        good, bad = metric.compute(truth, perfect, truth), metric.compute(truth, p, d)
        assert (good > bad) == metric.higher, name
        assert metric.words, name
