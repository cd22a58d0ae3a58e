"""A table with a row a picture: what the columns say becomes what a data set knows."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import SPLITS, Dataset, Files, Problem
from pellucid.data.folders import ENDINGS as PICTURES
from pellucid.data.labels import KEYS
from pellucid.data.matrices import MAX_BYTES, is_matrix
from pellucid.data.opening import fault
from pellucid.data.sets.cells import boxes_of, points_of, split_of
from pellucid.data.sets.mask_names import mask_names

#: Columns that say which items belong together, the first that is there being taken.
GROUPS = ("group", "patient", "original")

Columns = Mapping[str, Sequence[str]]
T = TypeVar("T")


@dataclass
class _Rows:
    """A table while it is looked through: its place, the row's numbers, and what is wrong with which rows."""

    place: Path
    numbers: Sequence[int]
    problems: list[Problem] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)

    @functools.cached_property
    def home(self) -> str:
        return str(self.place.parent)

    def where(self, i: int) -> str:
        return f"{self.place.name}, row {self.numbers[i]}"

    def tell(self, i: int, what: str) -> None:
        self.problems.append(Problem(self.where(i), what))
        self.bad.add(i)

    def each(self, cells: Sequence[str], of: Callable[[str], T]) -> tuple[T | None, ...]:
        """``of`` every cell; what it refuses is told with the row's number."""
        found: list[T | None] = []
        for i, cell in enumerate(cells):
            try:
                found.append(of(cell))
            except BadInput as error:
                self.tell(i, str(error))
                found.append(None)
        return tuple(found)


def of(place: Path, columns: Columns, numbers: Sequence[int], key: str) -> Dataset:
    """The pictures that column ``key`` names, relative to the table's folder, with what the other columns say.

    Rows that cannot be used are no items; they are listed in ``problems``.
    """
    rows = _Rows(place, numbers)
    cells = columns[key]
    taken = {key, *_other_names(columns, key)}
    mask = _column(columns, taken, ("mask", "masks"), lambda c: c.lower().endswith(PICTURES) or is_matrix(c))
    boxes = _column(columns, taken, ("boxes",), lambda c: c.startswith("["))
    points = _column(columns, taken, ("points",), lambda c: c.startswith("["))
    split = _column(columns, taken, ("split",), bool)
    group = next((g for g in (_column(columns, taken, (name,), bool) for name in GROUPS) if g), None)
    labels = {name: tuple(cells) for name, cells in columns.items() if name not in taken}
    if mask:
        cells, masks = _with_members(cells, columns[mask])
    paths = _pictures(rows, cells)
    data = Dataset(
        source=str(place),
        items=Files(paths),
        columns=labels,
        split=_splits(rows, columns[split]) if split else None,
        group=_groups(rows, columns[group]) if group else None,
        rows=tuple(map(rows.where, range(len(cells)))),
        boxes=rows.each(columns[boxes], boxes_of) if boxes else None,
        **_landmarks(rows, columns[points] if points else ()),
        masks=_masks(rows, masks) if mask else None,
        mask_names=_mask_names(rows) if mask else {},
    )
    kept = [i for i in range(len(cells)) if i not in rows.bad]
    if not kept:
        what = f"none of its {len(cells)} rows can be used; {rows.problems[0].where}: {rows.problems[0].what}"
        raise BadInput(what, where=place, cure=f"paths start from the table's folder, {place.parent}")
    data = data.take(kept) if rows.bad else data
    return dataclasses.replace(_with_label(data), problems=_in_order(rows))


def _landmarks(rows: _Rows, cells: Sequence[str]) -> dict[str, Any]:
    """Places and, where any cell names them, types."""
    told = rows.each(cells, points_of)
    if not told:
        return {}
    places = tuple(None if own is None else np.array([p[1:] for p in own], np.float64).reshape(-1, 2) for own in told)
    named = any(kind for own in told if own is not None for kind, *_ in own)
    for i, own in enumerate(told):
        if named and own is not None and any(not kind for kind, *_ in own):
            rows.tell(i, 'its points have no type, and those of other rows have: write [["eye", x, y], …]')
    kinds = tuple(None if own is None else tuple(kind for kind, *_ in own) for own in told)
    return {"points": places, "point_kinds": kinds if named else None}


def _column(columns: Columns, taken: set[str], names: Sequence[str], fits: Callable[[str], bool]) -> str | None:
    """The column of one of these names, if any of its cells fits; it is then no label.

    ``mask`` may say whether somebody wears one, and ``points`` what a picture scored.
    """
    name = next((n for n in columns if n.strip().lower() in names and n not in taken), None)
    if name is None or not any(fits(c) for c in columns[name] if c):
        return None
    taken.add(name)
    return name


def _other_names(columns: Columns, key: str) -> list[str]:
    """Columns that say again which picture it is."""
    files = [c.replace("\\", "/").rpartition("/")[2] for c in columns[key]]
    return [n for n in columns if n != key and n.lower() in KEYS and list(columns[n]) in (files, list(columns[key]))]


def _with_members(images: Sequence[str], masks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Where one ``.npz`` is both picture and mask, the arrays in it that are meant, as ``pellucid dicom`` writes."""
    both = [m.lower().endswith(".npz") and m == i for i, m in zip(images, masks, strict=True)]
    name = lambda cells, member: [f"{c}:{member}" if b else c for c, b in zip(cells, both, strict=True)]  # noqa: E731
    return name(images, "image"), name(masks, "mask")


def _pictures(rows: _Rows, cells: Sequence[str]) -> tuple[str, ...]:
    found, seen = [], {}
    for i, cell in enumerate(track(cells, "looking for pictures")):
        path = _path(rows, i, cell, "picture")
        first = seen.setdefault(os.path.normpath(path), i)
        if first != i and i not in rows.bad:
            rows.tell(i, f"the same picture as in row {rows.numbers[first]}; leave one row a picture")
        found.append(path)
    return tuple(found)


def _masks(rows: _Rows, cells: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(_path(rows, i, c, "mask") if c else None for i, c in enumerate(track(cells, "looking for masks")))


def _path(rows: _Rows, i: int, cell: str, what: str) -> str:
    """Where a cell leads; told if no file is there."""
    if not cell or "\0" in cell:
        rows.tell(i, "a path cannot hold a null character" if cell else f"it names no {what}")
        return cell
    path = os.path.join(rows.home, os.path.expanduser(cell))
    lower = path.lower()
    file = path[: lower.rindex(".npz:") + 4] if ".npz:" in lower else path
    wrong = fault(file, MAX_BYTES, what)
    if wrong is not None:
        rows.tell(i, f"{cell}: {wrong.what}")
    return path


def _splits(rows: _Rows, cells: Sequence[str]) -> tuple[str, ...]:
    names = [split_of(c) for c in cells]
    for i, name in enumerate(names):
        if not name:
            rows.tell(i, "its split is empty; write train, val or test")
    for name, count in Counter(names).items():
        if name and name not in SPLITS:
            what = f"{count} rows are in the split {name!r}, which is none of train, val and test: nothing learns them"
            rows.problems.append(Problem(rows.place.name, what, fatal=False))
    return tuple(names)


def _groups(rows: _Rows, cells: Sequence[str]) -> tuple[str, ...]:
    """Who has no group stands alone."""
    return tuple(cell or rows.where(i) for i, cell in enumerate(cells))


def _with_label(data: Dataset) -> Dataset:
    """The column to learn, where the table leaves no doubt.

    ``label`` or ``class``; one that repeats the pictures' folders; the only one; the folders, where there is no other.
    """
    several = lambda name: len(set(data.columns[name])) > 1  # noqa: E731
    usual = [n for u in ("label", "class") for n in data.columns if n.lower() == u]
    folders = tuple(os.path.basename(os.path.dirname(p)) for p in data.names())
    same = [n for n, cells in data.columns.items() if cells == folders]
    only = list(data.columns) if len(data.columns) == 1 else []
    best = [n for n in (*usual, *same) if several(n)] + usual + only
    if best:
        return dataclasses.replace(data, label=best[0])
    made = Path(data.source).with_name("objects.jsonl").exists()  # by pellucid make, whose folders are the objects
    if len(set(folders)) > 1 and (made or not data.columns):
        return dataclasses.replace(data, columns={**data.columns, "class": folders}, label="class")
    return data


def _mask_names(rows: _Rows) -> dict[int, str]:
    """What numbers in masks mean."""
    names, problems = mask_names(rows.place.parent)
    rows.problems += problems
    return names


def _in_order(rows: _Rows) -> tuple[Problem, ...]:
    """By the rows, for they were found column by column."""
    place = {rows.where(i): i for i in rows.bad}
    return tuple(sorted(rows.problems, key=lambda p: place.get(p.where, -1)))
