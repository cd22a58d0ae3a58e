"""Where a run sees landmarks: places in the pixels of the user's own pictures, and how many there are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from pellucid.core.types import Frame, View
from pellucid.data.thumbnails import together
from pellucid.tasks.landmarks.scores import most_of
from pellucid.training.points_seen import Pointed, counts_of, pointed
from pellucid.training.reading import Given
from pellucid.training.runs import Run


def predict(run: Run, given: Given) -> View:
    """What ``pellucid.predict`` does for landmarks.

    Gives a row a landmark: picture, type, x and y in pixels of that picture (0, 0 is the left upper corner of its
    first pixel), the peak's height; ``options["counts"]`` a row a picture and type: how many peaks, and what the
    density holds. ``options["cases"]``: the shown pictures with their points.
    """
    task, network, names = run.task, given.network, given.data.names()
    rows: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    for i, seen in given.each(partial(pointed, task), "landmarks"):
        frame = given.frames[i]
        own = _rows(names[i], task.classes, seen, frame, network.input.size)
        told = [{"name": names[i], **row} for row in counts_of(task.classes, seen)]
        rows += own
        counts += told
        if i in given.small:
            height, width = given.small[i].shape[:2]
            across, down = width / frame.width, height / frame.height
            found = [[task.classes.index(r["type"]), r["x"] * across, r["y"] * down, r["height"]] for r in own]
            cases.append({"name": names[i], "size": [height, width], "found": found, "counts": told})
    most = most_of(task.vocabulary)
    full = [row["name"] for row in counts if row["peaks"] == most]
    each = {key: np.array([row[key] for row in counts], np.float64) for key in ("peaks", "density")}
    arrays = {key: values.reshape(len(names), len(task.classes)) for key, values in each.items()}
    return View(
        kind="landmarks",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "class")),
        table=tuple(rows),
        options={
            "run": str(run.folder),
            "task": task.kind,
            "types": list(task.classes),
            "cases": cases,
            "counts": counts,
            "pictures": len(names),
            "thresholds": list(task.rule["thresholds"]),
        },
        pictures=together(list(given.small.values())),
        names=names,
        notes=(*given.notes, *((_full(most, full),) if full else ())),
        provenance=network.facts(),
    )


def _full(most: int, names: list[str]) -> str:
    others = f" and {len(names) - 1} others" if len(names) > 1 else ""
    return (
        f"{names[0]}{others} may show more: no more than {most} landmarks of a type are looked for, twice as many as in"
        " any picture of the training and five; train on pictures with as many"
    )


def _rows(
    name: str, types: tuple[str, ...], seen: Pointed, frame: Frame, size: tuple[int, int]
) -> list[dict[str, Any]]:
    """The landmarks of a picture in its own pixels."""
    down, across = (frame.bottom - frame.top) / size[0], (frame.right - frame.left) / size[1]
    return [
        {"name": name, "type": types[k], "x": frame.left + x * across, "y": frame.top + y * down, "height": height}
        for k, x, y, height in seen.found
    ]
