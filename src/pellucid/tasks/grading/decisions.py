"""From probabilities to one level: which is best depends on how errors are counted.

The most likely level is right most often; the median has the smallest mean distance; the mean has the smallest mean
squared distance, and what is nearest to it has the smallest among the levels. That holds for the true probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.tasks.task import MISSING

#: The rule that is best for a metric.
BEST = {"accuracy": "mode", "mae": "median", "mse": "mean", "qwk": "stretched"}


def decide(probabilities: np.ndarray, places: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
    """[n, levels] → level numbers [n], by the rule that is named in it.

    "stretched" that nobody has tuned is the median, whose kappa is mostly between those of the mean and of the stretch.
    """
    if rule["decide"] != "stretched":
        return RULES[rule["decide"]](probabilities, places)
    return nearest(probabilities, places, rule["at"]) if "at" in rule else median(probabilities, places)


def mode(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The most likely level; the lower of two alike."""
    return probabilities.argmax(1)


def median(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The lowest level that is reached with at least one half."""
    reached = probabilities.astype(np.float64).cumsum(1)
    # One half less what float32 loses in sums; between two medians both are as good.
    return np.minimum((reached < 0.5 - 1e-7).sum(1), probabilities.shape[1] - 1)


def mean(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The level that lies nearest to the expected place."""
    return nearest(probabilities, places, places)


def nearest(probabilities: np.ndarray, places: np.ndarray, at: Sequence[float] | np.ndarray) -> np.ndarray:
    """The level whose mark in ``at`` [levels] lies nearest to the expected place."""
    return np.abs(expected(probabilities, places)[:, None] - np.asarray(at)).argmin(1)


def expected(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Σ p·place: float64 [n]."""
    return probabilities.astype(np.float64) @ places


def stretched(probabilities: np.ndarray, places: np.ndarray, truth: np.ndarray) -> Mapping[str, Any]:
    """The rule for weighted kappa, from validation items: expected places, stretched to vary as much as the truth.

    Kappa with squared weights is 2·cov / (var d + var y + (mean d − mean y)²) of decisions d and truth y (Lin's
    concordance, but for rounding). Of d = mean y + s·(E[y|x] − mean y) that is largest at s = σ(y) / σ(E[y|x]) ≥ 1,
    while the mean itself, s = 1, has the smallest squared error.
    """
    known = truth != MISSING
    given, right = expected(probabilities[known], places), places[truth[known].astype(np.int64)]
    if not known.any() or given.std() == 0 or right.std() == 0:
        return {"decide": "stretched"}
    at = given.mean() + (places - right.mean()) * given.std() / right.std()
    return {"decide": "stretched", "at": [float(a) for a in at]}


RULES = {"mode": mode, "median": median, "mean": mean}
