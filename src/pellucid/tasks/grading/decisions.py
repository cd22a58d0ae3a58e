"""From probabilities to one level: which is best depends on how errors are counted.

The most likely level is right most often; the median has the smallest mean distance; the mean has the smallest mean
squared distance, and what is nearest to it has the smallest among the levels. That holds for the true probabilities.
"""

from __future__ import annotations

import numpy as np

#: The rule that is best for a metric. Of weighted kappa the errors are those of MSE, over what chance would make.
BEST = {"accuracy": "mode", "mae": "median", "mse": "mean", "qwk": "mean"}


def mode(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The most likely level; the lower of two alike. [n, levels] → int [n]."""
    return probabilities.argmax(1)


def median(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The lowest level that is reached with at least one half."""
    reached = probabilities.astype(np.float64).cumsum(1)
    # One half less what float32 loses in sums; between two medians both are as good.
    return np.minimum((reached < 0.5 - 1e-7).sum(1), probabilities.shape[1] - 1)


def mean(probabilities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The level that lies nearest to the expected place."""
    expected = probabilities.astype(np.float64) @ places
    return np.abs(expected[:, None] - places).argmin(1)


RULES = {"mode": mode, "median": median, "mean": mean}
