"""The estimators that rivals are made of, for classes and for numbers, with the settings that are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from pellucid.training.rivals.bench import Bench, Fold

#: Penalties that are tried: C of logistic regressions; alpha of ridges is its inverse.
CS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: C of SVMs, and their kernels' width as a multiple of 1 / features.
SVM_LINEAR, SVM_RBF, GAMMAS = (1e-4, 1e-3, 1e-2, 1e-1), (1.0, 10.0), (1.0, 4.0, 16.0)
NEIGHBOURS = (1, 3, 5, 9, 17, 33)

#: Steps of an optimizer, and the change below which it ends: the penalty decides more than the last digits.
STEPS, TOLERANCE = 500, 1e-3


def some(values: Sequence[Any], bench: Bench) -> list[Any]:
    """All the values, or every second of them where it has to be quick."""
    return list(values[len(values) % 2 == 0 :: 2] if bench.quick and len(values) > 2 else values)


def linear(bench: Bench) -> tuple[BaseEstimator, dict[str, list[Any]]]:
    """A weighted sum with a penalty on the squared weights: multinomial logistic regression, or ridge regression."""
    if bench.numbers:
        return Ridge(), {"alpha": [1 / c for c in some(CS, bench)]}
    return LogisticRegression(max_iter=STEPS, tol=TOLERANCE), {"C": some(CS, bench)}


def svm(bench: Bench, kernel: str) -> tuple[BaseEstimator, dict[str, list[Any]]]:
    """A support vector machine, classes one against one."""
    make = SVR if bench.numbers else SVC
    if kernel == "linear":
        # A function is computed as one product of matrices; libsvm's own kernels take several times as long.
        return make(kernel=linear_kernel), {"C": some(SVM_LINEAR, bench)}
    kernels = [Radial(gamma) for gamma in some(GAMMAS, bench)]
    return make(kernel=kernels[0]), {"C": some(SVM_RBF, bench), "kernel": kernels}


class Radial:
    """exp(−γ·|x − x'|²) with γ as a multiple of 1 / features."""

    def __init__(self, times: float):
        self.times = times

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The kernel's values [n, m]."""
        return rbf_kernel(x, y, gamma=self.times / x.shape[1])

    def __repr__(self) -> str:
        return f"{self.times:g} / features"


def neighbours(fold: Fold) -> tuple[BaseEstimator, dict[str, list[Any]]]:
    """What most (the mean) of the nearest items are."""
    fewest = min(len(fitted) for fitted, _ in fold.inner)
    make = KNeighborsRegressor if fold.bench.numbers else KNeighborsClassifier
    return make(), {"n_neighbors": some([k for k in NEIGHBOURS if k <= fewest], fold.bench)}


def piped(last: tuple[BaseEstimator, dict[str, list[Any]]], **before: Any) -> tuple[Pipeline, dict[str, list[Any]]]:
    """Steps before an estimator, whose grid is named after its step."""
    estimator, grid = last
    pipeline = Pipeline([*before.items(), ("last", estimator)])
    return pipeline, {f"last__{name}": values for name, values in grid.items()}


def standardised() -> StandardScaler:
    """Each feature less its mean, over its deviation, as the learning part has them."""
    return StandardScaler()
