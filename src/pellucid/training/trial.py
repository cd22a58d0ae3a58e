"""Advice, tried on the spot: a copy as it is and a copy as advised, each trained for a moment on the same batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import first_tensor
from pellucid.training import clipping
from pellucid.training.answers import Loss
from pellucid.training.clipping import Clipping
from pellucid.training.initialise import initialise
from pellucid.training.lr_range import MOMENTUM, OPTIMIZERS, lr_range
from pellucid.training.scratch import failures, scratch

#: Steps of a moment's training, and of the search for its learning rate.
STEPS, RATES = 40, 60

#: Clip where nothing was measured.
USUAL = 1.0


@dataclass(frozen=True)
class Trial:
    """losses before each step, ended by the first that is not finite; as it is, and with new weights, rate, clipping.
    Both with SGD with momentum.

    rate: of the network as it is; advised_rate: None where the range test found no rate at which the loss falls.
    """

    as_is: tuple[float, ...]
    advised: tuple[float, ...]
    rate: float
    scheme: str
    advised_rate: float | None
    clip: Clipping

    @property
    def optimizer_python(self) -> str:
        """What trained the advised copy."""
        return f"torch.optim.SGD(model.parameters(), lr={self.advised_rate or self.rate:g}, momentum={MOMENTUM:g})"

    @property
    def helps(self) -> bool:
        """Whether the advised copy learns and the other one less."""
        end = self.advised[-1] if self.advised else math.inf
        if not math.isfinite(end) or end > 0.9 * self.advised[0]:
            return False
        return not math.isfinite(self.as_is[-1]) or end < 0.9 * self.as_is[-1]


def try_advice(
    module: nn.Module,
    x: Tensor,
    target: Tensor,
    loss: Loss,
    scheme: str,
    norms: Sequence[float],
    *,
    rate: float,
    seed: int,
) -> Trial:
    """Train both for a moment. norms: of the gradients with the scheme's weights. rate: of the one as it is."""
    measured, train = clipping.advise(norms), len(x) > 1
    clip = replace(measured, threshold=measured.threshold or USUAL)
    with failures("health"), scratch(module, seed, train=train) as trainee:
        as_is = _train(trainee, x, target, loss, rate, None, "as it is")
    with failures("health"), scratch(module, seed, train=train) as trainee:
        initialise(trainee, scheme, seed=seed)
        try:
            ranged = lr_range(trainee, loss, [(x, target)], steps=RATES, highest=1.0, train=train, seed=seed)
            found = ranged.options["suggested"]
        except BadInput:  # not finite at the start: there is no rate to find (what fails, fails again below)
            found = None
        advised = _train(trainee, x, target, loss, found or rate, clip.threshold, "as advised")
    return Trial(as_is, advised, rate, scheme, found, clip)


def _train(
    module: nn.Module, x: Tensor, target: Tensor, loss: Loss, rate: float, clip: float | None, what: str
) -> tuple[float, ...]:
    optimizer = OPTIMIZERS["sgd"](module.parameters(), lr=rate)
    losses: list[float] = []
    for _ in track(range(STEPS), what):
        optimizer.zero_grad(set_to_none=True)
        value = loss(first_tensor(module(x)), target)
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]):
            break
        value.backward()
        if clip is not None:
            norm = torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
            if not torch.isfinite(norm):
                losses.append(math.nan)
                break
        optimizer.step()
    return tuple(losses)
