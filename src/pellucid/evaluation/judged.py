"""How sure a method's scores are, and which methods can be told apart: over the pictures that were drawn.

Every figure is a mean over pictures, and so are its interval and its test: groups say which pictures come and go
together, so a group of five counts five times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from pellucid.features.resampling import weights

#: Two methods are told apart below this chance of a difference at least as large between equals, after Holm.
LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Judged:
    """Values of methods by score and picture. values: float64 [methods, scores, n], NaN where there is none.

    groups: int [n], from 0: which pictures are drawn together. signs: [scores], 1 where higher is better, −1 where
    lower is.
    """

    values: np.ndarray
    groups: np.ndarray
    signs: np.ndarray
    seed: int = 0

    @property
    def known(self) -> np.ndarray:
        """Where there is a value: bool [methods, scores, n]."""
        return np.isfinite(self.values)

    def means(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means over pictures and the ends of their 95 % bootstrap intervals over groups: [methods, scores] each."""
        return self._means(self.values)

    def differences(self, score: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of all pairs, over the pictures that both have: the mean of method − other, its interval's ends, and p.

        Each [methods, methods]; p after Holm's correction over all pairs of the score (1 where nothing can be said).
        """
        values = self.values[:, score]
        one, other = np.triu_indices(len(values), 1)
        gaps = values[one] - values[other]
        mean, low, high = np.zeros((3, len(values), len(values)))
        mean[one, other], low[one, other], high[one, other] = self._means(gaps)
        mean[other, one], low[other, one], high[other, one] = (-each[one, other] for each in (mean, high, low))
        for own in (mean, low, high):
            np.fill_diagonal(own, np.where(np.isfinite(values).any(1), 0.0, np.nan))
        p = np.ones_like(mean)
        p[one, other] = p[other, one] = holm(np.array([self._chance(gap) for gap in gaps]))
        return mean, low, high, p

    def beats(self, score: int, mean: np.ndarray, p: np.ndarray) -> np.ndarray:
        """1 where a method is truly better than the other, −1 worse, 0 where they cannot be told apart: int8."""
        return np.where(p < LEVEL, np.sign(mean) * self.signs[score], 0).astype(np.int8)

    def against(self, other: int, score: int) -> np.ndarray:
        """The same against one method alone, with Holm's correction over these few: int8 [methods]."""
        gaps = self.values[:, score] - self.values[other, score]
        rest = [m for m in range(len(gaps)) if m != other]
        found = np.zeros(len(gaps), np.int8)
        p = holm(np.array([self._chance(gaps[m]) for m in rest]))
        for m, chance in zip(rest, p, strict=True):
            if chance < LEVEL:
                found[m] = np.sign(np.nanmean(gaps[m])) * self.signs[score]
        return found

    def ranks(self) -> np.ndarray:
        """Each method's place by its mean, 1 the best, equals share theirs; NaN without a value: [methods, scores]."""
        mean = self.means()[0]
        found = np.full(mean.shape, np.nan)
        for s in range(mean.shape[1]):
            there = np.isfinite(mean[:, s])
            found[there, s] = rankdata(-self.signs[s] * mean[there, s])
        return found

    def _means(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means over the last axis, and interval ends."""
        there, drawn = np.isfinite(values), self._drawn
        filled = np.where(there, values, 0.0)
        count = there.sum(-1)
        mean = np.where(count > 0, filled.sum(-1) / np.maximum(count, 1), np.nan)
        total, weight = filled @ drawn.T, there.astype(np.float64) @ drawn.T
        draws = np.where(weight > 0, total / np.maximum(weight, 1e-300), np.nan)
        enough = (count > 0)[..., None]
        draws = np.where(enough, draws, 0.0)
        percentile = np.nanpercentile if np.isnan(draws).any() else np.percentile  # which is far faster
        low, high = percentile(draws, [2.5, 97.5], axis=-1)
        return mean, np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan)

    @property
    def _drawn(self) -> np.ndarray:
        return weights(self.groups, seed=self.seed).astype(np.float64)

    def _chance(self, gaps: np.ndarray) -> float:
        """The chance of a mean difference at least this far from 0 between equals.

        Student's, for the mean over pictures with the error of groups that are drawn whole (Liang & Zeger 1986); where
        each picture is a group of its own, it is the paired t-test.

        Never less than a sign test's smallest, 2 / 2^groups: a few equal differences prove nothing.
        """
        there = np.isfinite(gaps)
        count = np.bincount(self.groups[there])
        total, count = np.bincount(self.groups[there], gaps[there])[count > 0], count[count > 0]
        n = len(count)
        if n < 2 or not gaps[there].any():
            return 1.0
        mean = total.sum() / count.sum()
        error = np.sqrt(n / (n - 1) * ((total - mean * count) ** 2).sum()) / count.sum()
        far = abs(mean) / error if error > 0 else np.inf if mean else 0.0
        return max(2.0 ** (1 - n), float(2 * student.sf(far, n - 1)))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Chances corrected for how many were asked (Holm 1979)."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(1.0, stepped)
    return found
