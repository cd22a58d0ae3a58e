"""Where a run sees things: boxes in the pixels of the user's own pictures."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Frame, View
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset
from pellucid.models.grid import STRIDES
from pellucid.training.boxes_seen import Found, seen
from pellucid.training.points_predicted import _padded, _small
from pellucid.training.runs import Run

#: Pictures a pass.
BATCH = 16


def predict(run: Run, data: Dataset, *, shown: int, masks: str | os.PathLike[str] | None = None) -> View:
    """What ``pellucid.predict`` does for boxes.

    Gives a row a box: picture, kind, x0, y0, x1, y1 in pixels of that picture (0, 0 is the left upper corner of its
    first pixel), score, level; count [sample, class]: how many of each kind. ``options["cases"]``: the shown pictures
    with their boxes.
    """
    if masks is not None:
        raise BadInput("detection paints no masks", cure="leave masks= away")
    began = time.perf_counter()
    task, network, count = run.task, run.network, len(data)
    names = data.names()
    places = set(np.unique(np.linspace(0, count - 1, min(shown, count)).round().astype(int)).tolist())
    ready = network.prepared()
    rows: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    small: list[np.ndarray] = []
    counts = np.zeros((count, len(task.classes)), np.int64)
    for start in track(range(0, count, BATCH), "boxes"):
        samples = [as_sample(data[i]) for i in range(start, min(start + BATCH, count))]
        fed = [network.input.tensor(sample) for sample in samples]
        x = torch.stack([each for each, _ in fed]).to(ready.device, ready.dtype)
        for i, (sample, (_, frame), found) in enumerate(
            zip(samples, fed, seen(task, ready, x), strict=True), start=start
        ):
            size = (sample.array.shape[0], sample.array.shape[1])
            own = [_row(names[i], task.classes, each, frame, network.input.size, size) for each in found]
            rows += own
            for each in found:
                counts[i, each["class"]] += 1
            if i in places:
                picture, (across, down) = _small(sample.array)
                small.append(picture)
                scale = (across, down, across, down)
                told = [
                    [e["class"], *(r[k] * s for k, s in zip(("x0", "y0", "x1", "y1"), scale, strict=True)), e["score"]]
                    for e, r in zip(found, own, strict=True)
                ]
                cases.append({"name": names[i], "size": list(picture.shape[:2]), "found": told})
    side = max((max(p.shape[:2]) for p in small), default=1)
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
            "pictures": count,
            "threshold": float(task.rule["threshold"]),
        },
        pictures=np.stack([_padded(p, side) for p in small]),
        names=names,
        seconds=time.perf_counter() - began,
        provenance=network.facts(),
    )


def _row(
    name: str, kinds: tuple[str, ...], found: Found, frame: Frame, fed: tuple[int, int], size: tuple[int, int]
) -> dict[str, Any]:
    """A box in the picture's own pixels, cut at its edges. size: the picture's (height, width)."""
    down, across = (frame.bottom - frame.top) / fed[0], (frame.right - frame.left) / fed[1]
    x0, y0, x1, y1 = found["edges"]
    left, right = (float(np.clip(frame.left + x * across, 0, size[1])) for x in (x0, x1))
    top, bottom = (float(np.clip(frame.top + y * down, 0, size[0])) for y in (y0, y1))
    edges = {"x0": left, "y0": top, "x1": right, "y1": bottom}
    level = f"level{STRIDES[found['level']]}"
    return {"name": name, "kind": kinds[found["class"]], **edges, "score": found["score"], "level": level}
