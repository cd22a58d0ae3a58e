"""A table's cells as class numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.tasks.task import MISSING

#: Cells that say that nobody looked.
UNKNOWN = frozenset({"", "?"})


def numbered(cells: Sequence[str], classes: Sequence[str], column: str) -> np.ndarray:
    """Each cell's place among the classes, int64 [n]; MISSING for an empty one. An unknown class is an error."""
    number = {name: i for i, name in enumerate(classes)}
    return each_once(cells, lambda cell: MISSING if not cell else _place(cell, number, column), np.int64)


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether all of them can be read as numbers."""
    try:
        return all(math.isfinite(float(cell)) for cell in cells)
    except ValueError:
        return False


def each_once(cells: Sequence[str], make: Callable[[str], Any], dtype: Any) -> np.ndarray:
    """``make`` of each cell as an array [n, …], called once for cells that are the same."""
    made = {cell: make(cell) for cell in dict.fromkeys(cells)}
    return np.array([made[cell] for cell in cells], dtype=dtype)


def _place(cell: str, number: Mapping[str, int], column: str) -> int:
    if cell not in number:
        what = f"column {column!r} holds {cell!r}, which is none of the classes"
        raise BadInput(what, cure=f"{near(cell, number)} Rename it, or leave these pictures out")
    return number[cell]
