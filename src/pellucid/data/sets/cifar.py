"""CIFAR-10 and CIFAR-100 in their binary version: records of one or two bytes of labels and 3 × 32 × 32 of pixels.

A. Krizhevsky, Learning multiple layers of features from tiny images, 2009; "Binary version" on the data's page.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.names import named, names_in
from pellucid.data.sets.numbers import AGAIN, Numbers, in_file, together

_FILE = re.compile(r"(data_batch_\d+|test_batch|train|test)\.bin")
_PIXELS = 3 * 32 * 32

#: What stands before the pixels: columns, how many classes each has, and the file with their names.
_TEN = (("label", 10, "batches.meta.txt"),)
_HUNDRED = (("coarse_label", 20, "coarse_label_names.txt"), ("fine_label", 100, "fine_label_names.txt"))


def recognises(path: Path) -> bool:
    """Whether a file, or one in the folder, is named as CIFAR's are."""
    return bool(_files(path)) if path.is_dir() else _FILE.fullmatch(path.name) is not None


def read(path: Path) -> Dataset:
    """Pictures [32, 32, 3] with ``label`` (CIFAR-10), or ``fine_label`` and ``coarse_label`` (CIFAR-100).

    A folder gives all its batches, a file only its own.
    """
    files = _files(path) if path.is_dir() else [path]
    hundred = {f.stem in ("train", "test") for f in files}
    if len(hundred) > 1:
        raise BadInput("CIFAR-10 and CIFAR-100 lie in one folder", where=path, cure="name one file")
    labels = _HUNDRED if hundred.pop() else _TEN
    parts = [_records(f, len(labels)) for f in files]
    records = together(parts)
    # A view: planes of red, green and blue, seen as pixels.
    pixels = records[:, len(labels) :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    columns = {}
    for place, (name, classes, beside) in enumerate(labels):
        numbers = records[:, place].astype(np.int64)
        _check(numbers, name, classes, parts)
        names = files[0].with_name(beside)
        columns[name] = named(numbers, names_in(names) if names.is_file() else (), names)
    splits = ["test" if f.stem.startswith("test") else "train" for f in files]
    return Dataset(
        source=str(path),
        items=Stack.of(pixels, str(path)),
        columns=dict(reversed(columns.items())),
        label=labels[-1][0],
        split=tuple(s for s, p in zip(splits, parts, strict=True) for _ in range(p.shape[0])),
        rows=tuple(f"{p.name}[{i}]" for p in parts for i in range(p.shape[0])),
    )


def _files(folder: Path) -> list[Path]:
    """The batches, training first."""
    files = (p for p in folder.iterdir() if _FILE.fullmatch(p.name) and p.is_file())
    return sorted(files, key=lambda p: (p.stem.startswith("test"), p.name))


def _records(path: Path, labels: int) -> Numbers:
    length, there = labels + _PIXELS, path.stat().st_size
    if not there or there % length:
        what = f"its {there} bytes are no whole number of records of {length} bytes"
        raise BadInput(what, where=path, cure=AGAIN)
    return in_file(path, np.dtype("u1"), (there // length, length), 0)


def _check(numbers: np.ndarray, name: str, classes: int, parts: list[Numbers]) -> None:
    wrong = np.flatnonzero(numbers >= classes)
    if len(wrong):
        part, first = 0, int(wrong[0])
        while first >= parts[part].shape[0]:
            first, part = first - parts[part].shape[0], part + 1
        what = f"{name} of record {first} (from 0) is {numbers[wrong[0]]}, and there are {classes} classes"
        raise BadInput(what, where=parts[part].name, cure=AGAIN)
