"""Rational B-splines: curves and surfaces that are also exact circles (Piegl and Tiller, The NURBS Book, 1997)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from pellucid.core.errors import BadInput


@dataclass(frozen=True, eq=False)
class Curve:
    """points: [n, d]. weights: [n], positive; None for all alike. knots: None for clamped and evenly spaced."""

    points: np.ndarray
    weights: np.ndarray | None = None
    degree: int = 3
    knots: np.ndarray | None = None

    def at(self, u: np.ndarray) -> np.ndarray:
        """The points [k, d] at the parameters ``u`` of [0, 1]: Σ wᵢ Nᵢ(u) Pᵢ / Σ wᵢ Nᵢ(u)."""
        points = np.asarray(self.points, np.float64)
        lifted = _lifted(points, self.weights, len(points))
        found = _evaluated(lifted, self.degree, self.knots, u)
        return found[..., :-1] / found[..., -1:]


@dataclass(frozen=True, eq=False)
class Surface:
    """points: [n, m, d]. weights: [n, m] or None. degrees and knots: along the first and the second axis."""

    points: np.ndarray
    weights: np.ndarray | None = None
    degrees: tuple[int, int] = (3, 3)
    knots: tuple[np.ndarray | None, np.ndarray | None] = (None, None)

    def at(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The points [len(u), len(v), d] of the grid of parameters in [0, 1]."""
        points = np.asarray(self.points, np.float64)
        lifted = _lifted(points, self.weights, points.shape[:2])
        rows = _evaluated(lifted, self.degrees[0], self.knots[0], u)
        found = _evaluated(rows.swapaxes(0, 1), self.degrees[1], self.knots[1], v).swapaxes(0, 1)
        return found[..., :-1] / found[..., -1:]


def circle(radius: float = 1.0) -> Curve:
    """A circle about the origin, exact at every parameter: nine points, every second one of weight √½."""
    corners = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0)]
    weights = np.where(np.arange(9) % 2, np.sqrt(0.5), 1.0)
    knots = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]) / 4
    return Curve(radius * np.array(corners, np.float64), weights, 2, knots)


def revolved(profile: Curve) -> Surface:
    """The surface [profile, turn] that a curve of (radius, height) sweeps about the z axis; exactly round."""
    ring = circle()
    line = np.asarray(profile.points, np.float64)
    points = np.empty((len(line), 9, 3))
    points[..., :2] = line[:, None, :1] * np.asarray(ring.points)[None]
    points[..., 2] = line[:, 1:2]
    own = np.ones(len(line)) if profile.weights is None else np.asarray(profile.weights)
    return Surface(points, own[:, None] * ring.weights, (profile.degree, 2), (profile.knots, ring.knots))


def clamped(count: int, degree: int) -> np.ndarray:
    """Evenly spaced knots on [0, 1], the ends repeated so that the curve begins and ends in its points."""
    return np.concatenate([np.zeros(degree), np.linspace(0, 1, count - degree + 1), np.ones(degree)])


def _lifted(points: np.ndarray, weights: np.ndarray | None, shape: int | tuple[int, ...]) -> np.ndarray:
    """Points times their weight, and the weight behind them."""
    w = np.ones(shape) if weights is None else np.asarray(weights, np.float64)
    if (w <= 0).any():
        raise BadInput("a weight is not positive", cure="give weights above 0")
    return np.concatenate([points * w[..., None], w[..., None]], -1)


def _evaluated(coefficients: np.ndarray, degree: int, knots: np.ndarray | None, u: np.ndarray) -> np.ndarray:
    count = len(coefficients)
    if count <= degree:
        raise BadInput(f"{count} points are too few for degree {degree}", cure=f"give {degree + 1} points or more")
    where = clamped(count, degree) if knots is None else np.asarray(knots, np.float64)
    return BSpline(where, coefficients, degree)(np.asarray(u, np.float64))
