"""A table: each row a picture's, or each row the numbers themselves."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.data.folders import ENDINGS as PICTURES
from pellucid.data.labels import KEYS, read_rows
from pellucid.data.matrices import is_matrix
from pellucid.data.opening import opened
from pellucid.data.sets import table_of_numbers, table_of_pictures

ENDINGS = (".csv", ".tsv", ".parquet")

#: Names that a folder's own table has; among several tables one of these is taken.
_USUAL = ("labels", "index")

#: Columns that name a picture, the first that is there being taken: a path says more than a file's name.
_KEYS = ("path", *(k for k in KEYS if k != "path"))

#: The line of names is looked for within so many bytes.
_HEAD = 1 << 20


def recognises(path: Path) -> bool:
    """Whether it is a table, or a folder that holds one about pictures."""
    return bool(_tables_in(path)) if path.is_dir() else is_table(path)


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether a file's ending is that of a table."""
    return os.path.splitext(path)[1].lower() in ENDINGS


def read(path: Path, *, image: str | None = None, label: str | None = None, features: Sequence[str] = ()) -> Dataset:
    """The rows as a data set. image: the column that names the pictures. label: the column to learn. features: the
    columns of numbers that a row's matrix is made of, in this order.
    """
    place = _table_in(path) if path.is_dir() else path
    columns, numbers = read_rows(place)
    if image is not None and image not in columns:
        raise BadInput(f"there is no column {image!r}", where=place, cure=near(image, columns))
    if label is not None and label not in columns:
        raise BadInput(f"there is no column {label!r}", where=place, cure=near(label, columns))
    key = image or (None if features else picture_column(columns))
    if key is None:
        return table_of_numbers.of(place, columns, numbers, label, features)
    return table_of_pictures.of(place, columns, numbers, key)


def picture_column(columns: dict[str, list[str]]) -> str | None:
    """The column that names the pictures; a ``name`` does so only where some of its cells end as files do."""
    for key in _KEYS:
        name = next((n for n in columns if n.strip().lower() == key), None)
        if name is not None and (key != "name" or any(map(is_file_name, columns[name]))):
            return name
    return None


def is_file_name(cell: str) -> bool:
    """Whether a cell's ending is that of a picture or a matrix."""
    return cell.lower().endswith(PICTURES) or is_matrix(cell)


def _tables_in(folder: Path) -> list[Path]:
    """The tables in a folder that have a column for pictures, or whose names cannot be read."""
    files = (p for p in sorted(folder.iterdir()) if p.suffix.lower() in ENDINGS and not p.name.startswith("."))
    return [p for p in files if p.is_file() and _may_name_pictures(p)]


def _table_in(folder: Path) -> Path:
    found = _tables_in(folder)
    usual = [p for p in found if p.stem.lower() in _USUAL]
    if len(found) > 1 and len(usual) != 1:
        names = ", ".join(p.name for p in found[:6])
        cure = "name one, or join them into one table with a column 'split'"
        raise BadInput(f"there are {len(found)} tables ({names})", where=folder, cure=cure)
    return usual[0] if usual else found[0]


def _may_name_pictures(path: Path) -> bool:
    names = _names(path)
    return names is None or any(n.strip().lower() in KEYS for n in names)


def _names(path: Path) -> Sequence[str] | None:
    """The columns' names; None where they cannot be read, which reading the table will tell."""
    try:
        if path.suffix.lower() == ".parquet":
            from pellucid.data import parquet_  # its reader needs an extra

            return parquet_.names(path)
        with opened(path, 1 << 40, "table") as file:
            text = file.read(_HEAD).decode("utf-8-sig", errors="strict" if _short(path) else "ignore")
        return next(_rows(text.splitlines()), [])
    except (BadInput, UnicodeDecodeError, csv.Error):
        return None


def _short(path: Path) -> bool:
    return path.stat().st_size <= _HEAD


def _rows(lines: Iterable[str]) -> Iterable[list[str]]:
    for line in lines:
        if line.strip():
            by = next((d for d in "\t;," if d in line), ",")
            yield next(csv.reader([line], delimiter=by))
