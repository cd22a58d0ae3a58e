"""What a network is asked to answer, and the loss that measures how far it is from that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.groups import log_softmax_of_groups
from pellucid.models.network import Network
from pellucid.training.initialise import expected_loss

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Task:
    """loss: its name, compute: ``compute(output, target)``. chance: what it is for a network that knows nothing;
    None where that depends on the targets. classes: how many there are; None for values. groups: how many answers
    each of several questions has, whose targets are [n, groups]; ``classes`` then counts their combinations.
    """

    loss: str
    compute: Loss
    chance: float | None
    classes: int | None
    groups: tuple[int, ...] = ()


def task_of(network: Network, output: Tensor) -> Task:
    """The usual loss for what a network puts out, whose classes are axis 1 of [n, K, …]."""
    if network.output == "values" or output.ndim < 2:
        return Task("mean squared error", F.mse_loss, None, None)
    count = output.shape[1]
    if network.output == "multilabel" or count == 1:
        return Task("binary cross entropy", F.binary_cross_entropy_with_logits, expected_loss(2), count)
    if network.output == "groups":
        compute = lambda o, t: F.nll_loss(log_softmax_of_groups(o, network.groups), t) * len(network.groups)  # noqa: E731
        count = math.prod(network.groups)
        return Task("cross entropy of groups", compute, expected_loss(count), count, network.groups)
    if network.output == "probabilities":
        compute = lambda p, t: F.nll_loss(p.clamp(min=1e-12).log(), t)  # noqa: E731
        return Task("cross entropy", compute, expected_loss(count), count)
    return Task("cross entropy", F.cross_entropy, expected_loss(count), count)


def drawn(task: Task, output: Tensor, seed: int) -> Tensor:
    """Targets of the right kind that nobody knows better, drawn with the seed."""
    generator = torch.Generator().manual_seed(seed)
    if task.classes is None:
        return torch.randn(output.shape, generator=generator).to(output)
    if task.loss == "binary cross entropy":
        return torch.randint(0, 2, output.shape, generator=generator).to(output)
    if task.groups:
        each = [torch.randint(0, width, (len(output),), generator=generator) for width in task.groups]
        return torch.stack(each, 1).to(output.device)
    shape = (output.shape[0], *output.shape[2:])
    return torch.randint(0, task.classes, shape, generator=generator).to(output.device)


def given(labels: Sequence[int | str] | Tensor, network: Network, task: Task, count: int) -> Tensor:
    """Labels as a user has them: class numbers or names, or a tensor as the loss takes it."""
    if len(labels) != count:
        cure = "give one label for each input"
        raise BadInput(f"{len(labels)} labels for {count} inputs", where="labels", cure=cure)
    if isinstance(labels, Tensor):
        return labels.to(network.device)
    if task.loss != "cross entropy":
        cure = f"pass a float tensor of the output's shape, as {task.loss} takes it"
        raise BadInput("class labels for a network without exclusive classes", where="labels", cure=cure)
    numbers = [network.class_index(l) if isinstance(l, str) else int(l) for l in labels]
    wrong = next((n for n in numbers if not 0 <= n < (task.classes or 0)), None)
    if wrong is not None:
        raise BadInput(f"label {wrong} of {task.classes} classes", where="labels", cure="classes count from 0")
    return torch.tensor(numbers, device=network.device)


def from_folders(sources: Sequence[str], network: Network, task: Task) -> list[int] | None:
    """Each picture's class, where pictures lie in a folder a class; None where the folders do not say.

    A folder is a class by its name, or by its place in the alphabet where there are as many folders as classes.
    """
    folders = [Path(s).parent.name for s in sources]
    kinds = sorted(set(folders))
    if len(kinds) < 2 or any(s.startswith("example:") for s in sources):
        return None
    if network.classes is not None:
        try:
            return [network.class_index(f) for f in folders]
        except BadInput:
            pass  # these folders are not named after classes
    return [kinds.index(f) for f in folders] if len(kinds) == task.classes else None
