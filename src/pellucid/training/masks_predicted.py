"""What a run paints: masks as files at the pictures' own size, and how much of what each picture shows."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import label as connected
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame, View
from pellucid.data.masks import UNJUDGED
from pellucid.data.regions import rest_of
from pellucid.data.thumbnails import together
from pellucid.tasks.painting.truth import decided
from pellucid.tasks.task import Task
from pellucid.training.answering import output_of
from pellucid.training.reading import Given
from pellucid.training.runs import Run

#: Pixels that touch at a corner are of one object.
_TOUCHING = np.ones((3, 3), int)


def predict(run: Run, given: Given, *, masks: str | os.PathLike[str] | None = None) -> View:
    """What ``pellucid.predict`` does for masks: painted at the pictures' own size.

    masks: a folder to write label images into, one a picture by its name (where regions may overlap one a region too),
    with the numbers of the training's masks, 255 where the network did not look, and ``labels.json``.

    Gives a row a picture and region: pixels, share, and objects (parts that hang together); said
    [sample, class, height, width] of the shown pictures, which ``pictures`` shows.
    """
    task, network, names = run.task, run.network, given.data.names()
    files = _files(names)
    writer = None if masks is None else _Writer(Path(masks), task)
    rest = rest_of(task.classes)
    regions = [k for k in range(len(task.classes)) if k != rest]
    rows: list[dict[str, Any]] = []
    cards: list[np.ndarray] = []
    for i, output in given.each(network, output_of, "masks"):
        said, seen = _at_source(output, given.frames[i], apart=bool(task.options["overlapping"]))
        rows += [_row(names[i], task.classes[k], said[k], seen) for k in regions]
        if writer is not None:
            writer.write(files[i], said, seen)
        if i in given.small:
            cards.append(_as_small(said[regions], given.small[i].shape[:2]))
    pictures = list(given.small.values())
    return View(
        kind="segmented",
        arrays={"said": together([card.transpose(1, 2, 0) for card in cards]).transpose(0, 3, 1, 2)},
        axes={"said": ("sample", "class", "height", "width")},
        table=tuple(rows),
        options={
            "run": str(run.folder),
            "task": task.kind,
            "regions": [task.classes[k] for k in regions],
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


def _row(name: str, region: str, mask: np.ndarray, seen: np.ndarray) -> dict[str, Any]:
    _, objects = connected(mask, _TOUCHING)
    pixels = int(mask.sum())
    return {"name": name, "region": region, "pixels": pixels, "share": pixels / int(seen.sum()), "objects": objects}


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


def _as_small(masks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Masks [regions, height, width] at the size of the picture on the contact sheet, by the nearest pixel."""
    rows, columns = (np.arange(n) * have // n for n, have in zip(size, masks.shape[1:], strict=True))
    return masks[:, rows][:, :, columns]
