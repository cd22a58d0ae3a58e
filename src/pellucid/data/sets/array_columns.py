"""Arrays with an entry an item, as columns of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Problem
from pellucid.data.sets.names import named
from pellucid.data.sets.numbers import Numbers

#: What the inputs are called, in lower case; the first that is there is taken.
INPUTS = ("x", "images", "image", "pictures", "matrices", "data", "inputs", "features")

#: What the column of labels is called in the data set.
LABEL = "label"

#: Arrays with the names of classes and of features.
CLASSES = ("classes", "class_names", "label_names", "target_names")
FEATURES = ("feature_names",)

#: Arrays by name without their split, by split ("" where there is none).
Found = Mapping[str, Mapping[str, Numbers]]


def columns_of(
    found: Found, inputs: str, label: str | None, counts: Mapping[str, int], source: str
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Every array with an entry an item as text, and what is said of the others."""
    columns: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    names = () if label is None else words(found, CLASSES, source)
    for stem, parts in found.items():
        if stem == inputs or (label is not None and stem in CLASSES) or stem in FEATURES:
            continue
        wrong = f"{stem!r} would be inputs, as {inputs!r} is" if stem in INPUTS else _mismatch(parts, counts)
        called = LABEL if stem == label and LABEL not in found else stem
        if wrong is None:
            columns |= _as_columns(called, parts, counts, names if stem == label else (), source)
        elif stem == label:
            cure = "save one label an item, in the same order"
            raise BadInput(wrong, where=source, cure=cure)
        else:
            problems.append(Problem(source, f"{wrong}: it was left out", fatal=False))
    return columns, problems


def _mismatch(parts: Mapping[str, Numbers], counts: Mapping[str, int]) -> str | None:
    """Why an array has no entry an item; None where it has."""
    for split, part in parts.items():
        if split not in counts:
            return f"{part.name!r} has no inputs of its split"
        if len(part.shape) not in (1, 2) or part.shape[0] != counts[split]:
            return f"{part.name!r} is of shape {part.shape} for {counts[split]} items"
    return None


def _as_columns(
    stem: str, parts: Mapping[str, Numbers], counts: Mapping[str, int], names: Sequence[str], source: str
) -> dict[str, tuple[str, ...]]:
    """An array [n] as one column, [n, k] as k, and one of them more where exactly one of the k is set in every row."""
    arrays = {split: _readable(part, source) for split, part in parts.items()}
    widths = {a.shape[1] if a.ndim == 2 else 1 for a in arrays.values()}
    if len(widths) > 1:
        raise BadInput(f"{stem!r} has another width in each split", where=source, cure="save them alike")
    width = widths.pop()
    flat = {split: a.reshape(-1, width) for split, a in arrays.items()}
    if width == 1:
        return {stem: _joined([_cells(a[:, 0], names, stem, source) for a in flat.values()], flat, counts)}
    called = list(names) if len(names) == width else [f"{stem}{i}" for i in range(width)]
    columns = {
        c: _joined([_cells(a[:, i], (), stem, source) for a in flat.values()], flat, counts)
        for i, c in enumerate(called)
    }
    if all(_one_hot(a) for a in flat.values()):
        kinds = names if len(names) == width else tuple(map(str, range(width)))
        columns[stem] = _joined([named(a.argmax(1), kinds, source) for a in flat.values()], flat, counts)
    return columns


def _one_hot(array: np.ndarray) -> bool:
    return array.dtype.kind in "fiub" and bool(((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all())


def _joined(cells: list[tuple[str, ...]], parts: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[str, ...]:
    """The splits' cells in the order of the items; empty ones for a split that has none."""
    by_split = dict(zip(parts, cells, strict=True))
    return tuple(c for split, count in counts.items() for c in by_split.get(split, ("",) * count))


def _cells(array: np.ndarray, names: Sequence[str], name: str, source: str) -> tuple[str, ...]:
    """Entries as text: whole numbers without a point, NaN as an empty cell."""
    if array.dtype.kind in "US":
        return tuple(str(v).strip() for v in array.tolist())
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind != "f":
        return named(array, names, source)
    if np.isinf(array).any():
        raise BadInput(f"{name!r} holds infinite numbers", where=source, cure="write NaN where nothing is known")
    known = array[~np.isnan(array)]
    if (known == np.trunc(known)).all() and (np.abs(known) < 2**53).all():
        whole = iter(named(known.astype(np.int64), names, source))
        return tuple("" if missing else next(whole) for missing in np.isnan(array).tolist())
    return tuple("" if np.isnan(v) else str(v) for v in array)


def _readable(part: Numbers, source: str) -> np.ndarray:
    if part.kind.kind not in "fiubUS":
        what = f"{part.name!r} holds {part.kind}, which is neither numbers nor text"
        raise BadInput(what, where=source, cure=f"save it as text or numbers: np.array({part.name}.tolist())")
    array = part.array()
    if array.dtype.kind != "S":
        return array
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{part.name!r} is no text in UTF-8", where=source, cure="save it as text") from error


def words(found: Found, names: Sequence[str], source: str) -> tuple[str, ...]:
    """The entries of an array of names; none where there is no such array."""
    name = next((n for n in names if n in found), None)
    if name is None or "" not in found[name] or len(found[name][""].shape) != 1:
        return ()
    return tuple(map(str, _readable(found[name][""], source).tolist()))
