"""Filters that say the same: duplicates, negatives and mirror images, beyond what chance makes alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from scipy.stats import beta
from torch import Tensor

from pellucid.features.units.banks import Bank

#: |cos| below this is never called the same, whatever chance would do.
ALIKE = 0.95

#: A layer of random filters passes the threshold this rarely.
FALSE_ALARMS = 0.01

#: Rows whose products with all others are held at once.
_ROWS = 1024

Kind = Literal["duplicate", "negative", "mirrored", "mirrored negative"]


@dataclass(frozen=True)
class Pair:
    """Two filters of a layer that are alike: ``unit`` and an earlier one, ``other``. cosine: of the two, signed
    (for the mirrored kinds between one and the other's mirror image).
    """

    kind: Kind
    unit: int
    other: int
    cosine: float


@dataclass(frozen=True)
class Alike:
    """What a layer's filters have in common.

    highest: the largest |cos| of any two that see the same inputs; None where no two do. chance: the median of what
    random filters of this number and size reach; threshold: what is called the same (see ``thresholds``).
    pairs: for each filter and kind at most one, with the earlier filter that it resembles most.
    """

    highest: float | None
    chance: float | None
    threshold: float | None
    pairs: tuple[Pair, ...]

    def of(self, *kinds: Kind) -> list[Pair]:
        """The pairs of these kinds."""
        return [p for p in self.pairs if p.kind in kinds]


def largest_by_chance(pairs: int, fan_in: int, quantile: float = 0.5) -> float:
    """A quantile of the largest |cos| of ``pairs`` pairs of independent random directions in ``fan_in`` numbers.

    cos² of one pair has the distribution Beta(1/2, (fan_in − 1)/2), and any two pairs are independent, so the
    largest of m stays below c with about the m-th power of one pair's probability.
    """
    if fan_in < 2:
        return 1.0
    return math.sqrt(beta.ppf(quantile ** (1 / pairs), 0.5, (fan_in - 1) / 2))


def threshold_of(bank: Bank) -> float:
    """max(0.95, what a layer of random filters exceeds with a probability of 1 %)."""
    return max(ALIKE, largest_by_chance(bank.pairs, bank.fan_in, 1 - FALSE_ALARMS))


def alike(bank: Bank) -> Alike:
    """Find the filters that repeat, negate or mirror an earlier one that sees the same inputs.

    A pair is named once, by the first of these that fits: of an odd filter the negative is the mirror image too.
    Filters that are zero or not finite resemble nothing.
    """
    if not bank.pairs:
        return Alike(None, None, None, ())
    threshold = threshold_of(bank)
    own = _closest(bank, bank)
    found = _pairs(own, threshold, "duplicate", "negative")
    mirrored = bank.mirrored
    if mirrored is not None:
        known = {(p.unit, p.other) for p in found}
        reflected = _pairs(_closest(bank, mirrored), threshold, "mirrored", "mirrored negative")
        found += [p for p in reflected if (p.unit, p.other) not in known]
    highest = max(float(own.most.max()), -float(own.least.min()), 0.0)
    chance = largest_by_chance(bank.pairs, bank.fan_in)
    return Alike(min(1.0, highest), chance, threshold, tuple(sorted(found, key=lambda p: (p.unit, p.kind))))


@dataclass(frozen=True)
class _Closest:
    """For each filter the largest and the smallest cosine with an earlier one, and which that is: each [units]."""

    most: Tensor
    most_like: Tensor
    least: Tensor
    least_like: Tensor


def _closest(bank: Bank, others: Bank) -> _Closest:
    size = bank.units // bank.groups
    usable = bank.finite() & ~bank.zero()
    parts = []
    for start in range(0, bank.units, size):
        rows = slice(start, start + size)
        parts.append(_within(bank.weights[rows].flatten(1), others.weights[rows].flatten(1), usable[rows], start))
    return _Closest(*map(torch.cat, zip(*parts, strict=True)))


def _within(own: Tensor, other: Tensor, usable: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``_Closest`` of one group, whose first filter is number ``start``; some rows at a time."""
    if not usable.all():
        own, other = (torch.where(usable[:, None], each, 0) for each in (own, other))
    scale = 1 / own.norm(dim=1).clamp_min(1e-30)
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for low in range(0, len(own), _ROWS):
        high = min(low + _ROWS, len(own))
        cosines = (own[low:high] @ other[:high].T) * scale[low:high, None] * scale[:high]
        earlier = torch.arange(high) < torch.arange(low, high)[:, None]
        most, most_like = cosines.masked_fill(~earlier, -2).max(1)
        least, least_like = cosines.masked_fill(~earlier, 2).min(1)
        nobody = ~earlier.any(1)
        found.append((most.masked_fill(nobody, 0), most_like + start, least.masked_fill(nobody, 0), least_like + start))
    a, b, c, d = zip(*found, strict=True)
    return torch.cat(a), torch.cat(b), torch.cat(c), torch.cat(d)


def _pairs(closest: _Closest, threshold: float, alike: Kind, opposite: Kind) -> list[Pair]:
    pairs = []
    for kind, values, others, sign in (
        (alike, closest.most, closest.most_like, 1),
        (opposite, closest.least, closest.least_like, -1),
    ):
        for unit in (values * sign >= threshold).nonzero().flatten().tolist():
            cosine = float(values[unit].clamp(-1, 1))
            pairs.append(Pair(kind, unit, int(others[unit]), cosine))
    return pairs
