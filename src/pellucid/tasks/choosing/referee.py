"""The referee: the exact gradient by enumerating the operations, and what a chooser's own gradients are beside it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.tasks.choosing.chooser import Chooser
from pellucid.tasks.choosing.gap import Objective, losses_of_each


@dataclass(frozen=True)
class Judged:
    """Gradients that were drawn, beside the exact one; all vectors are [K].

    mean: their mean. bias: ‖mean − exact‖. error: what ‖mean − exact‖ would be by chance alone, √(variance / draws);
    a bias is real only well above it. variance: of one draw, summed over the K entries. cosine: of the mean with the
    exact one, 1 where it points the right way.
    """

    exact: Tensor
    mean: Tensor
    bias: float
    error: float
    variance: float
    cosine: float
    draws: int


def exact_gradient(chooser: Chooser, x: Tensor, objective: Objective) -> Tensor:
    """The gradient of the expected loss, mean over items of Σ_k p_k · loss(operation_k), for the logits [K].

    This is what a choice by drawing minimises, and what each estimator is held against.
    """
    with torch.no_grad():
        losses = losses_of_each(chooser, x, objective).double().mean(0)
        p = chooser.logits.double().softmax(0)
        return p * (losses - p @ losses)


def gradient_draws(chooser: Chooser, x: Tensor, objective: Objective, *, draws: int = 1000, seed: int = 0) -> Tensor:
    """The logits' gradient of ``draws`` training passes over the same items, [draws, K]. The chooser stays as it is."""
    if draws < 2:
        raise BadInput(f"{draws} draws have no variance", cure="take 1000 or so")
    own = copy.deepcopy(chooser).train()
    generator = torch.Generator(x.device).manual_seed(seed)
    found = []
    for _ in track(range(draws), "drawing gradients"):
        chosen = own(x, generator=generator)
        found.append(torch.autograd.grad(chosen.loss(objective(chosen.output)), own.logits)[0])
    return torch.stack(found).double()


def judged(drawn: Tensor, exact: Tensor) -> Judged:
    """Bias and variance of gradients [draws, K] beside the exact one [K]."""
    mean, variance = drawn.mean(0), float(drawn.var(0).sum())
    bias, error = float((mean - exact).norm()), (variance / len(drawn)) ** 0.5
    cosine = float(torch.nn.functional.cosine_similarity(mean, exact, dim=0))
    return Judged(exact, mean, bias, error, variance, cosine, len(drawn))
