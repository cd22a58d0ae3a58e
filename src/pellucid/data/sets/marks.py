"""What is wrong with the boxes, points, outlines and mask of one picture."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Boxes
from pellucid.data.masks import UNJUDGED, read_mask
from pellucid.data.outlines import Outline, Polygons

#: Pixels by which rounding may carry a corner or a point over the edge.
ROUNDING = 0.5


def box_faults(boxes: Boxes, height: int, width: int) -> Iterator[str]:
    """What is wrong with each box, in words."""
    for (x0, y0, x1, y1), kind in zip(np.asarray(boxes.corners, float).tolist(), boxes.kinds, strict=True):
        what = f"the box {kind!r} ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
        if not np.isfinite([x0, y0, x1, y1]).all():
            yield f"{what} is not made of numbers"
        elif x0 >= x1 or y0 >= y1:
            yield f"{what} has no area"
        elif min(x0, y0) < -ROUNDING or x1 > width + ROUNDING or y1 > height + ROUNDING:
            yield f"{what} reaches out of the picture, {width} × {height}"


def point_faults(points: np.ndarray, height: int, width: int) -> Iterator[str]:
    """Which points lie outside; one that is not seen is NaN."""
    known = np.asarray(points, float).reshape(-1, 2)
    outside = (known < -ROUNDING) | (known > np.array([width, height]) + ROUNDING)
    for k in np.flatnonzero(outside.any(1)).tolist():
        x, y = known[k]
        yield f"point {k} ({x:g}, {y:g}) lies outside the picture, {width} × {height}"


def outline_faults(outlines: Sequence[Outline | None], height: int, width: int) -> Iterator[str]:
    """Which outlines are of another picture, or lie outside of it altogether; what reaches out is cut at the edge."""
    for k, outline in enumerate(outlines):
        if isinstance(outline, Polygons):
            x0, y0, x1, y1 = outline.corners
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                at = f"{x0:g}, {y0:g}, {x1:g}, {y1:g}"
                yield f"outline {k} (within {at}) lies outside the picture, {width} × {height}"
        elif outline is not None:
            try:
                outline.mask(height, width)
            except BadInput as error:
                yield f"outline {k}: {error.what}"


def mask_faults(path: str, height: int, width: int, values: Collection[int]) -> Iterator[str]:
    """What is wrong with a mask. values: the numbers that it may hold; none: any."""
    try:
        mask = read_mask(path)
    except BadInput as error:
        yield f"the mask {path}: {error.what}"
        return
    if mask.shape != (height, width):
        size = f"{mask.shape[1]} × {mask.shape[0]}"
        yield f"the mask {path} is {size}, and the picture {width} × {height}"
    unknown = np.setdiff1d(mask, [0, *values, UNJUDGED]).tolist() if values else []
    if unknown:
        some = ", ".join(map(str, unknown[:5])) + (" …" if len(unknown) > 5 else "")
        yield f"the mask {path} holds numbers of no class: {some}"
