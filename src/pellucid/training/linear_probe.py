"""What a linear classifier makes of the features while a network learns without labels: told each epoch, learnt by
nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.models.capture import hooks, tensors_in
from pellucid.models.prepare import untouched
from pellucid.training.examples import Examples
from pellucid.training.latents.classes import logistic
from pellucid.training.setup import Setup

#: Items that the classifier learns from and is asked at most, drawn with the seed; classes at most.
LEARNT, ASKED, CLASSES = 2000, 2000, 100

#: Its penalty: the same in each epoch, so that epochs can be compared.
C = 0.1

#: Items a pass.
BATCH = 64


def linear_probe(setup: Setup) -> Callable[[], dict[str, float]] | None:
    """What gives an epoch's ``val_probe_accuracy``: a logistic regression on the features of training items, asked
    about validation items. It sees the module alone, so a training that is taken up again tells the same.

    None for a task that learns from labels, and where no column holds classes of both splits.
    """
    if setup.task.views is None:
        return None
    column = next(iter(setup.plan.labels), setup.data.label)
    if column is None:
        return None
    cells = np.array(setup.data.column(column))
    learn, ask = (_some(setup, split, cells, most) for split, most in (("train", LEARNT), ("val", ASKED)))
    kinds = np.unique(cells[learn.rows])
    if not 2 <= len(kinds) <= CLASSES or not len(ask):
        return None

    def probe() -> dict[str, float]:
        classifier = logistic(C).fit(_features(setup, learn), cells[learn.rows])
        said = classifier.predict(_features(setup, ask))
        return {"val_probe_accuracy": float((said == cells[ask.rows]).mean())}

    return probe


def _some(setup: Setup, split: str, cells: np.ndarray, most: int) -> Examples:
    """Labelled items of a split, in the order of their numbers."""
    examples = setup.examples(split)
    there = np.flatnonzero(cells[examples.rows] != "")
    chosen = np.random.default_rng(setup.plan.seed).permutation(there)[:most]
    return examples.take(np.sort(chosen))


def _features(setup: Setup, examples: Examples) -> np.ndarray:
    """What enters the head: [n, width]."""
    network, taken = setup.network, []

    def take(_: str, __: nn.Module, inputs: Any, output: Any) -> None:
        taken.append(tensors_in(inputs)[0].float().cpu())

    with untouched(network.module), torch.inference_mode(), hooks(network.module, [setup.chosen.head], take):
        for start in range(0, len(examples), BATCH):
            network(examples.x(slice(start, start + BATCH), network.device, network.dtype))
    found: Tensor = torch.cat(taken)
    return found.numpy()
