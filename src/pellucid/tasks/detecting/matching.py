"""Which found boxes are which true ones: the likeliest first, each takes the true one it overlaps most (COCO)."""

from __future__ import annotations

import numpy as np

from pellucid.tasks.boxes.iou import box_iou

#: The overlaps from which on a found box may be the true one: COCO's ten.
OVERLAPS = np.linspace(0.5, 0.95, 10)


def matched(found: np.ndarray, true: np.ndarray, overlaps: np.ndarray = OVERLAPS) -> np.ndarray:
    """Whether each found box of one class is a true one, bool [found, overlaps].

    found: [n, 4], the likeliest first. true: [m, 4]; each is found once. As in COCO: of those that are left a found
    box takes the one that it overlaps most, of equal ones the last.
    """
    hits = np.zeros((len(found), len(overlaps)), bool)
    if not len(found) or not len(true):
        return hits
    shared = box_iou(found.astype(np.float64), true.astype(np.float64))[:, ::-1]
    enough = shared[:, None] >= np.minimum(overlaps, 1 - 1e-10)[None, :, None]
    free = np.ones((len(overlaps), len(true)), bool)
    every = np.arange(len(overlaps))
    for i in np.flatnonzero(enough[:, 0].any(1)):
        left = np.where(free & enough[i], shared[i], -1.0)
        best = left.argmax(1)
        hits[i] = left[every, best] >= 0
        free[every[hits[i]], best[hits[i]]] = False
    return hits


def spared(found: np.ndarray, unasked: np.ndarray, hits: np.ndarray, overlaps: np.ndarray = OVERLAPS) -> np.ndarray:
    """Which found boxes are neither right nor wrong, bool [found, overlaps]: they lie where nobody asks for anything.

    found: [n, 4] of one class. unasked: [m, 4]. hits: what ``matched`` gave. As in COCO for crowds: who is no true one
    and has so large a share of its own area in one of these; any number of boxes may.
    """
    if not len(found) or not len(unasked):
        return np.zeros_like(hits)
    low = np.maximum(found[:, None, :2], unasked[None, :, :2]).astype(np.float64)
    high = np.minimum(found[:, None, 2:], unasked[None, :, 2:]).astype(np.float64)
    area = (found[:, 2:] - found[:, :2]).astype(np.float64).clip(0).prod(1)
    share = (high - low).clip(0).prod(2).max(1) / np.maximum(area, 1e-12)
    return ~hits & (share[:, None] >= np.minimum(overlaps, 1 - 1e-10)[None])
