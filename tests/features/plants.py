"""A small network in whose first layer filters of every kind are planted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import pellucid
from pellucid import InputSpec

SIZE = 24
SPEC = InputSpec(size=(SIZE, SIZE), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), crop=None)


class Planted(nn.Module):
    """Sixteen 5 × 5 filters: 9 copies 2, 10 is half of 3, 11 is minus 4, 12 mirrors 5, 13 is dead, 14 sits at 6,
    15 points where 6 does but fires elsewhere.
    """

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(3, 16, 5, padding=2)
        self.norm = nn.BatchNorm2d(16) if norm else nn.Identity()
        self.act = nn.ReLU6()
        self.second = nn.Conv2d(16, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)
        self._plant()

    @torch.no_grad()
    def _plant(self) -> None:
        w, b = self.first.weight, self.first.bias
        nn.init.normal_(w, std=0.1)
        b.fill_(0.1)
        w[9] = w[2]
        w[10] = w[3] / 2
        b[10] = b[3] / 2
        w[11] = -w[4]
        w[12] = w[5].flip(-1)
        b[13] = -1000
        b[14] = 1000
        w[15] = w[6]
        b[15] = 4.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        x = torch.relu(self.second(x))
        return self.head(x.mean((2, 3)))


def network(**how: bool) -> pellucid.Network:
    return pellucid.open(Planted(**how), input=SPEC)


def images(count: int = 8, *, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
