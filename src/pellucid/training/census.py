"""How many items there are of what, by split: what one looks at before believing any score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pellucid.tasks.task import in_order
from pellucid.training.scoring import known
from pellucid.training.setup import Setup

#: What is told of places in pictures, by the task that learns it.
_PLACES = {"segmentation": "mask", "keypoints": "point", "detection": "box"}


def census(setup: Setup) -> tuple[dict[str, Any], ...]:
    """A row a class, tag or column of numbers: its label, what it is, and how many items of each split have it."""
    splits = {name: setup.targets[rows].numpy() for name, rows in setup.rows.items() if len(rows)}
    return tuple(_rows(setup, splits))


def _rows(setup: Setup, splits: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    task, labels = setup.task, setup.plan.labels
    if not task.classes and setup.data.columns:  # what is learnt has no classes; what is known of it may have
        yield from _of_column(setup, (*labels, *([setup.data.label] if setup.data.label else ())))
    elif task.kind == "segmentation":
        for number, name in enumerate(task.classes):
            yield _row("mask", name, {s: int(_shown(t, number).sum()) for s, t in splits.items()})
    elif task.kind == "keypoints":
        for number, name in enumerate(task.classes):
            yield _row("point", name, {s: int((t[:, 1:, 2] == number).sum()) for s, t in splits.items()})
    elif task.kind == "detection":
        for number, name in enumerate(task.classes):
            yield _row("box", name, {s: int((t[:, 1:, 4] == number).sum()) for s, t in splits.items()})
    elif task.kind == "regression":
        for place, name in enumerate(labels):
            own = setup.targets[:, place].numpy()
            span = f"{np.nanmin(own):.4g} to {np.nanmax(own):.4g}"
            yield _row(name, span, {s: int((~np.isnan(t[:, place])).sum()) for s, t in splits.items()})
    elif task.decided and setup.targets.is_floating_point():
        for place, name in enumerate(task.decided):
            yield _row(", ".join(labels), name, {s: int((t[:, place] == 1).sum()) for s, t in splits.items()})
    elif task.decided:
        for place, group in enumerate(task.decided):
            for number, name in enumerate(task.vocabulary.values[group]):
                yield _row(group, name, {s: int((t[:, place] == number).sum()) for s, t in splits.items()})
    else:
        for number, name in enumerate(task.classes):
            yield _row(labels[0], name, {s: int((t == number).sum()) for s, t in splits.items()})
    missing = {s: int((~known(t)).sum()) for s, t in splits.items()}
    if any(missing.values()):
        yield _row(", ".join(labels) or _PLACES.get(task.kind, ""), "no label", missing)


def _of_column(setup: Setup, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """How many items of each split have each cell of the first of these columns."""
    for column in columns[:1]:
        cells = np.array(setup.data.columns[column])
        for name in in_order(set(cells.tolist()) - {""}):
            yield _row(
                column, name, {s: int((cells[rows] == name).sum()) for s, rows in setup.rows.items() if len(rows)}
            )


def _shown(targets: np.ndarray, region: int) -> np.ndarray:
    """Which masks [n, h, w] or [n, regions, h, w] have any pixel of a region."""
    there = targets == region if targets.ndim == 3 else targets[:, region] == 1
    return there.any((1, 2))


def _row(label: str, name: str, counts: dict[str, int]) -> dict[str, Any]:
    return {"label": label, "what": name, **counts}
