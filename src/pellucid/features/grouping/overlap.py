"""How well groups agree with true regions, and how sure that is: intervals over pictures, whole pictures at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pellucid.features.grouping.agreement import contingency, mean_iou
from pellucid.features.resampling import DRAWS, Interval, weights

#: A region's number where it is not known.
UNKNOWN = -1


def tables(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How often each group meets each region in each picture: int64 [picture, group, region].

    labels: whole numbers from 0 [picture, height, width]; regions: of the same shape, below 0 where it is not known.
    """
    size = int(labels.max()) + 1, int(regions.max()) + 1
    return np.stack([contingency(l[r >= 0], r[r >= 0], size) for l, r in zip(labels, regions, strict=True)])


def overlap(
    counted: np.ndarray, figure: Callable[[np.ndarray], float] = mean_iou, *, seed: int = 0, draws: int = DRAWS
) -> Interval:
    """A figure of all pictures' groups (by default the Hungarian mean intersection over union), with its interval.

    counted: as ``tables`` gives them. Pictures are drawn with replacement, so the same seed draws the same ones for
    other groups of the same pictures, and differences of ``draws`` are paired.
    """
    count = len(counted)
    flat = counted.reshape(count, -1).astype(np.float64)
    drawn = weights(np.arange(count), seed=seed, draws=draws) @ flat
    found = np.array([figure(table) for table in drawn.reshape(draws, *counted.shape[1:])])
    return Interval(figure(counted.sum(0)), found)


def matched(counted: np.ndarray) -> np.ndarray:
    """The region that each group is held against, int [group]; UNKNOWN for one too many. For colours of one meaning."""
    table = counted.sum(0).astype(np.float64)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    groups, regions = linear_sum_assignment(table / np.maximum(union, 1), maximize=True)
    found = np.full(len(table), UNKNOWN)
    found[groups] = regions
    return found


def merged(regions: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Regions numbered by their place in ``kept``, and UNKNOWN where another one is."""
    found = np.full(regions.shape, UNKNOWN, np.int32)
    for place, number in enumerate(kept):
        found[regions == number] = place
    return found
