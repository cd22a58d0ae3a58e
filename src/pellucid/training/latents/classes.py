"""Do codes tell classes apart? Nearest neighbours and a small classifier, on codes as on pixels."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid.features.resampling import Interval

#: Neighbours that vote.
NEIGHBOURS = 5

#: Penalties of the logistic regression, of which a held-out fifth of what is learnt from chooses.
CS = (1e-3, 1e-2, 1e-1, 1.0)

#: Steps of its optimizer, and the change below which it ends: the penalty decides more than the last digits.
STEPS, TOLERANCE = 1000, 1e-3


def by_neighbours(fitted: np.ndarray, classes: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What most of the nearest items are: int [m]."""
    voters = KNeighborsClassifier(min(NEIGHBOURS, len(fitted))).fit(fitted, classes)
    return voters.predict(asked)


def by_logistic(fitted: np.ndarray, classes: np.ndarray, asked: np.ndarray, *, seed: int) -> np.ndarray:
    """What a logistic regression on standardised numbers says: int [m]."""
    return logistic(_penalty(fitted, classes, seed)).fit(fitted, classes).predict(asked)


def _penalty(x: np.ndarray, classes: np.ndarray, seed: int) -> float:
    """The best penalty on a held-out fifth; of few items the middle one."""
    fewest = np.unique(classes, return_counts=True)[1].min()
    if fewest < 5:
        return CS[len(CS) // 2]
    learn, check = train_test_split(np.arange(len(x)), test_size=0.2, random_state=seed, stratify=classes)
    scores = [logistic(c).fit(x[learn], classes[learn]).score(x[check], classes[check]) for c in CS]
    return CS[int(np.argmax(scores))]


def logistic(c: float) -> Pipeline:
    """A logistic regression on standardised numbers with this penalty."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=STEPS, tol=TOLERANCE))


def accuracy(said: np.ndarray, classes: np.ndarray, draws: list[np.ndarray]) -> Interval:
    """The share that is right, with its interval."""
    right = said == classes
    return Interval(float(right.mean()), np.array([right[p].mean() for p in draws]))
