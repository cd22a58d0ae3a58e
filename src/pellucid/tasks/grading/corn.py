"""CORN: each output is the log odds of y > k given y > k − 1, so their products never rise (Shi et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.tasks.grading.cumulative import from_cumulative


def corn(output: Tensor, target: Tensor) -> Tensor:
    """Σ over the thresholds that y has reached of their binary cross entropy, which is −log P(y).

    output: [n, levels − 1]. The paper (arXiv:2111.08851) divides a batch's sum by how many terms it has; here each item
    keeps its own sum, for that is the likelihood.
    """
    level = torch.arange(output.shape[1], device=output.device)
    passed, asked = target[:, None] > level, target[:, None] >= level
    each = F.binary_cross_entropy_with_logits(output, passed.to(output), reduction="none")
    return torch.where(asked, each, 0.0).sum(1)


def corn_probabilities(output: Tensor) -> Tensor:
    """P(y > k) is the product of the conditional ones up to k."""
    return from_cumulative(F.logsigmoid(output).cumsum(1).exp())
