"""Which pictures are unlike those that were learnt from? Scores, the higher the stranger, and what they are worth.

Every score knows normal items alone. Beside those of the network stand the same by principal components, and trivial
ones that look at brightness alone: an autoencoder's error grows with a picture's variance whatever is in it, so a
figure without them says little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from pellucid.features.resampling import Interval
from pellucid.tasks.curves import auroc
from pellucid.training.latents.spaces import Spaces

#: Neighbours whose mean distance counts.
NEIGHBOURS = 5


@dataclass(frozen=True)
class Score:
    """values: [m], the higher the stranger. space: what it looks at. kind: "network", "plain" (none), "trivial"."""

    name: str
    space: str
    kind: str
    values: np.ndarray


def scores(normal: Spaces, asked: Spaces) -> list[Score]:
    """Every score of ``asked``, from what ``normal`` is like."""
    found = [] if asked.error is None else [Score("reconstruction error", "code", "network", asked.error)]
    found += [
        Score("distance to neighbours", "code", "network", neighbour_distance(normal.codes, asked.codes)),
        Score("Mahalanobis distance", "code", "network", mahalanobis(normal.codes, asked.codes)),
        Score("reconstruction error", "PCA", "plain", asked.pca_error),
        Score("Mahalanobis distance", "PCA", "plain", mahalanobis(normal.pca, asked.pca)),
        Score("distance to neighbours", "pixels", "plain", neighbour_distance(normal.pixels, asked.pixels)),
        Score("variance of its values", "brightness", "trivial", asked.variance),
        Score("unusual variance", "brightness", "trivial", np.abs(asked.variance - normal.variance.mean())),
        Score("mean of its values", "brightness", "trivial", asked.mean),
        Score("unusual mean", "brightness", "trivial", np.abs(asked.mean - normal.mean.mean())),
    ]
    return found


def neighbour_distance(normal: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean Euclidean distance to the nearest normal items (Ramaswamy et al. 2000): [m]."""
    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(normal))).fit(normal)
    return near.kneighbors(asked)[0].mean(1)


def mahalanobis(normal: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The distance from the mean in deviations of the normal items: [m].

    The covariance is shrunk as far as its items are few (Ledoit & Wolf 2004).
    """
    known = LedoitWolf().fit(normal.astype(np.float64))
    return np.sqrt(np.maximum(known.mahalanobis(asked.astype(np.float64)), 0))


def detection(score: Score, strange: np.ndarray, draws: list[np.ndarray]) -> Interval:
    """How often a strange item scores above a normal one (the area under the ROC curve), with its interval."""
    values = np.array([auroc(strange[p], score.values[p]) for p in draws])
    return Interval(auroc(strange, score.values), values)
