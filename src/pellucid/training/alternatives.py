"""Alternatives: ways to learn the same thing, each a function from data and a seed to answers for the test items."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.ground import Ground
from pellucid.training.joined import NETWORKS, trained_apart
from pellucid.training.plan import Plan
from pellucid.training.results import Fitted, learning
from pellucid.training.train import fit

#: Decisions by the metric that they are made for; "" is for all others.
Decisions = Mapping[str, np.ndarray]

#: What alternatives have in common, or they could not be compared.
SHARED = ("seed", "shares", "labels")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one training, or several joined ones, answered to the test items.

    rows: the items' numbers [n]. probabilities [n, …], decisions [n, …]: in the form of the judge, the task that all
    are measured by; decisions by the metric that they suit, "" for all others. seconds: of the training. parameters:
    of all networks; learnt: of these, those that learnt. networks, epochs, steps: how many there are, and how long
    each learnt.
    """

    rows: np.ndarray
    probabilities: np.ndarray
    decisions: Decisions
    seconds: float = 0.0
    parameters: int = 0
    learnt: int = 0
    networks: int = 1
    epochs: int = 0
    steps: int = 0


@dataclass(frozen=True, eq=False)
class Alternative:
    """A way to learn. train: data whose ``split`` says which items are train, val and test, and a seed → an outcome.
    said: what is special about it, in the words of a command.
    """

    name: str
    train: Callable[[Dataset, int], Outcome]
    said: str = ""


def planned(name: str, changes: Mapping[str, Any], ground: Ground, plan: Plan) -> Alternative:
    """The plan with changes: fields of ``Plan`` and options of its task, by name; "networks" is one of NETWORKS."""
    changes = dict(changes)
    networks = changes.pop("networks", NETWORKS[0])
    if networks not in NETWORKS:
        raise BadInput(f"networks is {networks!r}", cure=near(str(networks), NETWORKS))
    own = changed(plan, changes)
    ground.task(own)  # what cannot be is told before anything is trained
    told = changes if networks == NETWORKS[0] else {**changes, "networks": networks}
    said = " ".join(f"{n}={_word(v)}" for n, v in told.items())

    def train(data: Dataset, seed: int) -> Outcome:
        drawn = dataclasses.replace(own, seed=seed)
        return _one(ground, data, drawn) if networks == NETWORKS[0] else _several(ground, data, drawn, networks)

    return Alternative(name, train, said)


def changed(plan: Plan, changes: Mapping[str, Any]) -> Plan:
    """The plan with other values: of its own fields, or of its task's options.

    With another task those options of the old one stay that it has as well.
    """
    for name in SHARED:
        if name in changes:
            raise BadInput(f"alternatives share {name}", cure="set it for all of them")
    own = {n: v for n, v in changes.items() if n in fields() and n != "options"}
    rest = {n: v for n, v in changes.items() if n not in own and n != "options"}
    entry = tasks[own.get("task", plan.task)]
    for name in rest:
        if name not in entry.options:
            cure = near(name, [*fields(), *entry.options, "networks"])
            raise BadInput(f"neither a training nor the task {entry.name} has an option {name!r}", cure=cure)
    kept = {n: v for n, v in plan.options.items() if n in entry.options}
    options = {**kept, **dict(changes.get("options", {})), **rest}
    entry.complete(options)
    return dataclasses.replace(plan, **own, options=options)


def fields() -> list[str]:
    """The fields of a plan in which alternatives may differ."""
    return [f.name for f in dataclasses.fields(Plan) if f.name not in SHARED]


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _one(ground: Ground, data: Dataset, plan: Plan) -> Outcome:
    setup = ground.setup(data, plan)
    began = time.perf_counter()
    fitted = fit(setup)
    seconds = time.perf_counter() - began
    given, decisions = in_common(fitted, ground)
    return Outcome(setup.rows["test"], given, decisions, seconds, *_size([fitted]))


def _several(ground: Ground, data: Dataset, plan: Plan, networks: str) -> Outcome:
    began = time.perf_counter()
    given, decisions, fitted = trained_apart(ground, data, plan, networks)
    seconds = time.perf_counter() - began
    return Outcome(fitted[0].setup.rows["test"], given, {"": decisions}, seconds, *_size(fitted))


def _size(fitted: list[Fitted]) -> tuple[int, int, int, int, int]:
    """Parameters, those that learnt, networks, epochs and steps of each."""
    facts = [learning(f.setup) for f in fitted]
    plan = fitted[0].setup.plan
    epochs = max(len(f.rows) for f in fitted)
    steps = epochs * max(1, -(-len(fitted[0].setup.rows["train"]) // plan.batch))
    return sum(f["of"] for f in facts), sum(f["parameters"] for f in facts), len(fitted), epochs, steps


# -- the judge's form -----------------------------------------------------------------------------


def in_common(fitted: Fitted, ground: Ground) -> tuple[np.ndarray, Decisions]:
    """Probabilities and decisions for the test items in the form of the judge.

    A task of the judge's kind decides by its own rules. Another one over the same classes gives the probabilities, in
    whatever order, and the judge's rules decide. Raises BadInput for what cannot be measured by the same metrics.
    """
    task, judge, setup = fitted.setup.task, ground.judge, fitted.setup
    val = fitted.answers("val") if len(setup.val) else np.empty((0, len(task.classes)), np.float32)
    given, truth = fitted.answers("test"), ground.truth[setup.rows["val"]]
    if task.kind == judge.kind and _first(task) == _first(judge):
        return given, decisions_of(task, given, val, truth)
    if task.decided or judge.decided or set(task.classes) != set(judge.classes):
        cure = "choose the judge with --task, and alternatives that answer the same"
        raise BadInput(f"{task.kind} and {judge.kind} cannot be measured by the same metrics here", cure=cure)
    order = [task.classes.index(name) for name in judge.classes]
    return given[:, order], decisions_of(judge, given[:, order], val[:, order], truth)


def _first(task: Task) -> tuple[str, ...]:
    """What the first probabilities are about, which metrics take."""
    if task.kind == "multigroup":
        return task.classes[: sum(map(len, task.vocabulary.values.values()))]
    return task.decided or task.classes


def decisions_of(task: Task, given: np.ndarray, val: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """The task's decisions; where it decides otherwise for another metric (option ``metric``), those as well.

    val, truth: probabilities for the validation items and their targets, by which rules are tuned.
    """
    found = {"": task.decide(given, task.tuned(val, truth))}
    entry = tasks[task.kind]
    for metric in get_args(entry.options["metric"].type) if "metric" in entry.options else ():
        own = entry.function(task.vocabulary, **{**task.options, "metric": metric})
        found[metric] = own.decide(given, own.tuned(val, truth))
    return found
