"""One file of many matrices or pictures, as a training script saves them: [sample, height, width(, channel)]."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.types import Sample
from pellucid.data.matrices import MAX_BYTES
from pellucid.data.opening import opened, user_path


def read_stack(source: str | os.PathLike[str]) -> list[Sample]:
    """The samples of an ``.npy`` file, or of ``file.npz:NAME``, numbers as they are, channels last.

    Raises BadInput for what is damaged, holds no finite numbers, or is no such stack. Pickles are never opened.
    """
    text = os.fspath(source)
    name, member = text, None
    if ".npz:" in text.lower():
        cut = text.lower().index(".npz:") + 4
        name, member = text[:cut], text[cut + 1 :]
    path = user_path(name)
    try:
        array = _array(path, member)
        _check(array)
    except BadInput as error:
        raise error.at(text) from error.__cause__
    axes = ("height", "width", "channel")[: array.ndim - 1]
    called = f"{path.parent / path.stem}:{member}" if member else f"{path.parent / path.stem}"
    return [Sample(a, axes, source=f"{called}[{i}]{path.suffix}") for i, a in enumerate(array)]


def _array(path: Path, member: str | None) -> np.ndarray:
    with opened(path, MAX_BYTES, "stack") as file:
        try:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            names = list(found)
            wanted = names[0] if member is None and len(names) == 1 else member
            if wanted in names:
                return found[wanted]
        except MemoryError as error:
            raise BadInput("there is not enough memory for it", cure="split it") from error
        except Exception as error:  # for damaged files NumPy, zipfile and zlib raise a dozen kinds
            raise BadInput(f"this is no array that can be read ({error})", cure="save it with np.save") from error
    if wanted is None:
        raise BadInput(f"it holds {len(names)} arrays ({', '.join(names[:8])})", cure="name one: file.npz:NAME")
    raise BadInput(f"there is no array {wanted!r} in it", cure=near(wanted, names))


def _check(array: np.ndarray) -> None:
    if array.dtype.kind not in "fiub":
        raise BadInput(f"it holds {array.dtype}, not numbers", cure="save it as numbers: array.astype(np.float32)")
    if array.ndim not in (3, 4) or 0 in array.shape:
        cure = "save it as [sample, height, width] or [sample, height, width, channel]"
        raise BadInput(f"an array of shape {array.shape} is no stack", cure=cure)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.unique(np.argwhere(~np.isfinite(array))[:, 0])
        what = f"{len(bad)} samples hold NaN or infinite numbers, the first is number {bad[0]} (counted from 0)"
        raise BadInput(what, cure="replace them, or leave these samples out")
