"""From the labels' probabilities to decisions: a threshold for each label, or the best expected F1 of each item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.tasks.thresholds import tuned_threshold

#: Items at a time, so that memory stays small.
_BLOCK = 512


def above(labels: tuple[str, ...], probabilities: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
    """1 where a label's probability reaches its threshold, int64 [n, labels]."""
    thresholds = np.array([rule["thresholds"][name] for name in labels])
    return (probabilities[:, : len(labels)] >= thresholds).astype(np.int64)


def tuned_thresholds(
    labels: tuple[str, ...], probabilities: np.ndarray, targets: np.ndarray, untuned: Mapping[str, float]
) -> Mapping[str, Any]:
    """The rule with each label's threshold of the best F1; untuned: what it is where no item has the label."""
    found, missing = {}, []
    for i, name in enumerate(labels):
        known = ~np.isnan(targets[:, i])
        best = tuned_threshold(targets[known, i] == 1, probabilities[known, i], "f1")
        found[name] = untuned[name] if best is None else best
        missing += [name] if best is None else []
    return {"thresholds": found, "untuned": missing} if missing else {"thresholds": found}


def best_expected_f1(probabilities: np.ndarray) -> np.ndarray:
    """The labels of each item whose expected F1 is highest if labels are independent; int64 [n, labels].

    The best set is always the k likeliest labels for some k (Lewis 1995), whose expected F1 is a sum over how many of
    them and how many of the others are there, each a Poisson-binomial number (Ye 2012, §3.2). An item without
    labels that is given none counts as F1 = 1. probabilities: [n, labels].
    """
    blocks = [_best_of_block(probabilities[i : i + _BLOCK]) for i in range(0, len(probabilities), _BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty(probabilities.shape, np.int64)


def _best_of_block(probabilities: np.ndarray) -> np.ndarray:
    n, count = probabilities.shape
    order = np.argsort(-probabilities, axis=1, kind="stable")
    p = np.take_along_axis(probabilities, order, 1).astype(np.float64)
    others = _numbers_there(p[:, ::-1])  # others[j]: how many of the j least likely ones are there
    values = np.empty((n, count + 1))
    inside = np.ones((n, 1))
    for k in range(count + 1):
        values[:, k] = ((inside @ _f1_of_counts(k, count - k)) * others[count - k]).sum(1)
        if k < count:
            inside = _one_more(inside, p[:, k])
    best = values.argmax(1)
    decisions = np.empty((n, count), np.int64)
    np.put_along_axis(decisions, order, (np.arange(count) < best[:, None]).astype(np.int64), 1)
    return decisions


def _numbers_there(p: np.ndarray) -> list[np.ndarray]:
    """For j = 0, 1, …: the distribution of how many of the first j labels are there, [n, j + 1]."""
    found = [np.ones((len(p), 1))]
    for j in range(p.shape[1]):
        found.append(_one_more(found[-1], p[:, j]))
    return found


def _one_more(distribution: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The distribution of a number of labels, with one more that is there with probability p."""
    wider = np.zeros((len(p), distribution.shape[1] + 1))
    wider[:, :-1] = distribution * (1 - p[:, None])
    wider[:, 1:] += distribution * p[:, None]
    return wider


def _f1_of_counts(said: int, others: int) -> np.ndarray:
    """F1 where a of ``said`` labels are right and b of the ``others`` were missed: [said + 1, others + 1]."""
    right, missed = np.arange(said + 1)[:, None], np.arange(others + 1)[None]
    below = said + right + missed
    return np.where(below > 0, 2.0 * right / np.maximum(below, 1), 1.0)
