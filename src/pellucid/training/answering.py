"""What a network answers to many examples, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.tasks.task import Task
from pellucid.training.examples import Codes, Examples

#: Items a pass: always the same, so that the same network gives the same bytes.
BATCH = 64


def assess(task: Task, run: Callable[[Tensor], Any], x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Each item's loss [n], and what the task's scores need of it [n, …]: its outputs, or a summary of them."""
    if task.objective is not None:
        return task.objective(run, x, target)
    output = first_tensor(run(x)).float()
    return task.loss(output, target), output if task.summary is None else task.summary(output.detach(), target)


def assessed(
    network: Network, task: Task, examples: Examples | Codes, *, batch: int = BATCH, what: str = ""
) -> tuple[Tensor, Tensor]:
    """Each example's loss and what scores need of it, on the CPU, in evaluation mode.

    what: the name that progress goes by; "" shows none (within an epoch, which shows its own).
    """
    losses, seen = [], []
    for x, rows in _passes(network, examples, batch, what):
        loss, each = assess(task, network, x, examples.targets[rows].to(network.device))
        losses.append(loss.cpu())
        seen.append(each.float().cpu())
    return torch.cat(losses).clone(), torch.cat(seen).clone()


def outputs_of(network: Network, examples: Examples | Codes, *, batch: int = BATCH, what: str = "") -> Tensor:
    """The network's outputs for all examples, float32 [n, outputs] on the CPU, in evaluation mode."""
    found = [first_tensor(network(x)).float().cpu() for x, _ in _passes(network, examples, batch, what)]
    return torch.cat(found).clone()


def _passes(network: Network, examples: Examples | Codes, batch: int, what: str) -> Iterator[tuple[Tensor, slice]]:
    starts = range(0, len(examples), batch)
    with untouched(network.module), torch.inference_mode():
        for start in track(starts, what) if what else starts:
            rows = slice(start, start + batch)
            yield examples.x(rows, network.device, network.dtype), rows


def answers(network: Network, task: Task, examples: Examples | Codes, *, what: str = "answers") -> np.ndarray:
    """The task's probabilities for all examples, float32 [n, len(task.classes)]; on the fast copy of the network.

    For a task whose answers lie in the picture, what its scores need, [n, …]. Raises BadInput where an output is not
    finite.
    """
    ready = network.prepared()
    plain = task.objective is None and task.summary is None
    found = outputs_of(ready, examples, what=what) if plain else assessed(ready, task, examples, what=what)[1]
    if not bool(torch.isfinite(found).all()):
        raise BadInput("the network's output is not finite", where=network.name, cure="check the weights")
    return task.probabilities(found).numpy()
