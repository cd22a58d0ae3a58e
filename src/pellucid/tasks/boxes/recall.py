"""What anchors are worth: best possible recall, by ratios and by overlap, and means with intervals over pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


def ratio_recall(sizes: np.ndarray, anchors: np.ndarray, limit: float = 4.0) -> np.ndarray:
    """Which boxes have an anchor whose sides are each less than ``limit`` times too large or too small: bool [n].

    x = min(r, 1/r) of the worse side, x > 1 / limit for the best anchor. This is how YOLOv5 and its kin assign boxes to
    anchors, and what they call best possible recall.
    """
    found = np.zeros(len(sizes), bool)
    for anchor in anchors:
        ratios = sizes / anchor
        found |= np.minimum(ratios, 1 / ratios).min(1) > 1 / limit
    return found


def overlap_recall(overlap: np.ndarray, least: float = 0.5) -> np.ndarray:
    """Which boxes overlap their best anchor by an IoU above ``least``: bool [n]. The stricter of the two."""
    return overlap > least


@dataclass(frozen=True)
class Mean:
    """A mean over boxes with its 95 % interval from low to high; NaN where the boxes are of a single picture."""

    value: float
    low: float
    high: float


def mean_of(values: np.ndarray, groups: np.ndarray) -> Mean:
    """The mean of ``values`` [n]; what the boxes of one picture (``groups``, from 0) have in common is counted once.

    The mean is a ratio of sums over pictures, so its error is that of their residuals (Cochran 1977, § 2.11).
    """
    value, count = float(values.mean()), int(groups.max()) + 1
    if count < 2:
        return Mean(value, float("nan"), float("nan"))
    rest = np.bincount(groups, values.astype(np.float64) - value, minlength=count)
    error = float(np.sqrt((rest**2).sum() * count / (count - 1))) / len(values)
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return Mean(value, value - half, value + half)


def share_of(hits: np.ndarray, groups: np.ndarray) -> Mean:
    """The share of ``hits``, bool [n], within 0 and 1; of none or all the other end is that of the rule of three."""
    mean, count = mean_of(hits, groups), int(groups.max()) + 1
    few = min(1.0, 3 / count)
    if mean.value in (0.0, 1.0):
        return Mean(mean.value, mean.value * (1 - few), mean.value + (1 - mean.value) * few)
    return Mean(mean.value, max(mean.low, 0.0), min(mean.high, 1.0))
