"""Which triangle each pixel sees: a z-buffer in numpy, all triangles at once.

A pixel belongs to a triangle when its centre lies within, an edge's pixels to one of its two sides alone: crossings
are computed from the edge's ends in the same order for both of its triangles, so no pixel is lost or taken twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Screen:
    """Triangles on the screen.

    x, y, near: [n], each vertex's place in pixels, and a number that is affine on the screen and greater for what is
    nearer (1/distance, or −distance without perspective). faces: int [m, 3].
    """

    x: np.ndarray
    y: np.ndarray
    near: np.ndarray
    faces: np.ndarray

    @cached_property
    def doubled(self) -> np.ndarray:
        """Twice each face's signed area on the screen; below 0 for a face that is seen from outside (y runs down)."""
        (x0, x1, x2), (y0, y1, y2) = ([v[c] for c in self.faces.T] for v in (self.x, self.y))
        return (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)

    def subset(self, chosen: np.ndarray) -> Screen:
        """Only some of the faces."""
        part = Screen(self.x, self.y, self.near, self.faces[chosen])
        part.__dict__["doubled"] = self.doubled[chosen]
        return part

    def weights(self, face: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
        """The barycentric coordinates [k, 3] of points on the screen in their faces, not corrected for perspective."""
        corner = self.faces[face]
        x0, y0 = self.x[corner[:, 0]], self.y[corner[:, 0]]
        dx, dy = px - x0, py - y0
        x1, x2 = self.x[corner[:, 1]] - x0, self.x[corner[:, 2]] - x0
        y1, y2 = self.y[corner[:, 1]] - y0, self.y[corner[:, 2]] - y0
        area = self.doubled[face]
        second = (dx * y2 - x2 * dy) / area
        third = (x1 * dy - dx * y1) / area
        return np.stack([1 - second - third, second, third], 1)


def fragments(screen: Screen, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Every (pixel, face) whose face covers the pixel's centre: pixel = row · width + column, and the face's index."""
    a, b, c = (screen.y[corner] for corner in screen.faces.T)
    first = np.clip(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(np.maximum(np.maximum(a, b), c) - 0.5), 0, height).astype(np.int64) - first
    face = np.repeat(np.arange(len(first)), count)
    row = _counted(count) + first[face]
    left, right = _span(screen, face, row + 0.5)
    start = np.clip(np.ceil(left - 0.5), 0, width).astype(np.int64)
    long = np.maximum(np.clip(np.ceil(right - 0.5), 0, width).astype(np.int64) - start, 0)
    line = np.repeat(np.arange(len(row)), long)
    return (row * width + start)[line] + _counted(long), face[line]


def _counted(count: np.ndarray) -> np.ndarray:
    """0 … count − 1 for each, one after the other."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)


def _span(screen: Screen, face: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each face begins and ends on the line at ``y``: the two of its edges that the line crosses."""
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for k in range(3):
        one, other = screen.faces[:, k], screen.faces[:, (k + 1) % 3]
        a, b = np.minimum(one, other), np.maximum(one, other)
        ya, yb, xa = screen.y[a], screen.y[b], screen.x[a]
        with np.errstate(divide="ignore", invalid="ignore"):  # level edges, which no line crosses
            slope = (screen.x[b] - xa) / (yb - ya)
        begins = ya[face]
        crossed = (begins <= y) != (yb[face] <= y)
        x = xa[face] + (y - begins) * slope[face]
        left = np.where(crossed, np.minimum(left, x), left)
        right = np.where(crossed, np.maximum(right, x), right)
    return left, right


def depth(screen: Screen, face: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """``near`` at points on the screen, from each face's plane."""
    n = screen.near[screen.faces]
    corner = screen.faces[:, 0]
    (x0, x1, x2), (y0, y1, y2) = screen.x[screen.faces].T, screen.y[screen.faces].T
    one, two = n[:, 1] - n[:, 0], n[:, 2] - n[:, 0]
    across = (one * (y2 - y0) - two * (y1 - y0)) / screen.doubled
    down = (two * (x1 - x0) - one * (x2 - x0)) / screen.doubled
    flat = n[:, 0] - across * screen.x[corner] - down * screen.y[corner]
    return flat[face] + across[face] * px + down[face] * py


def nearest(pixel: np.ndarray, near: np.ndarray, pixels: int) -> np.ndarray:
    """The index of the nearest fragment a pixel, −1 where there is none."""
    best = np.full(pixels, -np.inf)
    np.maximum.at(best, pixel, near)
    won = np.flatnonzero(near == best[pixel])
    seen = np.full(pixels, -1, np.int64)
    seen[pixel[won]] = won
    return seen
