"""What natural pictures reach: the scale on which a drawn picture's activation means something."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.progress import track
from pellucid.core.types import Sample
from pellucid.data.batches import as_sample
from pellucid.data.stream import Stream
from pellucid.features.drawing.objectives import Objective
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network

#: How many natural pictures, or crops of them, a drawn picture is held against.
COUNT = 128

#: The smallest crop's share of the largest that fits into its picture.
_SMALLEST = 0.35


@dataclass(frozen=True)
class Natural:
    """What an objective's layer does on natural pictures.

    scores: the objective of each, float32 [n]. mean, deviation: of each channel's activation, float32 [width].
    pictures: how many there are; crops: how many of each were shown.
    """

    scores: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    pictures: int
    crops: int

    def percentile(self, score: float) -> float:
        """The share of natural pictures below a score, in per cent."""
        return 100 * float((self.scores < score).mean())

    def unusual(self, activations: Tensor) -> Tensor:
        """Each channel's activation [width] in standard deviations above what is usual for it."""
        above = activations.double().cpu() - torch.from_numpy(self.mean).double()
        return above / torch.from_numpy(self.deviation).double().clamp_min(1e-12)


@torch.no_grad()
def natural(network: Network, objective: Objective, stream: Stream, *, seed: int = 0) -> Natural:
    """The objective on COUNT natural pictures, as the network is fed them, or on so many crops of fewer."""
    pictures = min(len(stream), COUNT)
    chosen = np.linspace(0, len(stream) - 1, pictures).round().astype(int)
    crops = 1 if network.input.is_matrix or not stream.samples() else -(-COUNT // pictures)
    scores, each = [], []
    for i in track(chosen.tolist(), "natural pictures"):
        x = _shown(network, stream, i, crops, seed)
        maps = torch.cat([objective.maps(part) for part in x.split(network.batch_size(x, gradient=False))]).float()
        scores.append(objective.score(maps).cpu())
        each.append(objective.of_each_channel(maps).cpu())
    channels = torch.cat(each).double()
    return Natural(
        scores=torch.cat(scores).float().numpy(),
        mean=channels.mean(0).float().numpy(),
        deviation=channels.std(0, correction=0).float().numpy(),
        pictures=pictures,
        crops=crops,
    )


def _shown(network: Network, stream: Stream, i: int, crops: int, seed: int) -> Tensor:
    """Picture ``i`` as the network is fed it, and further crops of it: [crops, C, H, W]."""
    if crops == 1:
        return stream.take(slice(i, i + 1)).x
    sample = as_sample(stream.samples()[i])
    whole = network.input.tensor(sample)[0]
    cut = dataclasses.replace(network.input, crop=None)
    generator = torch.Generator().manual_seed(seed + 1000 * i)
    others = [cut.tensor(part)[0] for part in _crops(sample, network.input, crops - 1, generator)]
    return torch.stack([whole, *others]).to(network.device, network.dtype)


def _crops(sample: Sample, spec: InputSpec, count: int, generator: torch.Generator) -> Iterator[Sample]:
    """Parts of the network's proportions, of random sizes and places."""
    height, width = sample.array.shape[:2]
    largest = min(height / spec.size[0], width / spec.size[1])
    for share, down, across in torch.rand((count, 3), generator=generator).tolist():
        scale = largest * (_SMALLEST + (1 - _SMALLEST) * share)
        h, w = (max(1, int(side * scale)) for side in spec.size)
        top, left = int(down * (height - h + 1)), int(across * (width - w + 1))
        yield dataclasses.replace(sample, array=sample.array[top : top + h, left : left + w])
