"""Pixels chosen by what each alone says of the label, inside the folds: had they been chosen on what is asked later,
they would know the answers (docs/baselines.md shows what that feigns on noise).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.pipeline import Pipeline

from pellucid.training.rivals.bench import Answer, Fold
from pellucid.training.rivals.estimators import linear, piped, some, standardised
from pellucid.training.rivals.searching import searched_fit
from pellucid.training.rivals.table import Absent, Size, rivals

#: Shares of the pixels that are tried. Not all of them: that is ``logistic``, which the row is held against.
SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)

#: Steps in which a pixel's information is counted, between two deviations below its mean and two above.
STEPS, REACH = 8, 2.0

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _seconds(size: Size) -> float:
    return 90 * (0.02 + 6e-10 * size.learn * size.pixels * (size.classes + 4))


@rivals.register(
    "best_pixels",
    group="pixels",
    title="best pixels (ANOVA) + logistic",
    numbers="best pixels (correlation) + ridge",
    question="Should pixels be dropped first?",
    seconds=_seconds,
)
def best_pixels(fold: Fold) -> Answer:
    """Logistic (ridge) regression on the K pixels of the largest F statistic; K and the penalty chosen inside."""
    return _selected(fold, correlation if fold.bench.numbers else anova)


@rivals.register(
    "best_pixels_information",
    group="pixels",
    title="best pixels (mutual information) + logistic",
    numbers="best pixels (mutual information) + ridge",
    question="Should pixels be dropped first, by what they say of the label in whatever way?",
    seconds=lambda size: 1.4 * _seconds(size),
)
def best_pixels_information(fold: Fold) -> Answer:
    """Logistic (ridge) regression on the K pixels of the most mutual information; K and the penalty chosen inside."""
    return _selected(fold, information)


def _selected(fold: Fold, score: Score) -> Answer:
    bench, parts = fold.bench, [fold.choosing[fitted] for fitted, _ in fold.inner]
    alive = min(int((np.ptp(bench.pixels[rows], axis=0) > 0).sum()) for rows in parts)
    counts = sorted({max(1, round(alive * share)) for share in SHARES} - {alive})
    if alive < 2:
        raise Absent(f"{alive} pixels differ between the items")
    steps = {"alive": VarianceThreshold(), "best": SelectKBest(score), "scale": standardised()}
    pipeline, grid = piped(linear(bench), **steps)
    answer, fitted = searched_fit(fold, bench.pixels, pipeline, {"best__k": some(counts, bench)} | grid)
    again = [clone(fitted[:2]).fit(bench.pixels[rows], bench.targets[rows]) for rows in parts]
    kept = np.mean([_mask(each) for each in (fitted[:2], *again)], axis=0, dtype=np.float64)
    return dataclasses.replace(answer, kept=kept.reshape(bench.shape))


def _mask(chosen: Pipeline) -> np.ndarray:
    """Which of all pixels were kept: bool [F]."""
    mask = np.zeros(chosen["alive"].get_support().size, bool)
    mask[np.flatnonzero(chosen["alive"].get_support())[chosen["best"].get_support()]] = True
    return mask


def anova(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Variance between the classes' means over variance within classes, each pixel alone: [n, F], [n] → [F]."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a pixel that tells the class without exception: inf
        return f_classif(x, y)[0]


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The F statistic of a straight line from each pixel to the number: [n, F], [n] → [F]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return f_regression(x, y)[0]


def information(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How many nats each pixel, in eight steps of brightness, says of the label (of a number's eighth): [F]."""
    if y.dtype.kind == "f":
        y = np.searchsorted(np.quantile(y, np.arange(1, STEPS) / STEPS), y)
    mean, deviation = x.mean(0), x.std(0)
    low, width = mean - REACH * deviation, np.maximum(2 * REACH * deviation / STEPS, 1e-12)
    step = np.clip((x - low) / width, 0, STEPS - 1).astype(np.uint8)
    both = np.stack([[(step[y == c] == s).sum(0) for s in range(STEPS)] for c in np.unique(y)]) / len(y)
    apart = both.sum(0, keepdims=True) * both.sum(1, keepdims=True)
    return np.where(both > 0, both * np.log(np.maximum(both, 1e-300) / np.maximum(apart, 1e-300)), 0.0).sum((0, 1))
