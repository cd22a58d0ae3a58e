"""Intersection over union, of boxes where they lie and of sizes alone."""

from __future__ import annotations

import numpy as np

#: Sizes that are compared at a time.
_PART = 8192


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Every box with every other: [n, 4] and [m, 4] as x0, y0, x1, y1 → [n, m]; 0 where both are empty."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    return _over_union(shared, _areas(boxes)[:, None], _areas(others)[None])


def size_iou(sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """As if all lay centre on centre: sizes [n, 2] and [m, 2] as width, height → [n, m]."""
    shared = np.minimum(sizes[:, None], others[None]).prod(2)
    return _over_union(shared, sizes.prod(1)[:, None], others.prod(1)[None])


def nearest(sizes: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each size's best anchor: its number, int16 [n], and their overlap [n]. Of equal ones the first.

    A part of the sizes after the other, so that what is computed for all anchors stays in the processor's cache. The
    shared area by the sum of both areas, r, grows with the IoU, which is r / (1 − r).
    """
    own, best = np.zeros(len(sizes), np.int16), np.zeros(len(sizes))
    sides = np.ascontiguousarray(sizes.T, np.float64)
    room = np.empty((2, min(_PART, len(sizes))))
    for first in range(0, len(sizes), _PART):
        part = slice(first, first + _PART)
        _compare(*sides[:, part], anchors.tolist(), own[part], best[part], room[:, : len(own[part])])
    return own, best / (1 - best)


def _compare(
    widths: np.ndarray,
    heights: np.ndarray,
    anchors: list[list[float]],
    own: np.ndarray,
    best: np.ndarray,
    room: np.ndarray,
) -> None:
    """Fill in ``own`` and ``best`` of one part; room: [2, n] to compute in."""
    areas, (shared, other) = widths * heights, room
    for j, (width, height) in enumerate(anchors):
        np.minimum(widths, width, out=shared)
        np.minimum(heights, height, out=other)
        np.multiply(shared, other, out=shared)
        np.add(areas, width * height, out=other)
        np.divide(shared, other, out=shared)
        np.copyto(own, j, where=shared > best)
        np.maximum(best, shared, out=best)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)


def _over_union(shared: np.ndarray, area: np.ndarray, other: np.ndarray) -> np.ndarray:
    union = area + other - shared
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)
