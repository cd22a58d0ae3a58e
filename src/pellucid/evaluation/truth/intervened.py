"""What a network makes of its picture's parts: its answer to the same picture without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.core.types import Sample
from pellucid.evaluation.bench import Bench, Parts
from pellucid.evaluation.truth.at_input import at_input
from pellucid.evaluation.truth.planted import Planted
from pellucid.models.inputs import InputSpec


def fed(spec: InputSpec, pictures: Sequence[np.ndarray]) -> Tensor:
    """Pictures uint8 [H, W, 3] as the network is fed them: [n, C, h, w]."""
    return torch.stack([spec.tensor(Sample(picture))[0] for picture in pictures])


def answers(bench: Bench, x: Tensor, rows: Sequence[int]) -> np.ndarray:
    """The explained value of changed pictures [m, C, H, W], of picture ``rows[i]`` each: float64 [m]."""
    if not len(x):
        return np.zeros(0)
    x = x.to(bench.x)
    return bench.asked(torch.tensor(rows), lambda places, _: x[places]).numpy()


def planted_bench(bench: Bench, pictures: Planted) -> Bench:
    """The bench of a planted set with its masks and, by taking away what was put in, the network's own truth.

    bench: of these pictures, in their order.
    """
    spec, rows = bench.network.input, list(range(len(bench)))
    names = tuple(pictures.regions)
    gone = [answers(bench, fed(spec, pictures.without[n]), rows) for n in names]
    effects = np.stack([bench.clean.numpy() - g for g in gone], 1)
    masks = np.stack([at_input(pictures.regions[n], spec) for n in names], 1)
    parts = Parts(names, masks, effects)
    return dataclasses.replace(bench, masks=at_input(pictures.masks, spec), parts=parts)
