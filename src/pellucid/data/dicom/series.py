"""A folder of slices → one volume, in the order that geometry gives."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dicom import reading
from pellucid.data.dicom.reading import numbers, value
from pellucid.data.opening import user_path

#: Files of a folder that are looked at.
MAX_FILES = 20_000

#: Two directions, or two positions in millimetres, that differ by less are the same.
_TURNED, _MOVED = 1e-3, 1e-3


@dataclass(frozen=True, eq=False)
class Volume:
    """Slices of one series, sorted along their normal.

    values: float32 [slice, row, column], rescaled (Hounsfield units for CT). origin: [slice, 3], millimetres, the
    centre of each slice's first voxel. column, row, normal: unit vectors along growing column and row numbers and
    growing slice numbers. spacing: millimetres from slice to slice (the median), row to row, column to column.
    """

    values: np.ndarray
    origin: np.ndarray
    column: np.ndarray
    row: np.ndarray
    normal: np.ndarray
    spacing: tuple[float, float, float]
    modality: str
    patient: str
    series: str
    frame: str
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def heights(self) -> np.ndarray:
        """Where the slices lie along the normal: float64 [slice], millimetres, ascending."""
        return self.origin @ self.normal

    def places(self, points: np.ndarray) -> np.ndarray:
        """Patient coordinates [n, 3] as (column, row) in pixels and height along the normal in millimetres.

        (0, 0) is the centre of the first voxel, as DICOM's ImagePositionPatient says (PS3.3 C.7.6.2.1.1).
        """
        moved = points - self.origin[0]
        across, down = moved @ self.column / self.spacing[2], moved @ self.row / self.spacing[1]
        return np.stack([across, down, points @ self.normal], axis=1)

    def affine(self) -> np.ndarray:
        """From (column, row, slice) to patient millimetres: float64 [4, 4], DICOM's axes (left, posterior, head)."""
        steps = np.stack([self.column * self.spacing[2], self.row * self.spacing[1], self.normal * self.spacing[0]], 1)
        return np.block([[steps, self.origin[0][:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])


def read_series(source: str | os.PathLike[str], *, series: str | None = None) -> Volume:
    """The image series in a folder (and below), whatever else lies there; or a single file.

    Sorted along cross(row direction, column direction), not by InstanceNumber, which may run any way. series: the
    SeriesInstanceUID, where there are several. Raises BadInput for what cannot be one volume.
    """
    place = user_path(os.fspath(source))
    files = _files(place)
    found = [(path, data) for path, data in _images(files, place) if series in (None, _series_of(path, data))]
    counts = Counter(_series_of(path, data) for path, data in found)
    if not counts:
        what = f"no image among {len(files)} files" if series is None else f"no image of the series {series}"
        raise BadInput(what, where=place, cure="name the folder with the slices")
    if len(counts) > 1:
        listed = ", ".join(f"{uid} ({n} slices)" for uid, n in counts.most_common(6))
        raise BadInput(f"there are {len(counts)} series: {listed}", where=place, cure="name one by series= (--series)")
    return _volume(found, place)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise BadInput("there is no such folder", where=place, cure="check the path")
    files = [p for p in sorted(place.rglob("*")) if p.is_file() and not p.is_symlink()]
    if len(files) > MAX_FILES:
        raise BadInput(f"there are {len(files)} files in it", where=place, cure="name the folder of one series")
    return [p for p in files if reading.is_dicom(p)]


def _images(files: Sequence[Path], place: Path) -> list[tuple[Path, Any]]:
    """The files that hold an image with a place in the patient; structures, plans and doses are no images."""
    found = []
    for path in track(files, "reading slices"):
        data = reading.read_dataset(path)
        kind = value(data, "Modality", path, "")
        if value(data, "Rows", path) is not None and not str(kind).startswith("RT"):
            found.append((path, data))
    return found


def _series_of(path: Path, data: Any) -> str:
    return str(value(data, "SeriesInstanceUID", path, "unnamed"))


def _volume(found: Sequence[tuple[Path, Any]], place: Path) -> Volume:
    row, column = _directions(found)
    normal = np.cross(column, row)  # towards higher slice numbers
    origin = np.stack([numbers(data, "ImagePositionPatient", 3, path) for path, data in found])
    order = np.argsort(origin @ normal, kind="stable")
    origin, found = origin[order], [found[i] for i in order]
    first, head = found[0]
    down, across = _pixel_spacing(found)
    _check_positions(origin, column, row, normal, [p for p, _ in found])
    between, notes = _between(origin @ normal, head, first)
    values = np.stack([reading.pixels(data, path) for path, data in track(found, "decoding slices")])
    return Volume(
        values=values,
        origin=origin,
        column=column,
        row=row,
        normal=normal,
        spacing=(between, down, across),
        modality=str(value(head, "Modality", first, "")),
        patient=str(value(head, "PatientID", first, "")),
        series=_series_of(first, head),
        frame=str(value(head, "FrameOfReferenceUID", first, "")),
        sources=tuple(str(path) for path, _ in found),
        notes=notes,
    )


def _directions(found: Sequence[tuple[Path, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The unit vectors along growing row numbers and growing column numbers, the same for all slices."""
    each = np.stack([numbers(data, "ImageOrientationPatient", 6, path) for path, data in found])
    turned = np.abs(each - each[0]).max(1) > _TURNED
    if turned.any():
        path = found[int(turned.argmax())][0]
        raise BadInput("it is turned against the first slice", where=path, cure="keep one orientation a folder")
    column, row = each[0][:3], each[0][3:]
    lengths = np.linalg.norm(column), np.linalg.norm(row)
    if abs(lengths[0] - 1) > _TURNED or abs(lengths[1] - 1) > _TURNED or abs(column @ row) > _TURNED:
        cure = "get it again from where it came"
        raise BadInput(f"its orientation {each[0].tolist()} is no pair of directions", where=found[0][0], cure=cure)
    return row / lengths[1], column / lengths[0]


def _pixel_spacing(found: Sequence[tuple[Path, Any]]) -> tuple[float, float]:
    """Millimetres from row to row and from column to column: PixelSpacing's own order (PS3.3 10.7.1.3)."""
    each = np.stack([numbers(data, "PixelSpacing", 2, path) for path, data in found])
    sizes = np.stack([[int(numbers(data, n, 1, path)[0]) for n in ("Rows", "Columns")] for path, data in found])
    other = (np.abs(each - each[0]).max(1) > _MOVED) | (sizes != sizes[0]).any(1)
    if other.any():
        path = found[int(other.argmax())][0]
        raise BadInput("its grid is not that of the first slice", where=path, cure="keep one series a folder")
    if (each[0] <= 0).any():
        raise BadInput(f"its PixelSpacing is {each[0].tolist()}", where=found[0][0], cure="it must be positive")
    return float(each[0][0]), float(each[0][1])


def _check_positions(
    origin: np.ndarray, column: np.ndarray, row: np.ndarray, normal: np.ndarray, files: Sequence[Path]
) -> None:
    shifted = origin - origin[0]
    aside = np.maximum(np.abs(shifted @ column), np.abs(shifted @ row))
    if aside.max() > 0.05:  # half a tenth of a millimetre: scanners round, tilted gantries do not
        worst = int(aside.argmax())
        cure = "resample the series (a tilted gantry moves each slice)"
        raise BadInput(f"it lies {aside[worst]:.2g} mm beside the first slice", where=files[worst], cure=cure)
    same = np.flatnonzero(np.diff(origin @ normal) < _MOVED)
    if len(same):
        what = f"it lies where {files[same[0]].name} lies"
        raise BadInput(what, where=files[same[0] + 1], cure="keep one slice a place (one phase, one series)")


def _between(heights: np.ndarray, head: Any, path: Path) -> tuple[float, tuple[str, ...]]:
    """Millimetres from slice to slice (the median), and what is to be said of gaps."""
    if len(heights) == 1:
        return reading.number(head, "SliceThickness", path, 1.0) or 1.0, ()
    steps = np.diff(heights)
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if not len(gaps):
        return usual, ()
    missing = int(np.round(steps[gaps] / usual - 1).sum())
    at = ", ".join(f"{heights[i]:g} to {heights[i + 1]:g} mm" for i in gaps[:4])
    return usual, (f"{missing} slices are missing ({at}); nothing was put in their place",)
