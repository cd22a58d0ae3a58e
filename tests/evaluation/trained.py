"""A small network with max-pooling that has learnt faces, on which the literature's failures show."""

from __future__ import annotations

import functools

import skimage.data
import torch
from torch import Tensor, nn

import pellucid
from pellucid.evaluation.bench import Bench
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network


def faces() -> tuple[Tensor, Tensor]:
    """100 faces and 100 other crops, [200, 1, 32, 32] around zero, and which they are."""
    pictures = torch.tensor(skimage.data.lfw_subset()[:, None], dtype=torch.float32)
    x = nn.functional.interpolate(pictures, size=(32, 32), mode="bilinear") - pictures.mean()
    return x, torch.tensor([0] * 100 + [1] * 100)


@functools.cache
def face_network(*, shuffled: bool = False) -> Network:
    """Trained for 60 steps; shuffled: on labels that say nothing."""
    x, y = faces()
    if shuffled:
        y = y[torch.randperm(200, generator=torch.Generator().manual_seed(1))]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stages = [
            layer
            for before, after in ((1, 16), (16, 32), (32, 32))
            for layer in (nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        ]
        module = nn.Sequential(*stages, nn.Flatten(), nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 2))
        optimizer = torch.optim.Adam(module.parameters(), 1e-3)
        for _ in range(60):
            some = torch.randperm(200)[:64]
            loss = nn.functional.cross_entropy(module(x[some]), y[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    accuracy = (module(x).argmax(1) == y).float().mean()
    assert shuffled or accuracy > 0.9
    return pellucid.open(module, input=InputSpec.matrix(32, 32))


def face_bench(**more: object) -> Bench:
    """Five faces and five others."""
    network = face_network()
    x = faces()[0][[0, 10, 20, 30, 40, 110, 120, 130, 140, 150]]
    targets = network.module(x).argmax(1)
    return Bench(network.prepared(), x, targets, tuple("abcdefghij"), original=network, **more)
