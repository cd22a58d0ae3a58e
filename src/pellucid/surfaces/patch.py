"""Radial basis functions through points with normals: many small fits of one size, solved together.

Hermite (Macêdo, Gois & Velho 2011, eq. 6): f(x) = Σ_j α_j φ(x − p_j) − β_j·∇φ(x − p_j) with f(p_i) = 0 and
∇f(p_i) = n_i. Off-surface (Carr et al. 2001): f(x) = Σ_j α_j φ(x − q_j) + a polynomial of degree 1, where the q are
the points and, a little to both sides of each, two more with that distance as their value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.surfaces.kernels import Kernel, kernel

Method = Literal["hermite", "offsurface"]

#: The width of kernels that have one, in units of a patch's radius: it must reach from any point to any other.
_WIDTHS = {"wendland": 3.0}

#: How far the off-surface points lie, in units of a patch's mean spacing.
_OFF = 0.3

_ROWS = 2048
_SYSTEMS = 64


@dataclass(frozen=True, eq=False)
class Patch:
    """One fit in a ball: f is in the points' units and about the signed distance, negative inside.

    points: [n, 3] in units of the radius, around the centre. alpha: [n]. beta: [n, 3], Hermite only.
    linear: [4], the polynomial's constant and slope, off-surface only.
    """

    centre: np.ndarray
    radius: float
    points: np.ndarray
    kernel: Kernel
    width: float
    alpha: np.ndarray
    beta: np.ndarray | None = None
    linear: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """F at x [m, 3]: [m]."""
        parts = [self._values(x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _values(self, x: np.ndarray) -> np.ndarray:
        away, r = self._away(x)
        out = self.kernel.value(r) @ self.alpha
        if self.beta is not None:
            along = np.einsum("mnk,nk->mn", away, self.beta)
            out -= (self.kernel.slope(r) * along).sum(1)
        if self.linear is not None:
            out += self.linear[0] + (x - self.centre) / self.radius @ self.linear[1:]
        return out * self.radius

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇f at x [m, 3]: [m, 3]."""
        away, r = self._away(x)
        slope = self.kernel.slope(r)
        out = np.einsum("mn,mnk->mk", slope * self.alpha, away)
        if self.beta is not None:
            along = np.einsum("mnk,nk->mn", away, self.beta)
            out -= slope @ self.beta + np.einsum("mn,mnk->mk", self.kernel.bend(r) * along, away)
        out /= self.width
        return out if self.linear is None else out + self.linear[1:]

    def _away(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From each point to each x, [m, n, 3], and how far, in units of the kernel's width."""
        away = ((x - self.centre) / self.radius)[:, None] - self.points
        away /= self.width
        return away, np.sqrt(np.einsum("mnk,mnk->mn", away, away))


def fit_patches(
    points: np.ndarray,
    normals: np.ndarray,
    centres: np.ndarray,
    radii: np.ndarray,
    *,
    name: str = "cubic",
    method: Method = "hermite",
    smooth: float = 0.0,
) -> Iterator[Patch]:
    """A patch for each group of points [groups, n, 3] with unit normals, in balls of these centres and radii."""
    solve = _hermite if method == "hermite" else _off_surface
    for first in range(0, len(points), _SYSTEMS):
        rows = slice(first, first + _SYSTEMS)
        local = (points[rows] - centres[rows, None]) / radii[rows, None, None]
        yield from solve(local, normals[rows], centres[rows], radii[rows], name, smooth)


def _hermite(
    local: np.ndarray, normals: np.ndarray, centres: np.ndarray, radii: np.ndarray, name: str, smooth: float
) -> Iterator[Patch]:
    shape, (groups, n, _), width = kernel(name), local.shape, _WIDTHS.get(name, 1.0)
    away = (local[:, :, None] - local[:, None]) / width
    r = np.sqrt(np.einsum("gijk,gijk->gij", away, away))
    slope, bend = shape.slope(r), shape.bend(r)
    system = np.empty((groups, n, 4, n, 4))
    system[:, :, 0, :, 0] = shape.value(r)
    system[:, :, 1:, :, 0] = (slope[..., None] * away).transpose(0, 1, 3, 2)
    system[:, :, 0, :, 1:] = -slope[..., None] * away
    hessian = bend[..., None, None] * away[..., :, None] * away[..., None, :] + slope[..., None, None] * np.eye(3)
    system[:, :, 1:, :, 1:] = -hessian.transpose(0, 1, 3, 2, 4)
    wanted = np.zeros((groups, n, 4))
    wanted[:, :, 1:] = normals * width
    matrix = system.reshape(groups, 4 * n, 4 * n)
    diagonal = np.tile([smooth, 0.0, 0.0, 0.0], n)
    matrix[:, np.arange(4 * n), np.arange(4 * n)] += diagonal
    found = np.linalg.solve(matrix, wanted.reshape(groups, 4 * n, 1)).reshape(groups, n, 4)
    for i in range(groups):
        yield Patch(centres[i], float(radii[i]), local[i], shape, width, found[i, :, 0], found[i, :, 1:])


def _off_surface(
    local: np.ndarray, normals: np.ndarray, centres: np.ndarray, radii: np.ndarray, name: str, smooth: float
) -> Iterator[Patch]:
    shape, groups, width = kernel(name), len(local), _WIDTHS.get(name, 1.0)
    off = _OFF * _spacing(local)[:, None, None]
    nodes = np.concatenate([local, local + off * normals, local - off * normals], 1)
    aside = np.broadcast_to(off[..., 0], local.shape[:2])
    values = np.concatenate([np.zeros_like(aside), aside, -aside], 1)
    away = (nodes[:, :, None] - nodes[:, None]) / width
    m = nodes.shape[1]
    matrix = np.zeros((groups, m + 4, m + 4))
    matrix[:, :m, :m] = shape.value(np.sqrt(np.einsum("gijk,gijk->gij", away, away))) + smooth * np.eye(m)
    matrix[:, :m, m] = matrix[:, m, :m] = 1
    matrix[:, :m, m + 1 :] = nodes
    matrix[:, m + 1 :, :m] = nodes.transpose(0, 2, 1)
    wanted = np.concatenate([values, np.zeros((groups, 4))], 1)[..., None]
    found = np.linalg.solve(matrix, wanted)[..., 0]
    for i in range(groups):
        yield Patch(centres[i], float(radii[i]), nodes[i], shape, width, found[i, :m], linear=found[i, m:])


def _spacing(local: np.ndarray) -> np.ndarray:
    """The mean distance to the nearest other point in each group [groups, n, 3]."""
    away = local[:, :, None] - local[:, None]
    squared = np.einsum("gijk,gijk->gij", away, away)
    squared[:, np.arange(local.shape[1]), np.arange(local.shape[1])] = np.inf
    return np.sqrt(squared.min(2)).mean(1)
