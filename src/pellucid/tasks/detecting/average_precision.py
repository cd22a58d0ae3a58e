"""Average precision as COCO has it: the mean over 101 recalls of the best precision at that recall or a higher one."""

from __future__ import annotations

import numpy as np

RECALLS = np.linspace(0, 1, 101)


def average_precision(scores: np.ndarray, hits: np.ndarray, true: int, spared: np.ndarray | None = None) -> np.ndarray:
    """scores: [n] of the found boxes of a class, over all pictures. hits: bool [n, overlaps]. true: how many there are.

    spared: bool [n, overlaps], found boxes that count neither way. Gives [overlaps]; NaN where there is no true one.
    """
    if not true:
        return np.full(hits.shape[1], np.nan)
    order = np.argsort(-scores, kind="mergesort")
    right = hits[order].cumsum(0)
    recall = right / true
    told = np.ones_like(hits) if spared is None else ~spared[order]
    precision = right / np.maximum(told.cumsum(0), 1)
    precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
    found = np.zeros((len(RECALLS), hits.shape[1]))
    for k in range(hits.shape[1]):
        places = np.searchsorted(recall[:, k], RECALLS, side="left")
        there = places < len(order)
        found[there, k] = precision[places[there], k]
    return found.mean(0)
