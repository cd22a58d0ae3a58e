"""What a network answers to many examples, batch by batch."""

from __future__ import annotations

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


def outputs_of(network: Network, examples: Examples | Codes, *, batch: int = BATCH, what: str = "") -> Tensor:
    """The network's outputs for all examples, float32 [n, outputs] on the CPU, in evaluation mode.

    what: the name that progress goes by; "" shows none (within an epoch, which shows its own).
    """
    starts = range(0, len(examples), batch)
    found = []
    with untouched(network.module), torch.inference_mode():
        for start in track(starts, what) if what else starts:
            x = examples.x(slice(start, start + batch), network.device, network.dtype)
            found.append(first_tensor(network(x)).float().cpu())
    return torch.cat(found).clone()


def answers(network: Network, task: Task, examples: Examples | Codes, *, what: str = "answers") -> np.ndarray:
    """The task's probabilities for all examples, float32 [n, len(task.classes)]; on the fast copy of the network.

    Raises BadInput where an output is not finite.
    """
    output = outputs_of(network.prepared(), examples, what=what)
    if not bool(torch.isfinite(output).all()):
        raise BadInput("the network's output is not finite", where=network.name, cure="check the weights")
    return task.probabilities(output).numpy()
