"""Small pictures of samples, to lay side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from pellucid.core.types import Sample

#: The side of a thumbnail, in pixels; what is left beside a picture that is not square is white.
SIDE, WHITE = 144, 255

#: The longest side of a picture on which places are marked.
MARKED = 256


def thumbnails(samples: Iterable[Sample], side: int = SIDE) -> np.ndarray:
    """uint8 [n, side, side, 3]: whole pictures, as large as fits; small ones by whole pixels; matrices as greys."""
    found = [thumbnail(sample, side) for sample in samples]
    return np.stack(found) if found else np.empty((0, side, side, 3), np.uint8)


def thumbnail(sample: Sample, side: int = SIDE) -> np.ndarray:
    """uint8 [side, side, 3], the same of one."""
    picture = Image.fromarray(_pixels(sample.array))
    share = side / max(picture.size)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    small = picture.resize(size, Image.Resampling.NEAREST if share > 1 else Image.Resampling.LANCZOS)
    whole = np.full((side, side, 3), WHITE, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    whole[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return whole


def reduced(sample: Sample, side: int = MARKED) -> np.ndarray:
    """uint8 [height, width, 3]: the whole picture and nothing beside it, at most ``side`` on a side."""
    picture = Image.fromarray(_pixels(sample.array))
    scale = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.BOX))


def together(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """[n, side, side, …]: all in one array, each padded below and to the right with zeros to the same square."""
    side = max((max(p.shape[:2]) for p in pictures), default=1)
    found = np.zeros((len(pictures), side, side, *pictures[0].shape[2:]), pictures[0].dtype)
    for square, picture in zip(found, pictures, strict=True):
        square[: picture.shape[0], : picture.shape[1]] = picture
    return found


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
