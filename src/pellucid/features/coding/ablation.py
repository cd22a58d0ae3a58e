"""What a network loses without a unit, and what of that the other units cannot supply."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.stream import Stream
from pellucid.features.coding.code import Layout
from pellucid.features.coding.loss import Loss
from pellucid.features.coding.refit import Refit
from pellucid.models.tail import Run, Tail

#: Multiply-adds that the ablations may take by default (about two minutes on one core), and the samples within which
#: their number stays.
BUDGET, FEWEST, MOST = 2e12, 32, 1000

#: Random orders in which the units are kept, and how many numbers of units are tried at most.
ORDERS, STEPS = 10, 12


@dataclass(frozen=True)
class Probe:
    """The samples on which units are ablated, and everything that this takes.

    mean: the layer's mean output [1, …]. rows: each sample's number among all. labels: [n] or None.
    """

    tail: Tail
    layout: Layout
    loss: Loss
    stream: Stream
    rows: Sequence[int]
    mean: Tensor
    labels: Tensor | None = None

    def batches(self, what: str, *, most: int | None = None) -> Iterator[Batch]:
        """Batch by batch: the code, the way from it to the answer, the untouched answer and its target.

        most: samples in a batch, where fewer are wanted than fit.
        """
        fit = self.tail.rows(self.stream.take(slice(0, 1)).x)
        size = fit if most is None else min(fit, most)
        for rows, batch in track(self.stream.batches(size), what, total=-(-len(self.stream) // size)):
            code, run = self.tail.at(batch.x)
            self.layout.finite(code)
            answer = run(code)
            labels = None if self.labels is None else self.labels[rows]
            target = self.loss.target(batch.x, labels, answer)
            yield Batch(
                batch.x, code, run, answer, target, np.asarray(self.rows[rows]), fit if self.tail.together else 1
            )


@dataclass(frozen=True)
class Batch:
    """rows: the samples' numbers. most: answers that may be asked for at once, counted in samples."""

    x: Tensor
    code: Tensor
    run: Run
    answer: Tensor
    target: Tensor
    rows: np.ndarray
    most: int


@dataclass(frozen=True)
class Losses:
    """One number a sample: of the untouched network [n], and with each unit ablated or refitted [n, units]; float64.

    hits: the same for the answers that stay right, where there are classes.
    """

    untouched: np.ndarray
    ablated: np.ndarray
    refitted: np.ndarray
    untouched_hits: np.ndarray | None
    ablated_hits: np.ndarray | None


def ablate(probe: Probe, refit: Refit) -> Losses:
    """Replace each unit by its mean, then by what the others predict, on every sample of the probe."""
    parts = [_ablate_batch(probe, refit, batch) for batch in probe.batches("ablations")]
    joined = [None if p[0] is None else np.concatenate(p) for p in zip(*parts, strict=True)]
    return Losses(*joined)  # type: ignore[arg-type]


def _ablate_batch(probe: Probe, refit: Refit, batch: Batch) -> tuple[np.ndarray | None, ...]:
    layout, code = probe.layout, batch.code
    units = layout.cells(probe.mean).shape[-1]
    supplied = _supplied(layout, refit, batch)
    without = (layout.replaced(code, j, by) for by in (probe.mean.expand_as(code), supplied) for j in range(units))
    values, hits = _asked(probe.loss, batch, without)
    own = probe.loss.values(batch.answer, batch.target).cpu().numpy()
    own_hits = probe.loss.hits(batch.answer, batch.target)
    if own_hits is None or hits is None:
        return own, values[:units].T, values[units:].T, None, None
    return own, values[:units].T, values[units:].T, own_hits.cpu().numpy(), hits[:units].T


def _supplied(layout: Layout, refit: Refit, batch: Batch) -> Tensor:
    """The code in which every unit is what the others predict for it."""
    cells = layout.cells(batch.code).cpu()
    folds = batch.rows % len(refit.means)
    residuals = torch.empty(cells.shape, dtype=torch.float64)
    for fold in np.unique(folds):
        own = torch.from_numpy(folds == fold)
        residuals[own] = refit.residuals(cells[own], int(fold))
    return layout.output((cells - residuals).to(batch.code), batch.code)


def _asked(loss: Loss, batch: Batch, codes: Iterable[Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
    """The losses and hits [codes, n] of answers to other codes of the same samples, as many at once as fit."""
    together = max(1, batch.most // len(batch.code))
    values, hits = [], []
    for some in _batched(codes, together):
        answer = batch.run(torch.cat(some))
        target = batch.target.repeat(len(some), *[1] * (batch.target.ndim - 1))
        values.append(loss.values(answer, target).view(len(some), -1).cpu().numpy())
        hit = loss.hits(answer, target)
        hits.append(None if hit is None else hit.view(len(some), -1).cpu().numpy())
    found = np.concatenate(values)
    if not np.isfinite(found).all():
        what = "without one of its units the network's answer is NaN or infinite"
        raise BadInput(what, where=loss.network.name, cure="check the weights (pellucid health)")
    return found, None if hits[0] is None else np.concatenate(hits)


def _batched(items: Iterable[Tensor], count: int) -> Iterator[tuple[Tensor, ...]]:
    """``itertools.batched``, which came with Python 3.12."""
    left = iter(items)
    while some := tuple(itertools.islice(left, count)):
        yield some


# -- the curve ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """The mean loss when only the first so many units of an order are kept, the others at their mean.

    kept: int [steps]. importance, variance: [n, steps], one number a sample. random: [orders, steps], means.
    """

    kept: np.ndarray
    importance: np.ndarray
    variance: np.ndarray
    random: np.ndarray


def kept_curve(probe: Probe, importance: np.ndarray, variance: np.ndarray, *, seed: int) -> Curve:
    """The loss against units kept. importance: what each sample of the probe loses without each unit [n, units].

    A sample is never among those that chose its order: the even ones follow the ranking by the odd ones, and
    the other way round.
    """
    units = importance.shape[1]
    kept = steps_of(units)
    halves = [importance[1::2] if len(importance) > 1 else importance, importance[::2]]  # for even and odd samples
    ranked = [np.argsort(-half.mean(0), kind="stable") for half in halves]
    by_variance = np.argsort(-variance, kind="stable")
    generator = np.random.default_rng(seed)
    orders = [by_variance, *(generator.permutation(units) for _ in range(ORDERS))]
    parts = []
    first = 0
    for batch in probe.batches("units kept"):
        odd = torch.arange(first, first + len(batch.code)) % 2 == 1
        first += len(batch.code)
        chosen = _kept_codes(probe, batch.code, kept, ranked, orders, odd)
        values, _ = _asked(probe.loss, batch, chosen)
        parts.append(values.reshape(1 + len(orders), len(kept), -1))
    values = np.concatenate(parts, 2)
    return Curve(kept, values[0].T, values[1].T, values[2:].mean(2))


def steps_of(units: int) -> np.ndarray:
    """Numbers of units from none to all, each about the same factor more than the one before."""
    if units <= STEPS + 4:
        return np.arange(units + 1)
    return np.unique(np.r_[0, np.geomspace(1, units, STEPS - 1).round().astype(int)])


def _kept_codes(
    probe: Probe,
    code: Tensor,
    kept: np.ndarray,
    ranked: Sequence[np.ndarray],
    orders: Sequence[np.ndarray],
    odd: Tensor,
) -> Iterator[Tensor]:
    """Order by order, the code with the first so many units; the ranking is another one for odd samples."""
    away = code - probe.mean
    for count in kept:
        even_ones, odd_ones = (probe.mean + away * _mask(probe.layout, code, order[:count]) for order in ranked)
        yield torch.where(odd.to(code.device).view(-1, *[1] * (code.ndim - 1)), odd_ones, even_ones)
    for order in orders:
        for count in kept:
            yield probe.mean + away * _mask(probe.layout, code, order[:count])


def _mask(layout: Layout, code: Tensor, units: np.ndarray) -> Tensor:
    mask = torch.zeros(code.shape[layout.axis])
    mask[torch.from_numpy(units)] = 1
    return layout.along(mask, code)


# -- how many samples -----------------------------------------------------------------------------


def affordable(tail: Tail, units: int) -> int:
    """Samples on which all units can be ablated and refitted within the budget."""
    passes = 2 * units + (ORDERS + 2) * STEPS
    return int(np.clip(BUDGET / max(1.0, tail.cost * passes), FEWEST, MOST))
