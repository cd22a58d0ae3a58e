"""Small pictures of samples, all of one size, to lay side by side."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

from pellucid.core.types import Sample

#: The side of a thumbnail, in pixels; what is left beside a picture that is not square is white.
SIDE, WHITE = 144, 255


def thumbnails(samples: Iterable[Sample], side: int = SIDE) -> np.ndarray:
    """uint8 [n, side, side, 3]: whole pictures, as large as fits; small ones by whole pixels; matrices as greys."""
    found = [_thumbnail(sample, side) for sample in samples]
    return np.stack(found) if found else np.empty((0, side, side, 3), np.uint8)


def _thumbnail(sample: Sample, side: int) -> np.ndarray:
    picture = Image.fromarray(_pixels(sample.array))
    share = side / max(picture.size)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    small = picture.resize(size, Image.Resampling.NEAREST if share > 1 else Image.Resampling.LANCZOS)
    whole = np.full((side, side, 3), WHITE, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    whole[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return whole


def _pixels(array: np.ndarray) -> np.ndarray:
    """uint8 [height, width, 3]. Numbers that are no pixels go from their lowest, black, to their highest, white."""
    if array.dtype != np.uint8:
        plane = np.asarray(array, np.float64)
        plane = plane.mean(-1) if plane.ndim == 3 else plane
        low, high = float(plane.min()), float(plane.max())
        array = (255 * (plane - low) / (high - low)).round().astype(np.uint8) if high > low else plane * 0
        array = array.astype(np.uint8)
    array = array[..., None] if array.ndim == 2 else array
    return np.repeat(array, 3, 2) if array.shape[2] == 1 else array[..., :3]
