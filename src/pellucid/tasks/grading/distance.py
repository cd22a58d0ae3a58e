"""Cross entropy weighted by distances, in the two forms that are in use. Neither is a proper scoring rule.

That is, neither is smallest at the true probabilities (docs/ordinal.md).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def distance_by_class(output: Tensor, target: Tensor, distances: Tensor) -> Tensor:
    """−Σ_k distance(k, y)·log(1 − p_k): each wrong level is paid for by how far off it is (Polat 2022, CDW-CE).

    output: [n, levels]; distances: [levels, levels]. With d_k = E distance(k, y) it is smallest at
    p_k = max(0, 1 − (m − 1)·d_k / Σ d), m and Σ over the levels that are left: its most likely level has the smallest
    expected distance.
    """
    diagonal = torch.eye(output.shape[1], dtype=torch.bool, device=output.device)
    # log Σ over the others: 1 − p by subtraction would be 0 where p is near 1.
    others = output[:, None, :].masked_fill(diagonal, float("-inf")).logsumexp(2)
    log_rest = others - output.logsumexp(1, keepdim=True)
    return -(distances.to(output)[target] * log_rest).sum(1)


def distance_by_decision(output: Tensor, target: Tensor, distances: Tensor) -> Tensor:
    """(1 + distance(most likely level, y))·(−log p_y): errors cost more the farther off the decision is.

    Where level a is the most likely, it is smallest at p_y ∝ P(y)·(1 + distance(a, y)), if a is the most likely there.
    """
    weight = 1 + distances.to(output)[output.argmax(1), target]
    return weight * F.cross_entropy(output, target, reduction="none")
