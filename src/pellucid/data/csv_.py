"""Numbers in lines of text, with or without a line of column names before them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import numpy as np

from pellucid.core.errors import BadInput

#: A longer line is refused: it is no line of text.
_LONGEST = 1 << 26


def read(file: BinaryIO, most: int) -> np.ndarray:
    """The numbers as float64 [line, cell]. most: how many there may be.

    Cells are parted by tabs, semicolons, commas or spaces, whichever of these comes first in this order. A first
    line without a single number is taken for column names; one of names and numbers is refused.
    """
    try:
        first, second = _lines(file, 2)
        by = _delimiter(second or first)
        names = _is_header(_cells(first, by), has_more=bool(second))
        _check_size(file, len(_cells(second or first, by)), most)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            return _parsed(text, by, names)
        finally:
            text.detach()
    except UnicodeDecodeError as error:
        raise BadInput("this is no text in UTF-8", cure="save it as CSV in UTF-8") from error


def _lines(file: BinaryIO, count: int) -> list[str]:
    """The first lines that are not blank; an empty text where there are no more."""
    found: list[str] = []
    while len(found) < count:
        line = file.readline(_LONGEST)
        if len(line) == _LONGEST:
            raise BadInput(f"a line is longer than {_LONGEST >> 20} MiB", cure="save it as .npy")
        if not line:
            break
        if line.strip():
            found.append(line.decode("utf-8-sig").strip("\r\n"))
    if not found:
        raise BadInput("there is nothing in it but blank lines", cure="get it again from where it came")
    return found + [""] * (count - len(found))


def _delimiter(line: str) -> str | None:
    """What parts the cells of a line; None for any number of spaces."""
    return next((d for d in "\t;," if d in line), None)


def _cells(line: str, by: str | None) -> list[str]:
    if by is None:
        return line.split()
    return [c.strip() for c in next(csv.reader([line], delimiter=by))]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python takes, and nobody else


def _is_header(cells: list[str], *, has_more: bool) -> bool:
    """Whether the first line holds column names. What could be both is an error, not a guess."""
    text = [c for c in cells if not _is_number(c)]
    if text and len(text) < len(cells):
        cure = "make the first line all names or all numbers (pandas: to_csv(index=False, header=False))"
        raise BadInput(f"its first line has numbers and text ({text[0]!r})", cure=cure)
    if not text and len(cells) > 2 and has_more and cells == [str(i) for i in range(len(cells))]:
        cure = "save it without column names (pandas: to_csv(index=False, header=False)), or as .npy"
        raise BadInput("its first line counts 0, 1, 2, …: numbers of columns or data?", cure=cure)
    if text and "" in cells:
        cure = "name them all, or save it without that column (pandas: to_csv(index=False))"
        raise BadInput("its line of names has an empty cell, as a data frame's index has", cure=cure)
    if text and not has_more:
        _refuse_cell(1, cells.index(text[0]) + 1, text[0])
    return bool(text)


def _check_size(file: BinaryIO, columns: int, most: int) -> None:
    file.seek(0)
    lines = 1 + sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    if lines * columns > most:
        what = f"it has about {lines} × {columns} numbers, more than {most // 1_000_000} million, and was not read"
        raise BadInput(what, cure="make it smaller first")


def _parsed(text: io.TextIOWrapper, by: str | None, names: bool) -> np.ndarray:
    try:
        return np.loadtxt(_data(text, names), delimiter=by, comments=None, quotechar='"', ndmin=2)
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        text.seek(0)
        _tell(text, by, names)
        raise BadInput(f"it cannot be read as numbers ({error})", cure="save it as .npy") from error


def _data(text: io.TextIOWrapper, names: bool) -> Iterator[str]:
    """The lines that are not blank, without the one of names."""
    return (line for _, line in _numbered(text, names))


def _numbered(text: io.TextIOWrapper, names: bool) -> Iterator[tuple[int, str]]:
    """The same with each line's number in the file, from 1."""
    filled = ((n, line) for n, line in enumerate(text, start=1) if line.strip())
    if names:
        next(filled)
    return filled


def _tell(text: io.TextIOWrapper, by: str | None, names: bool) -> None:
    """Raise for the first line or cell that is wrong."""
    width = None
    for number, line in _numbered(text, names):
        cells = _cells(line.strip("\r\n"), by)
        for place, cell in enumerate(cells, start=1):
            if not _is_number(cell):
                _refuse_cell(number, place, cell)
        width = width or len(cells)
        if len(cells) != width:
            what = f"line {number} has {len(cells)} cells where the lines before have {width}"
            raise BadInput(what, cure="give every line as many numbers")


def _refuse_cell(line: int, place: int, cell: str) -> NoReturn:
    shown = repr(cell if len(cell) <= 40 else cell[:39] + "…")
    cure = "fill it, or leave its line out" if not cell else "write numbers with a point (1.5), and nothing else"
    raise BadInput(f"line {line}, cell {place} is {shown}, not a number", cure=cure)
