"""Class numbers and the names of classes, a line each in a text file beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.opening import opened

_FILES = ("labels.txt", "classes.txt")


def names_beside(folder: Path) -> tuple[str, ...]:
    """The names in labels.txt or classes.txt; none where there is no such file."""
    path = next((folder / n for n in _FILES if (folder / n).is_file()), None)
    return () if path is None else names_in(path)


def names_in(path: Path) -> tuple[str, ...]:
    """A name a line, blank lines apart."""
    try:
        with opened(path, 1 << 24, "list of names") as file:
            return tuple(line.strip() for line in file.read().decode("utf-8-sig").splitlines() if line.strip())
    except UnicodeDecodeError as error:
        raise BadInput("this is no text in UTF-8", where=path, cure="save it as text in UTF-8") from error
    except BadInput as error:
        raise error.at(path) from error.__cause__


def named(numbers: np.ndarray, names: Sequence[str], where: object) -> tuple[str, ...]:
    """Class numbers [n] as text: their names where there are any."""
    if not names:
        return tuple(map(str, numbers.tolist()))
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(names)))
    if len(wrong):
        what = f"class {numbers[wrong[0]]} of item {wrong[0]} (from 0) is not among the {len(names)} names"
        raise BadInput(what, where=where, cure="give every class a name, in the order of their numbers")
    return tuple(names[n] for n in numbers.tolist())
