"""Lung CTs of two patients, as pyradiomics' source distribution carries them, and contours that are drawn by a rule.

Nobody's organs are contoured there, only lesions; so a rule finds the body and both lungs, and writes them as an
RTSTRUCT would have them.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
from scipy import ndimage

from data.phantom import STRAIGHT, Grid, write_contours, write_series

#: Hounsfield units: tissue lies above the first, lung below the second. Half the gap between two lungs, in voxels.
TISSUE, LUNG, APART = -300, -500, 2


def nrrd(packed: bytes) -> tuple[np.ndarray, tuple[float, float, float], list[float]]:
    """Values [slice, row, column], their spacing in that order, and where the first voxel is, in millimetres."""
    head, _, body = packed.partition(b"\n\n")
    facts = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line and line[0] != "#")
    size = [int(n) for n in facts["sizes"].split()]
    kind = {"short": "<i2", "unsigned char": "u1", "uchar": "u1", "int": "<i4", "ushort": "<u2"}[facts["type"]]
    array = np.frombuffer(zlib.decompress(body, 31), kind).reshape(size[::-1])
    steps = [_numbers(v) for v in facts["space directions"].split()]
    return array.astype(np.int16), (steps[2][2], steps[1][1], steps[0][0]), _numbers(facts["space origin"])


def _numbers(told: str) -> list[float]:
    return [float(v) for v in told.strip("()").split(",")]


def sdist(package: str, place: Path) -> Path:
    """A source distribution, from the package index."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    done = subprocess.run([*pip, "-d", str(place), package], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-500:]
    return next(place.glob("*.tar.gz"))


def packed(sdist: Path, name: str) -> bytes:
    """A file of a source distribution."""
    with tarfile.open(sdist) as stored:
        member = next(m for m in stored.getmembers() if m.isfile() and m.name.endswith(f"data/{name}"))
        file = stored.extractfile(member)
        assert file is not None
        return file.read()


def organs(values: np.ndarray) -> dict[str, np.ndarray]:
    """body, right lung, left lung (the patient's), bool [slice, row, column]; lungs are no body."""
    tissue = _largest(ndimage.binary_opening(_largest(values > TISSUE), np.ones((1, 5, 5))))
    body = np.stack([ndimage.binary_fill_holes(s) for s in tissue])
    air = ndimage.binary_opening((values < LUNG) & body, np.ones((1, 3, 3)))
    inner, _ = ndimage.label(ndimage.binary_erosion(air, np.ones((1, 2 * APART + 1, 2 * APART + 1))))
    two = np.argsort(np.bincount(inner.ravel())[1:])[-2:] + 1
    two = sorted(two, key=lambda n: float(np.nonzero(inner == n)[2].mean()))  # columns grow towards the patient's left
    near = np.stack([ndimage.distance_transform_edt(inner != n, (8, 1, 1)) for n in two])
    found = {"body": body}
    for k, name in enumerate(("right lung", "left lung")):
        own = air & (near.argmin(0) == k) & (near[k] <= 3 * APART)
        closed = (ndimage.binary_fill_holes(ndimage.binary_closing(s, np.ones((7, 7)))) for s in own)
        found[name] = np.stack(list(closed)) & body & ~found.get("right lung", np.zeros_like(body))
    found["body"] = body & ~found["right lung"] & ~found["left lung"]
    return found


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, _ = ndimage.label(mask)
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])


def written(sdist: Path, patient: str, folder: Path, *, step: int = 1, side: int = 1) -> dict[str, np.ndarray]:
    """A patient ("lung1", "lung2") as a series and an RTSTRUCT in one folder; gives what was contoured.

    step: every so manieth slice. side: means of so many rows and columns.
    """
    values, spacing, origin = nrrd(packed(sdist, f"{patient}_image.nrrd"))
    values = values[::step]
    slices, height, width = values.shape[0], values.shape[1] // side, values.shape[2] // side
    blocks = values[:, : height * side, : width * side].reshape(slices, height, side, width, side)
    values = blocks.mean((2, 4)).round().astype(np.int16)
    grid = Grid(values.shape, (spacing[0] * step, spacing[1] * side, spacing[2] * side), STRAIGHT, origin)
    found = organs(values)
    write_series(folder, grid, values, PatientID=patient)
    write_contours(folder / "rs.dcm", {name: grid.outlines(mask) for name, mask in found.items()})
    return found
