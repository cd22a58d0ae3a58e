"""A coloured triangle mesh, and what can be measured of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

#: Corners whose faces turn by more than this keep their edge sharp (cosine of 40°).
CREASE = 0.766

GREY = (160, 160, 160)


@dataclass(frozen=True, eq=False)
class Mesh:
    """vertices: float64 [n, 3], millimetres. faces: int32 [m, 3], anticlockwise from outside. colours: uint8 [n, 3]."""

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray

    @cached_property
    def crossed(self) -> np.ndarray:
        """Each face's normal times twice its area: [m, 3]."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    @cached_property
    def areas(self) -> np.ndarray:
        """Each face's area: [m]."""
        return np.linalg.norm(self.crossed, axis=1) / 2

    @property
    def area(self) -> float:
        """Square millimetres of surface."""
        return float(self.areas.sum())

    @property
    def volume(self) -> float:
        """Cubic millimetres inside, by the divergence theorem; negative for a mesh turned inside out."""
        return float((self.vertices[self.faces[:, 0]] * self.crossed).sum() / 6)

    @cached_property
    def face_normals(self) -> np.ndarray:
        """Each face's unit normal: [m, 3]."""
        return unit(self.crossed)

    @cached_property
    def vertex_normals(self) -> np.ndarray:
        """The unit normals [n, 3] of the faces around each vertex, averaged by area."""
        return unit(_scattered(self.faces.ravel(), np.repeat(self.crossed, 3, 0), len(self.vertices)))

    @cached_property
    def corner_normals(self) -> np.ndarray:
        """A unit normal for each corner of each face [m, 3, 3]: smooth over the surface, sharp at creases."""
        normals = self.vertex_normals[self.faces]
        sharp = (normals * self.face_normals[:, None]).sum(2) < 0.94
        around = np.isin(self.faces, self.faces[sharp])  # all corners that meet where one is sharp
        if around.any():
            normals = normals.copy()
            normals[around] = self._creased(*np.nonzero(around))
        return normals

    def _creased(self, face: np.ndarray, corner: np.ndarray) -> np.ndarray:
        """For the corners given, the average of the faces around their vertex that turn little from their own."""
        at = self.faces[face, corner]
        order = np.argsort(at, kind="stable")
        face, at = face[order], at[order]
        first = np.searchsorted(at, at, "left")
        count = np.searchsorted(at, at, "right") - first
        mine = np.repeat(np.arange(len(at)), count)
        theirs = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
        near = (self.face_normals[face[mine]] * self.face_normals[face[theirs]]).sum(1) > CREASE
        averaged = np.empty((len(at), 3))
        averaged[order] = unit(_scattered(mine[near], self.crossed[face[theirs[near]]], len(at)))
        return averaged

    def moved(self, vertices: np.ndarray) -> Mesh:
        """The same faces between other places; turned outside again where the move had mirrored them."""
        return outward(dataclasses.replace(self, vertices=np.asarray(vertices, np.float64)))

    def coloured(self, colours: np.ndarray | tuple[int, int, int]) -> Mesh:
        """The same surface in one colour, or in one a vertex (uint8 [n, 3])."""
        return dataclasses.replace(self, colours=painted(colours, len(self.vertices)))

    def mirrored(self) -> Mesh:
        """The mirror image left for right (x → −x), exactly."""
        return Mesh(self.vertices * (-1.0, 1.0, 1.0), self.faces[:, ::-1].copy(), self.colours)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 along the last axis; a vector of nothing stays nothing."""
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return vectors / np.maximum(length, 1e-300)


def _scattered(where: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    """Rows added up by their place: [length, 3]."""
    return np.stack([np.bincount(where, values[:, k], length) for k in range(3)], 1)


def painted(colours: np.ndarray | tuple[int, int, int], length: int) -> np.ndarray:
    """uint8 [length, 3] of one colour or of as many, rounded."""
    rounded = np.clip(np.rint(np.asarray(colours, np.float64)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rounded, (length, 3)))


def mesh(vertices: np.ndarray, faces: np.ndarray, colour: tuple[int, int, int] = GREY) -> Mesh:
    """A mesh of one colour, turned so that its normals point outwards."""
    places = np.asarray(vertices, np.float64)
    return outward(Mesh(places, np.asarray(faces, np.int32).reshape(-1, 3), painted(colour, len(places))))


def outward(m: Mesh) -> Mesh:
    """The mesh with its faces turned round where it would enclose a negative volume."""
    return m if m.volume >= 0 else dataclasses.replace(m, faces=m.faces[:, ::-1].copy())


def joined(*meshes: Mesh) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)]).astype(np.int32),
        np.concatenate([m.colours for m in meshes]),
    )


def open_edges(m: Mesh) -> int:
    """How many edges are not walked exactly once in each direction; 0 is what watertight means."""
    start = m.faces.ravel().astype(np.int64)
    end = m.faces[:, [1, 2, 0]].ravel().astype(np.int64)
    size = len(m.vertices)
    there, count = np.unique(start * size + end, return_counts=True)
    back = np.unique(end * size + start)
    return int((count > 1).sum() + len(np.setxor1d(there, back)))


#: An odd direction, so that a ray hardly meets an edge.
_ODD = np.linalg.qr(np.array([[0.61, 0.37, 0.71], [0.29, -0.83, 0.47], [0.73, 0.11, -0.67]]))[0]


def inside(m: Mesh, points: np.ndarray) -> np.ndarray:
    """Which of the points [k, 3] lie inside a closed mesh: a ray from there leaves it an odd number of times."""
    corners = (m.vertices @ _ODD)[m.faces]
    flat, low, high = corners[..., :2], corners[..., :2].min(1), corners[..., :2].max(1)
    found = np.zeros(len(points), bool)
    for start in range(0, len(points), 256):
        part = np.asarray(points[start : start + 256], np.float64) @ _ODD
        x, y = part[:, 0, None], part[:, 1, None]
        near = (low[:, 0] <= x) & (high[:, 0] >= x) & (low[:, 1] <= y) & (high[:, 1] >= y)
        point, face = np.nonzero(near)
        weights = _barycentric(flat[face], part[point, :2])
        met = (weights >= 0).all(1) & ((weights * corners[face, :, 2]).sum(1) > part[point, 2])
        found[start : start + 256] = np.bincount(point[met], minlength=len(part)) % 2 == 1
    return found


def _barycentric(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Weights [n, 3] of points [n, 2] in their triangles [n, 3, 2]; negative ones for what is outside or flat."""
    a, b, c = (triangles[:, k] for k in range(3))
    turn = lambda p, q, r: (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])  # noqa: E731
    area = turn(a, b, c)
    parts = np.stack([turn(points, b, c), turn(a, points, c), turn(a, b, points)], 1)
    return np.where(area[:, None] == 0, -1.0, parts / np.where(area == 0, 1.0, area)[:, None])
