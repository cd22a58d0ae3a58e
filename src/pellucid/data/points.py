"""A file of points → arrays: ``.ply``, ``.npy``, ``.csv``, ``.tsv``, ``.parquet``, with normals where it has them.

PLY needs trimesh, which is the extra ``mesh``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data import matrices
from pellucid.data.opening import opened, user_path

#: A longer file is refused before opening.
MAX_BYTES = 1 << 29

_AGAIN = "get it again from where it came"


@dataclass(frozen=True, eq=False)
class Points:
    """places: float64 [n, 3]. normals: float64 [n, 3], None where the file has none."""

    places: np.ndarray
    normals: np.ndarray | None
    source: str


def read_points(source: str | os.PathLike[str]) -> Points:
    """The vertices of a PLY file, or the rows of a matrix of 3 columns (x, y, z) or 6 (with a normal each)."""
    path = user_path(os.fspath(source))
    places, normals = _ply(path) if path.suffix.lower() == ".ply" else _rows(os.fspath(source))
    return Points(places, normals, os.fspath(source))


def _rows(source: str) -> tuple[np.ndarray, np.ndarray | None]:
    if not matrices.is_matrix(source):
        cure = "pass .ply, .npy, .npz, .csv or .parquet"
        raise BadInput(f"an ending {Path(source).suffix!r} says nothing of points", where=source, cure=cure)
    array = matrices.read(source).array
    if array.ndim != 2 or array.shape[1] not in (3, 6):
        cure = "give x, y and z a row, or these and a normal's three numbers"
        raise BadInput(f"a matrix of shape {array.shape} holds no points", where=source, cure=cure)
    array = array.astype(np.float64)
    return array[:, :3], array[:, 3:] if array.shape[1] == 6 else None


def _ply(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        import trimesh
    except ImportError as error:
        cure = 'pip install "pellucid[mesh]", or pass .npy or .csv'
        raise BadInput("reading PLY needs trimesh, which is not installed", where=path, cure=cure) from error
    with opened(path, MAX_BYTES, "point cloud") as file:
        try:
            found = trimesh.load(file, file_type="ply", process=False)
            places = np.array(found.vertices, np.float64)
        except (Exception, MemoryError) as error:  # for damaged files trimesh and numpy raise a dozen kinds
            what = f"this is no PLY file, or it is damaged ({str(error).partition(chr(10))[0][:120]})"
            raise BadInput(what, where=path, cure=_AGAIN) from error
    if places.ndim != 2 or places.shape[1:] != (3,) or not len(places):
        raise BadInput("it holds no vertices", where=path, cure=_AGAIN)
    stored = found.metadata.get("_ply_raw", {}).get("vertex", {}).get("data", {})
    names = stored.keys() if isinstance(stored, dict) else stored.dtype.names or ()  # text, or binary
    if not {"nx", "ny", "nz"} <= set(names):
        return places, None
    return places, np.stack([np.reshape(stored[n], len(places)).astype(np.float64) for n in ("nx", "ny", "nz")], 1)
