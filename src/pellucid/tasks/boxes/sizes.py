"""Widths and heights of boxes, from a data set or a file of numbers, as a detector would see them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data import matrices
from pellucid.data.dataset import Dataset, Files, Problem
from pellucid.data.images import size_of
from pellucid.data.opening import opened, user_path
from pellucid.data.sets.opening import open_dataset
from pellucid.tasks.boxes.anchors import checked

#: What a picture's boxes are measured in, in words.
OWN, GIVEN = "the pictures' own pixels", "the file's own unit"


@dataclass(frozen=True, eq=False)
class BoxSizes:
    """sizes: [n, 2] as width, height. groups: int [n], each box's picture, from 0. unit: in words. notes: what was
    left out. whole: the (width, height) that every picture has in this unit; None where they differ or it is not known.
    """

    source: str
    sizes: np.ndarray
    groups: np.ndarray
    unit: str
    notes: tuple[str, ...] = ()
    whole: tuple[int, int] | None = None

    @property
    def pictures(self) -> int:
        """How many pictures have boxes; as many as boxes where nothing is known of pictures."""
        return int(self.groups.max()) + 1


def sizes_of(data: Any, size: tuple[int, int] | None = None, *, squeeze: bool = False) -> BoxSizes:
    """What ``pellucid.anchors`` looks at.

    data: a Dataset or what ``pellucid.dataset`` opens; an array [n, 2], or a ``.npy``, ``.csv``, ``.tsv`` or
    ``file.npz:NAME`` of widths and heights. size: (height, width) that pictures are brought to, within it and with
    their proportions, or with ``squeeze`` to exactly that. Raises BadInput where there are no boxes.
    """
    table = _table(data)
    if table is None:
        return _of_pictures(open_dataset(data), size, squeeze=squeeze)
    if size is not None:
        cure = "leave the size away, and scale the numbers themselves"
        raise BadInput("a table of widths and heights does not know its pictures", cure=cure)
    source, array = table
    try:
        sizes = checked(array)
    except BadInput as error:
        raise error.at(source) from None
    return BoxSizes(source, sizes, np.arange(len(sizes)), GIVEN)


def _table(data: Any) -> tuple[str, np.ndarray] | None:
    """Where a table of two columns comes from, and its numbers; None for anything else."""
    if isinstance(data, np.ndarray):
        return "array", data
    if not isinstance(data, str | os.PathLike) or not matrices.is_matrix(data):
        return None
    text = os.fspath(data)
    ending = Path(text).suffix.lower()
    if ending == ".npy" or (ending in (".csv", ".tsv") and _two_numbers(user_path(text))) or ".npz:" in text:
        return text, matrices.read(text).array
    return None


def _two_numbers(path: Path) -> bool:
    """Whether its lines hold two numbers, under a line of names or not."""
    try:
        with opened(path, matrices.MAX_BYTES, "table") as file:
            lines = [line.decode("utf-8-sig", "replace").strip() for line in (file.readline(4096) for _ in range(2))]
    except BadInput as error:
        raise error.at(path) from error.__cause__
    cells = [next(csv.reader([line.replace(";", ",").replace("\t", ",")]), []) for line in lines if line]
    return bool(cells) and all(len(row) == 2 for row in cells) and all(map(_is_number, cells[-1]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _of_pictures(data: Dataset, size: tuple[int, int] | None, *, squeeze: bool) -> BoxSizes:
    """The boxes of the pictures to train on, where the data say which those are."""
    problems = data.problems
    if data.split is not None and "train" in data.split:
        data = data.where("train")
    corners = {i: asked for i in range(len(data)) if len(asked := data.asked_corners(i))}
    rows = list(corners)
    if not rows:
        cure = "name a data set in COCO's or YOLO's form, or a table of widths and heights"
        raise BadInput("the data tell of no boxes", where=data.source, cure=cure)
    own = list(map(_sides, corners.values()))
    unit = OWN
    if size is not None:
        own = [sides * factor for sides, factor in zip(own, _factors(data, rows, size, squeeze=squeeze), strict=True)]
        unit = f"pixels where pictures are {'squeezed to' if squeeze else 'fitted into'} {size[0]} × {size[1]}"
    sides, groups = np.concatenate(own), np.repeat(np.arange(len(own)), [len(s) for s in own])
    good = (np.isfinite(sides) & (sides > 0)).all(1)
    if not good.any():
        raise BadInput("none of its boxes has an area", where=data.source, cure="check the boxes' corners")
    left = int((~good).sum())
    notes = (f"{left} of {len(good)} boxes have no area and are left out.",) if left else ()
    notes = (*notes, *_unread(problems))
    whole = (size[1], size[0]) if size is not None and squeeze else None
    return BoxSizes(data.source, sides[good], np.unique(groups[good], return_inverse=True)[1], unit, notes, whole)


def _unread(problems: Sequence[Problem]) -> Iterator[str]:
    """What could not be understood is not among the boxes."""
    if problems:
        first, count = problems[0], len(problems)
        told = f"{first.where}: {first.what}"
        yield f"Left out: {told}." if count == 1 else f"{count} faults are left out; the first: {told}."


def _sides(corners: np.ndarray) -> np.ndarray:
    return np.asarray(corners, np.float64)[:, 2:] - np.asarray(corners, np.float64)[:, :2]


def _factors(data: Dataset, rows: Sequence[int], size: tuple[int, int], *, squeeze: bool) -> list[np.ndarray]:
    """By how much each picture's widths and heights grow, [2] each."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "pellucid-look") as pool:
        shapes = list(track(pool.map(lambda i: _shape(data, i), rows), "measuring pictures", len(rows)))
    each = [np.array([size[1] / width, size[0] / height]) for height, width in shapes]
    return each if squeeze else [np.full(2, factor.min()) for factor in each]


def _shape(data: Dataset, i: int) -> tuple[int, int]:
    """Height and width, of a picture's file from its head alone."""
    if isinstance(data.items, Files) and not matrices.is_matrix(data.items.paths[i]):
        return size_of(data.items.paths[i])
    height, width = data[i].array.shape[:2]
    return height, width
