"""Which labels an item has, from a column of tags or from a column for each label.

A column of tags: "red;round", also with "|" or ",", or a list as JSON or Python write it; empty has none, "?" is not
known, "red;?" is red and perhaps more. Columns for labels: 1 or 0, yes or no, true or false; empty or "?" is not known.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.tasks.cells import UNKNOWN, each_once
from pellucid.tasks.task import Columns, Vocabulary, in_order

#: What parts tags, the first of these that a column holds.
SEPARATORS = (";", "|", ",")

YES = frozenset({"1", "1.0", "yes", "true"})
NO = frozenset({"0", "0.0", "no", "false"})

#: What an item without any label is called.
NONE = "nothing"

_LIST = 'write ["red", "round"], or red;round'


@dataclass(frozen=True)
class Labels:
    """names: of the labels, in order. encode: columns → float32 [n, labels], 1, 0 or NaN where not known."""

    names: tuple[str, ...]
    encode: Callable[[Columns], np.ndarray]
    notes: tuple[str, ...] = ()


def labels_of(vocabulary: Vocabulary) -> Labels:
    """One column holds tags; several are a label each."""
    if len(vocabulary.columns) == 1:
        return tagging(vocabulary, vocabulary.columns[0])
    return switches(vocabulary)


def tagging(vocabulary: Vocabulary, column: str) -> Labels:
    """The labels of a column of tags."""
    cells = vocabulary.values[column]
    if {c.lower() for c in cells} - UNKNOWN <= YES | NO:
        cure = "use --task binary, or name a column for each label"
        raise BadInput(f"column {column!r} holds no tags but {' and '.join(cells)}", cure=cure)
    parts = _parting(cells, column)
    tags = {tag for cell in cells for tag in parts(cell)} - UNKNOWN
    if not tags:
        raise BadInput(f"column {column!r} holds no tag", cure="name another with --label")
    names = in_order(tags)
    place = {name: i for i, name in enumerate(names)}

    def row(cell: str) -> np.ndarray:
        found = parts(cell)
        strange = [tag for tag in found if tag not in place and tag not in UNKNOWN]
        if strange:
            what = f"column {column!r} holds the tag {strange[0]!r}, which is not among those learnt"
            raise BadInput(what, cure=f"{near(strange[0], names)} Rename it, or leave these pictures out")
        there = np.full(len(names), np.nan if "?" in found else 0.0, np.float32)
        there[[place[tag] for tag in found if tag in place]] = 1.0
        return there

    def encode(columns: Columns) -> np.ndarray:
        return each_once(columns[column], row, np.float32).reshape(-1, len(names))

    return Labels(names, encode, _suspicious(names, column))


def switches(vocabulary: Vocabulary) -> Labels:
    """The labels of columns that hold yes or no."""
    for column, cells in vocabulary.values.items():
        strange = [c for c in cells if c.lower() not in YES | NO | UNKNOWN]
        if strange:
            what = f"column {column!r} holds {strange[0]!r}, neither 1 nor 0"
            raise BadInput(what, cure="use --task multigroup for columns of several values, or one column of tags")
    names = vocabulary.columns

    def encode(columns: Columns) -> np.ndarray:
        return np.stack([each_once(columns[n], lambda c, n=n: _switch(c, n), np.float32) for n in names], 1)

    return Labels(names, encode)


def _switch(cell: str, column: str) -> float:
    lower = cell.lower()
    if lower in UNKNOWN:
        return np.nan
    if lower not in YES | NO:
        raise BadInput(f"column {column!r} holds {cell!r}", cure="write 1 or 0, or nothing where it is not known")
    return float(lower in YES)


def _parting(cells: Sequence[str], column: str) -> Callable[[str], tuple[str, ...]]:
    """What parts a cell into its tags: the way of writing that the column has."""
    if all(c.startswith("[") for c in cells if c not in UNKNOWN):
        return lambda cell: _from_list(cell, column)
    used = next((s for s in SEPARATORS if any(s in c for c in cells)), ";")
    return lambda cell: tuple(dict.fromkeys(t for part in cell.split(used) if (t := part.strip())))


def _from_list(cell: str, column: str) -> tuple[str, ...]:
    """A JSON list, or one as Python writes it (which is what a table of pandas holds)."""
    if cell in UNKNOWN:
        return (cell,) if cell else ()
    try:
        found = ast.literal_eval(cell) if "'" in cell else json.loads(cell)
    except (ValueError, SyntaxError) as error:
        raise BadInput(f"column {column!r} holds {cell!r}, which is no list", cure=_LIST) from error
    if not isinstance(found, list) or not all(isinstance(t, str | int | float) for t in found):
        raise BadInput(f"column {column!r} holds {cell!r}, which is no list of tags", cure=_LIST)
    return tuple(dict.fromkeys(str(t).strip() for t in found))


def _suspicious(names: Sequence[str], column: str) -> tuple[str, ...]:
    """A tag that itself holds a separator is mostly two, written another way."""
    odd = [n for n in names if any(s in n for s in SEPARATORS)]
    if not odd:
        return ()
    return (f"column {column!r}: {odd[0]!r} counts as one tag, for other cells are parted in another way",)
