"""Cross entropy: the levels as classes, their order unused."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """−log p of the right level; outputs [n, levels] are scores before the softmax."""
    return F.cross_entropy(output, target, reduction="none")
