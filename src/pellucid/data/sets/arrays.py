"""Arrays in one ``.npz``, as a training script saves them: x and y, perhaps as x_train, y_train, x_test, …."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.array_columns import FEATURES, INPUTS, LABEL, Found, columns_of, words
from pellucid.data.sets.cells import SPLIT_NAMES, split_of
from pellucid.data.sets.npz import members
from pellucid.data.sets.numbers import Numbers, together
from pellucid.data.sets.table_of_pictures import GROUPS

#: What the labels are called, in lower case; the first that is there is taken.
LABELS = ("y", "labels", "label", "targets", "target")

_SPLIT = "|".join(SPLIT_NAMES)
_BEFORE, _BEHIND = re.compile(f"(?i)({_SPLIT})_(.+)"), re.compile(f"(?i)(.+)_({_SPLIT})")

#: So many items are looked through at once for what is not finite.
_BLOCK = 1 << 24


def recognises(path: Path) -> bool:
    """Whether it is an ``.npz`` file."""
    return path.suffix.lower() == ".npz" and not path.is_dir()


def read(path: Path) -> Dataset:
    """The arrays of an ``.npz`` as a data set; see ``of``. A large array that was saved unpacked stays on the disk."""
    try:
        return _dataset(str(path), members(path))
    except MemoryError as error:
        raise BadInput("there is not enough memory for it", where=path, cure="save it unpacked (np.savez)") from error


def of(arrays: Mapping[str, Any]) -> Dataset:
    """Arrays by name as a data set.

    Inputs (x, images, data, …) are [n, height, width] or [n, height, width, channel], bytes being pixels and all else
    a matrix's numbers, or rows [n, F], which become matrices [n, 1, F] of float32. Labels (y, labels, target, …) are
    [n] or [n, k]; ``classes`` names their numbers. Names may begin or end with a split (x_train, test_labels).
    Other arrays of n entries are columns; ``group`` says what belongs together, ``split`` which part each is in.
    """
    return _dataset("arrays", {name: Numbers.of(name, np.asarray(a)) for name, a in arrays.items()})


def _dataset(source: str, arrays: Mapping[str, Numbers]) -> Dataset:
    found = _by_split(source, arrays)
    name = _first(found, INPUTS)
    if name is None:
        cure = "call the inputs x and the labels y: np.savez('data.npz', x=x, y=y)"
        raise BadInput(f"none of its arrays ({', '.join(arrays) or 'none'}) is called x", where=source, cure=cure)
    inputs = found[name]
    counts = {split: _count(part, source) for split, part in inputs.items()}
    x = _items(together(list(inputs.values())), name, source)
    label = _first(found, LABELS)
    columns, problems = columns_of(found, name, label, counts, source)
    split, group = columns.pop("split", None), next((columns.pop(g) for g in GROUPS if g in columns), None)
    if any(counts):
        split = tuple(s for s, n in counts.items() for _ in range(n))
    return Dataset(
        source=source,
        items=Stack.of(x, source),
        columns=columns,
        label=next((c for c in (LABEL, label) if c in columns), None),
        split=tuple(map(split_of, split)) if split else None,
        group=tuple(g or f"item {i}" for i, g in enumerate(group)) if group else None,
        problems=tuple(problems),
        features=_features(found, inputs),
    )


def _by_split(source: str, arrays: Mapping[str, Numbers]) -> Found:
    """The arrays by what they are called without their split, in lower case; the splits in their order."""
    found: dict[str, dict[str, Numbers]] = {}
    for name, array in arrays.items():
        if match := _BEFORE.fullmatch(name):
            split, stem = match.groups()
        elif match := _BEHIND.fullmatch(name):
            stem, split = match.groups()
        else:
            stem, split = name, ""
        parts, part = found.setdefault(stem.lower(), {}), split_of(split)
        if part in parts:
            both = f"{parts[part].name!r} and {name!r}"
            raise BadInput(f"{both} are called the same", where=source, cure="leave one of them out")
        parts[part] = array
    order = ["", *dict.fromkeys(SPLIT_NAMES.values())]
    return {stem: dict(sorted(parts.items(), key=lambda p: order.index(p[0]))) for stem, parts in found.items()}


def _first(found: Found, names: Sequence[str]) -> str | None:
    return next((n for n in names if n in found), None)


def _count(part: Numbers, source: str) -> int:
    if part.kind.kind not in "fiub":
        _refuse_kind(part, source)
    if len(part.shape) not in (2, 3, 4) or 0 in part.shape:
        cure = "save inputs as [n, height, width], [n, height, width, channel] or rows [n, features]"
        raise BadInput(f"{part.name!r} is of shape {part.shape}", where=source, cure=cure)
    return part.shape[0]


def _refuse_kind(part: Numbers, source: str) -> None:
    if part.kind.kind == "c":
        cure = "save real and imaginary parts as two channels: np.stack([a.real, a.imag], -1)"
        raise BadInput(f"the numbers of {part.name!r} are complex", where=source, cure=cure)
    what = f"{part.name!r} holds {part.kind}, not numbers"
    raise BadInput(what, where=source, cure="save it as numbers: array.astype(np.float32)")


def _items(x: np.ndarray, name: str, source: str) -> np.ndarray:
    """The inputs as Stack wants them: rows as matrices, channels last, finite."""
    if x.ndim == 4:
        x = _channels_last(x, name, source)
    if x.ndim == 2:
        with np.errstate(over="ignore"):  # what does not fit is told below
            x = x[:, None, :].astype(np.float32, copy=False)
    _check_finite(x, name, source)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def _channels_last(x: np.ndarray, name: str, source: str) -> np.ndarray:
    """Pictures whose last axis cannot be colours and whose second can are turned, which copies nothing.

    A matrix may have any number of channels, so where they are cannot be seen, and what looks turned is refused.
    """
    second, last = x.shape[1], x.shape[3]
    if second not in (1, 3) or last <= 4:
        return x
    if x.dtype == np.uint8:
        return np.moveaxis(x, 1, -1)
    what = f"{name!r} of shape {x.shape} seems to have its channels first"
    raise BadInput(what, where=source, cure=f"save them last: np.moveaxis({name}, 1, -1)")


def _check_finite(x: np.ndarray, name: str, source: str) -> None:
    if x.dtype.kind != "f":
        return
    step = max(1, _BLOCK // math.prod(x.shape[1:]))
    axes, bad = tuple(range(1, x.ndim)), []
    for start in track(range(0, len(x), step), "looking for NaN"):
        bad += (start + np.flatnonzero(~np.isfinite(x[start : start + step]).all(axis=axes))).tolist()
    if bad:
        what = f"{len(bad)} of {len(x)} items of {name!r} hold NaN or infinite numbers, the first is number {bad[0]}"
        raise BadInput(f"{what} (counted from 0)", where=source, cure="replace them, or leave these items out")


def _features(found: Found, inputs: Mapping[str, Numbers]) -> tuple[str, ...]:
    part = next(iter(inputs.values()))
    names = words(found, FEATURES, "features")
    return names if len(part.shape) == 2 and len(names) == part.shape[1] else ()
