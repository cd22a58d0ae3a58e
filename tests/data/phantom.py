"""CT series and RTSTRUCT files whose truth is known, written with pydicom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from skimage.measure import find_contours

CT, RTSTRUCT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"
FRAME = "1.2.826.0.1.3680043.8.498.1"

#: Along growing columns and along growing rows, for a patient who lies straight and for one who does not.
STRAIGHT = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
OBLIQUE = (0.8, 0.6, 0.0), (-0.36, 0.48, 0.8)

Line = tuple[np.ndarray, str]  # points [n, 3] in millimetres, geometric type


class Grid:
    """A series' geometry. spacing: slice to slice, row to row, column to column."""

    def __init__(
        self,
        shape: tuple[int, int, int] = (5, 40, 50),
        spacing: tuple[float, float, float] = (3.0, 1.0, 1.0),
        directions: Any = STRAIGHT,
        origin: Sequence[float] = (-20.0, -15.0, 7.0),
    ):
        self.shape, self.spacing, self.origin = shape, spacing, np.array(origin)
        self.column, self.row = (np.array(d) for d in directions)
        self.normal = np.cross(self.column, self.row)

    def point(self, slices: Any, rows: Any, columns: Any) -> np.ndarray:
        """Millimetres [n, 3] of places in slices, rows and columns (floats)."""
        parts = (slices, self.normal, 0), (rows, self.row, 1), (columns, self.column, 2)
        return self.origin + sum(np.multiply.outer(np.asarray(n, float) * self.spacing[i], d) for n, d, i in parts)

    def circle(
        self, index: float, radius: float, kind: str = "CLOSED_PLANAR", centre: Any = None, n: int = 400
    ) -> Line:
        """A circle of ``radius`` millimetres around the middle of a slice."""
        angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
        middle = (self.shape[1] - 1) / 2, (self.shape[2] - 1) / 2
        row, column = centre or middle
        rows = row + radius * np.sin(angles) / self.spacing[1]
        columns = column + radius * np.cos(angles) / self.spacing[2]
        return self.point(np.full(n, index), rows, columns), kind

    def outlines(self, mask: np.ndarray) -> list[Line]:
        """The outlines of a mask [slice, row, column], holes as lines of their own."""
        found = []
        for index in np.flatnonzero(mask.any((1, 2))):
            padded = np.pad(mask[index].astype(float), 1)
            for line in find_contours(padded, 0.5):
                rows, columns = line[:-1].T - 1
                found.append((self.point(np.full(len(rows), index), rows, columns), "CLOSED_PLANAR"))
        return found


def write_series(
    folder: Path,
    grid: Grid,
    values: np.ndarray | None = None,
    *,
    skip: Sequence[int] = (),
    shuffled: bool = True,
    **more,
) -> Path:
    """The slices as files whose names and numbers say nothing about their order."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = np.zeros(grid.shape, np.int16) if values is None else (values + 1024).astype(np.int16)
    uid, rng = generate_uid(), np.random.default_rng(0)
    names = rng.permutation(grid.shape[0])
    for index in range(grid.shape[0]):
        if index in skip:
            continue
        data = _file(CT)
        data.Modality, data.PatientID, data.SeriesInstanceUID = "CT", "patient one", uid
        data.FrameOfReferenceUID, data.InstanceNumber = FRAME, int(names[index]) + 1
        data.ImagePositionPatient = [f"{v:.10g}" for v in grid.point(index, 0, 0)]
        data.ImageOrientationPatient = [f"{v:.10g}" for v in (*grid.column, *grid.row)]
        data.PixelSpacing = [f"{v:.10g}" for v in grid.spacing[1:]]
        data.SliceThickness = f"{grid.spacing[0]:.10g}"
        data.Rows, data.Columns = grid.shape[1:]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.PixelData = stored[index].tobytes()
        for name, value in more.items():
            setattr(data, name, value)
        data.save_as(folder / f"{int(names[index]):03}.dcm", enforce_file_format=True)
    return folder


def write_contours(
    path: Path, rois: Mapping[str, Sequence[Line]] | Sequence[tuple[str, Sequence[Line]]], **more
) -> Path:
    """An RTSTRUCT. more: ``frames`` by the region's position, otherwise FRAME."""
    frames = more.pop("frames", {})
    data = _file(RTSTRUCT)
    data.Modality, data.SpecificCharacterSet = "RTSTRUCT", "ISO_IR 192"
    data.StructureSetROISequence, data.ROIContourSequence = Items(), Items()
    listed = rois.items() if isinstance(rois, Mapping) else rois
    for number, (name, lines) in enumerate(listed, start=1):
        head, body = Dataset(), Dataset()
        head.ROINumber, head.ROIName = number, name
        head.ReferencedFrameOfReferenceUID = frames.get(number - 1, FRAME)
        body.ReferencedROINumber, body.ROIDisplayColor = number, [255, 0, 10 * number]
        body.ContourSequence = Items()
        for points, kind in lines:
            line = Dataset()
            line.ContourGeometricType, line.NumberOfContourPoints = kind, len(points)
            line.ContourData = [f"{v:.8g}" for v in points.ravel()]
            body.ContourSequence.append(line)
        data.StructureSetROISequence.append(head)
        data.ROIContourSequence.append(body)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def _file(kind: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, generate_uid()
    # An explicit syntax holds no more than 64 kB of contour, as few writers know.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if kind == RTSTRUCT else ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    return data


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def examples() -> Path:
    """The folder of real files that pydicom carries."""
    return Path(pydicom.__file__).parent / "data" / "test_files"
