"""The cumulative link model: one score against ordered cutpoints, P(y > k) = sigmoid(score − cutpoint k).

Proportional odds (McCullagh 1980), learnt by likelihood; the head keeps the cutpoints in order (heads.Thresholds).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: Two cutpoints that are closer than this leave no probability between them; the logarithm goes on as a straight line
#: then, steep enough to part them again and never infinite.
CLOSEST = 1e-4


def cumulative(output: Tensor, target: Tensor) -> Tensor:
    """−log P(y); output: [n, levels − 1], log odds of y > k, falling with k.

    P(y = k) = σ(a) − σ(b) = σ(a)·σ(−b)·(1 − e^(b − a)), whose logarithm has no difference of numbers near 1.
    """
    far = output.new_full((len(output), 1), float("inf"))
    bounds = torch.cat([far, output, -far], 1)
    above, below = (bounds.gather(1, target[:, None] + i)[:, 0] for i in (0, 1))
    between = torch.isfinite(above) & torch.isfinite(below)
    gap = torch.where(between, above - below, 1.0)
    return -(F.logsigmoid(above) + F.logsigmoid(-below) + torch.where(between, _log_share(gap), 0.0))


def _log_share(gap: Tensor) -> Tensor:
    """log(1 − e^−gap), below CLOSEST its tangent."""
    wide = gap.clamp(min=CLOSEST)
    return torch.log(-torch.expm1(-wide)) + (gap - wide) / math.expm1(CLOSEST)


def from_cumulative(above: Tensor) -> Tensor:
    """P(y > k) [n, levels − 1] → P(y = k) [n, levels]. Where they rise with k the negative rest is cut off, and the
    others are divided by their sum.
    """
    one, zero = above.new_ones((len(above), 1)), above.new_zeros((len(above), 1))
    shares = (torch.cat([one, above], 1) - torch.cat([above, zero], 1)).clamp(min=0)
    return shares / shares.sum(1, keepdim=True)


def cumulative_probabilities(output: Tensor) -> Tensor:
    """Log odds of y > k → probabilities of the levels."""
    return from_cumulative(output.sigmoid())
