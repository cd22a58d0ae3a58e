"""Integrated gradients, with as many steps as its own completeness asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.passes import gradient_of, scores
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import TINY
from pellucid.models.baselines import Baseline, baseline_of
from pellucid.models.network import Network


@methods.register(
    "integrated_gradients",
    group="attribution",
    source="arXiv:1703.01365",
    laws=frozenset({"completeness", "linear_exact"}),
    cost="1 gradient a step (32 to 256, by tolerance)",
    slow=True,
)
def integrated_gradients(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    tolerance: float = 0.01,
    baseline: Baseline = 0.0,
    steps: int | None = None,
    most_steps: int = 256,
) -> Attribution:
    """Average the gradient along the straight path from the baseline, times the way gone (eq. 1).

    tolerance: the values add up to the target's change within this share of it. The path is cut
    finer where it is needed until they do, or until most_steps gradients were taken. steps: take
    exactly so many, evenly (logit: midpoint rule, probability: Gauss-Legendre), whatever the gap.
    """
    if tolerance <= 0 or most_steps < 2 or (steps is not None and steps < 1):
        what = f"tolerance is {tolerance}, steps {steps}, most_steps {most_steps}"
        raise BadInput(what, cure="pass a positive tolerance and steps, and at least 2 most_steps")
    start = baseline_of(network, x, baseline)
    means, changes, taken = [], [], []
    for i in track(range(len(x)), "integrated gradients"):
        path = Path(network, start[i], x[i], target.rows(torch.tensor([i])))
        if steps:
            means.append(_even(path, *quadrature(target.of, steps)))
            start_value, end_value = path.values(torch.tensor([0.0, 1.0]))
            changes.append(end_value - start_value)
        else:
            mean, change = _adaptive(path, tolerance, most_steps)
            means.append(mean)
            changes.append(change)
        taken.append(path.gradients)
    values, expected = (x - start) * torch.stack(means), torch.tensor(changes)
    gap = (values.flatten(1).double().sum(1).cpu() - expected).abs() / expected.abs().clamp_min(TINY)
    missed = int((~(gap <= tolerance)).sum()) if not steps else 0
    notes = (f"{missed} of {len(x)} samples miss the tolerance of {tolerance:g}; raise most_steps",) if missed else ()
    return Attribution(values, expected=expected, steps=max(taken), notes=notes)


class Path:
    """The straight path from a baseline to one sample [C, H, W]; counts the gradients taken on it."""

    def __init__(self, network: Network, start: Tensor, end: Tensor, target: Target):
        self.network, self.start, self.end, self.target = network, start, end, target
        self.gradients = 0

    def _inputs(self, at: Tensor) -> tuple[Tensor, Target]:
        alpha = at.to(self.end)[:, None, None, None]
        return torch.lerp(self.start, self.end, alpha), self.target.rows(torch.zeros(len(at), dtype=torch.long))

    def values(self, at: Tensor) -> Tensor:
        """The target's values at the positions ``at`` in [0, 1], float64."""
        return scores(self.network, *self._inputs(at)).double().cpu()

    def gradient(self, at: Tensor) -> Tensor:
        """The target's gradients at the positions ``at`` in [0, 1]: [len(at), C, H, W]."""
        self.gradients += len(at)
        size = self.network.batch_size(self.end[None], gradient=True)
        return torch.cat([gradient_of(self.network, *self._inputs(part))[0] for part in at.split(size)])

    def along(self, gradient: Tensor) -> Tensor:
        """A gradient's product with the way gone: the target's slope along the path, float64."""
        return (gradient * (self.end - self.start)).flatten(1).double().sum(1).cpu()


def _even(path: Path, nodes: Tensor, weights: Tensor) -> Tensor:
    return torch.einsum("n,nchw->chw", weights.to(path.end), path.gradient(nodes))


def _adaptive(path: Path, tolerance: float, most: int) -> tuple[Tensor, float]:
    """The mean gradient by Gauss-Legendre panels, halved where they err most; and the target's change.

    What a panel must contribute is known exactly: the target's change over it. So is its error.
    """
    edges = torch.linspace(0, 1, min(16, most // 2) + 1, dtype=torch.float64)
    values = path.values(edges)
    panels = Panels(edges[:-1], edges[1:], values[:-1], values[1:], _means(path, edges[:-1], edges[1:]))
    total = float(values[-1] - values[0])
    while True:
        error = path.along(panels.mean) * panels.width - (panels.end - panels.start)
        if abs(float(error.sum())) <= tolerance * abs(total) or path.gradients + 4 > most:
            return torch.einsum("n,nchw->chw", panels.width.to(panels.mean), panels.mean), total
        panels = _halve(path, panels, _worst(error, most=min(8, (most - path.gradients) // 4)))


@dataclass(frozen=True)
class Panels:
    """Pieces of the path from ``low`` to ``high``, with the target's values there and the mean gradient between."""

    low: Tensor
    high: Tensor
    start: Tensor
    end: Tensor
    mean: Tensor

    @property
    def width(self) -> Tensor:
        """How long each piece is; all together are 1."""
        return self.high - self.low


def _halve(path: Path, panels: Panels, worst: Tensor) -> Panels:
    """The panels with each of ``worst`` replaced by its two halves."""
    rest = torch.ones(len(panels.low), dtype=torch.bool)
    rest[worst] = False
    low, high, start, end = (t[worst] for t in (panels.low, panels.high, panels.start, panels.end))
    middle = (low + high) / 2
    there = path.values(middle)
    low, high = torch.cat([low, middle]), torch.cat([middle, high])
    new = (low, high, torch.cat([start, there]), torch.cat([there, end]), _means(path, low, high))
    old = (panels.low, panels.high, panels.start, panels.end, panels.mean)
    return Panels(*(torch.cat([o[rest.to(o.device)], n]) for o, n in zip(old, new, strict=True)))


def _means(path: Path, low: Tensor, high: Tensor) -> Tensor:
    """The mean gradient over each panel by two Gauss-Legendre nodes: [panel, C, H, W]."""
    nodes, _ = quadrature("probability", 2)
    at = low[:, None] + (high - low)[:, None] * nodes
    return path.gradient(at.flatten()).unflatten(0, at.shape).mean(1)


def _worst(error: Tensor, *, most: int) -> Tensor:
    """The fewest panels that make up half of all error, at most ``most``."""
    order = error.abs().argsort(descending=True)
    grown = error.abs()[order].cumsum(0)
    return order[: min(most, int((grown < grown[-1] / 2).sum()) + 1)]


def quadrature(of: str, count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1], float64.

    A logit's gradient is piecewise constant along the path (ReLU networks): the midpoint rule suits
    it. A probability bends smoothly: Gauss-Legendre does.
    """
    if of == "probability":
        nodes, weights = np.polynomial.legendre.leggauss(count)
        return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
    nodes = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return nodes, torch.full((count,), 1 / count, dtype=torch.float64)
