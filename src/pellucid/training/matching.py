"""A table's cells as the targets of a run that was trained before: its columns, its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.tasks.task import Task

#: So many classes that are not known are told with their near names.
_TOLD = 5


def matched(task: Task, data: Dataset, label: str | None = None) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The run's columns in these data, and notes. label: the column that stands for the run's only one.

    Raises BadInput for a column that is not there, and for classes that the run does not know, all at once.
    """
    names, notes = task.vocabulary.columns, []
    places = {name: name for name in names}
    if label is not None:
        if len(names) != 1:
            raise BadInput(
                f"the run learnt {len(names)} columns, and one was named", cure="leave label= (--label) away"
            )
        places = {names[0]: label}
    elif len(names) == 1 and names[0] not in data.columns and data.label is not None:
        places = {names[0]: data.label}
        notes.append(f"there is no column {names[0]!r}: {data.label!r} is taken for it")
    found = {}
    for name, place in places.items():
        if place not in data.columns:
            cure = f"{near(place, data.columns)} (--label names another)"
            cure = cure if data.columns else "pass labelled items; pellucid predict needs no label"
            raise BadInput(f"there is no column {place!r}, which the run learnt", where=data.source, cure=cure)
        found[name] = data.columns[place]
    _refuse_unknown(task, found, data.source, notes)
    return found, tuple(notes)


def targets_of(task: Task, columns: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """The targets, as the task makes them."""
    return task.encode(columns).numpy()


def _refuse_unknown(task: Task, columns: Mapping[str, tuple[str, ...]], source: str, notes: Sequence[str]) -> None:
    """Every class that the run does not know, with how many items have it, at once. notes: what was taken for what."""
    told = []
    for name, cells in columns.items():
        known = set(task.vocabulary.values[name])
        for cell, count in Counter(c for c in cells if c and c not in known).items():
            said = _refused(task, name, cell)
            if said is not None:
                told.append(f"{cell!r} ({count} {'item' if count == 1 else 'items'}; {said})")
    if told:
        more = f", and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        what = f"the run does not know {', '.join(told[:_TOLD])}{more}"
        cure = "name the column of classes with label= (--label), or rename them" if notes else ""
        raise BadInput("; ".join((*notes, what)), where=source, cure=cure or "rename them, or leave these items out")


def _refused(task: Task, name: str, cell: str) -> str | None:
    """What the task says against a cell; None where it can be encoded."""
    try:
        task.encode({column: [cell if column == name else ""] for column in task.vocabulary.columns})
    except BadInput as error:
        close = near(cell, task.vocabulary.values[name])
        return close if close.startswith("did you mean") else error.what
    return None
