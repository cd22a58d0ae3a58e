"""The worst mistakes: those that a network was surest of, or whose answers are farthest from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.tasks.task import Task
from pellucid.training.forms import Form, group_parts, mistaken, sureness


def worst(
    task: Task, form: Form, targets: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray, *, most: int
) -> list[dict[str, Any]]:
    """At most so many items with a mistake, the worst first: truth, decision, and what was how probable.

    Of numbers and grades the largest errors, of everything else the mistakes that it was surest of.
    """
    size = _size(task, form, targets, probabilities, decisions)
    order = np.argsort(-size, kind="stable")
    chosen = [int(i) for i in order[:most] if size[i] > 0]
    return [_case(task, form, targets[i], probabilities[i], decisions[i], i) for i in chosen]


def _size(task: Task, form: Form, targets: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """How bad each item's mistake is; 0 where there is none."""
    if form == "numbers":
        error = np.abs(decisions - targets)
        spread = np.nanstd(targets, axis=0)
        return np.nan_to_num(error / np.where(spread > 0, spread, 1.0)).max(1)
    sure = np.where(mistaken(task, targets, decisions), sureness(task, probabilities, decisions), 0.0).max(1)
    if task.kind == "ordinal":
        return np.where(sure > 0, np.abs(decisions - targets) + sure, 0.0)
    return sure


def _case(
    task: Task, form: Form, target: np.ndarray, probabilities: np.ndarray, decision: np.ndarray, item: int
) -> dict[str, Any]:
    told = {"item": item, "truth": task.say(target), "decision": task.say(decision)}
    return told | {"bars": bars(task, form, probabilities, target, decision)}


def bars(
    task: Task, form: Form, probabilities: np.ndarray, target: np.ndarray | None, decision: np.ndarray, most: int = 3
) -> list[dict[str, Any]]:
    """What to draw of one item's probabilities: name, p, and whether it is what was decided or what is true.

    Of classes the most probable ones, and the true one; of labels those that were decided or are true, then the most
    probable; of groups each one's decision. None for numbers.
    """
    if form == "numbers":
        return []
    if form == "groups":
        return _group_bars(task, probabilities, target, decision)
    shown = len(task.decided) if form == "labels" else len(task.classes)
    names, own = (task.decided if form == "labels" else task.classes), probabilities[:shown]
    if form == "labels":
        said = decision == 1
        true = np.zeros(shown, bool) if target is None else target == 1
    else:
        said = np.arange(shown) == int(decision)
        true = np.zeros(shown, bool) if target is None else np.arange(shown) == int(target)
    order = sorted(range(shown), key=lambda i: (not (said[i] or true[i]), -own[i]))
    count = max(most, int((said | true).sum()) if form == "labels" else 0)
    first = order[: min(count, 2 * most)]
    return [_bar(names[i], own[i], said[i], true[i]) for i in sorted(first, key=lambda i: -own[i])]


def _group_bars(
    task: Task, probabilities: np.ndarray, target: np.ndarray | None, decision: np.ndarray
) -> list[dict[str, Any]]:
    found = []
    for place, own in enumerate(group_parts(task, probabilities[None])):
        values = task.vocabulary.values[task.decided[place]]
        true = None if target is None else int(target[place])
        said = int(decision[place])
        shown = dict.fromkeys([said, *([] if true is None or true < 0 else [true])])
        found += [_bar(values[number], own[0, number], number == said, number == true) for number in shown]
    return found


def _bar(name: str, p: float, said: bool, true: bool) -> dict[str, Any]:
    return {"name": name, "p": float(p), "decided": bool(said), "true": bool(true)}
