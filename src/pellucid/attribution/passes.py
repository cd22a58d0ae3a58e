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
        score = target(network(x.clone()))  # some networks write into what they are given
        return backward(score, x, target), score.detach()


def backward(score: Tensor, x: Tensor, target: Target) -> Tensor:
    """D score / d x; a target that does not depend on ``x`` differentiably is an error."""
    return gradients_of(score, [x], target)[0]


def gradients_of(score: Tensor, leaves: list[Tensor], target: Target) -> tuple[Tensor, ...]:
    """D score / d each leaf, None where it does not depend on it; one that depends on none is an error."""
    cure = "return a differentiable function of the output (no argmax, no .detach(), no numpy)"
    if not score.requires_grad:
        raise BadInput(f"target {target.names[0]} has no gradient", cure=cure)
    grads = torch.autograd.grad(score, leaves, torch.ones_like(score), allow_unused=True)
    if all(g is None for g in grads):
        raise BadInput(f"target {target.names[0]} does not depend on the input", cure=cure)
    return grads
