"""What is told by every threshold at once: areas under curves, for two values, from one sort.

A threshold between two probabilities takes all items above it. Items of the same probability are taken together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ranked(NamedTuple):
    """The items from the most to the least probable, cut wherever two probabilities differ.

    true: how many true items lie above each cut, taken: how many items; the last cut lies below all of them.
    lowest: the probability just above each cut. Float64 each, [cuts].
    """

    true: np.ndarray
    taken: np.ndarray
    lowest: np.ndarray


def ranked(truth: np.ndarray, probabilities: np.ndarray) -> Ranked:
    """Sort items by probability; truth: bool [n], probabilities: [n]."""
    order = np.argsort(probabilities)[::-1]
    sorted_ = probabilities[order]
    cuts = np.append(np.flatnonzero(sorted_[1:] != sorted_[:-1]), len(order) - 1)
    true = np.cumsum(truth[order])[cuts].astype(np.float64)
    return Ranked(true, cuts + 1.0, sorted_[cuts].astype(np.float64))


def average_precision(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Σ (recall − the recall before) · precision over all cuts; NaN without a true item."""
    if not truth.any():
        return float("nan")
    true, taken, _ = ranked(truth, probabilities)
    return float(np.diff(true, prepend=0.0) @ (true / taken) / true[-1])


def auroc(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """How often a true item is more probable than a false one, a tie counting half; NaN without one of them."""
    positives = int(truth.sum())
    if positives in (0, len(truth)):
        return float("nan")
    true, taken, _ = ranked(truth, probabilities)
    false = taken - true
    between = true + np.append(0.0, true[:-1])
    return float(np.diff(false, prepend=0.0) @ between / (2 * true[-1] * false[-1]))
