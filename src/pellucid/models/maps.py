"""Outputs that are a map of each class."""

from __future__ import annotations

import torch
from torch import Tensor


def shares_of_maps(maps: Tensor, *, apart: bool) -> Tensor:
    """The share of the pixels that each class has, [N, classes], of maps [N, classes, H, W].

    apart: classes do not exclude each other: a pixel is of every one whose score is above 0, else of the best one.
    """
    if apart or maps.shape[1] == 1:
        return (maps > 0).float().mean((2, 3))
    best = maps.argmax(1)
    return torch.stack([(best == k).float().mean((1, 2)) for k in range(maps.shape[1])], 1)
