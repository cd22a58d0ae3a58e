"""Numbers that lie in a file: their size is known and held against the file's before memory is taken."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.opening import opened

#: So many bytes are read at once.
_BLOCK = 1 << 22

#: Deflate cannot make more of a byte (zlib's technical notes).
_MOST_PER_BYTE = 1032

#: Files of numbers may be as large as disks.
_MAX_BYTES = 1 << 44

AGAIN = "get it again from where it came"


@dataclass(frozen=True)
class Numbers:
    """An array that is not read yet.

    name: for messages. kind, shape: as numpy has them. opens: a stream that stands before the first number. place:
    the file and the byte where they lie as they are, None where they are packed. by_columns: numpy's order "F".
    value: the array, where it is in memory already.
    """

    name: str
    kind: np.dtype
    shape: tuple[int, ...]
    opens: Callable[[], AbstractContextManager[IO[bytes]]] | None = None
    place: tuple[Path, int] | None = None
    by_columns: bool = False
    value: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, array: np.ndarray) -> Numbers:
        """Those of an array."""
        return cls(name, array.dtype, array.shape, value=array)

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.kind.itemsize

    def array(self) -> np.ndarray:
        """The numbers: where they lie as they are, mapped into memory and read when they are looked at."""
        if self.value is not None:
            return self.value
        if self.place is not None and self.size:
            # Copy-on-write: who changes them changes a copy, and no library complains about what it may not write.
            flat = np.memmap(self.place[0], self.kind, "c", self.place[1], (math.prod(self.shape),))
            return np.asarray(flat).reshape(self.shape, order="F" if self.by_columns else "C")
        out = empty(self.shape[::-1] if self.by_columns else self.shape, self.kind)
        self.read_into(out)
        return out.T if self.by_columns else out

    def read_into(self, out: np.ndarray) -> None:
        """Fill an array of the same type, contiguous, with the numbers as they lie."""
        assert self.opens is not None
        try:
            with self.opens() as file:
                _fill(file, out)
                if file.read(1):  # at the end, packed files are held against their checksum
                    raise BadInput("there is more in it than its head says", cure=AGAIN)
        except BadInput as error:
            raise error.at(self.name) from error.__cause__
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadInput(f"it is damaged or cut off ({error})", where=self.name, cure=AGAIN) from error


def together(parts: Sequence[Numbers]) -> np.ndarray:
    """Parts of one kind and item shape, one after the other. A single part is mapped or passed on, not copied."""
    if len(parts) == 1:
        return parts[0].array()
    first = parts[0]
    other = next((p for p in parts if (p.kind, p.shape[1:]) != (first.kind, first.shape[1:])), None)
    if other is not None:
        what = f"its items are {other.kind} {other.shape[1:]}, those of {first.name} {first.kind} {first.shape[1:]}"
        raise BadInput(what, where=other.name, cure="keep items of one size and type together")
    out, start = empty((sum(p.shape[0] for p in parts), *first.shape[1:]), first.kind), 0
    for part in parts:
        piece = out[start : start + part.shape[0]]
        if part.value is not None or part.by_columns:
            piece[...] = part.array()
        else:
            part.read_into(piece)
        start += part.shape[0]
    return out


def empty(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """Memory for an array; more than the machine has is refused."""
    wanted = math.prod(shape) * kind.itemsize
    memory = _memory()
    if memory is not None and wanted > memory:
        what = f"it takes {wanted / 2**30:.1f} GiB of memory, and this machine has {memory / 2**30:.1f}"
        raise BadInput(what, cure="save it unpacked (np.savez), so that it can stay on the disk, or split it")
    return np.empty(shape, kind)


def _memory() -> int | None:
    """What the machine has, in bytes; None where the system does not tell (Windows)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None


def in_file(path: Path, kind: np.dtype, shape: tuple[int, ...], head: int) -> Numbers:
    """The numbers behind a file's head of so many bytes, once it is sure that the file is as long as they are.

    A file that ends in ``.gz`` is packed: how long it is inside shows when it is read, but it cannot be longer than
    its length allows.
    """
    packed, there = path.suffix.lower() == ".gz", path.stat().st_size
    wanted = head + math.prod(shape) * kind.itemsize
    if (packed and wanted > there * _MOST_PER_BYTE) or (not packed and wanted != there):
        less = packed or there < wanted
        what = f"its head speaks of {wanted} bytes, and {'only ' if less else ''}{there} are there"
        raise BadInput(what, where=path, cure=f"it is {'cut off' if less else 'damaged'}; {AGAIN}")
    return Numbers(path.name, kind, shape, lambda: _behind(path, head), None if packed else (path, head))


def head_of(path: Path, length: int) -> bytes:
    """A file's first bytes, unpacked; an error where there are fewer."""
    try:
        with _stream(path) as file:
            head = file.read(length)
    except BadInput as error:
        raise error.at(path) from error.__cause__
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"it is damaged or cut off ({error})", where=path, cure=AGAIN) from error
    if len(head) < length:
        raise BadInput(f"it is cut off within its head, after {len(head)} bytes", where=path, cure=AGAIN)
    return head


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    with opened(path, _MAX_BYTES, "file") as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked


@contextmanager
def _behind(path: Path, head: int) -> Iterator[IO[bytes]]:
    with _stream(path) as file:
        file.read(head)
        yield file


def _fill(file: IO[bytes] | BinaryIO, out: np.ndarray) -> None:
    view = memoryview(out.reshape(-1).view(np.uint8))
    for start in track(range(0, len(view), _BLOCK), "reading numbers"):
        piece = view[start : start + _BLOCK]
        while piece:
            count = file.readinto(piece)  # type: ignore[union-attr]  # every kind of file here has it
            if not count:
                raise BadInput(f"it is cut off: {len(view)} bytes of numbers are wanted", cure=AGAIN)
            piece = piece[count:]
