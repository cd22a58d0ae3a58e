"""What stands in the cells of a table about pictures: splits, boxes, points."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Boxes

#: What people call the splits, in lower case.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_of(cell: str) -> str:
    """A split's own name; what is none of the three stays as it is."""
    return SPLIT_NAMES.get(cell.lower(), cell)


def boxes_of(cell: str) -> Boxes | None:
    """``[["wing", x0, y0, x1, y1], …]``; None for an empty cell."""
    if not cell:
        return None
    rows = _list_of(cell, '[["wing", x0, y0, x1, y1], …]')
    if not all(isinstance(r, list) and len(r) == 5 for r in rows):
        raise BadInput("its boxes are not of the form " + '[["wing", x0, y0, x1, y1], …]')
    if not all(str(row[0]).strip() for row in rows):
        raise BadInput("a box does not say what is in it; boxes are of the form " + '[["wing", x0, y0, x1, y1], …]')
    corners = [[_number(v) for v in row[1:]] for row in rows]
    return Boxes(np.array(corners, np.float64).reshape(-1, 4), tuple(str(row[0]) for row in rows))


#: A landmark's type and its place; the type is "" where the cell names none.
Landmark = tuple[str, float, float]


def points_of(cell: str) -> tuple[Landmark, ...] | None:
    """``[[x, y], …]``, or ``[["eye", x, y], …]`` of several types; None for an empty cell."""
    if not cell:
        return None
    rows = _list_of(cell, "[[x, y], …]")
    if all(isinstance(r, list) and len(r) == 2 for r in rows):
        rows = [["", *row] for row in rows]
    elif not all(isinstance(r, list) and len(r) == 3 and isinstance(r[0], str) and r[0].strip() for r in rows):
        raise BadInput('its points are not of the form [[x, y], …] or [["eye", x, y], …]')
    return tuple((kind.strip(), _number(x), _number(y)) for kind, x, y in rows)


def _list_of(cell: str, form: str) -> list[Any]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError) as error:  # a thousand brackets are too deep for Python
        shown = cell if len(cell) <= 40 else cell[:39] + "…"
        raise BadInput(f"{shown!r} is no JSON of the form {form}") from error
    if not isinstance(found, list):
        raise BadInput(f"{cell[:40]!r} is not of the form {form}")
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:  # NaN is not less
        raise BadInput(f"{str(value)[:40]!r} is no place in a picture")
    return float(value)
