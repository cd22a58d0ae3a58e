"""What is known of pictures, from a table with a line of column names: ``.csv``, ``.tsv``, ``.parquet``."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.opening import opened, user_path

#: Columns that may say which picture a row is about, in the order in which they are looked for.
KEYS = ("image", "file", "path", "filename", "name")

#: A longer file is refused before opening.
MAX_BYTES = 1 << 28

Columns = dict[str, list[str]]


def read_columns(path: str | os.PathLike[str]) -> Columns:
    """Every column's cells as text, by the column's name.

    Raises BadInput, with the row's number (the line of names being row 1), for what is no such table.
    """
    return read_rows(path)[0]


def read_rows(path: str | os.PathLike[str]) -> tuple[Columns, list[int]]:
    """The same, with each row's number: blank lines count, and have no row."""
    place = user_path(os.fspath(path))
    try:
        with opened(place, MAX_BYTES, "table") as file:
            columns, numbers = _parquet(file.read()) if place.suffix.lower() == ".parquet" else _text(file.read())
    except BadInput as error:
        raise error.at(place) from error.__cause__
    if not numbers:
        raise BadInput("it has column names but no rows", where=place, cure="write one row a picture")
    return columns, numbers


def matched(columns: Mapping[str, Sequence[str]], sources: Sequence[str], *, where: object = "labels") -> Columns:
    """The columns without the key, their cells in the order of ``sources``.

    A cell of the key names its picture by path, by file name or by file name without ending; a picture without a row
    or with two is an error, rows of other pictures are left out.
    """
    key = next((name for k in KEYS for name in columns if name.strip().lower() == k), None)
    if key is None:
        cure = f"name the column with the file names one of {', '.join(KEYS)}"
        raise BadInput(
            f"none of its columns {', '.join(map(repr, columns))} names the pictures", where=where, cure=cure
        )
    rows = _rows_of(columns[key], sources, where)
    return {name: [cells[r] for r in rows] for name, cells in columns.items() if name != key}


def _rows_of(keys: Sequence[str], sources: Sequence[str], where: object) -> list[int]:
    """For each source the row of the key that names it, by as much of its path as is needed."""
    for spell in (str, lambda s: Path(s).name, lambda s: Path(s).stem):
        spelt = [spell(s) for s in sources]
        numbers = {k: i for i, k in enumerate(keys)}
        if not all(s in numbers for s in spelt):
            continue
        doubled = [k for k, count in Counter(k for k in keys if k in set(spelt)).items() if count > 1]
        if doubled:
            raise BadInput(f"picture {doubled[0]!r} has two rows", where=where, cure="leave one row a picture")
        if len(set(spelt)) < len(spelt):
            twice = next(s for s, count in Counter(spelt).items() if count > 1)
            raise BadInput(f"two pictures are called {twice!r}", where=where, cure="write their paths into the table")
        return [numbers[s] for s in spelt]
    names = {Path(k).stem for k in keys}
    if all(Path(s).stem in names for s in sources):
        raise _otherwise_spelt(keys, sources, where)
    lost = next(s for s in sources if Path(s).stem not in names)
    missing = sum(Path(s).stem not in names for s in sources)
    what = f"{missing} of {len(sources)} pictures have no row, first {lost!r}"
    raise BadInput(what, where=where, cure="write one row a picture, under its file's name")


def _otherwise_spelt(keys: Sequence[str], sources: Sequence[str], where: object) -> BadInput:
    """Every picture has a row of its name, but none of the spellings fits all of them."""
    by_stem = {Path(k).stem: k for k in keys}
    pairs = [(s, by_stem[Path(s).stem]) for s in sources if by_stem[Path(s).stem] != Path(s).name]
    strangers = [(s, k) for s, k in pairs if k not in (s, Path(s).stem)]
    picture, row = (strangers or pairs)[0]
    what = f"the names match only without folders and endings: the picture is {picture!r}, its row is {row!r}"
    cure = f"write each picture's file name ({Path(picture).name}) into the table, without other folders"
    return BadInput(what, where=where, cure=cure)


def _text(data: bytes) -> tuple[Columns, list[int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("this is no text in UTF-8", cure="save it as CSV in UTF-8") from error
    first = text.partition("\n")[0]
    by = next((d for d in "\t;," if d in first), ",")
    try:
        rows = [(n, r) for n, r in enumerate(_tracked(text, by), start=1) if any(r)]
    except csv.Error as error:
        raise BadInput(f"it cannot be read as a table ({error})", cure="save it as CSV") from error
    if not rows:
        raise BadInput("there is nothing in it but blank lines", cure="get it again from where it came")
    names = [n.strip() for n in rows[0][1]]
    if "" in names or len(set(names)) < len(names):
        raise BadInput("its first line has an empty or doubled column name", cure="give each column its own name")
    for number, row in rows[1:]:
        if len(row) != len(names):
            what = f"row {number} has {len(row)} cells for {len(names)} columns"
            raise BadInput(what, cure="give every row as many cells as there are names")
    turned = zip(*(row for _, row in rows[1:]), strict=True) if len(rows) > 1 else ([] for _ in names)
    columns = {name: [cell.strip() for cell in cells] for name, cells in zip(names, turned, strict=True)}
    return columns, [number for number, _ in rows[1:]]


def _tracked(text: str, by: str) -> Iterator[list[str]]:
    return track(csv.reader(io.StringIO(text), delimiter=by), "reading the table")


def _parquet(data: bytes) -> tuple[Columns, list[int]]:
    from pellucid.data import parquet_  # its reader needs an extra

    columns = parquet_.columns(io.BytesIO(data))
    return columns, list(range(2, 2 + len(next(iter(columns.values()), []))))
