"""What a network answers to many examples, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.tasks.task import Task
from pellucid.training.examples import Codes, Examples

#: Items a pass: always the same, so that the same network gives the same bytes.
BATCH = 64


def assess(
    task: Task, run: Callable[[Tensor], Any], x: Tensor, target: Tensor, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Each item's loss [n], and what the task's scores need of it [n, …]: its outputs, or a summary of them.

    generator: of the views, for a task that makes some.
    """
    if task.views is not None:
        x = task.views(x, generator or torch.Generator().manual_seed(0))
    if task.objective is not None:
        return task.objective(run, x, target)
    output = first_tensor(run(x)).float()
    return task.loss(output, target), output if task.summary is None else task.summary(output.detach(), target)


def assessed(
    network: Network, task: Task, examples: Examples | Codes, *, batch: int = BATCH, what: str = ""
) -> tuple[Tensor, Tensor]:
    """Each example's loss and what scores need of it, on the CPU, in evaluation mode.

    batch: items a pass; where items are judged beside others, their targets say beside how many. what: the name that
    progress goes by; "" shows none (within an epoch, which shows its own).
    """
    if task.views is not None:
        return _together(network, task, examples, what)
    losses, seen = [], []
    for x, rows in _passes(network, examples, batch, what):
        loss, each = assess(task, network, x, examples.targets[rows].to(network.device))
        losses.append(loss.cpu())
        seen.append(each.float().cpu())
    return torch.cat(losses).clone(), torch.cat(seen).clone()


def _together(network: Network, task: Task, examples: Examples | Codes, what: str) -> tuple[Tensor, Tensor]:
    """The same where items are judged beside others: by a fixed order and fixed draws, all batches of one size.

    The last one is filled up with items of the first, which count there alone.
    """
    count, size = len(examples), (int(examples.targets[0]) + 1) // 2
    order = torch.randperm(count, generator=Generator().manual_seed(0))
    losses, seen = [], []
    starts = range(0, count, size)
    with untouched(network.module), torch.inference_mode(), torch.random.fork_rng(devices=[]):
        for start in track(starts, what) if what else starts:
            own = order[start : start + size]
            rows = torch.cat([own, order[: size - len(own)]])
            torch.default_generator.manual_seed(start)
            x = examples.x(rows, network.device, network.dtype)
            target = examples.targets[rows].to(network.device)
            loss, each = assess(task, network, x, target, Generator().manual_seed(start))
            losses.append(loss[: len(own)].cpu())
            seen.append(each[: len(own)].float().cpu())
    places = order.argsort()
    return torch.cat(losses)[places].clone(), torch.cat(seen)[places].clone()


def outputs_of(network: Network, examples: Examples | Codes, *, batch: int = BATCH, what: str = "") -> Tensor:
    """The network's outputs for all examples, float32 [n, outputs] on the CPU, in evaluation mode."""
    found = [first_tensor(network(x)).float().cpu() for x, _ in _passes(network, examples, batch, what)]
    return torch.cat(found).clone()


def output_of(network: Network, x: Tensor) -> Tensor:
    """The network's output for a batch, float32 on the CPU, in evaluation mode; BadInput where it is not finite."""
    with untouched(network.module), torch.inference_mode():
        return _finite(first_tensor(network(x)).float().cpu(), network)


def _finite(output: Tensor, network: Network) -> Tensor:
    if not bool(torch.isfinite(output).all()):
        raise BadInput("the network's output is not finite", where=network.name, cure="check the weights")
    return output


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
    return task.probabilities(_finite(found, network)).numpy()
