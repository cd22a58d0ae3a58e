"""Moving a surface's points: bend, twist, lean, noise, dents, and random rigid moves."""

from __future__ import annotations

import numpy as np

from pellucid.synth.mesh import Mesh
from pellucid.synth.textures import noise


def turned(angle: float, axis: int = 2) -> np.ndarray:
    """The rotation [3, 3] by an angle in radians about the x, y or z axis."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


def placed(m: Mesh, *, at: tuple[float, float, float] = (0, 0, 0), turn: np.ndarray | None = None) -> Mesh:
    """The mesh turned about the origin, then moved."""
    turned_ = m.vertices if turn is None else m.vertices @ turn.T
    return m.moved(turned_ + np.asarray(at, np.float64))


def scaled(m: Mesh, x: float, y: float, z: float) -> Mesh:
    """The mesh stretched along the axes."""
    return m.moved(m.vertices * (x, y, z))


def bent(points: np.ndarray, angle: float, length: float) -> np.ndarray:
    """Bend what stands along z, by ``angle`` a ``length``, towards +x; the line x = 0 keeps its length."""
    if angle == 0:
        return np.array(points, np.float64)
    radius = length / angle
    phi = points[:, 2] / radius
    x = radius - (radius - points[:, 0]) * np.cos(phi)
    return np.stack([x, points[:, 1], (radius - points[:, 0]) * np.sin(phi)], 1)


def twisted(points: np.ndarray, angle: float, length: float) -> np.ndarray:
    """Turn each height about z by ``angle`` a ``length``; volumes stay."""
    c, s = (f(angle * points[:, 2] / length) for f in (np.cos, np.sin))
    return np.stack([c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1], points[:, 2]], 1)


def leaning(points: np.ndarray, x: float, y: float) -> np.ndarray:
    """Shift each height sideways in proportion to it; volumes stay."""
    return points + points[:, 2:] * np.array([x, y, 0.0])


def roughened(m: Mesh, amount: float, frequency: float, rng: np.random.Generator) -> Mesh:
    """Move each vertex along its normal by noise of at most ``amount``. frequency: bumps a millimetre."""
    return m.moved(m.vertices + m.vertex_normals * (2 * noise(m.vertices * frequency, rng)[:, None] - 1) * amount)


def dented(m: Mesh, at: np.ndarray, radius: float, depth: float) -> Mesh:
    """Press a smooth dent into the surface around the point ``at``: depth · (1 − (d/radius)²)² inwards."""
    far = ((m.vertices - at) ** 2).sum(1) / radius**2
    press = depth * np.maximum(0, 1 - far) ** 2
    return m.moved(m.vertices - m.vertex_normals * press[:, None])


def offset(m: Mesh, distance: float) -> Mesh:
    """Move each vertex along its normal."""
    return m.moved(m.vertices + m.vertex_normals * distance)
