"""A linear network of one number, of which every score is known beforehand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import pellucid
from pellucid.evaluation.bench import Bench
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network


def linear_network(height: int, width: int, *, seed: int = 0) -> tuple[Network, Tensor]:
    """f(x) = Σ w·x on [1, height, width], and w."""
    layer = nn.Linear(height * width, 1, bias=False)
    weight = torch.randn(height * width, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        layer.weight.copy_(weight[None])
    module = nn.Sequential(nn.Flatten(), layer)
    spec = InputSpec.matrix(height, width)
    return pellucid.open(module, input=spec, output="values"), weight.view(height, width)


def linear_bench(n: int = 6, height: int = 4, width: int = 4, *, seed: int = 0) -> tuple[Bench, Tensor]:
    """A bench on it, and the right maps w·x [n, height, width]."""
    network, weight = linear_network(height, width)
    x = torch.randn(n, 1, height, width, generator=torch.Generator().manual_seed(seed + 1))
    bench = Bench(network.prepared(), x, torch.zeros(n, dtype=torch.int64), tuple(map(str, range(n))), original=network)
    return bench, x[:, 0] * weight
