"""How well regions were found: Dice and IoU a picture and pooled, at the rim, and shares of right pixels.

**A region that is neither there nor claimed** in a picture says nothing of who paints: by the rule "skip" the picture
is left out of that region's mean, by "one" it counts as 1. One that is claimed and not there is 0 by either rule.
Means are taken over pictures first, then over regions, so a rare region counts as much as a common one; what is left
over (the background) is no region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from pellucid.tasks.painting.counts import column
from pellucid.tasks.task import Metric

Empty = Literal["skip", "one"]

#: tp, fp, fn → the score; NaN where all are 0.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def dice(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """2 tp / (2 tp + fp + fn), as F1 (Dice 1945)."""
    return _divided(2 * tp, 2 * tp + fp + fn)


def iou(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    """Intersection over union, tp / (tp + fp + fn) (Jaccard 1912): Dice = 2·IoU / (1 + IoU)."""
    return _divided(tp, tp + fp + fn)


def each_picture(summaries: np.ndarray, measure: Measure, empty: Empty = "skip", *, rim: bool = False) -> np.ndarray:
    """The score of every picture and region, [N, regions]; NaN where the rule leaves it out."""
    found = measure(*_counted(summaries, rim=rim))
    return np.where(np.isnan(found), 1.0, found) if empty == "one" else found


def each_region(summaries: np.ndarray, measure: Measure, empty: Empty = "skip", *, rim: bool = False) -> np.ndarray:
    """The mean over pictures for every region, [regions]; NaN where no picture has it."""
    return mean(each_picture(summaries, measure, empty, rim=rim), 0)


def pooled(summaries: np.ndarray, measure: Measure) -> np.ndarray:
    """The score of all pictures' pixels together for every region, [regions]."""
    return measure(*(count.sum(0) for count in _counted(summaries)))


def mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The mean of what is no NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    return _divided(np.where(known, values, 0.0).sum(axis), known.sum(axis))


def metrics(regions: Sequence[int], *, empty: Empty, exclusive: bool, rest: bool) -> dict[str, Metric]:
    """The metrics over these regions (places in the summaries).

    exclusive: whether a pixel has one region alone. rest: whether one of the places is what is left over.
    """
    of, rule = list(regions), "left out" if empty == "skip" else "counted as 1"

    def each(measure: Measure, *, rim: bool = False) -> Callable[..., float]:
        return lambda _, __, s: float(mean(each_region(s[:, of], measure, empty, rim=rim)))

    def together(measure: Measure) -> Callable[..., float]:
        return lambda _, __, s: float(mean(pooled(s[:, of], measure)))

    found = {
        "dice": Metric(each(dice), f"Dice of each picture, the mean over pictures, then regions; empty ones {rule}"),
        "iou": Metric(each(iou), f"IoU of each picture, the mean over pictures, then regions; empty ones {rule}"),
        "dice_pooled": Metric(together(dice), "Dice of all pictures' pixels together, the mean over regions"),
        "iou_pooled": Metric(together(iou), "IoU of all pictures' pixels together, the mean over regions"),
        "rim_iou": Metric(each(iou, rim=True), "IoU of the regions' rims, 2 % of the diagonal deep, of each picture"),
    }
    if exclusive and rest:
        voc = lambda _, __, s: float(mean(pooled(s, iou)))  # noqa: E731
        found["iou_with_rest"] = Metric(voc, "pooled IoU, the mean with what is left over, as PASCAL VOC has it")
    if exclusive:
        found["pixel_accuracy"] = Metric(lambda _, __, s: pixels_right(s), "share of the pixels whose region was found")
    return found


def pixels_right(summaries: np.ndarray) -> float:
    """The share of pixels whose region was found, where each has one."""
    right, there = column(summaries, "tp").sum(), (column(summaries, "tp") + column(summaries, "fn")).sum()
    return float(_divided(right, there))


def pairs_right(summaries: np.ndarray) -> float:
    """The share of right answers among all pairs of a pixel and a region: the "accuracy" of a sigmoid a region.

    Nearly all pairs are off, so who claims nothing is nearly always right: no figure to judge by, but one to know.
    """
    right = column(summaries, "tp").sum() + column(summaries, "tn").sum()
    return float(_divided(right, summaries[..., :4].astype(np.float64).sum()))


def _counted(summaries: np.ndarray, *, rim: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names = ("rim_tp", "rim_fp", "rim_fn") if rim else ("tp", "fp", "fn")
    tp, fp, fn = (column(summaries, name) for name in names)
    return tp, fp, fn


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    below = np.asarray(below, np.float64)
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
