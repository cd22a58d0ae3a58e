"""Where a run sees landmarks: places in the pixels of the user's own pictures, and how many there are."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Frame, View
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset
from pellucid.tasks.landmarks.scores import most_of
from pellucid.training.points_seen import Pointed, counts_of, pointed
from pellucid.training.runs import Run

#: Pictures a pass; the longest side of a picture on the contact sheet.
BATCH, SIDE = 16, 256


def predict(run: Run, data: Dataset, *, shown: int, masks: str | os.PathLike[str] | None = None) -> View:
    """What ``pellucid.predict`` does for landmarks.

    Gives a row a landmark: picture, type, x and y in pixels of that picture (0, 0 is the left upper corner of its
    first pixel), the peak's height; ``options["counts"]`` a row a picture and type: how many peaks, and what the
    density holds. ``options["cases"]``: the shown pictures with their points.
    """
    if masks is not None:
        raise BadInput("keypoints paints no masks", cure="leave masks= away")
    began = time.perf_counter()
    task, network, count = run.task, run.network, len(data)
    names = data.names()
    places = set(np.unique(np.linspace(0, count - 1, min(shown, count)).round().astype(int)).tolist())
    ready = network.prepared()
    rows: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    small: list[np.ndarray] = []
    for start in track(range(0, count, BATCH), "landmarks"):
        samples = [as_sample(data[i]) for i in range(start, min(start + BATCH, count))]
        fed = [network.input.tensor(sample) for sample in samples]
        x = torch.stack([each for each, _ in fed]).to(ready.device, ready.dtype)
        for i, (sample, (_, frame), seen) in enumerate(
            zip(samples, fed, pointed(task, ready, x), strict=True), start=start
        ):
            own = _rows(names[i], task.classes, seen, frame, network.input.size)
            told = [{"name": names[i], **row} for row in counts_of(task.classes, seen)]
            rows += own
            counts += told
            if i in places:
                picture, scale = _small(sample.array)
                small.append(picture)
                found = [
                    [task.classes.index(r["type"]), r["x"] * scale[0], r["y"] * scale[1], r["height"]] for r in own
                ]
                cases.append({"name": names[i], "size": list(picture.shape[:2]), "found": found, "counts": told})
    most = most_of(task.vocabulary)
    full = [row["name"] for row in counts if row["peaks"] == most]
    side = max((max(p.shape[:2]) for p in small), default=1)
    each = {key: np.array([row[key] for row in counts], np.float64) for key in ("peaks", "density")}
    arrays = {key: values.reshape(count, len(task.classes)) for key, values in each.items()}
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
            "pictures": count,
            "thresholds": list(task.rule["thresholds"]),
        },
        pictures=np.stack([_padded(p, side) for p in small]),
        names=names,
        notes=(_full(most, full),) if full else (),
        seconds=time.perf_counter() - began,
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


def _small(array: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """A picture, or a matrix as greys, uint8 [h, w, 3], at most SIDE on a side; what x and y are multiplied by."""
    pixels = array if array.dtype == np.uint8 else _greys(array)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    pixels = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels[..., :3]
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    height, width = (max(1, round(n * scale)) for n in pixels.shape[:2])
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
    return small, (width / pixels.shape[1], height / pixels.shape[0])


def _greys(array: np.ndarray) -> np.ndarray:
    plane = array.astype(np.float64)
    low, high = float(plane.min()), float(plane.max())
    return (255 * (plane - low) / max(high - low, 1e-12)).round().astype(np.uint8)


def _padded(array: np.ndarray, side: int) -> np.ndarray:
    """Below and to the right, to a square, so that all lie in one array; ``size`` says what is real."""
    below, right = side - array.shape[0], side - array.shape[1]
    return np.pad(array, ((0, below), (0, right), (0, 0)))
