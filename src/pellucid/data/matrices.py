"""A file of numbers → Sample: ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.parquet``.

The file is not trusted: nothing in it is run, and its size is known before memory is taken.
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.types import Sample
from pellucid.data import csv_
from pellucid.data.opening import opened, user_path

#: More are refused before they are read: so many take 640 MB as float64.
MAX_NUMBERS = 80_000_000

#: A longer file is refused before opening.
MAX_BYTES = 1 << 31

_MEMBER = re.compile(r"(?is)(.+\.npz):(.+)")
_AGAIN = "get it again from where it came"


def is_matrix(source: str | os.PathLike[str]) -> bool:
    """Whether a path's ending says that a matrix is in it."""
    return os.path.splitext(_parts(source)[0])[1].lower() in _READERS


def read(source: str | os.PathLike[str]) -> Sample:
    """Read a matrix file, or ``file.npz:NAME`` where it holds several.

    The array keeps its numbers and their type: [height, width], or [height, width, channel] with the channels
    last. Raises BadInput for what is damaged, holds no numbers, or more than MAX_NUMBERS of them.
    """
    name, member = _parts(source)
    path = user_path(name)
    try:
        with opened(path, MAX_BYTES, "matrix") as file:
            array = checked(_READERS[path.suffix.lower()](file, member))
    except MemoryError as error:
        raise BadInput("there is not enough memory for it", where=path, cure="make it smaller first") from error
    except BadInput as error:
        raise error.at(os.fspath(source)) from error.__cause__
    return Sample(array, ("height", "width", "channel")[: array.ndim], source=os.fspath(source))


def checked(array: np.ndarray) -> np.ndarray:
    """The array, if it is a matrix of finite real numbers."""
    _check_kind(array.dtype)
    _check_shape(array.shape)
    bad = ~np.isfinite(array) if array.dtype.kind == "f" else np.zeros(1, bool)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0][:2])
        what = f"{int(bad.sum())} of {array.size} numbers are NaN or infinite, the first in row {row}, column {column}"
        raise BadInput(f"{what} (counted from 0)", cure="replace them, or leave their rows out")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _parts(source: str | os.PathLike[str]) -> tuple[str, str | None]:
    """The file, and the array within it that ``file.npz:NAME`` names."""
    found = _MEMBER.fullmatch(os.fspath(source))
    return (found[1], found[2]) if found else (os.fspath(source), None)


def _check_kind(kind: np.dtype) -> None:
    if kind.hasobject:
        cure = "save it as numbers: np.save(path, array.astype(np.float32))"
        raise BadInput("it holds Python objects, which could run code and are not loaded", cure=cure)
    if kind.kind == "c":
        cure = "save real and imaginary parts as two channels: np.stack([a.real, a.imag], -1)"
        raise BadInput("its numbers are complex", cure=cure)
    if kind.kind not in "fiub":
        raise BadInput(f"it holds {kind}, not numbers", cure="save it as numbers: array.astype(np.float32)")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 3):
        cure = "save one matrix a file, as [height, width] or [height, width, channel]"
        raise BadInput(f"an array of shape {shape} is no matrix", cure=cure)
    if 0 in shape:
        raise BadInput(f"it is empty: its shape is {shape}", cure=_AGAIN)
    if math.prod(shape) > MAX_NUMBERS:
        sizes = " × ".join(map(str, shape))
        what = f"it has {sizes} numbers, more than {MAX_NUMBERS // 1_000_000} million, and was not read"
        raise BadInput(what, cure="make it smaller first")


# -- NumPy's own formats --------------------------------------------------------------------------


def _read_npy(file: BinaryIO, member: str | None = None) -> np.ndarray:
    size = os.fstat(file.fileno()).st_size
    return _array(file, size)


def _read_npz(file: BinaryIO, member: str | None) -> np.ndarray:
    try:
        with zipfile.ZipFile(file) as stored:
            info = stored.getinfo(_chosen(stored.namelist(), member))
            with stored.open(info) as array:
                return _array(array, info.file_size)
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # for damaged files zipfile and zlib raise a dozen kinds
        raise BadInput(f"this is no .npz file, or it is damaged ({error})", cure=_AGAIN) from error


def _chosen(files: list[str], member: str | None) -> str:
    """The archive's file that holds the wanted array: the only one where none is named."""
    names = {f.removesuffix(".npy"): f for f in files}
    if member is None and len(names) == 1:
        return files[0]
    if member is None:
        listed = ", ".join(list(names)[:8]) or "none"
        raise BadInput(f"it holds {len(names)} arrays ({listed})", cure="name one: file.npz:NAME")
    if member not in names:
        raise BadInput(f"there is no array {member!r} in it", cure=near(member, names))
    return names[member]


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """The array of an ``.npy`` stream of ``size`` bytes, whose head is looked at first."""
    try:
        version = np.lib.format.read_magic(file)
        head: Any = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
        shape, by_columns, kind = head(file)
        _check_kind(kind)
        _check_shape(shape)
        wanted, there = math.prod(shape) * kind.itemsize, size - file.tell()
        if there < wanted:
            raise BadInput(f"it is cut off: {there} of {wanted} bytes of numbers are there", cure=_AGAIN)
        numbers = np.empty(math.prod(shape), kind)
        if file.readinto(numbers.view(np.uint8)) != wanted:  # type: ignore[attr-defined]  # both kinds of file have it
            raise BadInput("it is cut off", cure=_AGAIN)
        return numbers.reshape(shape, order="F" if by_columns else "C")
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # for damaged files NumPy, tokenize and zlib raise a dozen kinds
        raise BadInput(f"this is no .npy array, or it is damaged ({error})", cure=_AGAIN) from error


# -- tables ---------------------------------------------------------------------------------------


def _read_csv(file: BinaryIO, member: str | None) -> np.ndarray:
    return csv_.read(file, MAX_NUMBERS)


def _read_parquet(file: BinaryIO, member: str | None) -> np.ndarray:
    from pellucid.data import parquet_  # its reader needs an extra

    return parquet_.read(file, _check_shape)


_READERS: dict[str, Callable[[BinaryIO, str | None], np.ndarray]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
