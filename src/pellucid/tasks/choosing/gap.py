"""The gap after hard selection: what training reached, against what remains once one operation alone runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing.chooser import Chooser, each_item

#: From outputs [n, …] to each item's loss [n].
Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Gap:
    """The mean loss of ``count`` items as it was trained and after the hard choice.

    soft: of the chooser as in training (of what draws, the mean of ``draws`` passes). hard: of the likeliest operation.
    gap: hard − soft, with its 95 % interval from low to high, paired by item (Student's t; NaN for a single item).
    chosen: by name the share of items that each operation is chosen for. each: the mean loss of each operation if it
    were chosen for all items; best: the smallest of them. sure: the mean probability of what is chosen.
    """

    soft: float
    hard: float
    gap: float
    low: float
    high: float
    count: int
    draws: int
    chosen: Mapping[str, float]
    each: Mapping[str, float]
    best: str
    sure: float

    def __str__(self) -> str:
        taken = ", ".join(f"{n} {s:.0%}" for n, s in sorted(self.chosen.items(), key=lambda c: -c[1]) if s > 0)
        return (
            f"loss {self.soft:.4g} in training, {self.hard:.4g} after the hard choice ({taken}; mean probability "
            f"{self.sure:.2f}): a gap of {self.gap:+.4g} ({self.low:+.4g} to {self.high:+.4g}, {self.count} items); "
            f"the best single operation is {self.best}, {self.each[self.best]:.4g}"
        )


@torch.no_grad()
def hard_gap(
    chooser: Chooser,
    x: Tensor,
    objective: Objective,
    logits: Tensor | None = None,
    *,
    draws: int = 64,
    seed: int = 0,
) -> Gap:
    """What the hard choice costs on ``x`` [n, …].

    objective: from an output [n, …] to each item's loss [n]. logits: as the chooser takes them. draws: passes for what
    is drawn in training. Take items that were not trained on. The chooser stays as it is, its mode too.
    """
    if not len(x) or draws < 1:
        raise BadInput(f"{len(x)} items and {draws} draws", where="hard_gap", cure="pass at least one of each")
    rows = chooser.rows(x, logits)
    by_operation = losses_of_each(chooser, x, objective)
    which = rows.argmax(1)
    hard = by_operation.gather(1, which[:, None])[:, 0].double()
    soft = _as_trained(chooser, x, objective, rows, draws, seed)
    difference = hard - soft
    half = _half(difference)
    gap, each = float(difference.mean()), dict(zip(chooser.names, by_operation.double().mean(0).tolist(), strict=True))
    shares = torch.bincount(which, minlength=len(chooser.names)) / len(x)
    return Gap(
        soft=float(soft.mean()),
        hard=float(hard.mean()),
        gap=gap,
        low=gap - half,
        high=gap + half,
        count=len(x),
        draws=draws,
        chosen=dict(zip(chooser.names, shares.tolist(), strict=True)),
        each=each,
        best=min(each, key=each.__getitem__),
        sure=float(rows.softmax(1).amax(1).mean()),
    )


def losses_of_each(chooser: Chooser, x: Tensor, objective: Objective) -> Tensor:
    """Each item's loss under each operation, [n, K]."""
    outputs = chooser.operations(x)
    return torch.stack([each_item(objective(outputs[:, k]), len(x)) for k in range(outputs.shape[1])], 1)


def _as_trained(chooser: Chooser, x: Tensor, objective: Objective, rows: Tensor, draws: int, seed: int) -> Tensor:
    """Each item's loss with the soft or drawn choice, [n], averaged over the draws."""
    generator = torch.Generator(x.device).manual_seed(seed)
    losses = [each_item(objective(chooser.choose(x, rows, generator).output), len(x)) for _ in range(draws)]
    return torch.stack(losses).double().mean(0)


def _half(difference: Tensor) -> float:
    """Half of the 95 % interval of the mean."""
    count = len(difference)
    if count < 2:
        return float("nan")
    return float(stats.t.ppf(0.975, count - 1) * difference.std() / count**0.5)
