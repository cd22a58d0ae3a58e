"""Several questions in one row of outputs, each with answers that exclude each other: a softmax for each group."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: The logarithm of no probability at all, as a number that can be multiplied by 0.
_NEVER = -1e4


def softmax_of_groups(output: Tensor, groups: Sequence[int]) -> Tensor:
    """Probabilities within each group; output: scores [n, Σ groups], the groups' columns one behind the other."""
    return torch.cat([part.softmax(1) for part in output.split(list(groups), 1)], 1)


def log_softmax_of_groups(output: Tensor, groups: Sequence[int]) -> Tensor:
    """Log-probabilities [n, widest group, groups]; what a narrower group lacks is never its answer."""
    padded = output.new_full((len(output), max(groups), len(groups)), _NEVER)
    for i, part in enumerate(output.split(list(groups), 1)):
        padded[:, : part.shape[1], i] = part.log_softmax(1)
    return padded


def best_of_groups_first(shares: Tensor, groups: Sequence[int]) -> Tensor:
    """The columns of probabilities [n, Σ groups] in order: each group's best, the surest first, then all others."""
    first = torch.zeros_like(shares)
    start = 0
    for part in shares.split(list(groups), 1):
        first.scatter_(1, start + part.argmax(1, keepdim=True), 1.0)
        start += part.shape[1]
    return (shares + 2 * first).argsort(dim=1, descending=True, stable=True)
