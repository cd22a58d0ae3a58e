"""Trainings on parts of the training items, all judged on the same test items: what learning curves are made of."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset
from pellucid.tasks.task import Metric
from pellucid.training.alternatives import Outcome, in_common
from pellucid.training.ground import Ground, with_split
from pellucid.training.plan import Plan
from pellucid.training.train import fit

#: How often items and repeats are drawn anew.
DRAWS = 1000

#: The same number of steps at every size, or the same number of times through the pictures.
BUDGETS = ("steps", "epochs")


def check(repeats: int, budget: str) -> None:
    """Raise BadInput for too few repeats, or an unknown budget."""
    if budget not in BUDGETS:
        raise BadInput(f"budget is {budget!r}", cure=near(budget, BUDGETS))
    if repeats < 3:
        raise BadInput(f"repeats is {repeats}", cure="pass 3 or more; 5 show how much luck there is")


def score_of(ground: Ground, name: str | None, target: float | None = None) -> tuple[str, Metric]:
    """The metric's name and itself; an error for an unknown one, and for a target beyond its best."""
    name = name or ground.judge.primary
    if name not in ground.judge.metrics:
        raise BadInput(f"the task {ground.judge.kind} has no metric {name!r}", cure=near(name, ground.judge.metrics))
    found = ground.judge.metrics[name]
    best = 1.0 if found.higher else 0.0
    if target is not None and not (target < best if found.higher else target > best):
        raise BadInput(f"the target is {target:g}, and {name} is best at {best:g}", cure="choose one below the best")
    return name, found


def error_of(scores: np.ndarray, higher: bool) -> np.ndarray:
    """What falls as more is learnt: 1 − a score of which more is better, or the score itself. Its own inverse."""
    return 1 - scores if higher else scores


def learnt(
    ground: Ground,
    rows: Mapping[str, np.ndarray],
    parts: Sequence[Sequence[np.ndarray]],
    budget: str,
    told: Callable[[int, int], Dataset] | None = None,
) -> list[list[Outcome]]:
    """A training on each part, [size][repeat]. parts: the training items' numbers, [repeat][size].

    told: repeat, size → the data as this training is told of them; the same pictures. None: as they are.
    """
    sizes = range(len(parts[0]))
    found: list[list[Outcome]] = [[] for _ in sizes]
    for (r, own), k in track(list(itertools.product(enumerate(parts), sizes)), "sizes"):
        plan = dataclasses.replace(ground.plan, seed=ground.plan.seed + r)
        data = ground.data if told is None else told(r, k)
        found[k].append(_trained(ground, data, {**rows, "train": own[k]}, plan, len(rows["train"]), budget))
    return found


def _trained(
    ground: Ground, data: Dataset, rows: Mapping[str, np.ndarray], plan: Plan, most: int, budget: str
) -> Outcome:
    setup = ground.setup(with_split(data, rows), plan)
    if budget == "steps":  # a smaller part is gone through more often, and validated as often
        every = np.resize(np.random.default_rng(plan.seed).permutation(rows["train"]), most)
        setup = dataclasses.replace(setup, rows={**setup.rows, "train": every})
    run = fit(setup)
    given, decisions = in_common(run, ground)
    return Outcome(rows["test"], given, decisions, seconds=sum(row["seconds"] for row in run.rows))
