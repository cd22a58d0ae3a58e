"""An ordered scale: which level is above which, and how far they are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.tasks.task import Vocabulary


@dataclass(frozen=True)
class Scale:
    """names: the levels from low to high, as they are written. places: where each lies, rising: its rank or its value.
    gaps: the whole numbers between levels that no cell holds.
    """

    names: tuple[str, ...]
    places: tuple[float, ...]
    gaps: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _numbers(self) -> dict[float | str, int]:
        return {_key(name): i for i, name in enumerate(self.names)}

    def number(self, cell: str) -> int:
        """The rank of a cell from 0; "3.0" is the level "3"."""
        if _key(cell) not in self._numbers:
            known = " < ".join(self.names)
            raise BadInput(f"{cell!r} is no level of the scale {known}", cure="name all levels with levels='…<…<…'")
        return self._numbers[_key(cell)]

    @property
    def even(self) -> np.ndarray:
        """The places in a unit in which neighbours are 1 apart on average: float64 [levels], from 0."""
        places = np.array(self.places)
        return (places - places[0]) / (places[-1] - places[0]) * (len(self) - 1)


def scale_of(vocabulary: Vocabulary, column: str, *, levels: str = "", spacing: str = "ranks") -> Scale:
    """The scale of a column's cells: numbers by size, or the order that ``levels`` spells ("poor<fair<good").

    spacing: "ranks" puts neighbours 1 apart, "values" as far as the numbers say.
    """
    cells = vocabulary.values[column]
    names = _spelt(levels, column) if levels else _by_size(cells, column)
    places = _values(names, column) if spacing == "values" else tuple(map(float, range(len(names))))
    scale = Scale(names, places, () if levels else _between(names))
    for cell in cells:
        scale.number(cell)
    if len(scale) < 2:
        raise BadInput(f"column {column!r} holds one level alone, {names[0]!r}", cure="add pictures of another")
    return scale


def _key(text: str) -> float | str:
    """Numbers are the same however they are written; all else is its text."""
    try:
        value = float(text)
    except ValueError:
        return text.strip()
    return value if math.isfinite(value) else text.strip()


def _spelt(levels: str, column: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in levels.split("<"))
    if not all(names):
        raise BadInput(f"the levels {levels!r} have an empty name", where=column, cure="write them as 'poor<fair<good'")
    if len({_key(name) for name in names}) < len(names):
        raise BadInput(f"the levels {levels!r} name one twice", where=column, cure="name each once, from low to high")
    return names


def _by_size(cells: tuple[str, ...], column: str) -> tuple[str, ...]:
    words = [cell for cell in cells if isinstance(_key(cell), str)]
    if words:
        some = ", ".join(map(repr, words[:4])) + (", …" if len(words) > 4 else "")
        cure = "write it with levels='poor<fair<good', from low to high; leave cells empty where nothing is known"
        raise BadInput(f"column {column!r} holds words, whose order nobody knows: {some}", cure=cure)
    first: dict[float | str, str] = {}
    for cell in cells:
        first.setdefault(_key(cell), cell.strip())
    return tuple(first[value] for value in sorted(first))  # type: ignore[type-var]


def _values(names: tuple[str, ...], column: str) -> tuple[float, ...]:
    """The levels' own numbers; turned round where the scale falls, so that places rise."""
    values = [_key(name) for name in names]
    numbers = [v for v in values if not isinstance(v, str)]
    if len(numbers) < len(values):
        raise BadInput("words have no values", where=column, cure="use spacing='ranks'")
    if all(a > b for a, b in pairwise(numbers)):
        numbers = [-v for v in numbers]
    if not all(a < b for a, b in pairwise(numbers)):
        cure = "order them by their values, or use spacing='ranks'"
        raise BadInput(f"the levels' order {'<'.join(names)} is not that of their values", where=column, cure=cure)
    return tuple(numbers)


def _between(names: tuple[str, ...]) -> tuple[str, ...]:
    values = [float(name) for name in names]
    if not all(v.is_integer() for v in values) or values[-1] - values[0] > 1000:
        return ()
    return tuple(str(v) for v in range(int(values[0]), int(values[-1])) if v not in values)
