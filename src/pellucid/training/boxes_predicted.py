"""Where a run sees things: boxes in the pixels of the user's own pictures."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from pellucid.core.types import Frame, View
from pellucid.data.thumbnails import together
from pellucid.models.grid import STRIDES
from pellucid.training.boxes_seen import Found, seen
from pellucid.training.reading import Given
from pellucid.training.runs import Run


def predict(run: Run, given: Given) -> View:
    """What ``pellucid.predict`` does for boxes.

    Gives a row a box: picture, kind, x0, y0, x1, y1 in pixels of that picture (0, 0 is the left upper corner of its
    first pixel), score, level; count [sample, class]: how many of each kind. ``options["cases"]``: the shown pictures
    with their boxes.
    """
    task, network, names = run.task, given.network, given.data.names()
    rows: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    counts = np.zeros((len(names), len(task.classes)), np.int64)
    for i, found in given.each(partial(seen, task), "boxes"):
        frame = given.frames[i]
        own = [_row(names[i], task.classes, each, frame, network.input.size) for each in found]
        rows += own
        for each in found:
            counts[i, each["class"]] += 1
        if i in given.small:
            height, width = given.small[i].shape[:2]
            across, down = width / frame.width, height / frame.height
            told = [
                [e["class"], r["x0"] * across, r["y0"] * down, r["x1"] * across, r["y1"] * down, r["score"]]
                for e, r in zip(found, own, strict=True)
            ]
            cases.append({"name": names[i], "size": [height, width], "found": told})
    return View(
        kind="detected",
        arrays={"count": counts},
        axes={"count": ("sample", "class")},
        table=tuple(rows),
        options={
            "run": str(run.folder),
            "task": task.kind,
            "kinds": list(task.classes),
            "cases": cases,
            "pictures": len(names),
            "threshold": float(task.rule["threshold"]),
        },
        pictures=together(list(given.small.values())),
        names=names,
        notes=given.notes,
        provenance=network.facts(),
    )


def _row(name: str, kinds: tuple[str, ...], found: Found, frame: Frame, fed: tuple[int, int]) -> dict[str, Any]:
    """A box in the picture's own pixels, cut at its edges."""
    down, across = (frame.bottom - frame.top) / fed[0], (frame.right - frame.left) / fed[1]
    x0, y0, x1, y1 = found["edges"]
    left, right = (float(np.clip(frame.left + x * across, 0, frame.width)) for x in (x0, x1))
    top, bottom = (float(np.clip(frame.top + y * down, 0, frame.height)) for y in (y0, y1))
    edges = {"x0": left, "y0": top, "x1": right, "y1": bottom}
    level = f"level{STRIDES[found['level']]}"
    return {"name": name, "kind": kinds[found["class"]], **edges, "score": found["score"], "level": level}
