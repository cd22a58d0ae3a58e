"""``pellucid.lr_range``: at which learning rates a loss falls, found by raising the rate until it no longer does."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.models.network import Network, first_tensor, versions

#: How much of the running mean of the losses each new one leaves standing.
SMOOTH = 0.8

#: A smoothed loss this many times the lowest so far has diverged.
DIVERGED = 4.0

Loss = Callable[[Tensor, Tensor], Tensor]
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9),
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
    seed: int = 0,
) -> View:
    """Train a copy while the learning rate grows exponentially, and see where the loss falls (Smith 2017, §3.3).

    loss: ``loss(output, target)``. batches: (x, target), taken in turn and again from the start where they end.
    optimizer: "sgd" (momentum 0.9), "adam" or "adamw". steps: at most so many; it ends where the loss has become four
    times its lowest, or is not finite.

    Gives lr and loss [step] (the smoothed loss; its running mean is bias-corrected) and ``options["suggested"]``, a
    tenth of the rate at which it was lowest, where it falls at all (None otherwise); ``options["diverged"]`` is where
    it ended. The model itself is not touched, and draws come from the seed.
    """
    began = time.perf_counter()
    _check(optimizer, lowest, highest, steps)
    module = model.module if isinstance(model, Network) else model
    with trained_copy(module, seed) as trainee:
        rates, losses, diverged = _raise(trainee, loss, batches, optimizer, np.geomspace(lowest, highest, steps))
    if len(losses) < 2:
        raise BadInput("the loss is not finite at the start", where="lr_range", cure="see pellucid health MODEL")
    smooth = smoothed(losses)
    suggested = suggestion(rates, smooth)
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


@contextmanager
def trained_copy(module: nn.Module, seed: int) -> Any:
    """A copy that may be trained, in training mode, all of its parameters asking for gradients; draws are seeded."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(seed)
        yield copy.deepcopy(module).train().requires_grad_(True)


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
    stepper = OPTIMIZERS[optimizer](trainee.parameters(), lr=float(rates[0]))
    losses: list[float] = []
    for rate, (x, target) in zip(track(rates, "learning rates"), _endless(batches), strict=False):
        stepper.param_groups[0]["lr"] = float(rate)
        stepper.zero_grad(set_to_none=True)
        value = loss(first_tensor(trainee(x)), target)
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]) or (len(losses) > 4 and _has_diverged(losses)):
            kept = len(losses) - (not math.isfinite(losses[-1]))
            return list(rates[:kept]), losses[:kept], float(rate)
        value.backward()
        stepper.step()
    return list(rates[: len(losses)]), losses, None


def _endless(batches: Iterable[tuple[Tensor, Tensor]]) -> Any:
    kept = batches if isinstance(batches, list | tuple) or hasattr(batches, "__len__") else list(batches)
    if not len(kept):  # type: ignore[arg-type]
        raise BadInput("there are no batches", where="lr_range", cure="pass at least one (x, target)")
    return itertools.chain.from_iterable(itertools.repeat(kept))


def _has_diverged(losses: list[float]) -> bool:
    smooth = smoothed(losses)
    return bool(smooth[-1] > DIVERGED * smooth.min())


def smoothed(losses: list[float]) -> np.ndarray:
    """The exponential running mean, corrected for its beginning at 0."""
    mean, out = 0.0, []
    for i, value in enumerate(losses, start=1):
        mean = SMOOTH * mean + (1 - SMOOTH) * value
        out.append(mean / (1 - SMOOTH**i))
    return np.asarray(out)


def suggestion(rates: Sequence[float], smooth: np.ndarray) -> float | None:
    """A tenth of the rate at which the loss was lowest; None where it nowhere falls by 2 %.

    Where the loss falls most steeply is often read off instead. In a deep network that is where the excess of the
    first logits melts away, at rates at which nothing is learnt.
    """
    lowest = int(smooth.argmin())
    if lowest < 2 or smooth[lowest] > 0.98 * smooth[0]:
        return None
    return float(f"{rates[lowest] / 10:.1e}")
