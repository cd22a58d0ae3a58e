"""Slices and their masks as pairs that a segmentation network is trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.dicom.contours import read_contours
from pellucid.data.dicom.masks import Masks, masks_of
from pellucid.data.dicom.series import Volume, read_series

#: The window through which soft tissue is looked at: level and width in Hounsfield units.
SOFT_TISSUE = (40.0, 400.0)


@dataclass(frozen=True, eq=False)
class Pair:
    """A slice. image: uint8 [row, column], through the window. numbers: float32, as rescaled. mask: uint8 labels."""

    index: int
    height: float
    image: np.ndarray
    numbers: np.ndarray
    mask: np.ndarray


def windowed(values: np.ndarray, window: tuple[float, float] | None) -> np.ndarray:
    """Values as greys, uint8: from level − width/2 (black) to level + width/2 (white); None takes 1 % to 99 %."""
    return _greys(values, *_limits(values, window))


def _limits(values: np.ndarray, window: tuple[float, float] | None) -> tuple[float, float]:
    """What becomes black and what white."""
    if window is None:
        low, high = np.percentile(values, [1, 99])
        return float(low), float(high)
    level, width = window
    if not width > 0:
        raise BadInput(f"a window of width {width:g}", cure="pass a level and a positive width: 40,400")
    return level - width / 2, level + width / 2


def _greys(values: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (values.astype(np.float64) - low) / max(high - low, 1e-12)
    return (np.clip(scaled, 0, 1) * 255).round().astype(np.uint8)


def usual_window(volume: Volume) -> tuple[float, float] | None:
    """Soft tissue for CT; for everything else, whose numbers have no unit, None."""
    return SOFT_TISSUE if volume.modality == "CT" else None


def pairs_of(
    volume: Volume, masks: Masks, *, window: tuple[float, float] | None = None, empty: bool = False
) -> Iterator[Pair]:
    """Each slice with its labels. empty: also slices without any region."""
    labels = masks.labels()
    limits = _limits(volume.values, window or usual_window(volume))
    for index, height in enumerate(volume.heights):
        if empty or labels[index].any():
            grey = _greys(volume.values[index], *limits)
            yield Pair(index, float(height), grey, volume.values[index], labels[index])


def samples(
    series: str | os.PathLike[str],
    rtstruct: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    *,
    uid: str | None = None,
    window: tuple[float, float] | None = None,
    empty: bool = False,
    **how: Any,
) -> list[Sample]:
    """A series and its contours as Samples with masks, without a file between: one a slice.

    uid: the SeriesInstanceUID, where there are several. how: as for ``masks_of``. The masks hold 0 outside, then
    1, 2, … in the order of the regions.
    """
    volume = read_series(series, series=uid)
    masks = masks_of(volume, read_contours(rtstruct), names, **how)
    return [
        Sample(
            pair.image[..., None],
            masks=pair.mask,
            spacing=volume.spacing[1:],
            source=volume.sources[pair.index],
        )
        for pair in pairs_of(volume, masks, window=window, empty=empty)
    ]
