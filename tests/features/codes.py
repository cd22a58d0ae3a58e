"""Autoencoders whose units' importance is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

import pellucid

UNITS = 6
SPEC = pellucid.InputSpec.matrix(8, 8)
DIGITS = torch.from_numpy(load_digits().images / 16)[:, None]
TARGETS = load_digits().target


class Autoencoder(nn.Module):
    """x → code = mix(W (x − m)) → decoder(unmix(code)): another mix is another code of the same function."""

    def __init__(self, encode: Tensor, decode: nn.Module, mean: Tensor, mix: Tensor | None = None) -> None:
        super().__init__()
        units = len(encode)
        mix = torch.eye(units, dtype=encode.dtype) if mix is None else mix
        self.flat, self.code, self.unmix = nn.Flatten(), nn.Linear(64, len(mix)), nn.Linear(len(mix), units, bias=False)
        self.decoder, self.shape = decode, nn.Unflatten(1, (1, 8, 8))
        self.code.weight.data = mix @ encode
        self.code.bias.data = -(mix @ encode) @ mean
        self.unmix.weight.data = torch.linalg.pinv(mix)

    def forward(self, x: Tensor) -> Tensor:
        return self.shape(self.decoder(self.unmix(self.code(self.flat(x)))))


def principal(count: int = 400, units: int = UNITS) -> tuple[np.ndarray, Tensor, Tensor]:
    """The variances per value of digits along their principal components, the components [units, 64], the mean."""
    flat = DIGITS[:count].flatten(1).numpy()
    pca = PCA(units).fit(flat)
    variances = pca.explained_variance_ * (count - 1) / count / 64
    return variances, torch.from_numpy(pca.components_), torch.from_numpy(pca.mean_)


def linear(mix: Tensor | None = None) -> pellucid.Network:
    """The autoencoder that PCA is."""
    _, components, mean = principal()
    decode = nn.Linear(UNITS, 64).double()
    decode.weight.data, decode.bias.data = components.T.contiguous(), mean
    return opened(Autoencoder(components, decode, mean, mix))


def curved(mix: Tensor | None = None) -> pellucid.Network:
    """One whose decoder bends."""
    _, components, mean = principal()
    torch.manual_seed(0)
    decode = nn.Sequential(nn.Linear(UNITS, 20), nn.Tanh(), nn.Linear(20, 64)).double()
    return opened(Autoencoder(components, decode, mean, mix))


def opened(module: nn.Module, **more: Any) -> pellucid.Network:
    return pellucid.open(module, input=SPEC, **{"output": "values", **more})


def mix(seed: int = 0, units: int = UNITS) -> Tensor:
    """Some invertible matrix, far from orthogonal."""
    return torch.randn(units, units, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
