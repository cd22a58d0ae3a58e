"""Polygons → pixels: a pixel belongs to a polygon when its centre lies inside, by the even-odd rule."""

from __future__ import annotations

import numpy as np

#: Of two masks, a share of the smaller one outside the larger that is rounding along the edge.
_EDGE = 0.01


def fill(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose centres lie inside the closed polygon: bool [row, column].

    points: [n, 2] as (column, row), pixel (0, 0) having its centre at (0, 0). Every edge turns over, in each row that
    it crosses, all pixels right of the crossing: what is turned an odd number of times is inside. An edge that is
    walked twice (the channel by which contours join an outline with its hole) turns nothing.
    """
    rows, columns = shape
    ends = np.roll(points, -1, axis=0)
    upward = points[:, 1] <= ends[:, 1]
    low, high = np.where(upward[:, None], points, ends), np.where(upward[:, None], ends, points)
    # Half open, [low, high): a corner between two edges is crossed once.
    first = np.clip(np.ceil(low[:, 1]), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(high[:, 1]), 0, rows).astype(np.int64)
    counts = last - first
    edge = np.repeat(np.arange(len(points)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (high[:, 0] - low[:, 0]) / (high[:, 1] - low[:, 1])
    crossing = low[edge, 0] + slope[edge] * (row - low[edge, 1])
    start = np.clip(np.ceil(crossing), 0, columns).astype(np.int64)
    turns = np.bincount(row * (columns + 1) + start, minlength=rows * (columns + 1))
    return (np.cumsum(turns.reshape(rows, columns + 1)[:, :-1], axis=1) % 2).astype(bool)


def exclusive(parts: list[np.ndarray]) -> np.ndarray:
    """CLOSEDPLANAR_XOR: inside an odd number of the polygons (PS3.3 C.8.8.6.3)."""
    return np.logical_xor.reduce(parts)


def nested(parts: list[np.ndarray]) -> tuple[np.ndarray, bool]:
    """Polygons of which one inside another is a hole, one inside the hole an island; and whether any two overlap.

    What overlaps in part is united. A polygon that was drawn twice counts once.
    """
    order = sorted((p for p in parts if p.any()), key=lambda p: -int(p.sum()))
    kept: list[tuple[np.ndarray, int]] = []
    out, overlapping = np.zeros_like(parts[0]), False
    for part in order:
        size, depth, twice = int(part.sum()), 0, False
        for other, _ in kept:
            shared = int((part & other).sum())
            inside = shared >= (1 - _EDGE) * size
            twice |= inside and size >= (1 - _EDGE) * int(other.sum())
            depth += inside
            overlapping |= shared > 0 and not inside
        if twice:
            continue
        kept.append((part, depth))
        out = out & ~part if depth % 2 else out | part
    return out, overlapping
