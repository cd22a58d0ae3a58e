"""Where the true regions of pictures are known: how well groups of cells agree with them."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame, Sample
from pellucid.data.batches import Batch
from pellucid.data.masks import masks_in, read_mask
from pellucid.data.stream import Stream
from pellucid.features.grouping.agreement import mean_iou, purity

#: A folder of label pictures, or one array of region numbers [height, width] an input (None where it is not known).
Masks = str | Path | Sequence[np.ndarray | None] | None

#: A place whose true region is not known.
UNKNOWN = -1


class Truth:
    """The true region of each place of a stream's inputs.

    masks: as ``Masks``; None takes those that the Samples carry. A mask has the size of its picture and is cut as
    the network's input is. Numbers below zero and ``ignore`` are places whose region is not known.
    """

    def __init__(self, stream: Stream, masks: Masks = None, *, ignore: int | None = None):
        self._ignore = ignore
        self._given = _listed(stream, masks)
        self._names = stream.names
        self._any = any(m is not None for m in self._given)

    def __bool__(self) -> bool:
        """Whether any input has a mask, also of those that this is no longer about."""
        return self._any

    def of(self, row: int) -> Truth:
        """The truth of one input alone."""
        one = copy.copy(self)
        one._given, one._names = self._given[row : row + 1], self._names[row : row + 1]
        return one

    def known(self, row: int) -> bool:
        """Whether input ``row`` has a mask."""
        return self._given[row] is not None

    def at(self, row: int, batch: Batch, place: int, size: tuple[int, int]) -> np.ndarray:
        """The region of each pixel of what entered the network, int32 of ``size``. place: the input's in its batch."""
        given = self._given[row]
        mask = read_mask(given) if isinstance(given, str | Path) else np.asarray(given).astype(np.int32)
        frame = batch.frames[place] if batch.frames else Frame(*size, 0.0, 0.0, *map(float, size))
        if mask.shape != (frame.height, frame.width):
            what = f"a mask of {_size(mask.shape)} for a picture of {_size((frame.height, frame.width))}"
            where = given if isinstance(given, str | Path) else self._names[row]
            raise BadInput(what, where=where, cure="give each mask the size of its picture")
        cut = mask[_nearest(frame.top, frame.bottom, size[0], mask.shape[0])]
        cut = cut[:, _nearest(frame.left, frame.right, size[1], mask.shape[1])]
        return cut if self._ignore is None else np.where(cut == self._ignore, UNKNOWN, cut)


def _listed(stream: Stream, masks: Masks) -> list[Any]:
    if isinstance(masks, str | os.PathLike):
        found = masks_in(masks, stream.sources)
        read_mask(found[0])  # a folder of something else is told now, and not after all the fits
        return list(found)
    if masks is not None:
        if len(masks) != len(stream):
            raise BadInput(f"{len(masks)} masks for {len(stream)} inputs", where="masks", cure="pass one an input")
        return list(masks)
    samples = stream.samples() or [None] * len(stream)
    return [s.masks if isinstance(s, Sample) else None for s in samples]


def _nearest(first: float, last: float, count: int, most: int) -> np.ndarray:
    """The pixel of the picture in which the centre of each of ``count`` places from first to last lies."""
    centres = first + (np.arange(count) + 0.5) * (last - first) / count
    return np.clip(np.floor(centres).astype(int), 0, most - 1)


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


class Tally:
    """How often each group of cells meets each true region, counted picture by picture."""

    def __init__(self, clusters: int):
        self._clusters = clusters
        self._counts: dict[int, np.ndarray] = {}

    def add(self, labels: np.ndarray, regions: np.ndarray) -> None:
        """Count the places of a picture; both [height, width]."""
        for region in np.unique(regions[regions >= 0]):
            counts = np.bincount(labels[regions == region], minlength=self._clusters)
            self._counts[int(region)] = self._counts.get(int(region), 0) + counts

    @property
    def table(self) -> np.ndarray:
        """int64 [clusters, regions], the regions in the order of their numbers."""
        return np.stack([self._counts[r] for r in sorted(self._counts)], axis=1)

    def figures(self) -> dict[str, float | None]:
        """The purity and the Hungarian mean intersection over union; None where no place is known."""
        if not self._counts:
            return {"purity": None, "mean_iou": None}
        return {"purity": purity(self.table), "mean_iou": mean_iou(self.table)}
