"""The arrays of an ``.npz`` file, their sizes held against its length before memory is taken; no pickle is opened."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.opening import opened
from pellucid.data.sets.numbers import AGAIN, Numbers

#: A longer file would be one of a disk's size.
_MAX_BYTES = 1 << 44


def members(path: Path) -> dict[str, Numbers]:
    """The arrays by name, not read yet. One that was saved unpacked can stay on the disk (and has no checksum then)."""
    try:
        with opened(path, _MAX_BYTES, "arrays") as file, zipfile.ZipFile(file) as stored:
            infos = [i for i in stored.infolist() if i.filename.endswith(".npy")]
            return {i.filename.removesuffix(".npy"): _member(path, stored, i) for i in infos}
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # for damaged files zipfile, NumPy and zlib raise a dozen kinds
        raise BadInput(f"this is no .npz file, or it is damaged ({error})", where=path, cure=AGAIN) from error


@dataclass(frozen=True)
class _Head:
    shape: tuple[int, ...]
    by_columns: bool
    kind: np.dtype
    length: int


def _member(path: Path, stored: zipfile.ZipFile, info: zipfile.ZipInfo) -> Numbers:
    """An array of the file, once it is sure that as many bytes are there as its head says."""
    name = info.filename.removesuffix(".npy")
    with stored.open(info) as file:
        head = _head(file)
    wanted, there = math.prod(head.shape) * head.kind.itemsize, info.file_size - head.length
    if there < wanted and not head.kind.hasobject:
        raise BadInput(f"{name!r} is cut off: {there} of {wanted} bytes are there", where=path, cure=AGAIN)
    place = None
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        place = path, _begin(path, info) + head.length
        if place[1] + wanted > path.stat().st_size and not head.kind.hasobject:
            raise BadInput(f"{name!r} is cut off", where=path, cure=AGAIN)
    opens = partial(_behind, path, info, head.length)
    return Numbers(name, head.kind, head.shape, opens, place, head.by_columns)


def _head(file: IO[bytes]) -> _Head:
    version = np.lib.format.read_magic(file)
    read: Any = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, by_columns, kind = read(file)
    return _Head(shape, by_columns, kind, file.tell())


def _begin(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its local head, whose name and extra field have lengths of their own."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise BadInput("the archive's list and its contents do not agree", where=path, cure=AGAIN)
    name, extra = struct.unpack("<HH", local[26:30])
    return info.header_offset + 30 + name + extra


@contextmanager
def _behind(path: Path, info: zipfile.ZipInfo, head: int) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(path) as stored, stored.open(info) as file:
            file.read(head)
            yield file
    except zipfile.BadZipFile as error:  # a checksum that is wrong
        raise BadInput(f"it is damaged ({error})", where=path, cure=AGAIN) from error
