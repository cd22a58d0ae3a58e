"""Maps that know nothing: what a method must beat before its score means anything."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pellucid.evaluation.bench import Explainer
from pellucid.models.network import Network


def random_map(network: Network, x: Tensor, targets: Tensor) -> Tensor:
    """Standard normal noise, another for each picture and each network."""
    weights = network.facts()["weights_sha256"].encode()
    return torch.stack([_noise(each, weights) for each in x])


def _noise(picture: Tensor, weights: bytes) -> Tensor:
    # Drawn from what it is a map of, so the same question has the same answer.
    digest = blake2b(picture.detach().cpu().contiguous().numpy().tobytes() + weights, digest_size=7).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
    return torch.randn(picture.shape[-2:], generator=generator)


def sobel(network: Network, x: Tensor, targets: Tensor) -> Tensor:
    """The edges of the picture, which any network would get (Sobel's gradient of the mean over channels)."""
    grey = pad(x.detach().cpu().float().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return conv2d(grey, torch.stack([across, across.T])[:, None]).norm(dim=1)


def centre(network: Network, x: Tensor, targets: Tensor) -> Tensor:
    """The middle, where photographers put things: a bell of a quarter of each side."""
    rows, columns = (((torch.arange(s) + 0.5) / s - 0.5) / 0.25 for s in x.shape[-2:])
    bell = torch.exp(-(rows[:, None] ** 2 + columns**2) / 2)
    return bell.expand(len(x), -1, -1).clone()


#: Always in the table.
BASELINES: Mapping[str, Explainer] = MappingProxyType({"random_map": random_map, "sobel": sobel, "centre": centre})
