"""CORAL: one score with a free offset for each threshold, and a binary cross entropy for each (Cao et al. 2020).

The offsets are in order at the optimum (Theorem 1 there), which does not say that they are so while it is learnt.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def coral(output: Tensor, target: Tensor) -> Tensor:
    """Σ_k binary cross entropy of (y > k); output: [n, levels − 1], log odds of y > k (arXiv:1901.07884)."""
    passed = target[:, None] > torch.arange(output.shape[1], device=output.device)
    return F.binary_cross_entropy_with_logits(output, passed.to(output), reduction="none").sum(1)
