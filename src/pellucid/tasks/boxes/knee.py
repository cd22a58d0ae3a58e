"""How many anchors: the average IoU for 1, 2, 3 … of them, and where more stop paying."""

from __future__ import annotations

import numpy as np

from pellucid.core.progress import track
from pellucid.tasks.boxes.anchors import Anchors, Update, different, draw, fit_anchors
from pellucid.tasks.boxes.iou import nearest

#: Of so many starts one is made where nobody asked for that number of anchors.
_FEWER = 5

#: Starts of a single anchor. Its median may lie between kinds of boxes where it overlaps none, so boxes are tried.
_LONE = 100


def climb(sizes: np.ndarray, k: int, most: int, *, update: Update, restarts: int, seed: int) -> list[Anchors]:
    """Anchors for 1 … ``most``, or as many as there are different sizes, fitted on a draw of many boxes, judged on all.

    The k that are asked for have all their starts, the others some. Each number begins also at the anchors before and
    the box that they serve worst, so the curve does not fall.
    """
    drawn = draw(sizes, np.random.default_rng(seed))
    found: list[Anchors] = []
    for count in track(range(1, min(most, different(drawn)) + 1), "fitting anchors"):
        begin = _with_worst(drawn, found[-1].sizes) if found else None
        starts = _LONE if count == 1 else restarts if count == k else -(-restarts // _FEWER)
        fit = fit_anchors(drawn, count, update=update, restarts=starts, seed=seed + count, begin=begin)
        found.append(Anchors.of(sizes, fit.sizes))
    return found


def _with_worst(sizes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    return np.concatenate([anchors, sizes[nearest(sizes, anchors)[1].argmin()][None]])


def knee_of(curve: np.ndarray) -> int:
    """The number of anchors at which the curve [k − 1] bends most: farthest above its chord (Satopää 2011, Kneedle).

    It depends on where the curve ends, so it is a hint and no more.
    """
    if len(curve) < 3 or curve[-1] <= curve[0]:
        return len(curve)
    along = np.linspace(0, 1, len(curve))
    return int(((curve - curve[0]) / (curve[-1] - curve[0]) - along).argmax()) + 1
