"""A table without pictures: each row of numbers is a matrix [1, F]."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.listed import listed
from pellucid.data.dataset import Dataset, Problem, Stack
from pellucid.data.sets.cells import split_of
from pellucid.data.sets.table_of_pictures import GROUPS

#: Names of the column to learn, the first that is there being taken; where none is, it is the last one.
LABELS = ("label", "class", "target", "species")

#: Names of a column that counts the rows; its numbers say nothing about them.
_COUNTERS = ("id", "index", "row", "number", "no", "unnamed: 0")

#: A column of numbers may have a few cells that are none, which are mistakes; with more it is a column of words.
_MOST_WRONG = 0.5

#: So many columns that are missing are named.
_NAMED = 6

Columns = Mapping[str, Sequence[str]]


def of(
    place: Path, columns: Columns, numbers: Sequence[int], label: str | None, features: Sequence[str] = ()
) -> Dataset:
    """Every column of numbers is a feature, but for the one to learn; matrices [1, F], float32.

    features: the columns that are features, in this order, wherever they stand in the table; of others nothing is
    asked, and there may be none to learn. () finds them.

    A row with a cell that is empty, no number or not finite is no item; it is listed in ``problems``.
    """
    _check_names(place, columns, least=1 if features else 2)
    if features:
        refuse_missing(columns, features, place)
    rest = [name for name in columns if name not in features]
    lower = {name.strip().lower(): name for name in rest}
    split = lower.get("split")
    group = next((lower[g] for g in GROUPS if g in lower), None)
    label = label or next((lower[n] for n in LABELS if n in lower), None)
    label = label or next((n for n in reversed(rest) if n not in (split, group)), None)
    values = {n: _numbers(columns[n]) for n in features or (n for n in rest if n not in (label, split, group))}
    problems = [] if features else _left_out(place, columns, values)
    if not values:
        cure = "name the column with the pictures 'image' or 'path', or keep the features as numbers"
        raise BadInput("it has neither a column of pictures nor one of numbers", where=place, cure=cure)
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite, and is told
        x = np.stack(list(values.values()), axis=1).astype(np.float32)
    bad = _bad_rows(place, columns, numbers, list(values), x)
    data = Dataset(
        source=str(place),
        items=Stack.of(x[:, None, :], str(place)),
        columns={n: tuple(c) for n, c in columns.items() if n not in (*values, split, group)},
        label=label,
        split=tuple(map(split_of, columns[split])) if split else None,
        group=tuple(c or f"row {n}" for c, n in zip(columns[group], numbers, strict=True)) if group else None,
        rows=tuple(f"{place.name}, row {n}" for n in numbers),
        features=tuple(values),
    )
    if len(bad) == len(data):
        first = next(iter(bad.values()))
        raise BadInput(f"none of its {len(data)} rows can be used; {first.where}: {first.what}", where=place)
    data = data.take([i for i in range(len(data)) if i not in bad]) if bad else data
    return dataclasses.replace(data, problems=(*problems, *bad.values()))


def refuse_missing(columns: Sequence[str] | Columns, features: Sequence[str], where: object) -> None:
    """Raise BadInput that names the features for which there is no column."""
    missing = [name for name in features if name not in columns]
    if not missing:
        return
    others = [name for name in columns if name not in features]
    close = near(missing[0], others) if len(missing) == 1 else ""
    cure = close if close.startswith("did you mean") else "call them as they were called then"
    held = f" (it has {listed([repr(n) for n in others], _NAMED)} besides)" if others else ""
    what = f"{'a column is' if len(missing) == 1 else f'{len(missing)} columns are'} missing that the run learnt from: "
    raise BadInput(f"{what}{listed([repr(n) for n in missing], _NAMED)}{held}", where=where, cure=cure)


def _check_names(place: Path, columns: Columns, least: int) -> None:
    """A first line with numbers in it is no line of names, or the first row would be lost."""
    if len(columns) < least:
        raise BadInput("it has one column alone", where=place, cure="write features and a label, parted by commas")
    number = next((n for n in columns if not math.isnan(_number(n))), None)
    if number is not None:
        cure = "write a line of column names before the rows"
        raise BadInput(f"its first line has a number ({number!r}) where a name is wanted", where=place, cure=cure)


def _number(cell: str) -> float:
    """NaN for what is no number."""
    try:
        return float(cell) if "_" not in cell else math.nan  # Python takes 1_000, and nobody else does
    except ValueError:
        return math.nan


def _numbers(cells: Sequence[str]) -> np.ndarray:
    """float64 [row], NaN where there is no number."""
    try:
        numbers = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return np.fromiter(map(_number, cells), np.float64, len(cells))
    return numbers if "_" not in "".join(cells) else np.fromiter(map(_number, cells), np.float64, len(cells))


def _left_out(place: Path, columns: Columns, values: dict[str, np.ndarray]) -> list[Problem]:
    """Take out of ``values`` what is no feature, and say so."""
    told = []
    for name in list(values):
        empty = columns[name].count("")
        wrong, filled = int(np.isnan(values[name]).sum()) - empty, len(values[name]) - empty
        if not filled:
            what = f"column {name!r} is empty, and was left out"
        elif wrong > _MOST_WRONG * filled:
            what = f"column {name!r} holds words: it is kept as a label, not as a feature"
        elif name.strip().lower() in _COUNTERS and (np.diff(values[name]) == 1).all():
            what = f"column {name!r} counts the rows: it is kept as a label, not as a feature"
        else:
            continue
        told.append(Problem(place.name, what, fatal=False))
        del values[name]
    return told


def _bad_rows(
    place: Path, columns: Columns, numbers: Sequence[int], names: list[str], x: np.ndarray
) -> dict[int, Problem]:
    """The rows that cannot be used, each with its first wrong cell."""
    wrong = ~np.isfinite(x)
    found = {}
    for i in np.flatnonzero(wrong.any(axis=1)):
        name = names[int(wrong[i].argmax())]
        cell = columns[name][i]
        said = f"{cell[:40]!r} is no finite number" if cell else "is empty"
        found[int(i)] = Problem(f"{place.name}, row {numbers[i]}", f"column {name!r}: {said}; fill it, or leave it out")
    return found
