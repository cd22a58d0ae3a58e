"""IDX files, as MNIST, Fashion-MNIST, KMNIST and EMNIST come: ``train-images-idx3-ubyte``, with or without ``.gz``.

The format: two zero bytes, a byte for the type, one for the number of dimensions, each dimension as a big-endian
32-bit number, then the numbers (Y. LeCun, C. Cortes and C. Burges, The MNIST database, "File formats").
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.names import named, names_beside
from pellucid.data.sets.numbers import AGAIN, Numbers, head_of, in_file, together

_FILE = re.compile(r"(?i)(?P<set>.*?)(?P<split>train|t10k|test|val)-(?P<what>images|labels)[-.]idx\d-ubyte(\.gz)?")
_SPLITS = {"train": "train", "val": "val", "t10k": "test", "test": "test"}

#: The byte for the type.
_KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclass(frozen=True)
class _Part:
    """A split's two files."""

    split: str
    images: Path
    labels: Path


def recognises(path: Path) -> bool:
    """Whether a file, or one in the folder, is named as MNIST's are."""
    return bool(_matches(path)) if path.is_dir() else _FILE.fullmatch(path.name) is not None


def read(path: Path) -> Dataset:
    """The pictures with the column ``label``: the class's number, or its name by labels.txt or classes.txt beside.

    A folder gives all its splits, a file only its own.
    """
    parts = _parts(path)
    images = [numbers_of(p.images) for p in parts]
    labels = [numbers_of(p.labels) for p in parts]
    for part, x, y in zip(parts, images, labels, strict=True):
        _check(part, x, y)
    array, classes = together(images), np.concatenate([y.array() for y in labels]).astype(np.int64)
    where = [f"{p.images.name}[{i}]" for p, x in zip(parts, images, strict=True) for i in range(x.shape[0])]
    return Dataset(
        source=str(path),
        items=Stack.of(array.astype(array.dtype.newbyteorder("="), copy=False), str(path)),
        columns={"label": named(classes, names_beside(parts[0].images.parent), parts[0].labels)},
        label="label",
        split=tuple(s for p, x in zip(parts, images, strict=True) for s in [p.split] * x.shape[0]),
        rows=tuple(where),
    )


def numbers_of(path: Path) -> Numbers:
    """What an IDX file's head says lies in it, held against the file's length."""
    zero, kind, rank = struct.unpack(">HBB", head_of(path, 4))
    if zero or kind not in _KINDS or not 1 <= rank <= 4:
        raise BadInput("it does not begin as an IDX file does", where=path, cure=AGAIN)
    shape = struct.unpack(f">{rank}I", head_of(path, 4 + 4 * rank)[4:])
    if 0 in shape:
        raise BadInput(f"it is empty: its shape is {shape}", where=path, cure=AGAIN)
    return in_file(path, np.dtype(_KINDS[kind]), shape, 4 + 4 * rank)


def _matches(folder: Path) -> list[re.Match[str]]:
    found = (_FILE.fullmatch(p.name) for p in sorted(folder.iterdir()) if p.is_file())
    return [m for m in found if m]


def _parts(path: Path) -> list[_Part]:
    folder = path if path.is_dir() else path.parent
    files: dict[tuple[str, str, str], Path] = {}
    for match in _matches(folder):  # by name, so that the unpacked one of two comes first
        files.setdefault((match["set"], match["split"].lower(), match["what"].lower()), folder / match[0])
    wanted = sorted({key[:2] for key in files}, key=lambda k: (k[0], ["train", "val", "t10k", "test"].index(k[1])))
    if not path.is_dir():
        match = _FILE.fullmatch(path.name)
        assert match is not None
        wanted = [(match["set"], match["split"].lower())]
    if len({name for name, _ in wanted}) > 1:
        names = ", ".join(sorted({name or "without a name" for name, _ in wanted}))
        raise BadInput(f"several sets lie in one folder ({names})", where=folder, cure="name one file of images")
    return [
        _Part(_SPLITS[s], _file(files, n, s, "images", folder), _file(files, n, s, "labels", folder)) for n, s in wanted
    ]


def _file(files: dict[tuple[str, str, str], Path], name: str, split: str, what: str, folder: Path) -> Path:
    if (name, split, what) not in files:
        cure = f"put {name}{split}-{what}-idx{3 if what == 'images' else 1}-ubyte there"
        raise BadInput(f"the {what} of {name}{split} are missing", where=folder, cure=cure)
    return files[name, split, what]


def _check(part: _Part, images: Numbers, labels: Numbers) -> None:
    if len(images.shape) not in (3, 4):
        raise BadInput(f"an array of shape {images.shape} holds no pictures", where=part.images, cure=AGAIN)
    if len(labels.shape) != 1 or labels.kind.kind not in "iu":
        raise BadInput(f"labels of {labels.kind} {labels.shape} are no class numbers", where=part.labels, cure=AGAIN)
    if labels.shape[0] != images.shape[0]:
        what = f"{labels.shape[0]} labels for {images.shape[0]} pictures"
        raise BadInput(what, where=part.labels, cure="take both files from the same place")
