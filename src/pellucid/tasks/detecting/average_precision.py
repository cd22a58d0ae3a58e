"""Average precision as COCO has it: the mean over 101 recalls of the best precision at that recall or a higher one."""

from __future__ import annotations

import numpy as np

RECALLS = np.linspace(0, 1, 101)


def average_precision(scores: np.ndarray, hits: np.ndarray, true: int) -> np.ndarray:
    """scores: [n] of the found boxes of a class, over all pictures. hits: bool [n, overlaps]. true: how many there are.

    Gives [overlaps]; NaN where there is no true one.
    """
    if not true:
        return np.full(hits.shape[1], np.nan)
    order = np.argsort(-scores, kind="mergesort")
    right = hits[order].cumsum(0)
    recall = right / true
    precision = right / np.arange(1, len(order) + 1)[:, None]
    precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
    found = np.zeros((len(RECALLS), hits.shape[1]))
    for k in range(hits.shape[1]):
        places = np.searchsorted(recall[:, k], RECALLS, side="left")
        there = places < len(order)
        found[there, k] = precision[places[there], k]
    return found.mean(0)
