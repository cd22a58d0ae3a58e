"""Deep ReLU networks as people write them, and the digits that they are to learn."""

from __future__ import annotations

import itertools

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import pellucid

SPEC = pellucid.InputSpec.matrix(8, 8, 1)


def deep(
    width: int = 512, depth: int = 20, std: float | None = 0.1, *, inputs: int = 64, outputs: int = 10
) -> nn.Module:
    """So many linear layers with a ReLU behind each but the last, N(0, std²); None leaves torch's own weights."""
    torch.manual_seed(0)
    sizes = [inputs, *[width] * (depth - 1), 10]
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    module = nn.Sequential(*layers[:-1])
    for each in module:
        if isinstance(each, nn.Linear) and std is not None:
            nn.init.normal_(each.weight, std=std)
            nn.init.zeros_(each.bias)
    return module


def opened(module: nn.Module) -> pellucid.Network:
    return pellucid.open(module, input=SPEC, classes=[*"0123456789"])


def digits(count: int = 1797) -> tuple[Tensor, Tensor]:
    """Standardised 8 × 8 pictures [n, 1, 8, 8] and what they show, shuffled."""
    found = load_digits()
    x = torch.tensor(found.images[:, None], dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:count]
    return ((x - x.mean()) / x.std())[order], torch.tensor(found.target)[order]
