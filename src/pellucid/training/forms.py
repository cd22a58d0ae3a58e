"""What kind of answers a task gives, and how sure each of them is."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.tasks.task import Task

#: One class of several; labels that are there or not; a class of each of several groups; measured numbers.
Form = Literal["one", "labels", "groups", "numbers"]


def form_of(task: Task) -> Form:
    """The form of a task's answers, read off what an item without labels is encoded as."""
    if task.scene is not None:
        raise BadInput(f"answers of {task.kind} lie in the picture", cure="this is for labels of whole pictures")
    if task.objective is not None and not task.classes:
        raise BadInput(f"{task.kind} decides nothing of a picture", cure="look at its codes with pellucid latent")
    numbers = task.encode({name: [""] for name in task.vocabulary.columns}).is_floating_point()
    if task.decided:
        return "labels" if numbers else "groups"
    return "numbers" if numbers else "one"


def sureness(task: Task, probabilities: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """The probability of what was decided, for each thing that was: [n, k]; [n, 0] for numbers."""
    form, rows = form_of(task), np.arange(len(decisions))
    if form == "numbers":
        return np.empty((len(decisions), 0), np.float32)
    if form == "one":
        return probabilities[rows, decisions][:, None]
    if form == "labels":
        own = probabilities[:, : len(task.decided)]
        return np.where(decisions == 1, own, 1 - own)
    own = [part[rows, decisions[:, i]] for i, part in enumerate(group_parts(task, probabilities))]
    return np.stack(own, 1)


def group_parts(task: Task, probabilities: np.ndarray) -> list[np.ndarray]:
    """The probabilities of each group's classes."""
    widths = [len(task.vocabulary.values[name]) for name in task.decided]
    return np.split(probabilities[:, : sum(widths)], np.cumsum(widths)[:-1], axis=1)


def mistaken(task: Task, targets: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Whether each thing was decided wrong, bool [n, k]; what is not known is no mistake. Not for numbers."""
    known = ~np.isnan(targets) if targets.dtype.kind == "f" else targets >= 0
    wrong = known & (targets != decisions)
    return wrong if wrong.ndim == 2 else wrong[:, None]
