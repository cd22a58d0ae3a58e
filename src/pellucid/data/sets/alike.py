"""Pictures that are there twice, also saved again, smaller or in another format: found by small thumbnails.

A thumbnail's low frequencies are its perceptual hash (Zauner 2010, with the coefficients themselves in place of their
signs). Two thumbnails lie at least as far apart as their low frequencies do, so a search among these in a k-d tree
overlooks nothing that is near (Faloutsos, Ranganathan, Manolopoulos 1994, Lemma 1), and the few that it finds are
compared as thumbnails. Mirrored, cropped, brightened and recoloured copies are other pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dct
from scipy.spatial import KDTree

from pellucid.core.types import Sample

#: Pixels along a side of the thumbnails, and of the smaller ones of their colours.
SIDE, COLOURS = 32, 8

#: How many grey levels of 255 (root mean square, each thumbnail's own mean apart) the same picture differs by at most.
#: Between JPEG copies and what is merely alike: benchmarks/ALIKE.md.
LEVELS = 3.0

#: The same as a share of the picture's own contrast, so that pale pictures are not all the same one.
SHARE = 0.25

#: How many levels the colours may differ by.
COLOUR_LEVELS = 5.0

#: Levels of contrast (standard deviation) below which a picture is taken as empty: two pieces of sky are alike.
EMPTY = 6.0

#: Low frequencies along each axis, and how many of the nearest by these are compared.
_LOW, _NEAREST = 4, 5

#: Thumbnails, and pairs of them, that are worked on at once.
_AT_ONCE = 4096

#: What an item's thumbnail is: not there, of pixels, or (a matrix, whose copies are exact) only a digest.
_NONE, _PIXELS, _DIGEST = range(3)


@dataclass(frozen=True)
class Twin:
    """Item ``item`` of ``split`` is the same picture as ``other`` of ``other_split``."""

    item: int
    other: int
    split: str
    other_split: str


class Thumbnails:
    """Those of ``count`` items, which come in any order, also from several threads; 1.2 KB each."""

    def __init__(self, count: int):
        self._kind = np.zeros(count, np.uint8)
        self._grey = np.zeros((count, SIDE, SIDE), np.uint8)
        self._colour = np.zeros((count, COLOURS, COLOURS, 2), np.uint8)
        self._contrast = np.zeros(count, np.float32)
        self._digest: dict[int, bytes] = {}

    def put(self, i: int, sample: Sample) -> None:
        """Take the thumbnail of item ``i``."""
        array = np.asarray(sample.array)
        if array.dtype != np.uint8:
            shape = str((array.shape, array.dtype.str)).encode()
            self._digest[i] = hashlib.blake2b(shape + np.ascontiguousarray(array).tobytes(), digest_size=16).digest()
            self._kind[i] = _DIGEST if array.min() < array.max() else _NONE
            return
        self._grey[i], self._colour[i] = thumbnail(array)
        self._contrast[i] = self._grey[i].std()
        self._kind[i] = _PIXELS

    def leaks(self, splits: Mapping[str, np.ndarray]) -> list[Twin]:
        """The items of each split that an earlier split holds too: of each, the one that is most alike."""
        names = [name for name in splits if len(splits[name])]
        of = {int(i): name for name in names for i in splits[name]}
        found: list[tuple[int, int]] = []
        for k in range(1, len(names)):
            before = np.concatenate([splits[name] for name in names[:k]]).astype(np.int64)
            found += self._exact(before, splits[names[k]])
            found += self._alike(before, np.asarray(splits[names[k]], np.int64))
        return [Twin(i, j, of[i], of[j]) for i, j in sorted(found)]

    def _exact(self, before: np.ndarray, items: np.ndarray) -> list[tuple[int, int]]:
        """Matrices that are there twice, number for number."""
        known = {self._digest[j]: j for j in before[::-1].tolist() if self._kind[j] == _DIGEST}
        own = ((i, known.get(self._digest[i])) for i in items.tolist() if self._kind[i] == _DIGEST)
        return [(i, j) for i, j in own if j is not None]

    def _alike(self, before: np.ndarray, items: np.ndarray) -> list[tuple[int, int]]:
        """Pictures that are there twice."""
        brightest = self._grey[self._kind == _PIXELS].max(initial=0) / 255  # bytes may hold 0 to 16, or 0 and 1
        telling = (self._kind == _PIXELS) & (self._contrast > EMPTY * brightest)
        before, items = before[telling[before]], items[telling[items]]
        if not len(before) or not len(items):
            return []
        tree = KDTree(self._low(before))
        reach = LEVELS * brightest * SIDE  # for frequencies keep the sum of squares over all SIDE² pixels
        _, near = tree.query(self._low(items), k=_NEAREST, distance_upper_bound=reach, workers=-1)
        row, place = np.nonzero(near < len(before))
        pairs = np.stack([items[row], before[near[row, place]]], axis=1)
        best: dict[int, tuple[float, int]] = {}
        for start in range(0, len(pairs), _AT_ONCE):
            some = pairs[start : start + _AT_ONCE]
            for (i, j), distance in zip(some.tolist(), self._distance(some, brightest).tolist(), strict=True):
                if distance <= LEVELS * brightest:
                    best[i] = min(best.get(i, (np.inf, j)), (distance, j))
        return [(i, j) for i, (_, j) in best.items()]

    def _low(self, rows: np.ndarray) -> np.ndarray:
        """The low frequencies of the thumbnails, without their mean: float32 [rows, _LOW² − 1]."""
        waves = dct(np.eye(SIDE, dtype=np.float32), norm="ortho")[:, :_LOW]
        plane = np.einsum("yf,xg->yxfg", waves, waves).reshape(SIDE * SIDE, -1)[:, 1:]
        low = np.empty((len(rows), plane.shape[1]), np.float32)
        for start in range(0, len(rows), _AT_ONCE):
            some = self._grey[rows[start : start + _AT_ONCE]]
            low[start : start + _AT_ONCE] = some.reshape(len(some), -1).astype(np.float32) @ plane
        return low

    def _distance(self, pairs: np.ndarray, brightest: float) -> np.ndarray:
        """How many levels the thumbnails of each pair differ by; infinite where contrast or colours say otherwise."""
        one, other = (_centred(self._grey[pairs[:, side]]) for side in (0, 1))
        differ = np.sqrt(((one - other) ** 2).mean(1))
        contrast = self._contrast[pairs].min(1)
        colours = self._colour[pairs].astype(np.float32)
        recoloured = np.sqrt(((colours[:, 0] - colours[:, 1]) ** 2).mean((1, 2, 3))) > COLOUR_LEVELS * brightest
        return np.where((differ > SHARE * contrast) | recoloured, np.inf, differ)


def _centred(grey: np.ndarray) -> np.ndarray:
    flat = grey.reshape(len(grey), -1).astype(np.float32)
    return flat - flat.mean(1, keepdims=True)


def thumbnail(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Greys [SIDE, SIDE] and both colour differences [COLOURS, COLOURS, 2] of a picture [height, width(, channel)]."""
    if array.ndim == 3 and array.shape[2] == 3:
        small = Image.fromarray(array).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
        whole = np.asarray(small.convert("YCbCr"))
        step = SIDE // COLOURS
        colour = whole[..., 1:].reshape(COLOURS, step, COLOURS, step, 2).mean((1, 3))
        return whole[..., 0], colour.round().astype(np.uint8)
    grey = array.reshape(*array.shape[:2], -1).mean(2).round().astype(np.uint8) if array.ndim == 3 else array
    small = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(small), np.full((COLOURS, COLOURS, 2), 128, np.uint8)
