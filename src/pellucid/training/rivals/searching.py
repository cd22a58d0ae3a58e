"""Settings chosen inside the learning part, for estimators of scikit-learn: a grid, and a fit with its best cell."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pellucid.training.rivals.bench import Answer, Bench, Fold, threads

Grid = Mapping[str, Sequence[Any]]

#: Estimators that keep every item (SVMs, neighbours) learn from at most so many.
MOST = 10_000


def searched(fold: Fold, x: np.ndarray, pipeline: Pipeline, grid: Grid, *, most: int | None = None) -> Answer:
    """Choose from the grid on the inner folds, fit on the whole learning part, answer.

    x: [n, F], all items. pipeline: everything that learns from data is in it, so that nothing of what is asked later
    gets into it. most: learn from at most so many, which is noted.
    """
    return searched_fit(fold, x, pipeline, grid, most=most)[0]


def searched_fit(
    fold: Fold, x: np.ndarray, pipeline: Pipeline, grid: Grid, *, most: int | None = None
) -> tuple[Answer, Pipeline]:
    """The answer, and the fitted pipeline."""
    bench, unit = fold.bench, Unit.of(fold)
    rows = fold.learn if most is None else fold.some(most)
    with threadpool_limits(1), parallel_config("threading", n_jobs=threads()):
        chosen = _best(fold, x, pipeline, grid, unit)
        fitted, notes = _fit(clone(pipeline).set_params(**chosen), x[rows], unit.to(bench.targets[rows]))
        held_out, learnt = (probabilities_of(fitted, x[some], bench, unit) for some in (fold.test, rows))
    if len(rows) < len(fold.learn):
        notes = (*notes, f"learns from {len(rows)} of {len(fold.learn)} items, drawn with the seed")
    return Answer(held_out, rows, learnt, _told(chosen), notes), fitted


class Unit:
    """Numbers in deviations from the learning part's mean, so that a setting means the same in every unit."""

    def __init__(self, mean: float, deviation: float):
        self.mean, self.deviation = mean, deviation

    @classmethod
    def of(cls, fold: Fold) -> Unit:
        """That of the fold's learning part; classes have none."""
        y = fold.bench.targets[fold.learn]
        return cls(float(y.mean()), float(y.std()) or 1.0) if fold.bench.numbers else cls(0, 1)

    def to(self, y: np.ndarray) -> np.ndarray:
        """What is learnt."""
        return (y - self.mean) / self.deviation if y.dtype.kind == "f" else y

    def back(self, y: np.ndarray) -> np.ndarray:
        """What is meant."""
        return y * self.deviation + self.mean


def _best(fold: Fold, x: np.ndarray, pipeline: Pipeline, grid: Grid, unit: Unit) -> dict[str, Any]:
    """The best cell by the task's first metric, as a mean over the inner folds; of equals the first."""
    if all(len(values) == 1 for values in grid.values()):
        return {name: values[0] for name, values in grid.items()}
    bench = fold.bench

    def score(estimator: BaseEstimator, some: np.ndarray, y: np.ndarray) -> float:
        truth = unit.back(y) if bench.numbers else y
        return bench.score(truth, probabilities_of(estimator, some, bench, unit))

    search = GridSearchCV(pipeline, dict(grid), scoring=score, cv=list(fold.inner), refit=False, error_score="raise")
    with warnings.catch_warnings():
        # A cell that does not converge is stopped early, and judged as that; of the last fit it is told.
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(x[fold.choosing], unit.to(bench.targets[fold.choosing]))
    return dict(search.best_params_)


def _fit(pipeline: Pipeline, x: np.ndarray, y: np.ndarray) -> tuple[Pipeline, tuple[str, ...]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(x, y)
    for each in caught:
        if not issubclass(each.category, ConvergenceWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    stopped = any(issubclass(each.category, ConvergenceWarning) for each in caught)
    return pipeline, ("was stopped before it had converged",) if stopped else ()


def probabilities_of(estimator: BaseEstimator, x: np.ndarray, bench: Bench, unit: Unit) -> np.ndarray:
    """[k, classes], a class that nobody learnt from at 0; what an estimator decides at 1 where it has no probabilities.

    Numbers are [k, 1], in their own unit.
    """
    if bench.numbers:
        return unit.back(np.asarray(estimator.predict(x), np.float64).reshape(-1, 1))
    found = np.zeros((len(x), len(bench.task.classes)))
    if hasattr(estimator, "predict_proba"):
        found[:, estimator.classes_] = estimator.predict_proba(x)
    else:
        found[np.arange(len(x)), estimator.predict(x)] = 1
    return found


#: What settings are called; the penalties, which all have, come last.
_NAMES = {
    "n_neighbors": "k",
    "n_components": "components",
    "k": "pixels",
    "func": "size",
    "kernel": "γ",
    "scale": "pixels",
}
_LAST = ("C", "alpha")


def _told(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by short names, as plain values."""
    short = {name.rpartition("__")[2]: _plain(value) for name, value in chosen.items()}
    order = sorted(short, key=lambda name: name in _LAST)
    return {_NAMES.get(name, name): short[name] for name in order}


def _plain(value: Any) -> Any:
    if isinstance(value, StandardScaler):
        return "standardised"
    if value == "passthrough":
        return "as they are"
    return value if isinstance(value, int | float | str) else repr(value)
