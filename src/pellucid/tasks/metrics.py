"""How good decisions are: the field's usual figures, each a function of truth, probabilities and decisions.

Items whose label is missing count for nothing. All of it is numpy, and fast enough to be drawn a thousand times.
"""

from __future__ import annotations

import numpy as np

from pellucid.tasks import curves
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


# -- of how many items each of these is a share ----------------------------------------------------


def of_known(truth: np.ndarray, decisions: np.ndarray) -> int:
    """Items with a label, of which accuracy is a share."""
    known = truth != MISSING
    return int((known if known.ndim == 1 else known.any(1)).sum())


def of_rarest(truth: np.ndarray, decisions: np.ndarray) -> int:
    """Items of the rarest class that is there: what means over classes rest on."""
    return int(np.unique(truth[truth != MISSING], return_counts=True)[1].min(initial=len(truth)))


def of_positive(truth: np.ndarray, decisions: np.ndarray) -> int:
    """Items of the positive class."""
    return int((truth == 1).sum())


def of_said(truth: np.ndarray, decisions: np.ndarray) -> int:
    """Items that were taken for the positive class."""
    return int(((decisions == 1) & (truth != MISSING)).sum())


#: For classes that exclude each other: truth int [n], probabilities [n, classes], decisions int [n].
EXCLUSIVE = {
    "accuracy": Metric(accuracy, "the share of pictures decided right", of=of_known),
    "balanced_accuracy": Metric(balanced_accuracy, "the mean of the classes' shares decided right", of=of_rarest),
    "macro_f1": Metric(macro_f1, "the mean of the classes' F1", of=of_rarest),
    "log_loss": Metric(log_loss, "the mean of −log p(right class)", higher=False),
}


# -- two classes, of which the second is the positive one -----------------------------------------


def _positive(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the known items are positive, and how probable that was said to be."""
    known = truth != MISSING
    return truth[known] == 1, probabilities[known, 1]


def precision(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of what was taken for positive that is."""
    (_, false), (_, true) = confusion(truth, decisions, 2)
    return float(true / (true + false)) if true + false else float("nan")


def recall(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of positive items that were taken for positive."""
    _, (missed, true) = confusion(truth, decisions, 2)
    return float(true / (true + missed)) if true + missed else float("nan")


def f1(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """2·TP / (2·TP + FP + FN), the harmonic mean of precision and recall."""
    (_, false), (missed, true) = confusion(truth, decisions, 2)
    return float(2 * true / (2 * true + false + missed)) if true + false + missed else float("nan")


def auroc(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """How often a positive item is more probable than a negative one."""
    return curves.auroc(*_positive(truth, probabilities))


def average_precision(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the precision over all recalls."""
    return curves.average_precision(*_positive(truth, probabilities))


def brier(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of (p − y)² (Brier 1950, in its form for two classes)."""
    positive, given = _positive(truth, probabilities)
    return float(np.square(given - positive).mean()) if len(given) else float("nan")


def calibration_error(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of |share of positives − mean p| over 15 bins of equal width, weighed by their items (Naeini 2015)."""
    positive, given = _positive(truth, probabilities)
    if not len(given):
        return float("nan")
    place = np.minimum((given * 15).astype(np.int64), 14)
    return float(np.abs(np.bincount(place, positive - given.astype(np.float64), 15)).sum() / len(given))


def expected_cost(false_positive: float, false_negative: float) -> Metric:
    """What a decision costs on average, where right ones cost nothing."""

    def compute(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
        table = confusion(truth, decisions, 2)
        cost = false_positive * table[0, 1] + false_negative * table[1, 0]
        return float(cost / table.sum()) if table.any() else float("nan")

    words = f"the mean cost, {false_positive:g} a false positive and {false_negative:g} a false negative"
    return Metric(compute, words, higher=False)


#: For two classes: truth int [n], probabilities [n, 2], decisions int [n]; 1 is the positive class.
BINARY = {
    "accuracy": Metric(accuracy, "the share of pictures decided right", of=of_known),
    "balanced_accuracy": Metric(balanced_accuracy, "the mean of the two classes' shares decided right", of=of_rarest),
    "f1": Metric(f1, "F1, the harmonic mean of precision and recall", of=of_positive),
    "precision": Metric(precision, "the share of what was taken for positive that is", of=of_said),
    "recall": Metric(recall, "the share of positive pictures that were found", of=of_positive),
    "auroc": Metric(auroc, "how often a positive picture is more probable than a negative one", of=of_rarest),
    "average_precision": Metric(average_precision, "the mean of the precision over all recalls", of=of_positive),
    "brier": Metric(brier, "the mean of (p − y)²", higher=False),
    "log_loss": Metric(log_loss, "the mean of −log p(right class)", higher=False),
    "calibration_error": Metric(calibration_error, "how far p is from the share that is positive", higher=False),
}
