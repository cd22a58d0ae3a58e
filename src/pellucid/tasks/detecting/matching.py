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
