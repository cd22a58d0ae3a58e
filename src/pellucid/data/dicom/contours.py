"""An RTSTRUCT's regions of interest and their contours, as they are drawn: in millimetres, without any grid."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dicom import reading
from pellucid.data.dicom.reading import value
from pellucid.data.opening import user_path

#: Points of one file that are read.
MAX_POINTS = 20_000_000


@dataclass(frozen=True, eq=False)
class Contour:
    """points: float64 [n, 3], patient coordinates in millimetres. kind: as DICOM says, "CLOSED_PLANAR" mostly."""

    points: np.ndarray
    kind: str


@dataclass(frozen=True, eq=False)
class Roi:
    """A region of interest. name: unique within its file. colour: RGB 0…255, None where none is given.

    frame: the UID of the frame of reference that its points are in.
    """

    number: int
    name: str
    frame: str
    contours: tuple[Contour, ...]
    colour: tuple[int, int, int] | None = None


def read_contours(source: str | os.PathLike[str]) -> tuple[Roi, ...]:
    """All regions of an RTSTRUCT file, in its order, also those that nobody drew.

    Of two regions of one name the later gets its number behind it. Raises BadInput for what is no RTSTRUCT.
    """
    path = user_path(os.fspath(source))
    data = reading.read_dataset(path)
    listed = value(data, "StructureSetROISequence", path, ())
    if value(data, "Modality", path) != "RTSTRUCT" and not listed:
        kind = value(data, "Modality", path, "unknown")
        raise BadInput(f"it is no RTSTRUCT (its modality is {kind})", where=path, cure="name the file of contours")
    drawn = {_number(each, "ReferencedROINumber", path): each for each in value(data, "ROIContourSequence", path, ())}
    budget = _Budget(MAX_POINTS)
    names = Counter(str(value(each, "ROIName", path, "")) for each in listed)
    taken: Counter[str] = Counter()
    found = []
    for each in listed:
        number, name = _number(each, "ROINumber", path), str(value(each, "ROIName", path, "")) or "unnamed"
        taken[name] += 1
        unique = f"{name} ({number})" if names[name] > 1 and taken[name] > 1 else name
        frame = str(value(each, "ReferencedFrameOfReferenceUID", path, ""))
        own = drawn.get(number)
        found.append(Roi(number, unique, frame, _contours(own, path, unique, budget), _colour(own, path)))
    return tuple(found)


def find_rtstruct(folder: str | os.PathLike[str]) -> Path:
    """The RTSTRUCT that lies in a folder or below; none or several are an error."""
    place = user_path(os.fspath(folder))
    files = [p for p in sorted(place.rglob("*")) if p.is_file()] if place.is_dir() else []
    found = [p for p in files if reading.is_dicom(p) and reading.modality(p) == "RTSTRUCT"]
    if len(found) != 1:
        named = f" ({', '.join(p.name for p in found[:4])})" if found else ""
        raise BadInput(f"there are {len(found)} RTSTRUCT files in it{named}", where=place, cure="name one (--rtstruct)")
    return found[0]


@dataclass
class _Budget:
    """How many more points may be read."""

    left: int

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            cure = "export the regions that are needed"
            raise BadInput(f"there are more than {MAX_POINTS // 1_000_000} million points", cure=cure)


def _number(data: Any, name: str, path: Path) -> int:
    return int(reading.numbers(data, name, 1, path)[0])


def _contours(data: Any, path: Path, name: str, budget: _Budget) -> tuple[Contour, ...]:
    if data is None:
        return ()
    found = []
    for each in value(data, "ContourSequence", path, ()):
        flat = value(each, "ContourData", path, ())
        budget.spend(len(flat) // 3)
        try:
            points = np.array(flat, np.float64)
        except (TypeError, ValueError):
            points = np.full(1, np.nan)
        if points.size % 3 or not np.isfinite(points).all():
            cure = "export it again"
            raise BadInput(f"a contour of {name!r} holds what is no point", where=path, cure=cure)
        if points.size:
            found.append(Contour(points.reshape(-1, 3), str(value(each, "ContourGeometricType", path, ""))))
    return tuple(found)


def _colour(data: Any, path: Path) -> tuple[int, int, int] | None:
    if data is None or value(data, "ROIDisplayColor", path) is None:
        return None
    red, green, blue = np.clip(reading.numbers(data, "ROIDisplayColor", 3, path), 0, 255).astype(int).tolist()
    return red, green, blue
