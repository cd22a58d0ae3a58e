"""Learning curves: error = a·n^−b + c, fitted to errors at several sizes, and how sure what follows from it is.

Errors of learners fall as a power of the number of examples towards a floor (Cortes et al. 1994; Hestness et al.
2017, arXiv:1712.00409). For each b the best a and c, neither below 0, have a closed form, so the fit is a search over
b alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: The exponents that are tried: slower falls cannot be told from none, faster ones are not seen.
EXPONENTS = np.geomspace(0.05, 2.5, 160)


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """error(n) = fall·(n / unit)^−b + c for many draws at once: fall, b, c are [draws], the first one the fit itself.

    unit: a size among those measured, so that ``fall`` is the error above the floor there; a = fall·unit^b.
    """

    fall: np.ndarray
    b: np.ndarray
    c: np.ndarray
    unit: float

    @property
    def a(self) -> np.ndarray:
        """The factor where n counts single items."""
        return self.fall * self.unit**self.b

    def __call__(self, n: float | np.ndarray) -> np.ndarray:
        """The error at sizes n, [draws] or [draws, len(n)]."""
        sizes = np.atleast_1d(np.asarray(n, np.float64))
        found = self.fall[:, None] * (sizes / self.unit) ** -self.b[:, None] + self.c[:, None]
        return found if np.ndim(n) else found[:, 0]

    def size_for(self, error: float) -> np.ndarray:
        """The size at which each draw's curve reaches an error, [draws]; infinite where its floor is above it."""
        above = error - self.c
        reached = (above > 0) & (self.fall > 0)
        with np.errstate(over="ignore"):
            ratio = np.where(reached, self.fall, 1.0) / np.where(reached, above, 1.0)
            size = self.unit * ratio ** (1 / self.b)
        return np.where(reached, size, np.where(above > 0, 0.0, np.inf))


def fitted(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaw:
    """The least squares fits of many curves. sizes [k] > 0; errors [draws, k]; weights [k], 1 / variance."""
    sizes, errors = np.asarray(sizes, np.float64), np.atleast_2d(np.asarray(errors, np.float64))
    unit = float(np.exp(np.log(sizes).mean()))
    weights = np.asarray(weights, np.float64) / np.sum(weights)
    best = np.full(len(errors), np.inf)
    fall, b, c = (np.zeros(len(errors)) for _ in range(3))
    for exponent in EXPONENTS:
        own_fall, own_c = _closed_form((sizes / unit) ** -exponent, errors, weights)
        misfit = errors - own_fall[:, None] * (sizes / unit) ** -exponent - own_c[:, None]
        cost = (misfit**2) @ weights
        better = cost < best
        best[better], b[better] = cost[better], exponent
        fall[better], c[better] = own_fall[better], own_c[better]
    return PowerLaw(fall, b, c, unit)


def _closed_form(u: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best fall and c for errors ≈ fall·u + c, neither below 0: [draws] each. weights add up to 1."""
    mean_u, mean_e = u @ weights, errors @ weights
    variance = (u - mean_u) ** 2 @ weights
    fall = (errors * (u - mean_u)) @ weights / variance
    c = mean_e - fall * mean_u
    flat, floorless = fall < 0, (fall >= 0) & (c < 0)
    fall = np.where(flat, 0.0, np.where(floorless, (errors * u) @ weights / (u**2 @ weights), fall))
    c = np.where(flat, mean_e, np.where(floorless, 0.0, c))
    return np.maximum(fall, 0.0), np.maximum(c, 0.0)


def curves_drawn(errors: np.ndarray, item_draws: np.ndarray, *, seed: int) -> np.ndarray:
    """Curves that other items and other repeats would have given: [draws, k].

    errors: [repeats, k]. item_draws: the mean curve with the items drawn anew, [draws, k]. What repeats add is drawn
    from Student's t about their mean, for a bootstrap of five repeats would spread too little.
    """
    repeats, draws = len(errors), len(item_draws)
    generator = np.random.default_rng(seed)
    away = (errors - errors.mean(0)) / np.sqrt(repeats * (repeats - 1))
    normal = generator.standard_normal((draws, repeats))
    scale = np.sqrt((repeats - 1) / generator.chisquare(repeats - 1, (draws, 1)))
    return item_draws + scale * (normal @ away)
