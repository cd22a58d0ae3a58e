"""How far off numbers are: truth and decisions [n, columns] in the columns' own units, NaN where truth is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.tasks.task import Metric

#: A function of one column's known truths and of what was answered for them.
OfColumn = Callable[[np.ndarray, np.ndarray], float]


def regression_metrics(columns: tuple[str, ...], deviations: np.ndarray) -> dict[str, Metric]:
    """For one column MAE and RMSE in its unit, and R². For several each column's own, the mean of their R², and the
    means of their MAE and RMSE in ``deviations`` [columns], since units cannot be averaged.
    """
    unit = columns[0] if len(columns) == 1 else "deviations of the training items"
    by = np.ones(1) if len(columns) == 1 else deviations
    overall = {
        "mae": Metric(_over(mae, by), f"mean distance from the truth, in {unit}", higher=False),
        "rmse": Metric(_over(rmse, by), f"root of the mean squared distance, in {unit}", higher=False),
        "r2": Metric(_over(r2, np.ones(len(columns))), "1 less the squared errors over those of the mean"),
    }
    if len(columns) == 1:
        return overall
    return overall | {
        f"{name} of {column}": Metric(_one(compute, i), f"{words} in {column}", higher=name == "r2")
        for i, column in enumerate(columns)
        for name, compute, words in (("mae", mae, "MAE"), ("rmse", rmse, "RMSE"), ("r2", r2, "R²"))
    }


def mae(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.abs(truth - answers).mean())


def rmse(truth: np.ndarray, answers: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((truth - answers) ** 2).mean()))


def r2(truth: np.ndarray, answers: np.ndarray) -> float:
    """1 − squared errors / squared distances from the mean of these truths: 0 is as good as always saying the mean.

    NaN where the truths do not differ.
    """
    spread = ((truth - truth.mean()) ** 2).sum()
    return float(1 - ((truth - answers) ** 2).sum() / spread) if spread > 0 else float("nan")


def _column(compute: OfColumn, truth: np.ndarray, answers: np.ndarray, i: int) -> float:
    known = ~np.isnan(truth[:, i])
    if not known.any():
        return float("nan")
    return compute(truth[known, i].astype(np.float64), answers[known, i].astype(np.float64))


def _one(compute: OfColumn, i: int) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    return lambda truth, probabilities, decisions: _column(compute, truth, decisions, i)


def _over(compute: OfColumn, by: np.ndarray) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    """The mean over the columns, each divided by its own number; NaN where one has no known truth."""
    return lambda truth, probabilities, decisions: float(
        np.mean([_column(compute, truth, decisions, i) / b for i, b in enumerate(by)])
    )
