"""Which differences between alternatives are real: what other seeds and what other items would have given, together.

Each alternative is trained with the same seeds and judged on the same items, so differences are taken seed by seed and
item by item. Their variance has two parts. Items: a bootstrap over whole groups (Efron 1979), the same draw for all
alternatives and all seeds. Seeds: the spread of the seeds' differences beyond what their items explain, over the
number of seeds, and where each seed has a split of its own enlarged for training items that the seeds share
(Nadeau & Bengio 2003). Student's t makes an interval of it, for with five seeds the normal one would be far too narrow.
Its degrees of freedom are the harmonic mean of those of seeds and of items, each weighed by its part of the variance:
never more than Satterthwaite's (1946), by which one of sixteen equal pairs was called different in place of one of
twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import t as student

#: How often items are drawn anew. Each draw computes all metrics of all trainings.
DRAWS = 200

#: A difference is called real below this chance of one at least as large between equals, after Holm's correction.
LEVEL = 0.05


@dataclass(frozen=True)
class Spread:
    """How sure a mean over seeds is: its variance, and the degrees of freedom that the variance is known by."""

    variance: float
    freedom: float

    @property
    def margin(self) -> float:
        """Half of the 95 % interval."""
        return float(student.isf(0.025, self.freedom) * math.sqrt(self.variance))

    def chance(self, mean: float) -> float:
        """The chance of a mean at least this far from 0 where the true one is 0."""
        if self.variance == 0:
            return 1.0 if mean == 0 else 0.0
        return float(2 * student.sf(abs(mean) / math.sqrt(self.variance), self.freedom))


@dataclass(frozen=True, eq=False)
class Judged:
    """A metric of several alternatives. values: [alternatives, seeds]. draws: [draws, alternatives, seeds], with the
    items drawn anew. groups: how many units of items there were to draw. shared: test items over training items where
    each seed has its own split of the same items, 0 where all have the same.
    """

    values: np.ndarray
    draws: np.ndarray
    groups: int
    shared: float = 0.0

    def level(self, a: int) -> tuple[float, Spread]:
        """An alternative's mean over seeds, and how sure it is."""
        return float(self.values[a].mean()), self._spread(self.values[a], self.draws[:, a])

    def difference(self, a: int, b: int) -> tuple[float, Spread]:
        """The mean of ``a`` − ``b``, paired by seeds and items."""
        values = self.values[a] - self.values[b]
        return float(values.mean()), self._spread(values, self.draws[:, a] - self.draws[:, b])

    def _spread(self, values: np.ndarray, draws: np.ndarray) -> Spread:
        return spread(values, draws, self.groups, self.shared)


def spread(values: np.ndarray, draws: np.ndarray, groups: int, shared: float = 0.0) -> Spread:
    """How sure the mean of ``values`` [seeds] is, as ``Judged`` says; draws: [draws, seeds]."""
    seeds = len(values)
    usable = draws[np.isfinite(draws).all(1)]
    if seeds < 2 or len(usable) < 2 or groups < 2 or not np.isfinite(values).all():
        return Spread(math.nan, math.nan)
    covariance = np.cov(usable, rowvar=False).reshape(seeds, seeds)
    own, total = float(np.trace(covariance)), float(covariance.sum())
    items = total / seeds**2
    among = float(values.var(ddof=1))
    # Of the spread among seeds, what their different items, or answers to the same items, explain.
    explained = own / seeds - (total - own) / (seeds * (seeds - 1))
    beyond = max(0.0, among - explained) * (1 / seeds + shared)
    variance = items + beyond
    if variance == 0:
        return Spread(0.0, float(seeds - 1))
    # The whole spread among seeds, not what is beyond: the part taken off is known no better than that.
    part = min(1.0, among * (1 / seeds + shared) / variance)
    return Spread(variance, 1 / (part / (seeds - 1) + (1 - part) / (groups - 1)))


@dataclass(frozen=True)
class Pair:
    """Alternatives ``a`` and ``b``: the mean of a − b with its 95 % interval, the chance of it between equals, and the
    same corrected for all pairs that were asked about.
    """

    a: int
    b: int
    difference: float
    low: float
    high: float
    chance: float
    corrected: float

    @property
    def real(self) -> bool:
        """Whether it cannot be put down to seeds and items."""
        return self.corrected < LEVEL


def pairs(judged: Judged, against: int | None = None) -> list[Pair]:
    """Every pair of alternatives, a before b; with ``against`` those with this one alone, which is then ``b``.

    The chances are corrected for all of these pairs at once (Holm 1979).
    """
    count = len(judged.values)
    asked = list(combinations(range(count), 2))
    if against is not None:
        asked = [(a, against) for a in range(count) if a != against]
    found = [judged.difference(a, b) for a, b in asked]
    chances = [each.chance(mean) if math.isfinite(each.variance) else 1.0 for mean, each in found]
    return [
        Pair(a, b, mean, mean - each.margin, mean + each.margin, chance, corrected)
        for (a, b), (mean, each), chance, corrected in zip(asked, found, chances, holm(chances), strict=True)
    ]


def holm(chances: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the chances that may be held against the level as they are."""
    order = np.argsort(chances, kind="stable")
    count, highest = len(chances), 0.0
    found = [1.0] * count
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (count - rank) * chances[place]))
        found[place] = highest
    return found


def drawn_items(groups: np.ndarray, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each item is drawn when whole groups are, with replacement: int [draws, items]. groups: int [items]."""
    count = int(groups.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn[:, groups]
