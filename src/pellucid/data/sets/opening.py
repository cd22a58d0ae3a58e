"""``pellucid.dataset``: a data set in whatever form somebody keeps it."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.data.opening import refusal, user_path
from pellucid.data.sets import (
    arrays,
    cifar,
    class_folders,
    coco,
    idx,
    mask_folders,
    norb,
    refused,
    table,
    unlabelled,
    yolo,
)
from pellucid.data.sets.features import in_order

#: Each form has ``recognises(path) -> bool``, which looks at names and heads alone, and ``read(path) -> Dataset``.
#: The first that recognises what was named reads it; class folders, which could be anything's, come last, and then
#: what lies in no folder of its own.
FORMS: tuple[ModuleType, ...] = (
    *(refused, table, arrays, idx, cifar, norb, coco, yolo, mask_folders, class_folders),
    unlabelled,
)

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, Any] | Dataset


def dataset(source: Source, *, label: str | None = None, image: str | None = None) -> Dataset:
    """Open a data set: pictures or matrices with what is known of each.

    source: a folder of class folders; a table (.csv, .tsv, .parquet) with a row a picture, or a folder that it lies
    in; a folder with ``images/`` and ``masks/``; a folder of pictures of which nothing is known; a table of numbers; an
    ``.npz`` of arrays; a folder of IDX (MNIST), CIFAR or NORB files; a list of files in class folders; a dictionary of
    arrays by the names that they would have in an ``.npz``.
    label: the column to learn where the data do not say. image: the table's column that names the pictures.

    Nothing but tables and arrays is read here, pictures are read when they are asked for. What is wrong with single
    rows is listed in ``problems``; raises BadInput for what is no data set at all.
    """
    return open_dataset(source, label=label, image=image)


def open_dataset(
    source: Source, *, label: str | None = None, image: str | None = None, features: Sequence[str] = ()
) -> Dataset:
    """What ``pellucid.dataset`` does.

    features: what the numbers of each item are to be, in this order, where they are a table's row: what a run has
    learnt from, which it finds in any order and beside other columns.
    """
    data = _labelled(_opened(source, label, image, features), label)
    return in_order(data, features) if features else data


def _opened(source: Source, label: str | None, image: str | None, features: Sequence[str]) -> Dataset:
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping):
        return arrays.of(source)
    if not isinstance(source, str | os.PathLike):
        return class_folders.of_files(_files(source))
    path = _existing(source)
    try:
        form = table if image is not None else form_of(path)
        if form is table:
            return table.read(path, image=image, label=label, features=() if image else features)
        return form.read(path)
    except BadInput as error:
        raise error.at(path) from error.__cause__
    except OSError as error:
        raise refusal(error).at(error.filename or path) from error


def _files(source: Any) -> list[str]:
    """The paths of files that were named one by one; anything else says nothing of what it shows."""
    odd = [s for s in source if not isinstance(s, str | os.PathLike)] if isinstance(source, Sequence) else [source]
    if not odd:
        return [os.fspath(s) for s in source]
    what = f"{type(odd[0]).__name__}{' in a list' if odd[0] is not source else ''} is no data set"
    raise BadInput(what, where="data", cure='pass a path, or the arrays with their labels: {"x": inputs, "y": labels}')


def form_of(path: Path) -> ModuleType:
    """The form that recognises a path; an error that says what is there where none does."""
    for form in FORMS:
        if form.recognises(path):
            return form
    raise _unknown(path)


def _existing(source: str | os.PathLike[str]) -> Path:
    path = user_path(os.fspath(source))
    try:
        if path.exists():
            return path
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise refusal(error).at(path) from error
    cure = near(path.name, beside) if beside else "check the path"
    raise BadInput("there is no such file or folder", where=path, cure=cure)


def _unknown(path: Path) -> BadInput:
    known = "known are class folders, images with masks, tables, .npz, COCO, YOLO, IDX, CIFAR and NORB files"
    known += " (see the page on data)"
    if not path.is_dir():
        return BadInput(f"a file {path.suffix or 'without an ending'} is no data set", where=path, cure=known)
    endings = Counter(p.suffix.lower() or "no ending" for p in path.iterdir() if not p.name.startswith("."))
    if not endings:
        return BadInput("the folder is empty", where=path, cure=known)
    if endings[".npz"] == 1 and len(endings) == 1:
        return BadInput("the folder holds one .npz", where=path, cure="name the file itself")
    held = ", ".join(f"{n} × {e}" for e, n in endings.most_common(4))
    return BadInput(f"this folder is no data set: it holds {held}", where=path, cure=known)


def _labelled(data: Dataset, label: str | None) -> Dataset:
    if label is None:
        return data
    data.column(label)  # an unknown one is an error with the near ones
    return dataclasses.replace(data, label=label)
