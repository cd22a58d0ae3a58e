"""Scores with their intervals: each metric on the items, and what other items of the same kind would have given."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pellucid.core.progress import track
from pellucid.features.resampling import Interval
from pellucid.tasks.task import MISSING, Metric, Task

#: How often items are drawn anew. Metrics are computed each time, so fewer than elsewhere.
DRAWS = 400

#: How often an interval may miss the truth.
ERROR = 0.05

#: Items whose constant answers are held against their targets at once; and so many of them are tuned on.
_TOGETHER, _TUNED = 64, 256


def drawn_rows(count: int, groups: Sequence[str] | None, *, seed: int, draws: int = DRAWS) -> list[np.ndarray]:
    """Numbers of items drawn with replacement, whole groups at a time, so often: a bootstrap (Efron 1979)."""
    generator = np.random.default_rng(seed)
    if groups is None:
        return [generator.integers(0, count, count) for _ in range(draws)]
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    kinds = len(members)
    return [np.concatenate([members[g] for g in generator.integers(0, kinds, kinds)]) for _ in range(draws)]


def scored(
    task: Task,
    targets: np.ndarray,
    probabilities: np.ndarray,
    rule: Mapping[str, Any] | None = None,
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    only: Sequence[str] | None = None,
) -> dict[str, Interval]:
    """Every metric with its 95 % bootstrap interval over items (over groups, where there are some).

    targets, probabilities: [n, …], as the task makes them. rule: tuned on other items. only: names of metrics.
    """
    decisions = task.decide(probabilities, task.rule if rule is None else rule)
    metrics = {name: metric for name, metric in task.metrics.items() if only is None or name in only}
    found = {
        name: Interval(metric.compute(targets, probabilities, decisions), np.empty(draws))
        for name, metric in metrics.items()
    }
    for draw, p in enumerate(track(drawn_rows(len(targets), groups, seed=seed, draws=draws), "intervals")):
        for name, metric in metrics.items():
            found[name].draws[draw] = metric.compute(targets[p], probabilities[p], decisions[p])
    units = len(targets) if groups is None else len(set(groups))
    return {name: _bounded(found[name], metric, targets, decisions, units) for name, metric in metrics.items()}


def _bounded(found: Interval, metric: Metric, targets: np.ndarray, decisions: np.ndarray, units: int) -> Interval:
    """The interval of a score without a single mistake, or without a single hit, which a bootstrap cannot give.

    Of n items without a mistake at most 1 − 0.05^(1/n) of such items are mistaken, with 95 % confidence (Clopper &
    Pearson 1934, one-sided; nearly 3/n). units: groups that were drawn, which are what is independent.
    """
    if metric.of is None or found.value not in (0.0, 1.0) or not (found.draws == found.value).all():
        return found
    far = 1 - ERROR ** (1 / max(1, min(metric.of(targets, decisions), units)))
    return dataclasses.replace(found, ends=(1 - far, 1.0) if found.value else (0.0, far))


def metric_rows(
    task: Task, found: Mapping[str, Interval], usual: Mapping[str, float], count: int
) -> list[dict[str, Any]]:
    """A row a metric: its value with its interval, what a constant answer scores (None: nobody knows), in words.

    usual: the constant answer's scores. count: of so many items.
    """
    return [
        {
            "metric": name,
            **each.named("value"),
            "baseline": _defined(usual.get(name)),
            "items": count,
            "higher": task.metrics[name].higher,
            "words": task.metrics[name].words,
        }
        for name, each in found.items()
    ]


def _defined(value: float | None) -> float | None:
    """A score; None where it is not defined: who finds nothing is at no distance."""
    return None if value is None or math.isnan(value) else value


def gap(task: Task, learnt: Interval, held_out: Interval) -> Interval:
    """By how much the primary metric is better on the items that were learnt from, with its interval."""
    sign = 1.0 if task.metrics[task.primary].higher else -1.0
    return Interval(sign * (learnt.value - held_out.value), sign * (learnt.draws - held_out.draws))


def known(targets: np.ndarray) -> np.ndarray:
    """Which items have a label at all: bool [n]. targets: as the task makes them."""
    there = ~np.isnan(targets) if targets.dtype.kind == "f" else targets != MISSING
    return there if there.ndim == 1 else there.reshape(len(there), -1).any(1)


def constant_answer(task: Task) -> np.ndarray:
    """The probabilities [len(classes)] of whoever answers always the same, as well as that can be done.

    It is the answer with the least loss on the training items, for any loss: what a network has to beat.
    """
    vocabulary = task.vocabulary
    rows = list(vocabulary.combinations)
    targets = task.encode({name: [row[i] for row in rows] for i, name in enumerate(vocabulary.columns)})
    weight = torch.tensor(list(vocabulary.combinations.values()), dtype=torch.float32)
    weight = weight * torch.from_numpy(known(targets.numpy()))
    with torch.enable_grad():
        output = torch.zeros(1, task.head.outputs, requires_grad=True)
        stepper = torch.optim.LBFGS([output], max_iter=200, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            stepper.zero_grad()
            each = task.loss(output.expand(len(targets), -1), targets)
            mean = (each * weight).sum() / weight.sum().clamp(min=1)
            mean.backward()
            return mean

        stepper.step(loss)
    return task.probabilities(output.detach())[0].numpy()


def unlooked(task: Task, targets: np.ndarray, constant: torch.Tensor) -> tuple[np.ndarray, Mapping[str, Any]]:
    """What a constant output [1, …] gives for each of these items, for scores; and the rule that suits it best there.

    A rule that was tuned for a network would let nothing of it through, so it has its own, from some of these very
    items: what it scores is rather too much than too little.
    """
    assert task.summary is not None
    parts = torch.from_numpy(targets).split(_TOGETHER)
    found = [task.summary(constant.expand(len(part), *constant.shape[1:]), part) for part in parts]
    given = task.probabilities(torch.cat(found)).numpy()
    some = np.unique(np.linspace(0, len(targets) - 1, min(_TUNED, len(targets))).round().astype(int))
    return given, task.tuned(given[some], targets[some])


def baselines(
    task: Task, targets: np.ndarray, rule: Mapping[str, Any] | None = None, *, constant: torch.Tensor | None = None
) -> dict[str, float]:
    """Every metric of the constant answer on these items; none where nobody knows what that is.

    constant: the output [1, …] of who answers always the same, where answers lie in the picture (``Task.constant``).
    """
    if constant is not None:
        return task.scores(targets, *unlooked(task, targets, constant))
    if task.unlearnt is not None:
        return task.scores(targets, task.unlearnt(targets), rule)
    if task.objective is not None or task.scene is not None:
        return {}
    probabilities = np.repeat(constant_answer(task)[None], len(targets), 0)
    return task.scores(targets, probabilities, rule)
