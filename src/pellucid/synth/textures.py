"""Colours of a surface: noise in space, interpolation between chosen vertices, shares that are measured and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.synth.mesh import Mesh, painted

Colour = tuple[int, int, int]

#: The period of the noise in each direction.
_LATTICE = 16


def noise(points: np.ndarray, rng: np.random.Generator, octaves: int = 3) -> np.ndarray:
    """Smooth noise in [0, 1] at points [n, 3]: random values on a lattice of edge 1, halved by each octave."""
    total, weight = np.zeros(len(points)), 0.0
    for octave in range(octaves):
        lattice = rng.random((_LATTICE,) * 3)
        total += _interpolated(lattice, points * 2.0**octave + rng.random(3) * _LATTICE) / 2**octave
        weight += 1 / 2**octave
    return total / weight


def _interpolated(lattice: np.ndarray, points: np.ndarray) -> np.ndarray:
    floor = np.floor(points)
    t = points - floor
    t = t * t * (3 - 2 * t)
    low = floor.astype(np.int64) % _LATTICE
    (x0, y0, z0), (x1, y1, z1) = low.T, ((low + 1) % _LATTICE).T
    u, v, w = t.T
    planes = []
    for z in (z0, z1):
        near = lattice[x0, y0, z] * (1 - u) + lattice[x1, y0, z] * u
        far = lattice[x0, y1, z] * (1 - u) + lattice[x1, y1, z] * u
        planes.append(near * (1 - v) + far * v)
    return planes[0] * (1 - w) + planes[1] * w


def mixed(low: Colour | np.ndarray, high: Colour | np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Colours [n, 3] (floats) from ``low`` where ``amount`` is 0 to ``high`` where it is 1."""
    t = np.clip(amount, 0, 1)[:, None]
    return np.asarray(low, np.float64) * (1 - t) + np.asarray(high, np.float64) * t


def between(m: Mesh, chosen: Sequence[int], colours: Sequence[Colour]) -> np.ndarray:
    """Colours [n, 3] interpolated between chosen vertices, by inverse squared distance: exact at those vertices."""
    anchors = m.vertices[list(chosen)]
    square = ((m.vertices[:, None] - anchors) ** 2).sum(2)
    weights = 1 / np.maximum(square, 1e-12 * max(float(square.max()), 1e-300))
    return (weights / weights.sum(1, keepdims=True)) @ np.asarray(colours, np.float64)


def spots(m: Mesh, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """How much each vertex [n] belongs to a soft round spot, 0 to 1; the spots lie evenly by area."""
    amount = np.zeros(len(m.vertices))
    for place in scattered(m, count, rng):
        distance = np.linalg.norm(m.vertices - place, axis=1) / (radius * rng.uniform(0.6, 1.4))
        amount = np.maximum(amount, np.clip(1.5 - 1.5 * distance, 0, 1))
    return amount


def scattered(m: Mesh, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points [count, 3] on the surface, even by area."""
    face = rng.choice(len(m.faces), count, p=m.areas / m.area)
    a, b = rng.random((2, count, 1))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    corner = m.vertices[m.faces[face]]
    return corner[:, 0] + a * (corner[:, 1] - corner[:, 0]) + b * (corner[:, 2] - corner[:, 0])


def positive_share(m: Mesh, values: np.ndarray) -> float:
    """The share of the surface's area where ``values`` [n], interpolated linearly within each face, are above 0."""
    v = np.sort(np.asarray(values, np.float64)[m.faces], axis=1)
    low, middle, high = v.T
    top = (low <= 0) & (middle <= 0) & (high > 0)
    most = (low <= 0) & (middle > 0)
    share = (low > 0).astype(np.float64)
    share[top] = high[top] ** 2 / ((high - low) * (high - middle))[top]
    share[most] = 1 - low[most] ** 2 / ((middle - low) * (high - low))[most]
    return float((share * m.areas).sum() / m.area)


def red_share(m: Mesh) -> float:
    """The share of the surface's area where red outweighs green, measured on the colours that it has."""
    return positive_share(m, m.colours[:, 0].astype(np.int64) - m.colours[:, 1].astype(np.int64))


def steered(
    paint: Callable[[float], Mesh],
    low: float,
    high: float,
    share: float,
    *,
    measure: Callable[[Mesh], float] = red_share,
    tolerance: float = 0.0005,
) -> Mesh:
    """The mesh that ``paint(threshold)`` gives with the threshold at which ``measure`` of it is ``share``.

    The measure must fall as the threshold rises from ``low`` to ``high``; where none comes within ``tolerance``, an
    error says so.
    """
    for _ in range(40):
        done = paint((low + high) / 2)
        found = measure(done)
        if abs(found - share) <= tolerance:
            return done
        low, high = (low, (low + high) / 2) if found < share else ((low + high) / 2, high)
    raise BadInput(f"the colours reach a share of {found:.3f}, not {share:.3f}", cure="choose a share nearer to a half")


def grain(points: np.ndarray, rng: np.random.Generator, colour: Colour, amount: float = 12.0) -> np.ndarray:
    """One colour that noise makes lighter and darker by at most ``amount``: uint8 [n, 3]."""
    shade = (2 * noise(points, rng) - 1)[:, None] * amount
    return painted(np.asarray(colour, np.float64) + shade, len(points))
