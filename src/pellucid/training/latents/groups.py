"""Do pictures of one class lie together? k-means, which never sees a label, held against the classes."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from pellucid.features.grouping.agreement import adjusted_rand, contingency
from pellucid.features.resampling import Interval

#: k-means begins so often; the best is kept.
BEGINNINGS = 10


def clustered(fitted: np.ndarray, asked: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
    """The cluster of each of ``asked`` [m, d] among those of ``fitted`` [n, d]: int64 [m]."""
    most = min(clusters, len(np.unique(fitted, axis=0)))
    means = KMeans(most, n_init=BEGINNINGS, random_state=seed).fit(fitted.astype(np.float64))
    return means.predict(asked.astype(np.float64)).astype(np.int64)


def mutual_information(table: np.ndarray) -> np.ndarray:
    """Normalised mutual information of contingency tables [..., a, b]: over the mean of both entropies.

    (Strehl & Ghosh 2002, with the arithmetic mean.) Two groupings of one group each agree.
    """
    p = table / table.sum((-2, -1), keepdims=True)
    one, other = p.sum(-1), p.sum(-2)
    joint, apart = _entropy(p, (-2, -1)), _entropy(one, -1) + _entropy(other, -1)
    return np.where(apart > 0, 2 * (apart - joint) / np.where(apart > 0, apart, 1.0), 1.0)


def _entropy(p: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis)


AGREEMENTS = {"ARI": adjusted_rand, "NMI": mutual_information}


def agreement(
    found: np.ndarray, classes: np.ndarray, draws: list[np.ndarray], *, seed: int
) -> dict[str, tuple[Interval, float]]:
    """ARI and NMI of clusters with classes, int [m] both, with their intervals; and what shuffled clusters give.

    An item that is drawn twice agrees with itself, which raises both, so the draws are moved onto the figure.
    """
    size = int(found.max()) + 1, int(classes.max()) + 1
    own = contingency(found, classes, size)
    drawn = np.stack([contingency(found[p], classes[p], size) for p in draws])
    generator = np.random.default_rng(seed)
    shuffled = np.stack([contingency(generator.permutation(found), classes, size) for _ in range(20)])
    found = {}
    for name, compute in AGREEMENTS.items():
        value, each = float(compute(own)), compute(drawn)
        found[name] = Interval(value, each - each.mean() + value), float(compute(shuffled).mean())
    return found
