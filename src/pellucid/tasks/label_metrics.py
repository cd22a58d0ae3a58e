"""How good decisions on several labels are. Labels that are not known count for nothing.

truth: 1, 0 or NaN, float [n, labels]; probabilities: the labels' first, [n, labels or more]; decisions: int
[n, labels].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.tasks import curves
from pellucid.tasks.task import Metric


def _counts(truth: np.ndarray, decisions: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """True positives, and what they are twice taken from (2·TP + FP + FN), along an axis."""
    yes, said = truth == 1, (decisions == 1) & ~np.isnan(truth)
    return (yes & said).sum(axis), yes.sum(axis) + said.sum(axis)


def macro_f1(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the labels' F1 = 2·TP / (2·TP + FP + FN), over labels that are there or were said."""
    right, both = _counts(truth, decisions, 0)
    return float((2 * right[both > 0] / both[both > 0]).mean()) if both.any() else float("nan")


def micro_f1(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """F1 over all labels of all items together."""
    right, both = _counts(truth, decisions, 0)
    return float(2 * right.sum() / both.sum()) if both.any() else float("nan")


def item_f1(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the items' F1; 1 where an item has no label and was given none."""
    right, both = _counts(truth, decisions, 1)
    known = ~np.isnan(truth).all(1)
    each = np.where(both > 0, 2 * right / np.maximum(both, 1), 1.0)
    return float(each[known].mean()) if known.any() else float("nan")


def hamming_loss(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of labels that were decided wrong."""
    known = ~np.isnan(truth)
    return float(((truth != decisions) & known).sum() / known.sum()) if known.any() else float("nan")


def subset_accuracy(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The share of items of which all labels that are known were decided right."""
    unknown = np.isnan(truth)
    known = ~unknown.all(1)
    return float(((truth == decisions) | unknown).all(1)[known].mean()) if known.any() else float("nan")


def mean_average_precision(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean of the labels' average precision, over labels that are there."""
    each = [_average_precision(truth, probabilities, i) for i in range(truth.shape[1])]
    there = [value for value in each if not np.isnan(value)]
    return float(np.mean(there)) if there else float("nan")


def _average_precision(truth: np.ndarray, probabilities: np.ndarray, label: int) -> float:
    own, given = np.ascontiguousarray(truth[:, label]), np.ascontiguousarray(probabilities[:, label])
    unknown = np.isnan(own)
    if unknown.any():
        own, given = own[~unknown], given[~unknown]
    return curves.average_precision(own == 1, given)


def log_loss(truth: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> float:
    """The mean over all labels of −log of the probability that was given to what is true."""
    known = ~np.isnan(truth)
    if not known.any():
        return float("nan")
    given = probabilities[:, : truth.shape[1]]
    right = np.where(truth == 1, given, 1 - given)[known].astype(np.float64)
    return float(-np.log(np.clip(right, 1e-12, None)).mean())


def label_metrics(labels: Sequence[str]) -> dict[str, Metric]:
    """All of them, with each label's average precision."""
    return {
        "mean_average_precision": Metric(mean_average_precision, "mAP, the mean of the labels' average precision"),
        "subset_accuracy": Metric(subset_accuracy, "the share of pictures with all labels right", of=_of_known),
        "macro_f1": Metric(macro_f1, "the mean of the labels' F1"),
        "micro_f1": Metric(micro_f1, "F1 over all labels of all pictures together"),
        "picture_f1": Metric(item_f1, "the mean of the pictures' F1"),
        "hamming_loss": Metric(hamming_loss, "the share of labels decided wrong", higher=False, of=_of_known),
        "log_loss": Metric(log_loss, "the mean of −log p(what is true of a label)", higher=False),
        **{f"average_precision: {name}": _of_label(i, name) for i, name in enumerate(labels)},
    }


def _of_known(truth: np.ndarray, decisions: np.ndarray) -> int:
    return int((~np.isnan(truth)).any(1).sum())


def _of_label(label: int, name: str) -> Metric:
    return Metric(
        lambda t, p, d: _average_precision(t, p, label), f"the mean of the precision of {name!r} over recalls"
    )
