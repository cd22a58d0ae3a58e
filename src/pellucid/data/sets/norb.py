"""NORB and small NORB: stereo pairs of 50 toys, in a simple format of binary matrices.

A little-endian magic number for the type, the number of dimensions, at least three dimensions, the numbers.
Y. LeCun, F. J. Huang and L. Bottou, Learning methods for generic object recognition with invariance to pose and
lighting, CVPR 2004; "File format" on the data's page.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.names import named
from pellucid.data.sets.numbers import AGAIN, Numbers, head_of, in_file, together

_FILE = re.compile(r"(?P<stem>.*norb.*(?P<split>training|testing)(-\d+)?)-(?P<what>dat|cat|info)\.mat(\.gz)?")
_SPLITS = {"training": "train", "testing": "test"}
_CATEGORIES = ("animal", "human", "airplane", "truck", "car", "blank")

#: The first columns of info; the set with clutter has six more, about how each object was jittered.
_INFO = ("instance", "elevation", "azimuth", "lighting")
_CAMERAS = ("left", "right")

#: Types by their magic number; 0x1E3D4C52, "packed", is described nowhere.
_KINDS = {0x1E3D4C51: "<f4", 0x1E3D4C53: "<f8", 0x1E3D4C54: "<i4", 0x1E3D4C55: "u1", 0x1E3D4C56: "<i2"}


@dataclass(frozen=True)
class _Part:
    """A split's three matrices: pictures [n, camera, height, width], categories [n], info [n, 4 or 10]."""

    name: str
    split: str
    dat: Numbers
    cat: Numbers
    info: Numbers


def recognises(path: Path) -> bool:
    """Whether a file, or one in the folder, is named as NORB's are."""
    return bool(_matches(path)) if path.is_dir() else _FILE.fullmatch(path.name) is not None


def read(path: Path) -> Dataset:
    """Pictures [height, width] with the columns category, instance, elevation, azimuth, lighting and camera.

    Each picture of a stereo pair is an item of its own, so that every network takes it and none is left out. The group
    is the toy (its category and instance): all views of one lie in one split.
    """
    parts = [_part(f, stem) for f, stem in _stems(path)]
    array = together([p.dat for p in parts])
    cameras = array.shape[1]
    category = np.repeat(np.concatenate([p.cat.array().reshape(-1) for p in parts]), cameras)
    info = np.repeat(np.concatenate([p.info.array() for p in parts]), cameras, axis=0)
    if not np.isfinite(info).all():
        raise BadInput("it holds NaN or infinite numbers", where=parts[0].info.name, cure=AGAIN)
    names = named(category, _CATEGORIES, parts[0].cat.name)
    text = [tuple(map(_text, column)) for column in info.T.tolist()]
    told = dict(zip((*_INFO, *(f"info{i}" for i in range(5, info.shape[1] + 1))), text, strict=True))
    camera = _CAMERAS if cameras == 2 else tuple(map(str, range(cameras)))
    places = [(p, i, c) for p in parts for i in range(p.dat.shape[0]) for c in camera]
    return Dataset(
        source=str(path),
        items=Stack.of(array.reshape(-1, *array.shape[2:]), str(path)),
        columns={"category": names, **told, "camera": camera * (len(names) // cameras)},
        label="category",
        split=tuple(p.split for p, _, _ in places),
        group=tuple(f"{kind} {toy}" for kind, toy in zip(names, told["instance"], strict=True)),
        rows=tuple(f"{p.name}[{i}], {c}" for p, i, c in places),
    )


def matrix_of(path: Path) -> Numbers:
    """What the head of a binary matrix says lies in it, held against the file's length."""
    magic, rank = struct.unpack("<Ii", head_of(path, 8))
    if magic not in _KINDS or not 1 <= rank <= 8:
        raise BadInput("it does not begin as a NORB matrix does", where=path, cure=AGAIN)
    head = 8 + 4 * max(rank, 3)
    shape = struct.unpack(f"<{max(rank, 3)}i", head_of(path, head)[8:])[:rank]
    if min(shape) < 1:
        raise BadInput(f"its shape is {shape}", where=path, cure=AGAIN)
    return in_file(path, np.dtype(_KINDS[magic]), shape, head)


def _matches(folder: Path) -> list[re.Match[str]]:
    found = (_FILE.fullmatch(p.name) for p in sorted(folder.iterdir()) if p.is_file())
    return [m for m in found if m]


def _stems(path: Path) -> list[tuple[Path, re.Match[str]]]:
    """The folder and a match for each part, training first."""
    folder = path if path.is_dir() else path.parent
    found = {m["stem"]: m for m in _matches(folder)}
    if not path.is_dir():
        match = _FILE.fullmatch(path.name)
        assert match is not None
        found = {match["stem"]: match}
    return [(folder, m) for m in sorted(found.values(), key=lambda m: (m["split"] != "training", m["stem"]))]


def _part(folder: Path, match: re.Match[str]) -> _Part:
    dat, cat, info = (matrix_of(_file(folder, match["stem"], what)) for what in ("dat", "cat", "info"))
    if len(dat.shape) != 4:
        raise BadInput(f"{dat.shape} is not [pair, camera, height, width]", where=dat.name, cure=AGAIN)
    if math.prod(cat.shape) != dat.shape[0] or info.shape[0] != dat.shape[0] or cat.kind.kind not in "iu":
        what = f"{dat.shape[0]} pairs, {cat.shape} categories and {info.shape} infos"
        raise BadInput(what, where=folder / match["stem"], cure="take the three files from the same place")
    if len(info.shape) != 2 or info.shape[1] < len(_INFO):
        raise BadInput(f"{info.shape} is not [pair, 4 or more]", where=info.name, cure=AGAIN)
    return _Part(dat.name, _SPLITS[match["split"]], dat, cat, info)


def _file(folder: Path, stem: str, what: str) -> Path:
    for ending in (".mat", ".mat.gz"):
        if (folder / f"{stem}-{what}{ending}").is_file():
            return folder / f"{stem}-{what}{ending}"
    raise BadInput(f"{stem}-{what}.mat is missing", where=folder, cure="put it beside the others")


def _text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
