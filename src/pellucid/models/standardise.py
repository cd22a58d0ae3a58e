"""A layer that puts its input onto a common scale, measured once from what is learnt from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(x − mean) / deviation, each a number a channel [C, 1, 1] or a place [C, H, W]; 0 and 1 until it is measured."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise."""
        return (x - self.mean) / self.deviation

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take mean and deviation from x [N, C, H, W]; what is the same everywhere is only centred."""
        over = tuple(i for i, n in enumerate((1, *self.mean.shape)) if n == 1)
        self.mean.copy_(x.mean(over, keepdim=True)[0])
        deviation = x.std(over, correction=0, keepdim=True)[0]
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0))
