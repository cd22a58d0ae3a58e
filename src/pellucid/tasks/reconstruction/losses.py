"""What an autoencoder is trained by: the squared error of its reconstruction, and what its code says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.network import first_tensor
from pellucid.tasks.reconstruction.kl import kl

#: The columns of a summary: squared error a value, KL in nats, the loss.
ERROR, KL, LOSS = 0, 1, 2


def squared_error(output: Tensor, x: Tensor) -> Tensor:
    """The mean squared error a value of each item, [n]; both [n, …] of one shape."""
    if output.shape != x.shape:
        what = f"the output {tuple(output.shape[1:])} has not the input's shape {tuple(x.shape[1:])}"
        raise BadInput(f"{what}, so it is no reconstruction", cure="choose an autoencoder (model='autoencoder')")
    return (output - x).square().flatten(1).mean(1)


def objective(beta: float) -> Callable[[Callable[[Tensor], Any], Tensor, Tensor], tuple[Tensor, Tensor]]:
    """``(run, x, target) → (loss [n], summary [n, 3])``; the target is x itself.

    A network that gives (reconstruction, mean, log-variance) is variational: its loss is the squared error and beta
    times the KL divergence, both a value (over the number of values). With beta = 1 that is the evidence lower bound
    for a decoder whose values are Gaussian with variance ½ (Higgins et al. 2017, eq. 4). Of others the KL is 0.
    """

    def of(run: Callable[[Tensor], Any], x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        output = run(x)
        error = squared_error(first_tensor(output).float(), x.float())
        said = torch.zeros_like(error)
        if isinstance(output, tuple) and len(output) == 3:
            said = kl(output[1].float(), output[2].float())
        loss = error + beta * said / x[0].numel()
        return loss, torch.stack([error, said, loss], 1).detach()

    return of
