"""Integrated gradients, with as many steps as its own completeness asks for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.baselines import Baseline, baseline_of
from pellucid.attribution.passes import gradient_of, scores
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network


@methods.register(
    "integrated_gradients",
    group="attribution",
    source="arXiv:1703.01365",
    laws=frozenset({"completeness", "linear_exact"}),
    cost="1 gradient a step (9 to 243, by tolerance)",
)
def integrated_gradients(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    tolerance: float = 0.01,
    baseline: Baseline = 0.0,
    steps: int | None = None,
    most_steps: int = 243,
) -> Attribution:
    """Average the gradient along the straight path from the baseline, times the way gone (eq. 1).

    tolerance: the values add up to the target's change within this share of it; steps are raised
    for the samples that miss it, up to most_steps. steps: take exactly so many instead.
    """
    if tolerance <= 0 or most_steps < 1 or (steps is not None and steps < 1):
        raise BadInput("tolerance and steps must be positive")
    start = baseline_of(network, x, baseline)
    expected = scores(network, x, target) - scores(network, start, target)
    values = torch.zeros_like(x)
    open_rows, taken = torch.arange(len(x)), 0
    for count in [steps] if steps else _schedule(target, most_steps):
        a, b, goal = start[open_rows], x[open_rows], target.rows(open_rows)
        values[open_rows] = (b - a) * _mean_gradient(network, a, b, goal, count)
        taken = count
        gap = (values.flatten(1).double().sum(1) - expected).abs() / expected.abs().clamp_min(1e-12)
        open_rows = (gap > tolerance).nonzero()[:, 0].cpu()
        if not len(open_rows):
            break
    notes = (
        ()
        if steps or not len(open_rows)
        else (f"{len(open_rows)} samples still miss the tolerance of {tolerance:g} after {taken} steps",)
    )
    return Attribution(values, expected=expected, steps=taken, notes=notes)


def _schedule(target: Target, most: int) -> list[int]:
    """9, 27, 81, 243 … up to ``most``."""
    counts = [9]
    while counts[-1] * 3 <= most:
        counts.append(counts[-1] * 3)
    return [c for c in counts if c <= most] or [most]


def _mean_gradient(network: Network, a: Tensor, b: Tensor, target: Target, count: int) -> Tensor:
    """∫₀¹ ∇f(a + α(b − a)) dα by ``count`` nodes, for each sample of the batch."""
    nodes, weights = quadrature(target.of, count)
    total = torch.zeros_like(b)
    pairs = torch.cartesian_prod(torch.arange(len(b)), torch.arange(count))
    parts = pairs.split(network.batch_size(b, gradient=True))
    for part in track(parts, "integrated gradients"):
        rows, at = part[:, 0], part[:, 1]
        alpha = nodes[at].to(b)[:, None, None, None]
        grad, _ = gradient_of(network, torch.lerp(a[rows], b[rows], alpha), target.rows(rows))
        total.index_add_(0, rows.to(b.device), grad * weights[at].to(b)[:, None, None, None])
    return total


def quadrature(of: str, count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1], float64.

    A logit's gradient is piecewise constant along the path (ReLU networks): the midpoint rule errs
    least. A probability bends smoothly: Gauss-Legendre does.
    """
    if of == "probability":
        nodes, weights = np.polynomial.legendre.leggauss(count)
        return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count, torch.full(
        (count,), 1 / count, dtype=torch.float64
    )
