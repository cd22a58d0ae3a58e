"""``pellucid.lr_range``: at which learning rates a loss falls, found by raising the rate until it no longer does."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.models.network import Network, first_tensor, versions
from pellucid.training.scratch import failures, scratch

#: How much of the running mean of the losses each new one leaves standing.
SMOOTH = 0.8

#: A smoothed loss that has risen from its lowest by this many times what it had fallen has diverged.
DIVERGED = 2.0

#: The steps at the beginning, whose rates are too small to change a loss: what it does there is noise.
FIRST = 10

#: What of a loss is rounding.
ROUNDING = 100 * float(np.finfo(np.float32).eps)

#: Of SGD.
MOMENTUM = 0.9

Loss = Callable[[Tensor, Tensor], Tensor]
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=MOMENTUM),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def lr_range(
    model: nn.Module | Network,
    loss: Loss,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    optimizer: str = "sgd",
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    train: bool = True,
    seed: int = 0,
    begin: Callable[[nn.Module], None] | None = None,
) -> View:
    """Train a copy while the learning rate grows exponentially, and see where the loss falls (Smith 2017, §3.3).

    loss: ``loss(output, target)``. batches: (x, target), taken in turn and again from the start where they end.
    optimizer: "sgd" (momentum 0.9), "adam" or "adamw". steps: at most so many; it ends where the loss has risen by
    twice what it had fallen, or is not finite. train: in training mode; False for batches of one, of which batch norm
    has no statistics. begin: called with the copy; parameters that then ask for no gradient do not learn.

    Gives lr and loss [step] (the smoothed loss; its running mean is bias-corrected) and ``options["suggested"]``, a
    tenth of the rate at which it was lowest, where it falls by more than its noise (None otherwise);
    ``options["diverged"]`` is where it ended. The model itself is not touched, and draws come from the seed.
    """
    began = time.perf_counter()
    _check(optimizer, lowest, highest, steps)
    module = model.module if isinstance(model, Network) else model
    with scratch(module, seed, train=train) as trainee:
        if begin is not None:
            begin(trainee)
        rates, losses, diverged = _raise(trainee, loss, batches, optimizer, np.geomspace(lowest, highest, steps))
    if len(losses) < 2:
        raise BadInput("the loss is not finite at the start", where="lr_range", cure="see pellucid health MODEL")
    smooth = smoothed(losses)
    suggested = suggestion(rates, smooth, noise(losses))
    arrays = {"lr": np.asarray(rates), "loss": smooth, "raw": np.asarray(losses)}
    return View(
        kind="lr_range",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("step",)),
        table=({"suggested": suggested, "diverged": diverged, "start": losses[0], "lowest": float(smooth.min())},),
        options={"optimizer": optimizer, "suggested": suggested, "diverged": diverged, "steps": len(losses)},
        seconds=time.perf_counter() - began,
        provenance={"seed": seed, "versions": versions()},
    )


def _check(optimizer: str, lowest: float, highest: float, steps: int) -> None:
    if optimizer not in OPTIMIZERS:
        raise BadInput(f"unknown optimizer {optimizer!r}", where="lr_range", cure=f"one of {', '.join(OPTIMIZERS)}")
    if not 0 < lowest < highest or steps < 5:
        what = f"rates from {lowest} to {highest} in {steps} steps"
        raise BadInput(what, where="lr_range", cure="pass 0 < lowest < highest and at least 5 steps")


def _raise(
    trainee: nn.Module, loss: Loss, batches: Iterable[tuple[Tensor, Tensor]], optimizer: str, rates: np.ndarray
) -> tuple[list[float], list[float], float | None]:
    """The rates that were tried, the loss before each step, and the rate at which it diverged, if it did."""
    with failures("lr_range"):
        stepper = OPTIMIZERS[optimizer]([p for p in trainee.parameters() if p.requires_grad], lr=float(rates[0]))
    losses: list[float] = []
    for rate, (x, target) in zip(track(rates, "learning rates"), _endless(batches), strict=False):
        stepper.param_groups[0]["lr"] = float(rate)
        stepper.zero_grad(set_to_none=True)
        with failures("lr_range"):
            value = loss(first_tensor(trainee(x)), target)
            losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]) or _has_diverged(losses):
            kept = len(losses) - (not math.isfinite(losses[-1]))
            return list(rates[:kept]), losses[:kept], float(rate)
        with failures("lr_range"):
            value.backward()
            stepper.step()
    return list(rates[: len(losses)]), losses, None


def _endless(batches: Iterable[tuple[Tensor, Tensor]]) -> Any:
    kept = batches if isinstance(batches, list | tuple) or hasattr(batches, "__len__") else list(batches)
    if not len(kept):  # type: ignore[arg-type]
        raise BadInput("there are no batches", where="lr_range", cure="pass at least one (x, target)")
    return itertools.chain.from_iterable(itertools.repeat(kept))


def _has_diverged(losses: list[float]) -> bool:
    """Only differences count, for a loss may be below zero."""
    if len(losses) <= FIRST:
        return False
    smooth = smoothed(losses)
    lowest = smooth.min()
    return bool(smooth[-1] - lowest > DIVERGED * max(smooth[0] - lowest, noise(losses)))


def noise(losses: Sequence[float]) -> float:
    """The largest rise from one step to the next among the first ones, or what rounding may do."""
    first = np.asarray(losses[:FIRST])
    return float(max(np.diff(first).max(initial=0.0), ROUNDING * np.abs(first).max()))


def smoothed(losses: list[float]) -> np.ndarray:
    """The exponential running mean, corrected for its beginning at 0."""
    mean, out = 0.0, []
    for i, value in enumerate(losses, start=1):
        mean = SMOOTH * mean + (1 - SMOOTH) * value
        out.append(mean / (1 - SMOOTH**i))
    return np.asarray(out)


def suggestion(rates: Sequence[float], smooth: np.ndarray, noise: float) -> float | None:
    """A tenth of the rate at which the loss was lowest; None where it falls by no more than its noise.

    Where the loss falls most steeply is often read off instead. In a deep network that is where the excess of the
    first logits melts away, at rates at which nothing is learnt.
    """
    lowest = int(smooth.argmin())
    if lowest < 2 or smooth[0] - smooth[lowest] <= noise:
        return None
    return float(f"{rates[lowest] / 10:.1e}")
