"""The two passes that every method is made of: scores, and gradients of scores, in bounded batches."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.models.network import Network


@torch.no_grad()
def scores(network: Network, x: Tensor, target: Target) -> Tensor:
    """The target's value for each sample of ``x`` [N, C, H, W]: [N]."""
    parts = torch.arange(len(x)).split(network.batch_size(x, gradient=False))
    return torch.cat([target.rows(rows)(network(x[rows])) for rows in parts])


def gradients(network: Network, x: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """The target's gradient with respect to ``x`` [N, C, H, W], and its value [N].

    A sample's gradient does not depend on the others: each score is a function of its own input,
    so the gradient of their sum is all of them at once.
    """
    grads, values = [], []
    for rows in torch.arange(len(x)).split(network.batch_size(x, gradient=True)):
        grad, value = gradient_of(network, x[rows], target.rows(rows))
        grads.append(grad)
        values.append(value)
    return torch.cat(grads), torch.cat(values)


def gradient_of(network: Network, x: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """The same for a batch that is known to fit."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        score = target(network(x))
        return backward(score, x, target), score.detach()


def backward(score: Tensor, x: Tensor, target: Target, *, seed: Tensor | None = None) -> Tensor:
    """D score / d x; a target that does not depend on ``x`` differentiably is an error.

    seed: [N], what flows back from each score instead of 1.
    """
    cure = "return a differentiable function of the output (no argmax, no .detach(), no numpy)"
    if not score.requires_grad:
        raise BadInput(f"target {target.names[0]} has no gradient", cure=cure)
    (grad,) = torch.autograd.grad(score, x, torch.ones_like(score) if seed is None else seed, allow_unused=True)
    if grad is None:
        raise BadInput(f"target {target.names[0]} does not depend on the input", cure=cure)
    return grad
