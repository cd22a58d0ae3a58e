"""Intersection over union, of boxes where they lie and of sizes alone."""

from __future__ import annotations

import numpy as np


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

    One anchor after the other: what is in memory stays as long as the sizes, and no row is searched.
    """
    widths, heights = np.ascontiguousarray(sizes.T)
    areas = widths * heights
    own, best = np.zeros(len(sizes), np.int16), np.full(len(sizes), -1.0, sizes.dtype)
    for j, (width, height) in enumerate(anchors.astype(sizes.dtype)):
        shared = np.minimum(widths, width) * np.minimum(heights, height)
        overlap = shared / (areas + width * height - shared)
        np.copyto(own, j, where=overlap > best)
        np.maximum(best, overlap, out=best)
    return own, best


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)


def _over_union(shared: np.ndarray, area: np.ndarray, other: np.ndarray) -> np.ndarray:
    union = area + other - shared
    return np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)
