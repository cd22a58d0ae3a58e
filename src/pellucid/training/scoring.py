"""Scores with their intervals: each metric on the items, and what other items of the same kind would have given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.features.resampling import Interval
from pellucid.tasks.task import Task

#: How often items are drawn anew. Metrics are computed each time, so fewer than elsewhere.
DRAWS = 400


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
) -> dict[str, Interval]:
    """Every metric with its 95 % bootstrap interval over items (over groups, where there are some).

    targets, probabilities: [n, …], as the task makes them. rule: tuned on other items.
    """
    decisions = task.decide(probabilities, task.rule if rule is None else rule)
    places = drawn_rows(len(targets), groups, seed=seed, draws=draws)
    found = {}
    for name, metric in task.metrics.items():
        value = metric.compute(targets, probabilities, decisions)
        again = np.array([metric.compute(targets[p], probabilities[p], decisions[p]) for p in places])
        found[name] = Interval(float(value), again)
    return found
