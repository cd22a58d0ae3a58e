"""Closed surfaces: revolution, lofts, extrusion, sweeps. Each one is watertight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.synth.mesh import Mesh, mesh, unit

FULL = 2 * np.pi


def revolve(profile: np.ndarray, around: int = 64, *, turn: float = FULL, start: float = 0.0) -> Mesh:
    """Turn a profile [n, 2] of (radius, height) about the z axis.

    A profile that does not begin and end on the axis is led there. turn: in radians; less than a full turn is
    closed by the two flat faces that a knife would leave. around: steps of the turn.
    """
    line = _led_to_axis(np.asarray(profile, np.float64))
    whole = turn >= FULL - 1e-12
    steps = around if whole else around + 1
    angles = start + turn * np.arange(steps) / around
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)
    points = np.empty((steps, len(line), 3))
    points[..., :2] = directions[:, None] * line[None, :, :1]
    points[..., 2] = line[:, 1]
    number = np.arange(steps * len(line)).reshape(steps, len(line))
    number[:, line[:, 0] == 0] = number[0, line[:, 0] == 0]  # one vertex for all angles on the axis
    faces = _quads(number, around=whole)
    if not whole:
        face = triangulated(line)
        faces = np.concatenate([faces, number[0][face], number[-1][face][:, ::-1]])
    return _tidy(points.reshape(-1, 3), faces)


def _led_to_axis(line: np.ndarray) -> np.ndarray:
    if len(line) < 2 or (line[:, 0] < 0).any():
        raise BadInput("a profile needs two points or more, none left of the axis", cure="give (radius ≥ 0, height)")
    ends = [[[0.0, end[1]]] if end[0] > 0 else np.empty((0, 2)) for end in (line[0], line[-1])]
    led = np.concatenate([ends[0], line, ends[1]])
    return led if _signed_area(led) >= 0 else led[::-1]


def loft(rings: np.ndarray) -> Mesh:
    """A skin over rings [k, m, 3], closed around; its two ends are flat, or points where a ring is one."""
    rings = np.asarray(rings, np.float64)
    count, around = rings.shape[:2]
    number = np.arange(count * around).reshape(count, around)
    points, faces = [rings.reshape(-1, 3)], []
    for end in (0, -1):
        if np.ptp(rings[end], axis=0).max() == 0:
            number[end] = number[end, 0]
            continue
        middle = count * around + len(points) - 1
        points.append(rings[end].mean(0, keepdims=True))
        fan = np.stack([number[end], np.roll(number[end], -1), np.full(around, middle)], 1)
        faces.append(fan[:, ::-1] if end else fan)
    return _tidy(np.concatenate(points), np.concatenate([_quads(number.T, around=True)[:, ::-1], *faces]))


def extrude(outline: np.ndarray, low: float, high: float, taper: float = 1.0) -> Mesh:
    """A simple polygon [n, 2] in x and y, from z = low to z = high, where it is ``taper`` times as large."""
    flat = np.asarray(outline, np.float64)
    n = len(flat)
    middle = flat.mean(0)
    top = middle + (flat - middle) * taper
    points = np.concatenate([np.c_[flat, np.full(n, low)], np.c_[top, np.full(n, high)]])
    here = np.arange(n)
    there = np.roll(here, -1)
    sides = np.concatenate([np.stack([here, there, there + n], 1), np.stack([here, there + n, here + n], 1)])
    face = triangulated(flat)
    if _signed_area(flat) < 0:
        sides = sides[:, ::-1]
    return mesh(points, np.concatenate([sides, face[:, ::-1], face + n]))


def sweep(path: np.ndarray, radius: np.ndarray | float, around: int = 16) -> Mesh:
    """A round tube along a path [k, 3] with a radius a point; its frame is carried along without twist."""
    path = np.asarray(path, np.float64)
    radius = np.broadcast_to(np.asarray(radius, np.float64), len(path))
    along = unit(np.gradient(path, axis=0))
    side = np.empty_like(path)
    least = np.eye(3)[np.abs(along[0]).argmin()]
    for i, t in enumerate(along):
        before = side[i - 1] if i else least
        side[i] = unit(before - t * (before @ t))
    up = np.cross(along, side)
    angle = FULL * np.arange(around) / around
    wheel = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * up[:, None]
    return loft(path[:, None] + radius[:, None, None] * wheel)


def slab(grid: np.ndarray, thickness: float) -> Mesh:
    """A sheet [n, m, 3] made into a body of this thickness (a leaf)."""
    rows, columns = grid.shape[:2]
    across = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    offset = unit(across) * thickness / 2
    number = np.arange(rows * columns).reshape(rows, columns)
    upper = _quads(number, around=False)
    rim = np.concatenate([number[0, :-1], number[:-1, -1], number[-1, :0:-1], number[:0:-1, 0]])
    ahead, below = np.roll(rim, -1), rows * columns
    wall = np.concatenate([np.stack([rim, ahead + below, ahead], 1), np.stack([rim, rim + below, ahead + below], 1)])
    points = np.concatenate([(grid + offset).reshape(-1, 3), (grid - offset).reshape(-1, 3)])
    faces = np.concatenate([upper, upper[:, ::-1] + below, wall])
    if not _closed_by(faces):
        faces = np.concatenate([upper, upper[:, ::-1] + below, wall[:, ::-1]])
    return mesh(points, faces)


def sphere(radius: float = 1.0, around: int = 48) -> Mesh:
    """A sphere about the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, around // 2 + 1)
    profile = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    profile[[0, -1], 0] = 0
    return revolve(profile, around)


def box(x: float, y: float, z: float) -> Mesh:
    """A box of these edges, its middle at the origin."""
    outline = np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) / 2
    return extrude(outline, -z / 2, z / 2)


def rounded(outline: np.ndarray, radius: float | Sequence[float], steps: int = 5) -> np.ndarray:
    """A polygon [n, 2] with its corners rounded: [n · (steps + 1), 2]. radius: one, or one a corner."""
    flat = np.asarray(outline, np.float64)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(flat))
    before, after = np.roll(flat, 1, 0) - flat, np.roll(flat, -1, 0) - flat
    reach = np.minimum(radii, 0.45 * np.minimum(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)))[:, None]
    a, c = flat + unit(before) * reach, flat + unit(after) * reach
    t = np.linspace(0, 1, steps + 1)[None, :, None]
    bent = (1 - t) ** 2 * a[:, None] + 2 * t * (1 - t) * flat[:, None] + t**2 * c[:, None]
    return bent.reshape(-1, 2)


def triangulated(outline: np.ndarray) -> np.ndarray:
    """A simple polygon [n, 2] as triangles [n − 2, 3] of its own corners, anticlockwise (ear clipping)."""
    flat = np.asarray(outline, np.float64)
    left = list(range(len(flat))) if _signed_area(flat) >= 0 else list(range(len(flat)))[::-1]
    found = []
    while len(left) > 3:
        ear = next((i for i in range(len(left)) if _is_ear(flat, left, i)), None)
        if ear is None:
            raise BadInput("an outline crosses itself", cure="list its corners in order around it")
        found.append([left[ear - 1], left[ear], left[(ear + 1) % len(left)]])
        del left[ear]
    faces = np.array([*found, left], np.int64)
    doubled = np.array([_turn(*flat[face]) for face in faces])
    if doubled.min() < -1e-9 * np.abs(doubled).max():
        raise BadInput("an outline crosses itself", cure="list its corners in order around it")
    return faces


def _is_ear(flat: np.ndarray, left: list[int], i: int) -> bool:
    a, b, c = flat[left[i - 1]], flat[left[i]], flat[left[(i + 1) % len(left)]]
    if _turn(a, b, c) <= 0:
        return False
    others = flat[[k for k in left if k not in (left[i - 1], left[i], left[(i + 1) % len(left)])]]
    within = (_turn(a, b, others) >= 0) & (_turn(b, c, others) >= 0) & (_turn(c, a, others) >= 0)
    return not within.any()


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Positive where c lies to the left of the way from a to b."""
    return (b[0] - a[0]) * (c[..., 1] - a[1]) - (b[1] - a[1]) * (c[..., 0] - a[0])


def _signed_area(flat: np.ndarray) -> float:
    ahead = np.roll(flat, -1, 0)
    return float((flat[:, 0] * ahead[:, 1] - flat[:, 1] * ahead[:, 0]).sum() / 2)


def _quads(number: np.ndarray, *, around: bool) -> np.ndarray:
    """Two triangles for each cell of a grid of vertex numbers, whose rows may close to a ring."""
    rows = np.concatenate([number, number[:1]]) if around else number
    a, b, c, d = rows[:-1, :-1], rows[1:, :-1], rows[1:, 1:], rows[:-1, 1:]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def _closed_by(faces: np.ndarray) -> bool:
    """Whether each directed edge occurs once."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return len(np.unique(edges, axis=0)) == len(edges)


def _tidy(points: np.ndarray, faces: np.ndarray) -> Mesh:
    """Without faces that shrank to a line, and without vertices that no face uses."""
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    used, renumbered = np.unique(faces[whole], return_inverse=True)
    return mesh(points[used], renumbered.reshape(-1, 3))
