"""How good decisions are: the field's usual figures, each a function of truth, probabilities and decisions.

Items whose label is missing count for nothing. All of it is numpy, and fast enough to be drawn a thousand times.
"""

from __future__ import annotations

import numpy as np

from pellucid.tasks.task import MISSING, Metric


def confusion(truth: np.ndarray, decisions: np.ndarray, classes: int) -> np.ndarray:
    """How many items of each class (row) were taken for which (column): int64 [classes, classes]."""
    known = truth != MISSING
    places = truth[known].astype(np.int64) * classes + decisions[known]
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def accuracy(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of items that were decided right."""
    known = truth != MISSING
    return float((truth[known] == decisions[known]).mean()) if known.any() else float("nan")


def balanced_accuracy(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean over the classes that are there of the share that was decided right."""
    table = confusion(truth, decisions, probabilities.shape[1])
    there = table.sum(1) > 0
    return float((np.diag(table)[there] / table.sum(1)[there]).mean()) if there.any() else float("nan")


def macro_f1(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the classes' F1 = 2·TP / (2·TP + FP + FN), over classes that are there or were said."""
    table = confusion(truth, decisions, probabilities.shape[1])
    right, both = np.diag(table), table.sum(0) + table.sum(1)
    return float((2 * right[both > 0] / both[both > 0]).mean()) if both.any() else float("nan")


def log_loss(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of −log of the probability that the right class was given."""
    known = truth != MISSING
    if not known.any():
        return float("nan")
    given = probabilities[known, truth[known].astype(np.int64)]
    return float(-np.log(np.clip(given, 1e-12, None)).mean())


#: For classes that exclude each other: truth int [n], probabilities [n, classes], decisions int [n].
EXCLUSIVE = {
    "accuracy": Metric(accuracy, "the share of pictures decided right"),
    "balanced_accuracy": Metric(balanced_accuracy, "the mean of the classes' shares decided right"),
    "macro_f1": Metric(macro_f1, "the mean of the classes' F1"),
    "log_loss": Metric(log_loss, "the mean of −log p(right class)", higher=False),
}
