"""Arrays in one ``.npz``, as a training script saves them: x and y, perhaps as x_train, y_train, x_test, ….

The file is not trusted: no pickle is opened, and sizes are held against the file's length before memory is taken.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset, Problem, Stack
from pellucid.data.opening import opened
from pellucid.data.sets.cells import SPLIT_NAMES, split_of
from pellucid.data.sets.names import named
from pellucid.data.sets.numbers import AGAIN, Numbers, together
from pellucid.data.sets.table_of_pictures import GROUPS

#: What the inputs and what the labels are called, in lower case; the first that is there is taken.
INPUTS = ("x", "images", "image", "pictures", "matrices", "data", "inputs")
LABELS = ("y", "labels", "label", "targets", "target")

#: What the column of labels is called in the data set.
LABEL = "label"

#: Arrays with the names of classes and of features.
CLASSES = ("classes", "class_names", "label_names", "target_names")
FEATURES = ("features", "feature_names")

_SPLIT = "|".join(SPLIT_NAMES)
_BEFORE, _BEHIND = re.compile(f"(?i)({_SPLIT})_(.+)"), re.compile(f"(?i)(.+)_({_SPLIT})")

#: A longer file would be one of a disk's size.
_MAX_BYTES = 1 << 44

#: So many items are looked through at once for what is not finite.
_BLOCK = 1 << 24

Found = Mapping[str, Mapping[str, Numbers]]  # by name without its split, by split ("" where there is none)


def recognises(path: Path) -> bool:
    """Whether it is an ``.npz`` file."""
    return path.suffix.lower() == ".npz" and not path.is_dir()


def read(path: Path) -> Dataset:
    """The arrays of an ``.npz`` as a data set; see ``of``. A large array that was saved unpacked stays on the disk."""
    try:
        with opened(path, _MAX_BYTES, "arrays") as file, zipfile.ZipFile(file) as stored:
            infos = [i for i in stored.infolist() if i.filename.endswith(".npy")]
            arrays = {i.filename.removesuffix(".npy"): _member(path, stored, i) for i in infos}
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # for damaged files zipfile, NumPy and zlib raise a dozen kinds
        raise BadInput(f"this is no .npz file, or it is damaged ({error})", where=path, cure=AGAIN) from error
    try:
        return _dataset(str(path), arrays)
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
    columns, problems = _columns(found, name, label, counts, source)
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


# -- names ----------------------------------------------------------------------------------------


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


# -- inputs ---------------------------------------------------------------------------------------


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


# -- columns --------------------------------------------------------------------------------------


def _columns(
    found: Found, inputs: str, label: str | None, counts: Mapping[str, int], source: str
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Every array with an entry an item as text, and what is said of the others."""
    columns: dict[str, tuple[str, ...]] = {}
    problems = []
    names = () if label is None else _words(found, CLASSES, source)
    for stem, parts in found.items():
        if stem == inputs or (label is not None and stem in CLASSES) or stem in FEATURES:
            continue
        wrong = _mismatch(parts, counts)
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


def _words(found: Found, names: Sequence[str], source: str) -> tuple[str, ...]:
    """The entries of an array of names; none where there is no such array."""
    name = _first(found, names)
    if name is None or "" not in found[name] or len(found[name][""].shape) != 1:
        return ()
    return tuple(map(str, _readable(found[name][""], source).tolist()))


def _features(found: Found, inputs: Mapping[str, Numbers]) -> tuple[str, ...]:
    part = next(iter(inputs.values()))
    names = _words(found, FEATURES, "features")
    return names if len(part.shape) == 2 and len(names) == part.shape[1] else ()


# -- the file -------------------------------------------------------------------------------------


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
