"""RBF networks: a function as a weighted sum of bumps, fitted by ridge regression (Broomhead & Lowe 1988).

The bumps' heights at a point are its features; everything behind them is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from pellucid.core.errors import BadInput

_CHUNK = 4096

#: Ridges that are compared, as shares of the mean squared feature.
_RIDGES = 10.0 ** np.arange(-10, 3)


@dataclass(frozen=True, eq=False)
class RBFNetwork:
    """f(x) = offset + Σ_j weights_j · exp(−‖x − centres_j‖² / (2·widths_j²)).

    centres: [k, d]. widths: [k], in the inputs' units. weights: [k, outputs]. offset: [outputs]. ridge: as fitted.
    gcv: the generalised cross-validation estimate of the mean squared error of new values.
    """

    centres: np.ndarray
    widths: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    ridge: float
    gcv: float

    def features(self, x: np.ndarray) -> np.ndarray:
        """The height of each bump at each point x [n, d] (or [n] for one input): [n, k], between 0 and 1."""
        return _features(_rows(x, self.centres.shape[1]), self.centres, self.widths)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The function at x [n, d] (or [n]): [n, outputs], or [n] where it was fitted to one number a point."""
        rows = _rows(x, self.centres.shape[1])
        parts = [self.features(rows[i : i + _CHUNK]) @ self.weights for i in range(0, len(rows), _CHUNK)]
        values = np.concatenate(parts) + self.offset if parts else np.zeros((0, len(self.offset)))
        return values[:, 0] if values.shape[1] == 1 else values


def fit_rbf(
    x: np.ndarray,
    y: np.ndarray,
    *,
    centres: Literal["kmeans", "grid"] | np.ndarray = "kmeans",
    count: int = 30,
    width: float | None = None,
    ridge: float | None = None,
    seed: int = 0,
) -> RBFNetwork:
    """Fit an RBF network to values y [n] or [n, outputs] at points x [n] or [n, d].

    centres: "kmeans" puts them where the points are, "grid" evenly over their range (about ``count`` in all), or
    give them [k, d]. width: of every bump; by default each one's is its distance to the nearest other centre, times √2.
    ridge: the penalty on squared weights, as a share of the features' mean square; by default the one with the
    smallest generalised cross-validation error (Golub, Heath & Wahba 1979).
    """
    x, y = _rows(x, None), np.asarray(y, np.float64)
    targets = y[:, None] if y.ndim == 1 else y
    _check(x, targets, count, width, ridge)
    places = _centres(x, centres, count, seed)
    widths = _widths(places) if width is None else np.full(len(places), float(width))
    features = _features(x, places, widths)
    offset = targets.mean(0)
    weights, chosen, gcv = _ridge(features, targets - offset, ridge)
    return RBFNetwork(places, widths, weights, offset, chosen, gcv)


def _features(x: np.ndarray, centres: np.ndarray, widths: np.ndarray) -> np.ndarray:
    return np.exp(-cdist(x, centres, "sqeuclidean") / (2 * widths**2))


def _ridge(features: np.ndarray, targets: np.ndarray, ridge: float | None) -> tuple[np.ndarray, float, float]:
    """The weights, the ridge and its GCV error n·‖residual‖² / (n − trace of the hat matrix)², per output."""
    u, s, vt = np.linalg.svd(features, full_matrices=False)
    turned, n = u.T @ targets, len(features)
    left = float((targets**2).sum() - (turned**2).sum())  # what no weights can reach
    scale = float((s**2).mean())
    tried = []
    for each in _RIDGES if ridge is None else [ridge]:
        shrink = s**2 / (s**2 + max(each * scale, 1e-14 * scale))
        residual = float((((1 - shrink)[:, None] * turned) ** 2).sum()) + max(left, 0.0)
        free = n - 1 - float(shrink.sum())
        gcv = n * residual / max(free, 1e-9) ** 2 / targets.shape[1] if free > 0.5 else np.inf
        tried.append((gcv, float(each)))
    gcv, chosen = min(tried)
    weights = vt.T @ ((s / (s**2 + max(chosen * scale, 1e-14 * scale)))[:, None] * turned)
    return weights, chosen, float(gcv)


def _centres(x: np.ndarray, how: str | np.ndarray, count: int, seed: int) -> np.ndarray:
    if isinstance(how, np.ndarray):
        return _rows(how, x.shape[1])
    distinct = np.unique(x, axis=0)
    if how == "kmeans":
        from sklearn.cluster import KMeans

        fitted = KMeans(min(count, len(distinct)), n_init=4, random_state=seed).fit(x)
        return fitted.cluster_centers_
    if how == "grid":
        a_side = max(2, round(count ** (1 / x.shape[1])))
        axes = [np.linspace(low, high, a_side) for low, high in zip(x.min(0), x.max(0), strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, x.shape[1])
    raise BadInput(f"centres is {how!r}", cure="pass 'kmeans', 'grid' or an array [k, d]")


def _widths(centres: np.ndarray) -> np.ndarray:
    if len(centres) == 1:
        return np.ones(1)
    nearest = cKDTree(centres).query(centres, 2)[0][:, 1]
    return np.sqrt(2) * np.maximum(nearest, 1e-12 + 1e-6 * np.ptp(centres))


def _rows(x: np.ndarray, columns: int | None) -> np.ndarray:
    """Points as float64 [n, d]; a vector is n points of one number."""
    array = np.asarray(x, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not np.isfinite(array).all():
        raise BadInput(f"points of shape {np.shape(x)} that are not all finite numbers [n, d]")
    if columns is not None and array.shape[1] != columns:
        raise BadInput(f"points of {array.shape[1]} numbers where {columns} are wanted")
    return array


def _check(x: np.ndarray, y: np.ndarray, count: int, width: float | None, ridge: float | None) -> None:
    if y.ndim != 2 or len(y) != len(x) or not np.isfinite(y).all():
        raise BadInput(f"values of shape {y.shape} for {len(x)} points", cure="pass one finite value (or row) a point")
    if len(x) < 2:
        raise BadInput(f"{len(x)} points determine no function", cure="pass at least 2")
    if count < 1 or (width is not None and not width > 0) or (ridge is not None and not ridge >= 0):
        raise BadInput(f"count {count}, width {width}, ridge {ridge}", cure="they must be positive")
