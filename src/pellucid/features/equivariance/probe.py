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

#: Up to so many rows the answers are the mean of several ways to part them into folds: of few, one way is luck.
FEW, SPLITS = 500, 5

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
    """How often each row of features [rows, p] is told right by probes that have not seen its group: [rows], 0 to 1."""
    splits = SPLITS if len(features) <= FEW else 1
    return np.mean([_right(features, question, seed + i) for i in range(splits)], axis=0)


def _right(features: np.ndarray, question: Question, seed: int) -> np.ndarray:
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
    shares = [_share(found, question, label) for label in range(len(question.names))]
    return Interval(float(np.mean([value for value, _ in shares])), np.mean([draws for _, draws in shares], axis=0))


def _share(found: np.ndarray, question: Question, label: int) -> tuple[float, np.ndarray]:
    """The share of a label's rows that are told right, and under each draw of groups: float64 [draws]."""
    own = question.labels == label
    answers, weight = found[own], question.weight[:, own]
    if np.ptp(answers) > 0:
        return float(answers.mean()), (weight @ answers) / np.maximum(weight.sum(1, dtype=np.float64), 1)
    # Equal answers stay equal however they are drawn, which would read as certainty. So one more group that was
    # answered the other way might have been met: of 95 % of the draws the share is within 3/N of the one seen.
    groups = len(np.unique(question.groups[own]))
    unseen = np.random.default_rng(label).binomial(groups, 1 / groups, size=len(weight)) / groups
    other = 0.0 if answers[0] >= 0.5 else 1.0
    return float(answers[0]), answers[0] + (other - answers[0]) * unseen


def _folds(labels: np.ndarray, groups: np.ndarray, seed: int, most: int = FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each fold's rows to fit on and to judge; every label is in all of them, no group in two."""
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    folds = StratifiedGroupKFold(min(most, fewest), shuffle=True, random_state=seed)
    return list(folds.split(labels, labels, groups))


def _strength(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> float:
    """The weakest penalty whose log-loss on rows left out is not clearly above the lowest.

    Clearly is by more than the standard error of their difference. Few rows cannot tell, and a penalty so strong that
    the answer hardly depends on the features would be read as a layer that cannot tell.
    """
    fewest = min(len(np.unique(groups[y == label])) for label in np.unique(y))
    if fewest < 2:
        return STRENGTHS[-1]
    folds = _folds(y, groups, seed)
    losses = np.concatenate([_losses(x, y, fold) for fold in (folds if len(y) <= FEW else folds[:1])], axis=1)
    worse = losses - losses[np.argmin(losses.mean(1))]
    bearable = worse.mean(1) <= worse.std(1) / np.sqrt(worse.shape[1])
    return STRENGTHS[int(np.flatnonzero(bearable)[-1])]


def _losses(x: np.ndarray, y: np.ndarray, fold: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The log-loss of each strength on each row left out: float64 [strengths, rows]."""
    train, test = fold
    fits = [_fit(x[train], y[train], strength) for strength in STRENGTHS]
    own = np.arange(len(test)), np.searchsorted(fits[0].classes_, y[test])
    told = np.stack([fit.predict_proba(x[test])[own] for fit in fits])
    return -np.log(np.maximum(told, 1e-12))


def _fit(x: np.ndarray, y: np.ndarray, strength: float) -> LogisticRegression:
    """Balanced, for so is the score: else a strong penalty leaves the more frequent label alone."""
    with warnings.catch_warnings():
        # Stopped early it is a little more regularised, and is judged on rows that it has not seen all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, class_weight="balanced", max_iter=_STEPS, tol=1e-3).fit(x, y)
