"""One network for each question in place of one for all: trained apart, their answers joined and judged as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.models.small import NAMES
from pellucid.tasks.separately import joined, separately
from pellucid.tasks.table import tasks
from pellucid.tasks.task import vocabulary_of
from pellucid.training.ground import Ground
from pellucid.training.plan import Plan
from pellucid.training.results import Fitted

#: One for all questions; one for each, each as large as the one; one for each, together as large as the one.
NETWORKS = ("one", "separate", "separate_equal_total")


def trained_apart(
    ground: Ground, data: Dataset, plan: Plan, networks: str
) -> tuple[np.ndarray, np.ndarray, list[Fitted]]:
    """Probabilities and decisions for the test items in the form of the plan's task, and the trainings."""
    if plan.task != ground.judge.kind:
        cure = "choose the judge with --task"
        raise BadInput(f"networks apart for {plan.task} cannot be judged as {ground.judge.kind}", cure=cure)
    labels = plan.labels or ground.labels
    rows = [i for i, s in enumerate(data.split or ()) if s == "train"]
    entry = tasks[plan.task]
    task = entry.function(vocabulary_of(data, labels, rows), **entry.complete(plan.options))
    parts = separately(plan.task, task.vocabulary)
    plans = [dataclasses.replace(plan, task=p.task, labels=p.labels, options=p.options) for p in parts]
    if networks == NETWORKS[2]:
        plans = _as_large_together(ground, data, plan, plans)
    fitted = [ground.trained(data, each) for each in plans]
    given = joined(plan.task, [f.answers("test") for f in fitted])
    val, rule = fitted[0].setup.rows["val"], task.rule
    if len(val):
        rule = task.tuned(joined(plan.task, [f.answers("val") for f in fitted]), ground.truth[val])
    return given, task.decide(given, rule), fitted


def _as_large_together(ground: Ground, data: Dataset, plan: Plan, plans: Sequence[Plan]) -> list[Plan]:
    """The plans with networks so narrow that together they have as many parameters as the one of ``plan``."""
    kind, _, sizes = plan.model.partition(":")
    if kind not in NAMES or kind == "linear":
        cure = "choose small_cnn or perceptron, whose width can be said"
        raise BadInput(f"{plan.model} cannot be had in another width", cure=cure)
    wanted = _parameters(ground, data, plan)
    rest = f"x{sizes.partition('x')[2] or 2}" if kind == "perceptron" else ""

    def narrowed(width: int) -> list[Plan]:
        return [dataclasses.replace(each, model=f"{kind}:{width}{rest}") for each in plans]

    def total(width: int) -> int:
        return sum(_parameters(ground, data, each) for each in narrowed(width))

    low, high = 1, 1
    while total(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if total(middle) < wanted else (low, middle)
    return narrowed(min((low, high), key=lambda width: abs(total(width) - wanted)))


def _parameters(ground: Ground, data: Dataset, plan: Plan) -> int:
    return sum(p.numel() for p in ground.setup(data, plan).network.module.parameters())
