"""What a run paints: masks as files at the pictures' own size, and how much of what each picture shows."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import center_of_mass
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame, View
from pellucid.data.masks import UNJUDGED
from pellucid.data.regions import rest_of
from pellucid.data.thumbnails import together
from pellucid.tasks.painting.objects import WATERSHED, Objects
from pellucid.tasks.painting.truth import decided
from pellucid.tasks.task import Task
from pellucid.training.answering import output_of
from pellucid.training.reading import Given
from pellucid.training.runs import Run

#: The largest number that a 16-bit label image holds.
MOST = 2**16 - 1


def predict(
    run: Run,
    given: Given,
    *,
    way: Objects,
    masks: str | os.PathLike[str] | None = None,
    objects: str | os.PathLike[str] | None = None,
) -> View:
    """What ``pellucid.predict`` does for masks: painted at the pictures' own size.

    way: what an object is. masks: a folder to write label images into, one a picture by its name (where regions may
    overlap one a region too), with the numbers of the training's masks, 255 where the network did not look, and
    ``labels.json``. objects: a folder for 16-bit label images in which each object has its own number, in the order of
    the table's rows.

    Gives a row a picture and region: pixels, share, how many objects, and of each its area in pixels and its middle
    (x, y in pixels of that picture; 0, 0 is the left upper corner of its first pixel); said and numbers [sample,
    class, height, width] of the shown pictures, which ``pictures`` shows: masks, and numbers of objects within them.
    """
    task, network, names = run.task, given.network, given.data.names()
    files, apart = _files(names), bool(task.options["overlapping"])
    writer = None if masks is None else _Writer(Path(masks), task)
    rest = rest_of(task.classes)
    regions = [k for k in range(len(task.classes)) if k != rest]
    own = [task.classes[k] for k in regions]
    rows: list[dict[str, Any]] = []
    cards: list[np.ndarray] = []
    for i, output in given.each(output_of, "masks"):
        said, seen = _at_source(output, given.frames[i], apart=apart)
        numbers = [way.numbered(said[k]) for k in regions]
        rows += [_row(names[i], *told, seen) for told in zip(own, numbers, strict=True)]
        if writer is not None:
            writer.write(files[i], said, seen)
        if objects is not None:
            _write_objects(Path(objects), files[i], numbers, own if apart else None)
        if i in given.small:
            cards.append(_as_small(np.stack(numbers), given.small[i].shape[:2]))
    pictures = list(given.small.values())
    shown = together([card.transpose(1, 2, 0) for card in cards]).transpose(0, 3, 1, 2)
    return View(
        kind="segmented",
        arrays={"said": shown > 0, "numbers": shown},
        axes=dict.fromkeys(("said", "numbers"), ("sample", "class", "height", "width")),
        table=tuple(rows),
        options={
            "run": str(run.folder),
            "task": task.kind,
            "regions": own,
            "instances": way.way,
            "apart": way.apart if way.way == WATERSHED else None,
            "cases": [_case(names[i], rows[len(regions) * i : len(regions) * (i + 1)]) for i in given.small],
            "sizes": [list(p.shape[:2]) for p in pictures],
            "pictures": len(names),
            "masks": None if masks is None else [f"{file}.png" for file in files],
        },
        pictures=together(pictures),
        names=names,
        notes=given.notes,
        provenance=network.facts(),
    )


def _at_source(output: Tensor, frame: Frame, *, apart: bool) -> tuple[np.ndarray, np.ndarray]:
    """Decisions at the picture's own size, bool [classes, height, width], and which pixels the network looked at.

    Scores are interpolated, not masks, so edges do not come out in steps.
    """
    top, left, bottom, right = (round(v) for v in (frame.top, frame.left, frame.bottom, frame.right))
    size = (max(1, bottom - top), max(1, right - left))
    large = F.interpolate(output[None], size, mode="bilinear", align_corners=False)
    said = np.zeros((output.shape[0], frame.height, frame.width), bool)
    seen = np.zeros((frame.height, frame.width), bool)
    said[:, top:bottom, left:right] = decided(large, apart=apart)[0].numpy()
    seen[top:bottom, left:right] = True
    return said, seen


def _row(name: str, region: str, numbers: np.ndarray, seen: np.ndarray) -> dict[str, Any]:
    """What a picture shows of a region. numbers: of its objects, from 1."""
    areas = np.bincount(numbers.ravel())[1:].tolist()
    middles = center_of_mass(numbers > 0, numbers, range(1, len(areas) + 1))
    return {
        "name": name,
        "region": region,
        "pixels": sum(areas),
        "share": sum(areas) / int(seen.sum()),
        "objects": len(areas),
        "areas": areas,
        "middles": [[float(x) + 0.5, float(y) + 0.5] for y, x in middles],
    }


def _case(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    there = sorted((row for row in rows if row["pixels"]), key=lambda row: -row["pixels"])
    kept = ("region", "share", "objects")
    return {"name": name, "regions": [{key: row[key] for key in kept} for row in there]}


def _files(names: Sequence[str]) -> list[str]:
    """A file's name without its ending for each picture, as the picture is called; of several alike numbered ones."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        stem = Path(name.removeprefix("example:")).stem or f"picture-{i}"
        stem = "".join(c if c.isalnum() or c in "-_. " else "-" for c in stem)
        seen[stem] = seen.get(stem, 0) + 1
        found.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return found


class _Writer:
    """Label images, one a picture."""

    def __init__(self, folder: Path, task: Task):
        self.folder, self.apart, self.names = folder, bool(task.options["overlapping"]), task.classes
        every = task.vocabulary.values["mask"]
        self.numbers = [task.vocabulary.numbers[every.index(name)] for name in task.classes]
        if max(self.numbers) > UNJUDGED:
            cure = "train on masks with smaller numbers"
            raise BadInput(f"region {max(self.numbers)} does not fit into a byte", where=folder, cure=cure)
        folder.mkdir(parents=True, exist_ok=True)
        told = {str(n): name for n, name in zip(self.numbers, self.names, strict=True)}
        (folder / "labels.json").write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    def write(self, file: str, said: np.ndarray, seen: np.ndarray) -> None:
        """One picture's masks. Where regions overlap the later lies above, and each has a file of its own as well."""
        told = np.zeros(seen.shape, np.uint8)
        for number, mask in zip(self.numbers, said, strict=True):
            told[mask] = number
        told[~seen] = UNJUDGED
        Image.fromarray(told).save(self.folder / f"{file}.png")
        if self.apart:
            for name, mask in zip(self.names, said, strict=True):
                Image.fromarray(mask).save(self.folder / f"{file}.{_files([name])[0]}.png")


def _write_objects(folder: Path, file: str, numbers: Sequence[np.ndarray], apart: Sequence[str] | None) -> None:
    """A picture's objects, numbered through all regions; of regions that may overlap (``apart``) a file each."""
    counts = [int(each.max()) for each in numbers]
    if sum(counts) > MOST:
        cure = "leave objects= (--instances) away, or train it for longer"
        raise BadInput(f"{sum(counts)} objects, more than 16 bits can number", where=file, cure=cure)
    folder.mkdir(parents=True, exist_ok=True)
    before = np.cumsum([0, *counts[:-1]])
    through = [np.where(each, each + n, 0).astype(np.uint16) for each, n in zip(numbers, before, strict=True)]
    if apart is None:
        Image.fromarray(np.maximum.reduce(through)).save(folder / f"{file}.png")
        return
    for name, each in zip(apart, through, strict=True):
        Image.fromarray(each).save(folder / f"{file}.{_files([name])[0]}.png")


def _as_small(masks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Masks [regions, height, width] at the size of the picture on the contact sheet, by the nearest pixel."""
    rows, columns = (np.arange(n) * have // n for n, have in zip(size, masks.shape[1:], strict=True))
    return masks[:, rows][:, :, columns]
