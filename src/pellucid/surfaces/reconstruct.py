"""Point cloud → watertight mesh: fit the implicit function, then march its zero level (Lorensen & Cline 1987)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

from pellucid.core.errors import BadInput
from pellucid.surfaces.implicit import Implicit, fit_surface
from pellucid.surfaces.normals import estimate_normals
from pellucid.surfaces.patch import Method

#: Points that are read at most; they are kept as they are, so memory grows with them.
MAX_POINTS = 2_000_000

#: Cells along the longest side.
FEWEST, MOST = 64, 192

#: The coarse grid takes every so many nodes of the fine one.
_EVERY = 4

#: Farther from every point than so many of their spacings, the surface is a guess.
FAR = 5.0

#: How far around the surface the fine function is asked, in steps.
_BAND = 3.0

_MARGIN = 0.1


#: Many small systems are solved faster by one thread than by several that wait for each other: on a machine that
#: does other work too, 64 systems of 160 unknowns took 7.8 s with two threads and 0.02 s with one.
_one_thread = threadpool_limits.wrap(limits=1, user_api="blas")


@dataclass(frozen=True, eq=False)
class Surface:
    """vertices: float64 [n, 3]. faces: int [m, 3], anticlockwise from outside. figures: what was measured of it."""

    vertices: np.ndarray
    faces: np.ndarray
    implicit: Implicit
    figures: dict[str, Any]
    notes: tuple[str, ...] = ()


@_one_thread
def reconstruct(
    points: np.ndarray,
    normals: np.ndarray | None = None,
    *,
    kernel: str = "cubic",
    method: Method | Literal["hermite", "offsurface"] = "hermite",
    smooth: float = 0.0,
    resolution: int | None = None,
    seed: int = 0,
) -> Surface:
    """A closed surface through points [n, 3], in any unit.

    normals: [n, 3], outward; estimated where not given. resolution: cells along the longest side; by default about
    one a spacing of the points, within 64 and 192. kernel, method, smooth: as for ``fit_surface``.

    The figures: volume and area, whether it is watertight, its components, how far the points lie from the mesh (root
    mean square and most), and how far the mesh goes from every point (farthest; a note says where that is a guess).
    Raises BadInput for points that have no surface.
    """
    points, normals, notes = _checked(points, normals)
    given = normals is not None
    normals = normals if normals is not None else estimate_normals(points)
    implicit = fit_surface(points, normals, kernel=kernel, method=method, smooth=smooth, seed=seed)
    grid = _Grid.around(points, resolution)
    field = _field(implicit, grid, points)
    vertices, faces = _marched(field, grid)
    vertices, faces, dropped = _near_parts(vertices, faces, points, grid.step)
    if dropped:
        notes.append(f"what lies far from every point was left out ({dropped} piece{'s' * (dropped > 1)} of surface)")
    off = distances(points, vertices, faces)
    nearest, spacing = cKDTree(points).query(vertices)[0], _spacing(points)
    if nearest.max() > FAR * spacing:
        share = float((nearest > FAR * spacing).mean())
        notes.append(
            f"{share:.1%} of the surface lies farther from every point than {FAR:g} of their spacings "
            f"(up to {nearest.max():.3g}): there it is a guess that closes it"
        )
    figures = {
        "points": len(points),
        "normals": "given" if given else "estimated",
        "resolution": max(grid.shape) - 1,
        "step": grid.step,
        "vertices": len(vertices),
        "faces": len(faces),
        "components": _parts(faces, len(vertices))[0],
        "watertight": is_watertight(faces),
        "volume": volume(vertices, faces),
        "area": area(vertices, faces),
        "distance_rms": float(np.sqrt((off**2).mean())),
        "distance_most": float(off.max()),
        "farthest": float(nearest.max()),
    }
    if not figures["watertight"]:
        notes.append("the surface is not closed: its points leave a gap larger than they say how to fill")
    return Surface(vertices, faces, implicit, figures, tuple(notes))


def is_watertight(faces: np.ndarray) -> bool:
    """Whether each edge belongs to two faces, which walk it in opposite directions."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = {tuple(e) for e in edges.tolist()}
    return len(there) == len(edges) and all((b, a) in there for a, b in there)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """What a closed mesh encloses, in cubed units (the divergence theorem)."""
    centred = vertices - vertices.mean(0)  # far from the origin, large numbers would cancel
    a, b, c = (centred[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """The area of all faces, in squared units."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def distances(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """How far each point [n, 3] lies from the mesh: exact to the faces with the nearest centres, 12 of them."""
    corners = vertices[faces]
    tried = cKDTree(corners.mean(1)).query(points, min(12, len(faces)))[1].reshape(len(points), -1)
    return np.stack([_to_triangles(points, corners[each]) for each in tried.T]).min(0)


def _to_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The distance of each point [n, 3] to its triangle [n, 3, 3]: to its plane above it, else to an edge."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    normal = normal / length
    above = np.abs(((points - a) * normal).sum(1))
    sides = [(np.cross(q - p, points - p) * normal).sum(1) for p, q in ((a, b), (b, c), (c, a))]
    inside = np.all(np.stack(sides) >= 0, axis=0)
    edges = [_to_segment(points, p, q) for p, q in ((a, b), (b, c), (c, a))]
    return np.where(inside, above, np.stack(edges).min(0))


def _to_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    share = ((points - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300)
    return np.linalg.norm(points - start - np.clip(share, 0, 1)[:, None] * along, axis=1)


def _spacing(points: np.ndarray) -> float:
    """The usual distance from a point to its nearest neighbour."""
    return float(np.median(cKDTree(points).query(points, 2)[0][:, 1]))


def _checked(points: np.ndarray, normals: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 10:
        raise BadInput(f"points of shape {points.shape}", cure="pass at least 10 points as [n, 3]")
    if len(points) > MAX_POINTS:
        raise BadInput(f"{len(points)} points", cure=f"thin them out to at most {MAX_POINTS // 1_000_000} million")
    bad = ~np.isfinite(points).all(1)
    if bad.any():
        raise BadInput(f"{int(bad.sum())} of {len(points)} points are NaN or infinite", cure="leave them out")
    if normals is not None:
        normals = _unit(np.asarray(normals, np.float64), len(points))
    distinct = np.sort(np.unique(points, axis=0, return_index=True)[1])
    notes = (
        [] if len(distinct) == len(points) else [f"{len(points) - len(distinct)} points that stand twice were left out"]
    )
    points = points[distinct]
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    if len(points) < 10 or spread[2] < 1e-6 * spread[0]:
        raise BadInput(
            "the points lie in a plane or on a line, so they enclose nothing", cure="pass points around a body"
        )
    return points, None if normals is None else normals[distinct], notes


def _unit(normals: np.ndarray, count: int) -> np.ndarray:
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True) if normals.ndim == 2 else np.zeros(1)
    if normals.shape != (count, 3) or not np.isfinite(normals).all() or (lengths < 1e-12).any():
        what = f"normals of shape {normals.shape}, some without a direction or not finite"
        raise BadInput(what, cure=f"pass {count} vectors [n, 3], or leave them away to have them estimated")
    return normals / lengths


@dataclass(frozen=True, eq=False)
class _Grid:
    """Nodes at low + step · index."""

    low: np.ndarray
    step: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, points: np.ndarray, resolution: int | None) -> _Grid:
        sides = np.ptp(points, axis=0)
        if resolution is None:
            resolution = int(np.clip(sides.max() / (0.8 * _spacing(points)), FEWEST, MOST))
        if not 8 <= resolution <= 512:
            raise BadInput(f"resolution is {resolution}", cure="pass 8 to 512 cells along the longest side")
        step = float(sides.max() * (1 + 2 * _MARGIN) / resolution)
        margin = _MARGIN * sides.max()
        counts = [_EVERY * int(np.ceil((s + 2 * margin) / step / _EVERY)) + 1 for s in sides]
        middle = (points.min(0) + points.max(0)) / 2
        low = middle - step * (np.array(counts) - 1) / 2
        return cls(low, step, (counts[0], counts[1], counts[2]))

    def places(self, index: np.ndarray) -> np.ndarray:
        return self.low + self.step * index


def _field(implicit: Implicit, grid: _Grid, points: np.ndarray) -> np.ndarray:
    """F at all nodes: exact near the surface, interpolated from every fourth node elsewhere, where its sign matters."""
    coarse_shape = tuple((n - 1) // _EVERY + 1 for n in grid.shape)
    nodes = np.stack(np.indices(coarse_shape), -1).reshape(-1, 3) * _EVERY
    coarse = implicit.whole(grid.places(nodes)).reshape(coarse_shape)
    every = np.stack(np.indices(grid.shape), 0) / _EVERY
    field = map_coordinates(coarse, every, order=1)
    band = np.abs(field) < _BAND * grid.step * 2
    band |= _near(points, grid)
    index = np.argwhere(band)
    field[band] = implicit(grid.places(index))
    walls = np.ones(grid.shape, bool)
    walls[1:-1, 1:-1, 1:-1] = False
    field[walls] = np.maximum(field[walls], grid.step)  # a surface that runs out of the box is closed there
    return field


def _near(points: np.ndarray, grid: _Grid) -> np.ndarray:
    """The nodes within a few steps of a point."""
    reach = int(np.ceil(_BAND))
    near = np.zeros(grid.shape, bool)
    at = np.round((points - grid.low) / grid.step).astype(int)
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for offset in offsets[np.linalg.norm(offsets, axis=1) <= _BAND]:
        index = np.clip(at + offset, 0, np.array(grid.shape) - 1)
        near[tuple(index.T)] = True
    return near


def _marched(field: np.ndarray, grid: _Grid) -> tuple[np.ndarray, np.ndarray]:
    from skimage.measure import marching_cubes

    if not field.min() < 0 < field.max():
        cure = "check the normals (they must point outwards), or leave them away to have them estimated"
        raise BadInput("the points enclose nothing", cure=cure)
    vertices, faces, _, _ = marching_cubes(field, 0.0, gradient_direction="descent", allow_degenerate=False)
    return grid.places(vertices.astype(np.float64)), faces.astype(np.int64)


def _parts(faces: np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """How many connected pieces, and which piece each vertex belongs to."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    return connected_components(coo_array((np.ones(len(ends)), ends.T), shape=(count, count)), directed=False)


def _near_parts(
    vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """The pieces that some point lies on; a function may vanish elsewhere too. And how many pieces that leaves out."""
    count, labels = _parts(faces, len(vertices))
    if count == 1:
        return vertices, faces, 0
    away = cKDTree(points).query(vertices)[0]
    nearest = np.full(count, np.inf)
    np.minimum.at(nearest, labels, away)
    kept = nearest[labels] < 1.5 * step
    new = np.cumsum(kept) - 1
    return vertices[kept], new[faces[kept[faces[:, 0]]]], int((nearest >= 1.5 * step).sum())
