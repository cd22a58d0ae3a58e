"""The squared earth mover's distance, which is the ranked probability score (Hou et al. 2016; Epstein 1969)."""

from __future__ import annotations

import torch
from torch import Tensor


def squared_emd(output: Tensor, target: Tensor, gaps: Tensor) -> Tensor:
    """Σ_k gap_k·(P(y ≤ k) − [y ≤ k])²; output: [n, levels], scores before the softmax; gaps: [levels − 1], from each
    level to the next (1 in arXiv:1611.05916).
    """
    reached = output.softmax(1).cumsum(1)[:, :-1]
    truth = target[:, None] <= torch.arange(output.shape[1] - 1, device=output.device)
    return ((reached - truth.to(output)) ** 2 * gaps.to(output)).sum(1)
