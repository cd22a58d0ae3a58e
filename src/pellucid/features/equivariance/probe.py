"""A linear probe: whether a straight cut through a layer's pooled features tells what a label says.

Logistic regression on standardised features, cross-validated in folds that never part a group (a picture and its
mirror image), scored as balanced accuracy, for which guessing gives one over the number of labels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from pellucid.features.resampling import Interval

#: Rows that are probed at most. More would narrow the intervals below what a choice of layer needs.
MOST = 4000

FOLDS = 5

#: Inverse strengths of the penalty; the one for all folds is chosen within the rows that the first fold fits on.
STRENGTHS = (0.001, 0.01, 0.1, 1.0)

_STEPS = 300


@dataclass(frozen=True)
class Question:
    """What is to be told. labels, groups: int [rows], each from 0. names: of the labels. weight: [draws, rows]."""

    labels: np.ndarray
    groups: np.ndarray
    names: tuple[str, ...]
    weight: np.ndarray

    @property
    def chance(self) -> float:
        """What guessing scores."""
        return 1 / len(self.names)


def right(features: np.ndarray, question: Question, *, seed: int) -> np.ndarray:
    """Which rows of features [rows, p] are told right by a probe that has not seen their group: float64 [rows]."""
    told, strength = np.empty(len(features), np.int64), None
    for train, test in _folds(question.labels, question.groups, seed):
        x, y = features[train].astype(np.float64), question.labels[train]
        mean, spread = x.mean(0), x.std(0)
        spread[spread <= 1e-6 * max(float(np.abs(x).max()), 1e-30)] = np.inf  # what does not vary tells nothing
        x, seen = _spanned((x - mean) / spread, (features[test] - mean) / spread)
        strength = strength or _strength(x, y, question.groups[train], seed)
        told[test] = _fit(x, y, strength).predict(seen)
    return (told == question.labels).astype(np.float64)


def _spanned(x: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same on axes of the space that x [rows, p] spans, where p is larger: its penalised fit lies in there."""
    if x.shape[1] <= x.shape[0]:
        return x, seen
    values, vectors = np.linalg.eigh(x @ x.T)
    kept = values > 1e-6 * values[-1]
    axes = x.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    return x @ axes, seen @ axes


def score(found: np.ndarray, question: Question) -> Interval:
    """The balanced accuracy of right answers [rows]: the mean over the labels of each one's share."""
    one = np.ones((1, len(found)), np.float32)
    values = _balanced(found, question, np.concatenate([one, question.weight]))
    return Interval(float(values[0]), values[1:])


def _balanced(found: np.ndarray, question: Question, weight: np.ndarray) -> np.ndarray:
    shares = []
    for label in range(len(question.names)):
        own = question.labels == label
        shares.append((weight[:, own] @ found[own]) / np.maximum(weight[:, own].sum(1, dtype=np.float64), 1))
    return np.mean(shares, axis=0)


def _folds(labels: np.ndarray, groups: np.ndarray, seed: int, most: int = FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each fold's rows to fit on and to judge; every label is in all of them, no group in two."""
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    folds = StratifiedGroupKFold(min(most, fewest), shuffle=True, random_state=seed)
    return list(folds.split(labels, labels, groups))


def _strength(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> float:
    """The penalty that does best on one fold of the rows."""
    fewest = min(len(np.unique(groups[y == label])) for label in np.unique(y))
    if fewest < 2:
        return STRENGTHS[0]
    train, test = _folds(y, groups, seed)[0]
    scores = [float((_fit(x[train], y[train], c).predict(x[test]) == y[test]).mean()) for c in STRENGTHS]
    return STRENGTHS[int(np.argmax(scores))]


def _fit(x: np.ndarray, y: np.ndarray, strength: float) -> LogisticRegression:
    with warnings.catch_warnings():
        # Stopped early it is a little more regularised, and is judged on rows that it has not seen all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=_STEPS, tol=1e-3).fit(x, y)
