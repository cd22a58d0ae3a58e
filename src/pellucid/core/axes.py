"""Arrays whose axes have names: the checks and the few operations that use them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.core.errors import BadInput, near

#: Every axis that a value of pellucid may have.
KNOWN = (
    "sample",
    "layer",
    "cluster",
    "channel",
    "unit",
    "token",
    "depth",
    "height",
    "width",
    "class",
    "decision",
    "bin",
    "step",
    "epoch",
    "alternative",
    "rival",
    "seed",
    "size",
    "method",
    "other",
    "score",
    "case",
    "part",
)


def check(values: np.ndarray, axes: Sequence[str], *, what: str = "values") -> None:
    """Refuse a wrong rank, an unknown or doubled axis and anything that is not finite."""
    for axis in axes:
        if axis not in KNOWN:
            raise BadInput(f"unknown axis {axis!r}", where=what, cure=near(axis, KNOWN))
    if len(set(axes)) != len(axes):
        raise BadInput(f"an axis is named twice in {tuple(axes)}", where=what)
    if values.ndim != len(axes):
        raise BadInput(
            f"{values.ndim} dimensions of shape {values.shape} but {len(axes)} axes {tuple(axes)}", where=what
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise BadInput(f"{bad} of {values.size} values are NaN or infinite", where=what)


def position(axes: Sequence[str], name: str) -> int:
    """The index of the axis ``name``."""
    if name not in axes:
        raise BadInput(f"there is no axis {name!r}", cure=near(name, axes))
    return list(axes).index(name)


def sum_over(values: np.ndarray, axes: Sequence[str], *names: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The sum over the named axes, added in float64, and the axes that remain."""
    where = tuple(position(axes, name) for name in names)
    total = values.sum(axis=where, dtype=np.float64).astype(values.dtype)
    return total, tuple(a for a in axes if a not in names)


def resize(values: np.ndarray, axes: Sequence[str], height: int, width: int) -> np.ndarray:
    """Interpolate the two spatial axes so that the total stays what it was; float32.

    Relevance is a quantity spread over an area, not a colour: on four times as many pixels each
    one carries a quarter. (Bilinear, anti-aliased when shrinking.)
    """
    if height < 1 or width < 1:
        raise BadInput(f"a size of {height} × {width} has no pixels", cure="give at least 1 × 1")
    h, w = position(axes, "height"), position(axes, "width")
    planes = np.moveaxis(values, (h, w), (-2, -1)).astype(np.float32)
    down, across = _spread(planes.shape[-2], height), _spread(planes.shape[-1], width)
    return np.ascontiguousarray(np.moveaxis(down @ planes @ across.T, (-2, -1), (h, w)))


def _spread(old: int, new: int) -> np.ndarray:
    """Bilinear weights [new, old] by which each old place gives away all that it has."""
    if old == new:
        return np.eye(new, dtype=np.float32)
    centres = (np.arange(new) + 0.5) * old / new
    distances = np.abs(centres[:, None] - (np.arange(old) + 0.5))
    weights = np.maximum(0, 1 - distances / max(1, old / new))
    for _ in range(30):  # in turn: nothing appears or vanishes (columns), and what is flat stays flat (rows)
        weights /= weights.sum(axis=1, keepdims=True) * new / old
        weights /= weights.sum(axis=0, keepdims=True)
    return weights.astype(np.float32)
