"""Pictures whose regions are known, and a network whose layers show exactly them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import pellucid
from pellucid.features.grouping import agreement

SIZE = 24
SPEC = pellucid.InputSpec(
    size=(SIZE, SIZE), mean=(0.5, 0.4, 0.6), std=(0.5, 0.4, 0.3), interpolation="nearest", crop=None
)
COLOURS = np.array([[230, 30, 30], [30, 230, 30], [30, 30, 230], [230, 230, 30], [30, 230, 230]], np.uint8)


def truth(count: int = 2, *, seed: int = 0) -> np.ndarray:
    """Region numbers [count, SIZE, SIZE]: blocks of eight pixels, every region in every picture."""
    rng = np.random.default_rng(seed)
    blocks = [rng.permutation(np.arange(9) % len(COLOURS)).reshape(3, 3) for _ in range(count)]
    return np.stack(blocks).repeat(8, 1).repeat(8, 2)


def pictures(regions: np.ndarray) -> list[np.ndarray]:
    return list(COLOURS[regions])


class Planted(nn.Module):
    """``code`` gives each pixel the vector of its colour, orthogonal to all others; ``coarse`` averages four of them.

    ``same`` repeats ``code``; ``flat`` is the same everywhere; ``vector`` has no places.
    """

    def __init__(self, channels: int = 16, noise: float = 0.0) -> None:
        super().__init__()
        self.code, self.same, self.coarse = Code(channels, noise), nn.Identity(), nn.AvgPool2d(2)
        self.flat, self.vector = nn.Conv2d(channels, 4, 1), nn.Linear(channels, 3)
        nn.init.zeros_(self.flat.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.coarse(self.same(self.code(x)))
        self.flat(x)
        return self.vector(x.mean((2, 3)))


class Code(nn.Module):
    def __init__(self, channels: int, noise: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        vectors = torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q[: len(COLOURS)]
        self.vectors, self.noise = nn.Parameter(vectors), noise
        self.register_buffer("colours", SPEC.normalise(torch.tensor(COLOURS).float().T[:, :, None])[:, :, 0].T)

    def forward(self, x: Tensor) -> Tensor:
        nearest = (x[:, None] - self.colours[None, :, :, None, None]).square().sum(2).argmin(1)
        code = self.vectors[nearest].permute(0, 3, 1, 2)
        generator = torch.Generator().manual_seed(1)
        return code + self.noise * torch.randn(code.shape[1:], generator=generator)


def network(*, channels: int = 16, noise: float = 0.0) -> pellucid.Network:
    return pellucid.open(Planted(channels, noise), input=SPEC)


def mean_iou(labels: np.ndarray, regions: np.ndarray) -> float:
    """The mean intersection over union of two pictures of numbers."""
    return agreement.mean_iou(agreement.contingency(labels, regions, (int(labels.max()) + 1, int(regions.max()) + 1)))


def directions(k: int, rows: int, *, d: int = 8, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows [m, d] of length 1 around k orthogonal directions, of uneven sizes, and which is whose."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.multinomial(torch.arange(1.0, k + 1), rows, replacement=True, generator=generator)
    own[:k] = torch.arange(k)
    x = torch.eye(d)[own] + noise * torch.randn(rows, d, generator=generator)
    return nn.functional.normalize(x, dim=1), own
