"""What an autoencoder is trained by: the squared error of its reconstruction, and what its code says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.network import first_tensor
from pellucid.tasks.reconstruction.kl import kl

#: The columns of a summary: squared error a value; what the code says of the picture, in nats, and that a value.
ERROR, KL, KL_SHARE = 0, 1, 2


def squared_error(output: Tensor, x: Tensor) -> Tensor:
    """The mean squared error a value of each item, [n]; both [n, …] of one shape."""
    if output.shape != x.shape:
        what = f"the output {tuple(output.shape[1:])} has not the input's shape {tuple(x.shape[1:])}"
        raise BadInput(f"{what}, so it is no reconstruction", cure="choose an autoencoder (model='autoencoder')")
    return (output - x).square().flatten(1).mean(1)


def objective(beta: float) -> Callable[[Callable[[Tensor], Any], Tensor, Tensor], tuple[Tensor, Tensor]]:
    """``(run, x, target) → (loss [n], summary [n, 3])``; the target is x itself.

    A network that gives (reconstruction, mean, log-variance) is variational. Its loss is the squared error a value,
    and beta times 2σ² KL a value, where σ² is the batch's mean squared error: up to that factor the gradient is that of
    the evidence lower bound with the decoder's best variance (Rybkin et al. 2021, arXiv:2006.13202, eq. 6), so beta = 1
    fits values of any scale; more asks for a simpler code (Higgins et al. 2017). Of other networks the KL is 0.
    """

    def of(run: Callable[[Tensor], Any], x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        output = run(x)
        error = squared_error(first_tensor(output).float(), x.float())
        said = torch.zeros_like(error)
        if isinstance(output, tuple) and len(output) == 3:
            said = kl(output[1].float(), output[2].float())
        share = said / x[0].numel()
        loss = error + beta * 2 * error.detach().mean() * share
        return loss, torch.stack([error, said, share], 1).detach()

    return of
