"""How good decisions on an ordered scale are: all but the last two from the table of truth and decision alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.tasks.metrics import accuracy, confusion, log_loss, of_known
from pellucid.tasks.task import MISSING, Metric

#: A function of the table [truth, decision] of counts and of the places of the levels.
OfTable = Callable[[np.ndarray, np.ndarray], float]


def ordinal_metrics(places: np.ndarray, unit: str = "levels") -> dict[str, Metric]:
    """The metrics of a scale whose levels lie at ``places`` (rising); truth and decisions are level numbers."""

    def of(compute: OfTable, words: str, *, higher: bool = False) -> Metric:
        return Metric(lambda t, p, d: _of_table(compute, places, t, d), words, higher)

    return {
        "mae": of(mae, f"mean distance from the truth, in {unit}"),
        "macro_mae": of(macro_mae, f"the mean of the levels' own mean distances, in {unit}"),
        "mse": of(mse, f"mean squared distance, in {unit}²"),
        "qwk": of(qwk, "quadratic weighted kappa: 1 less the squared errors over those of chance", higher=True),
        "accuracy": Metric(accuracy, "the share of pictures decided right", of=of_known),
        "off_by_one": of(off_by_one, "the share of pictures decided right or as a neighbour", higher=True),
        "spearman": of(spearman, "the correlation of the ranks of truth and decision", higher=True),
        "kendall": of(kendall, "Kendall's τ-b: pairs in the right order less those in the wrong one", higher=True),
        "rps": Metric(lambda t, p, d: rps(t, p, places), "ranked probability score: Σ (P(≤k) − [truth ≤ k])²", False),
        "log_loss": Metric(log_loss, "the mean of −log p(right level)", higher=False),
    }


def _of_table(compute: OfTable, places: np.ndarray, truth: np.ndarray, decisions: np.ndarray) -> float:
    table = confusion(truth, decisions, len(places))
    return compute(table, places) if table.any() else float("nan")


def _distances(places: np.ndarray) -> np.ndarray:
    return np.abs(places[:, None] - places)


def mae(table: np.ndarray, places: np.ndarray) -> float:
    """Mean absolute error."""
    return float((table * _distances(places)).sum() / table.sum())


def mse(table: np.ndarray, places: np.ndarray) -> float:
    """Mean squared error."""
    return float((table * _distances(places) ** 2).sum() / table.sum())


def macro_mae(table: np.ndarray, places: np.ndarray) -> float:
    """The mean over the levels that are there of their own MAE (Baccianella et al. 2009)."""
    there = table.sum(1) > 0
    own = (table * _distances(places)).sum(1)[there] / table.sum(1)[there]
    return float(own.mean())


def qwk(table: np.ndarray, places: np.ndarray) -> float:
    """1 − squared errors / those of the decisions dealt out at random (Cohen 1968); NaN where all are one level."""
    squares = _distances(places) ** 2
    chance = (squares * np.outer(table.sum(1), table.sum(0))).sum() / table.sum()
    return float(1 - (squares * table).sum() / chance) if chance else float("nan")


def off_by_one(table: np.ndarray, places: np.ndarray) -> float:
    """The share that is at most one rank off, however far apart the levels lie."""
    ranks = np.arange(len(places))
    return float(table[np.abs(ranks[:, None] - ranks) <= 1].sum() / table.sum())


def spearman(table: np.ndarray, places: np.ndarray) -> float:
    """Pearson's correlation of mid-ranks; NaN where one side is one level alone."""
    rows, columns = (_centred_ranks(table.sum(axis)) for axis in (1, 0))
    spread = (table.sum(1) @ rows**2) * (table.sum(0) @ columns**2)
    return float(rows @ table @ columns / np.sqrt(spread)) if spread > 0 else float("nan")


def _centred_ranks(counts: np.ndarray) -> np.ndarray:
    """The mid-rank of each level's items, less the mean of all ranks."""
    return counts.cumsum() - (counts + counts.sum()) / 2


def kendall(table: np.ndarray, places: np.ndarray) -> float:
    """τ-b; NaN where one side is one level alone."""
    table = table.astype(np.float64)
    agreeing, opposed = _ordered_pairs(table), _ordered_pairs(table[:, ::-1])
    total = table.sum() ** 2
    untied = (total - (table.sum(1) ** 2).sum()) * (total - (table.sum(0) ** 2).sum())
    return float(2 * (agreeing - opposed) / np.sqrt(untied)) if untied > 0 else float("nan")


def _ordered_pairs(table: np.ndarray) -> float:
    """How many pairs of items have one both lower (truth) and further left (decision) than the other."""
    beyond = table[::-1, ::-1].cumsum(0).cumsum(1)[::-1, ::-1]
    return float((table[:-1, :-1] * beyond[1:, 1:]).sum())


def rps(truth: np.ndarray, probabilities: np.ndarray, places: np.ndarray) -> float:
    """The ranked probability score (Epstein 1969), each step weighed by how far it is to the next level."""
    known = truth != MISSING
    if not known.any():
        return float("nan")
    reached = probabilities[known].astype(np.float64).cumsum(1)[:, :-1]
    right = truth[known][:, None] <= np.arange(len(places) - 1)
    return float((((reached - right) ** 2) @ np.diff(places)).mean())
