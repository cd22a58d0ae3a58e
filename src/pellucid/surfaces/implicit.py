"""A point cloud as a function that is zero on its surface, negative inside and positive outside.

Few points are one fit. Many are small fits in overlapping balls, blended by weights that vanish at each ball's edge
(partition of unity, Ohtake et al. 2003), and where no ball reaches, a coarse fit of some of the points, which
knows inside from outside everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.surfaces.patch import Method, Patch, fit_patches

#: Up to so many points are one fit (a dense system of four times as many unknowns).
WHOLE = 500

#: Points of the coarse fit, and of each small one.
COARSE, NEIGHBOURS = 400, 40

#: The share of a ball's radius within which its points need no other ball.
_CORE = 0.55

#: Where the balls' weights add up to less, the coarse fit joins in.
_THIN = 0.1


@dataclass(frozen=True, eq=False)
class Implicit:
    """f(x), about the signed distance near the surface. whole: the coarse or only fit. patches: the small ones."""

    whole: Patch
    patches: tuple[Patch, ...] = ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """F at x [m, 3], in the points' units: [m]."""
        if not self.patches:
            return self.whole(x)
        total, weight = self._blended(x)
        thin = weight < _THIN
        share = _THIN * (1 - weight[thin] / _THIN) ** 2
        total[thin] += share * self.whole(x[thin])
        weight[thin] += share
        return total / weight

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇f at x [m, 3]: exact for a single fit, else by central differences."""
        if not self.patches:
            return self.whole.gradient(x)
        step = 1e-4 * float(np.median([p.radius for p in self.patches]))
        moves = step * np.eye(3)
        return np.stack([(self(x + m) - self(x - m)) / (2 * step) for m in moves], 1)

    def _blended(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The balls' weighted values, and the sum of their weights."""
        total, weight = np.zeros(len(x)), np.zeros(len(x))
        centres, radii = np.stack([p.centre for p in self.patches]), np.array([p.radius for p in self.patches])
        members = cKDTree(x).query_ball_point(centres, radii)
        for patch, rows in zip(track(self.patches, "surface"), members, strict=True):
            if rows:
                near = x[rows]
                own = _weight(np.linalg.norm(near - patch.centre, axis=1) / patch.radius)
                total[rows] += own * patch(near)
                weight[rows] += own
        return total, weight


def _weight(r: np.ndarray) -> np.ndarray:
    """Wendland's C² bump: 1 in the middle, 0 from the edge on."""
    return np.maximum(1 - r, 0) ** 4 * (4 * r + 1)


def fit_surface(
    points: np.ndarray,
    normals: np.ndarray,
    *,
    kernel: str = "cubic",
    method: Method = "hermite",
    smooth: float = 0.0,
    seed: int = 0,
) -> Implicit:
    """The function of points [n, 3] with outward normals [n, 3].

    method: "hermite" takes the normals as gradients, "offsurface" as directions to further points. smooth: how far the
    surface may leave the points (0 passes through all of them; 0.01 evens out a little noise).
    """
    if method not in ("hermite", "offsurface"):
        raise BadInput(f"method is {method!r}", cure="pass 'hermite' or 'offsurface'")
    if not 0 <= smooth <= 0.1:
        raise BadInput(f"smooth is {smooth}", cure="pass 0, or 0.001 to 0.1")
    how = {"name": kernel, "method": method, "smooth": smooth}
    if len(points) <= WHOLE:
        return Implicit(_one(points, normals, how))
    tree = cKDTree(points)
    rows = _spread(points, COARSE, seed)
    far, near = tree.query(points, NEIGHBOURS)
    chosen = _centres(near, far, np.random.default_rng(seed))
    groups = near[chosen]
    fits = fit_patches(points[groups], normals[groups], points[chosen], far[chosen, -1], **how)
    patches = tuple(track(fits, "fitting patches", total=len(chosen)))
    # What closes the gaps is always the kernel and the method that know inside from outside far from any point.
    return Implicit(_one(points[rows], normals[rows], {**how, "name": "cubic", "method": "hermite"}), patches)


def _one(points: np.ndarray, normals: np.ndarray, how: dict) -> Patch:
    centre = (points.min(0) + points.max(0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    return next(fit_patches(points[None], normals[None], centre[None], np.array([radius]), **how))


def _spread(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Row numbers of points that are spread evenly: one a cell of a grid that has about ``count`` occupied cells."""
    low, side = points.min(0), float(np.ptp(points, axis=0).max())
    order = np.random.default_rng(seed).permutation(len(points))
    cells = 4
    rows = order[:1]
    while True:
        boxes = np.floor((points[order] - low) / side * cells).astype(np.int64)
        first = np.unique(boxes, axis=0, return_index=True)[1]
        if len(first) > count or cells > 512:
            return rows
        rows, cells = np.sort(order[first]), cells + 2


def _centres(near: np.ndarray, far: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points whose balls, each reaching to its farthest neighbour, cover all points with their cores."""
    covered, chosen = np.zeros(len(near), bool), []
    for each in rng.permutation(len(near)):
        if not covered[each]:
            chosen.append(each)
            covered[near[each, far[each] < _CORE * far[each, -1]]] = True
    return np.array(chosen)
