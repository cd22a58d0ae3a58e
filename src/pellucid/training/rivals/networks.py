"""Networks that learn from the pixels, trained by our own loop on the same folds."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.data.dataset import Dataset
from pellucid.features.resampling import Interval
from pellucid.training.plan import Plan
from pellucid.training.rivals.bench import Answer, Fold
from pellucid.training.rivals.table import Absent, Size, rivals
from pellucid.training.scoring import scored
from pellucid.training.setup import prepare
from pellucid.training.train import Fitted, fit

#: Units a hidden layer, and hidden layers, that are tried; fewer where it has to be quick.
WIDTHS, DEPTHS = (16, 64, 256), (1, 2, 3)
QUICK_WIDTHS, QUICK_DEPTHS = (32, 128), (1, 2)

#: Steps of the optimizer, whatever the number of items, within these numbers of epochs; its rate. On digits of 8 × 8
#: and 28 × 28 they end where four times as many at a tenth of the rate do.
STEPS, EPOCHS, RATE = 300, (3, 150), 1e-2

#: Width of the small CNN's first stage; epochs of a fine-tuned network, and how many of them the head learns alone.
CNN, TUNED, PROBE = 16, 10, 3

BATCH = 64


def epochs_for(items: int) -> int:
    """How many epochs make about ``STEPS`` steps."""
    return int(np.clip(round(STEPS / math.ceil(items / BATCH)), *EPOCHS))


def _epoch_items(size: Size) -> float:
    """How often an item is learnt from."""
    return epochs_for(int(0.85 * size.learn)) * 0.85 * size.learn


@rivals.register(
    "perceptron",
    group="networks",
    title="perceptron, sized inside",
    numbers="perceptron, sized inside",
    question="How many hidden units and layers?",
    seconds=lambda size: 9 * (1.5 + 5e-5 * _epoch_items(size) + 2e-9 * _epoch_items(size) * 112 * size.pixels),
)
def perceptron(fold: Fold) -> Answer:
    """Perceptrons of several widths and depths; the smallest within a standard error of the best on validation items.

    The one-standard-error rule (Breiman et al. 1984): what is better by less than luck is not worth its weights.
    """
    bench = fold.bench
    widths, depths = (QUICK_WIDTHS, QUICK_DEPTHS) if bench.quick else (WIDTHS, DEPTHS)
    sweep, weights, found = {}, {}, {}
    for depth, width in itertools.product(depths, widths):
        one = _trained(fold, bench.small, model=f"perceptron:{width}x{depth}")
        sweep[depth, width] = _validated(one)
        weights[depth, width] = sum(p.numel() for p in one.network.module.parameters())
        found[depth, width] = _answer(fold, one)
    depth, width = smallest(sweep, weights, higher=bench.task.metrics[bench.task.primary].higher)
    return dataclasses.replace(found[depth, width], chosen={"layers": depth, "units": width}, sweep=sweep)


Cell = tuple[int, int]


def smallest(sweep: Mapping[Cell, Interval], weights: Mapping[Cell, int], *, higher: bool) -> Cell:
    """The cell of the fewest weights among those within one standard error of the best."""
    sign = 1 if higher else -1
    best = max(sweep.values(), key=lambda each: sign * each.value)
    near = [cell for cell, each in sweep.items() if sign * (best.value - each.value) <= best.error]
    return min(near, key=lambda cell: (weights[cell], cell))


@rivals.register(
    "small_cnn",
    group="networks",
    title="small CNN",
    numbers="small CNN",
    question="Does it help to look at neighbouring pixels together?",
    seconds=lambda size: 5 + _epoch_items(size) * (1e-4 + 1.5e-6 * size.pixels),
)
def small_cnn(fold: Fold) -> Answer:
    """Two to eight 3 × 3 convolutions, trained from nothing; the best epoch on validation items."""
    return _answer(fold, _trained(fold, fold.bench.small, model=f"small_cnn:{CNN}"))


@rivals.register(
    "fine_tune",
    group="networks",
    title="pretrained, fine-tuned from a layer",
    numbers="pretrained, fine-tuned from a layer",
    question="Is it worth changing the pretrained network's later layers?",
    seconds=lambda size: size.learn * TUNED * 0.12,
    asked=True,
)
def fine_tune(fold: Fold) -> Answer:
    """The pretrained network, its early layers frozen; the others learn at a tenth of the head's rate."""
    return _tuned(fold, probe=0)


@rivals.register(
    "probe_then_fine_tune",
    group="networks",
    title="pretrained, head first, then fine-tuned",
    numbers="pretrained, head first, then fine-tuned",
    question="Does it help to train the head alone at first?",
    seconds=lambda size: size.learn * TUNED * 0.12,
    asked=True,
)
def probe_then_fine_tune(fold: Fold) -> Answer:
    """As ``fine_tune``, but the head learns alone for some epochs (Kumar et al. 2022)."""
    return _tuned(fold, probe=PROBE)


def _tuned(fold: Fold, *, probe: int) -> Answer:
    bench, model = fold.bench, fold.bench.models[0]
    if not bench.pictures:
        raise Absent("these numbers are no pixels")
    plan = {"model": model, "unfreeze_from": bench.fine_tune, "epochs": TUNED + probe, "probe_epochs": probe}
    chosen = {"from": bench.fine_tune or ""}
    return dataclasses.replace(_answer(fold, _trained(fold, bench.data, **plan)), chosen=chosen)


def _trained(fold: Fold, data: Dataset, *, model: str, **choices: Any) -> Fitted:
    bench = fold.bench
    shared: dict[str, Any] = {"task": bench.task.kind, "options": bench.task.options, "labels": (bench.label,)}
    shared |= {"seed": bench.seed, "device": bench.device, "epochs": epochs_for(len(fold.train)), "batch": BATCH}
    if data is bench.small:
        shared |= {"size": bench.shape[1:], "lr": RATE}
    return fit(prepare(fold.parted(data), Plan(**{**shared, "model": model, **choices}), check=False))


def _validated(one: Fitted) -> Interval:
    """The task's first metric on the validation items."""
    task = one.setup.task
    first = dataclasses.replace(task, metrics={task.primary: task.metrics[task.primary]})
    return scored(first, one.setup.val.targets.numpy(), one.answers("val"), seed=one.setup.plan.seed)[task.primary]


def _answer(fold: Fold, one: Fitted) -> Answer:
    return Answer(one.answers("test"), fold.train, one.answers("train"), {"epoch": one.best_epoch})
