"""What each unit of a layer did over many pictures: its largest value, whether it is stuck, whom it goes with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.features.units.watch import Activation

#: A unit at a bound of its activation for more than this share of all places is saturated.
SATURATED = 0.95

#: How near a bound counts as at it, as a share of the distance between the bounds (ReLU6: of the bound); of an
#: activation's dip below zero, how much a unit may move and still be silent.
NEAR = 0.01

#: Below this share of its mean square a variance is rounding, and a correlation means nothing.
_STILL = 1e-9


class Tally:
    """Grows by batches of one layer's values behind the activation; all sums are added in float64.

    bad: how many values were not finite. Figures are of the finite layers only: ask for them where ``bad`` is 0.
    """

    def __init__(self, units: int, activation: Activation):
        self.activation = activation
        self.bad, self.places = 0, 0
        self.largest = torch.full((units,), -torch.inf)
        self.smallest = torch.full((units,), torch.inf)
        self._stuck = torch.zeros(2, units, dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Values [rows, units] at places of any pictures."""
        largest, smallest = values.amax(0).cpu(), values.amin(0).cpu()
        if not (torch.isfinite(largest) & torch.isfinite(smallest)).all():
            self.bad += int((~torch.isfinite(values)).sum())
        self.places += len(values)
        self.largest = torch.maximum(self.largest, largest)
        self.smallest = torch.minimum(self.smallest, smallest)
        for end, at in enumerate((self._at_low(values), self._at_high(values))):
            if at is not None:
                self._stuck[end] += at.sum(0).cpu()

    def _at_low(self, values: Tensor) -> Tensor | None:
        return None if self.activation.low is None else (values - self.activation.low).abs() <= self._near()

    def _at_high(self, values: Tensor) -> Tensor | None:
        return None if self.activation.high is None else values >= self.activation.high - self._near()

    def _near(self) -> float:
        low, high = self.activation.low, self.activation.high
        return NEAR * ((high or 0.0) - (low or 0.0)) if high is not None else 0.0

    @property
    def _silent(self) -> Tensor:
        """Never above 0 and, where the activation dips below it, not moving there either."""
        still = self.largest - self.smallest <= NEAR * self.activation.dip
        return (self.largest <= 0) & still & self.activation.rectifies

    @property
    def judges(self) -> bool:
        """Whether it can be told who is dead: what never changes takes two places to be seen."""
        return self.activation.rectifies or self.places > 1

    @property
    def dead(self) -> Tensor:
        """Units that say nothing, bool: silent where the activation rectifies, else never changing; see ``judges``."""
        still = (self.largest == self.smallest) & (not self.activation.rectifies) & self.judges
        return self._silent | (still & ~self.saturated)

    @property
    def saturated(self) -> Tensor:
        """Units at one bound for more than 95 % of all places (those that are silent are not counted)."""
        return ((self._stuck / max(1, self.places)).amax(0) > SATURATED) & ~self._silent


class Correlations:
    """The correlation of some pairs of units over all places of all pictures.

    pairs: of unit numbers. Sums are taken from the first place's values, so that a large mean costs no precision and
    what never changes is exactly zero.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]]):
        self._pairs = list(pairs)
        self.units = sorted(set(itertools.chain(*pairs)))
        self._count = 0
        self._shift: Tensor | None = None
        self._sum = torch.zeros(len(self.units), dtype=torch.float64)
        self._products = torch.zeros(len(self.units), len(self.units), dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Values [rows, units] of the whole layer."""
        if not self.units:
            return
        own = values[:, self.units].cpu()
        if self._shift is None:
            self._shift = own[0].clone()
        own = own - self._shift
        self._count += len(own)
        self._sum += own.sum(0, dtype=torch.float64)
        self._products += (own.T @ own).double()

    def result(self) -> dict[tuple[int, int], float | None]:
        """Pearson's r of each pair; None where one of the two never changed, or was not finite."""
        if not self._count:
            return dict.fromkeys(self._pairs)
        covariance = self._products / self._count - torch.outer(self._sum, self._sum) / self._count**2
        variance = covariance.diagonal()
        size = (self._products.diagonal() / self._count).clamp_min(1e-30)
        place = {unit: i for i, unit in enumerate(self.units)}
        return {p: self._r(covariance, variance, size, place[p[0]], place[p[1]]) for p in self._pairs}

    def _r(self, covariance: Tensor, variance: Tensor, size: Tensor, i: int, j: int) -> float | None:
        if not (variance[[i, j]] > _STILL * size[[i, j]]).all():
            return None
        r: Any = covariance[i, j] / (variance[i] * variance[j]).sqrt()
        return float(r.clamp(-1, 1)) if torch.isfinite(r) else None


def at_most(pictures: int) -> float:
    """The share of pictures on which a unit that was silent on all of these may still speak, with 95 % confidence.

    The rule of three (Hanley & Lippman-Hand 1983): 3 / N.
    """
    return min(1.0, 3 / pictures)
