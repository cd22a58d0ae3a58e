"""Greedy layer-wise training of a dense autoencoder before all its layers learn together (Bengio et al. 2007)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.autoencoders import Autoencoder
from pellucid.training.fit import draw_from, seeds_of
from pellucid.training.setup import Setup

#: Of the optimizer, where the plan leaves the rate to the finder.
RATE = 1e-3


def begin_layerwise(setup: Setup) -> None:
    """Train each layer with its mirror image to reconstruct what the layers before it give, from outside in; in place.

    How many epochs each: the task's option ``layerwise``; 0 leaves everything as it is.
    """
    epochs = setup.task.options.get("layerwise", 0)
    if not epochs:
        return
    module = setup.network.module
    levels = module.levels() if isinstance(module, Autoencoder) else []
    if len(levels) < 2:
        cure = "choose a dense one with hidden layers (autoencoder:dense-256-64-16), or leave layerwise away"
        raise BadInput("there are no layers to be trained one by one", where=setup.network.name, cure=cure)
    steps = [(level, epoch) for level in range(len(levels)) for epoch in range(epochs)]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for level, epoch in track(steps, "layer by layer"):
            if epoch == 0:
                learning = [p.requires_grad_(True) for layer in levels[level] for p in layer.parameters()]
                optimizer = torch.optim.Adam(learning, setup.plan.lr if isinstance(setup.plan.lr, float) else RATE)
            _epoch(setup, module, levels, level, optimizer, seeds_of(setup.plan.seed, level * epochs + epoch, 1)[0])
    module.requires_grad_(False)


def _epoch(
    setup: Setup,
    module: Autoencoder,
    levels: Sequence[tuple[nn.Linear, nn.Linear]],
    level: int,
    optimizer: torch.optim.Optimizer,
    seed: int,
) -> None:
    draw_from(seed, setup.network.device)
    for places in torch.randperm(len(setup.train)).split(setup.plan.batch):
        given = _before(module, levels[:level], setup.train.x(places, setup.network.device))
        there, back = levels[level]
        code = there(given) if level == len(levels) - 1 else there(given).relu()
        undone = back(code) if level == 0 else back(code).relu()
        optimizer.zero_grad(set_to_none=True)
        (undone - given).square().mean().backward()
        optimizer.step()


@torch.no_grad()
def _before(module: Autoencoder, levels: Sequence[tuple[nn.Linear, nn.Linear]], x: Tensor) -> Tensor:
    """What the layers before give."""
    found = module.standardise(x).flatten(1)
    for there, _ in levels:
        found = there(found).relu()
    return found
