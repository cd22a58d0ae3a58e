"""Series and contours: geometry, rules, real files, hostile files."""

from __future__ import annotations

import struct
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from data.phantom import CT, FRAME, OBLIQUE, STRAIGHT, Grid, dice, examples, write_contours, write_series
from data.real_ct import nrrd, sdist
from pellucid.core.errors import BadInput
from pellucid.data import dicom
from pellucid.data.dicom.raster import fill, nested


def ring(grid: Grid, slices: Any = None) -> list:
    each = range(grid.shape[0]) if slices is None else slices
    return [grid.circle(i, r) for i in each for r in (12.0, 5.0)]


def read(tmp_path: Path, grid: Grid, rois: Any, *, skip: Any = (), frames: Any = None, **how: Any) -> dicom.Masks:
    series = write_series(tmp_path / "series", grid, skip=skip)
    file = write_contours(tmp_path / "rs.dcm", rois, frames=frames or {})
    return dicom.masks_of(dicom.read_series(series), dicom.read_contours(file), **how)


# -- geometry -------------------------------------------------------------------------------------

GRIDS = {
    "straight": Grid(),
    "anisotropic": Grid(spacing=(3.0, 2.0, 0.8), shape=(4, 30, 60)),
    "the other way round": Grid(spacing=(3.0, 0.7, 2.0), shape=(4, 60, 30)),
    "oblique": Grid(directions=OBLIQUE, spacing=(2.5, 1.1, 0.9)),
    "head first": Grid(directions=((1, 0, 0), (0, -1, 0))),
}


@pytest.mark.parametrize("name", GRIDS)
def test_the_area_of_a_ring_is_what_it_is(tmp_path: Path, name: str) -> None:
    grid = GRIDS[name]
    masks = read(tmp_path, grid, {"ring": ring(grid)})
    area = masks.values["ring"].sum((1, 2)) * grid.spacing[1] * grid.spacing[2]
    assert area == pytest.approx(np.pi * (12**2 - 5**2), rel=0.05)
    assert masks.notes == ()


@pytest.mark.parametrize("name", GRIDS)
def test_slices_are_sorted_by_geometry(tmp_path: Path, name: str) -> None:
    grid = GRIDS[name]
    values = np.arange(np.prod(grid.shape)).reshape(grid.shape) % 3000 - 1000
    volume = dicom.read_series(write_series(tmp_path, grid, values))
    np.testing.assert_array_equal(volume.values, values)
    assert volume.spacing == pytest.approx(grid.spacing)
    np.testing.assert_allclose(volume.normal, grid.normal)
    back = volume.affine() @ [3, 2, 1, 1]
    np.testing.assert_allclose(back[:3], grid.point(1, 2, 3))


@pytest.mark.parametrize("name", GRIDS)
def test_an_exact_mask_comes_back_exactly(tmp_path: Path, name: str) -> None:
    grid = GRIDS[name]
    rng = np.random.default_rng(0)
    z, y, x = np.indices(grid.shape)
    middle = [(n - 1) / 2 for n in grid.shape]
    blob = (y - middle[1]) ** 2 + (x - middle[2]) ** 2 < (6 + 4 * rng.random(grid.shape[0])[z]) ** 2
    blob &= ~((y - middle[1]) ** 2 + (x - middle[2] + 2) ** 2 < 9)
    masks = read(tmp_path, grid, {"blob": grid.outlines(blob)})
    assert dice(masks.values["blob"], blob) >= 0.995
    np.testing.assert_array_equal(masks.values["blob"], blob)


# -- rules ----------------------------------------------------------------------------------------


def test_a_hole_an_island_in_it_and_the_same_line_twice(tmp_path: Path) -> None:
    grid = Grid()
    lines = [grid.circle(1, r) for r in (4.0, 14.0, 9.0, 14.0)]
    mask = read(tmp_path, grid, {"a": lines}).values["a"][1]
    area = mask.sum()
    assert area == pytest.approx(np.pi * (14**2 - 9**2 + 4**2), rel=0.03)


@pytest.mark.parametrize(
    ("rule", "kind", "expected"),
    [
        ("nested", "CLOSED_PLANAR", "union"),
        ("union", "CLOSED_PLANAR", "union"),
        ("xor", "CLOSED_PLANAR", "xor"),
        ("nested", "CLOSEDPLANAR_XOR", "xor"),
    ],
)
def test_partial_overlap(tmp_path: Path, rule: Any, kind: str, expected: str) -> None:
    grid = Grid()
    lines = [grid.circle(2, 8.0, kind, (20, 20)), grid.circle(2, 8.0, kind, (20, 28))]
    masks = read(tmp_path, grid, {"a": lines}, rule=rule)
    one, two = (read(tmp_path / str(i), grid, {"a": [l]}).values["a"] for i, l in enumerate(lines))
    np.testing.assert_array_equal(masks.values["a"], one | two if expected == "union" else one ^ two)
    assert any("overlap in part" in n for n in masks.notes) == (rule == "nested" and expected == "union")


def test_a_channel_between_outline_and_hole_is_no_edge(tmp_path: Path) -> None:
    grid = Grid()
    (outer, kind), (inner, _) = grid.circle(1, 12.0), grid.circle(1, 5.0)
    keyhole = np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]])
    masks = read(tmp_path, grid, {"one": [(keyhole, kind)], "two": ring(grid, [1])})
    different = masks.values["one"] ^ masks.values["two"]
    assert different.sum() <= 2


def test_xor_of_nested_lines_is_the_same_as_holes(tmp_path: Path) -> None:
    grid = Grid()
    masks = [read(tmp_path / rule, grid, {"a": ring(grid)}, rule=rule).values["a"] for rule in ("nested", "xor")]
    np.testing.assert_array_equal(*masks)


def test_missing_slices_are_told_and_nothing_is_put_there(tmp_path: Path) -> None:
    grid = Grid(shape=(9, 40, 50))
    masks = read(tmp_path, grid, {"a": ring(grid)}, skip=(3, 4))
    assert masks.values["a"].shape[0] == 7
    assert masks.values["a"].any((1, 2)).all()
    assert any("2 slices are missing" in n for n in masks.notes)
    assert any("4 of 18 contours lie where there is no slice" in n for n in masks.notes)


def test_contours_between_slices(tmp_path: Path) -> None:
    grid = Grid()
    masks = read(tmp_path, grid, {"a": [grid.circle(1.3, 8.0)]})
    assert masks.values["a"].any((1, 2)).tolist() == [False, True, False, False, False]
    assert any("between two slices" in n for n in masks.notes)


def test_slices_between_contours_are_filled_on_request(tmp_path: Path) -> None:
    grid = Grid()
    rois = {"a": [grid.circle(0, 4.0), grid.circle(4, 12.0)]}
    nearest, filled = (read(tmp_path / b, grid, rois, between=b).values["a"] for b in ("nearest", "interpolate"))
    assert nearest.any((1, 2)).tolist() == [True, False, False, False, True]
    radii = np.sqrt(filled.sum((1, 2)) / np.pi)
    assert radii == pytest.approx([4, 6, 8, 10, 12], abs=0.4)


def test_other_lines_are_told_and_left_out(tmp_path: Path) -> None:
    grid = Grid()
    tilted, kind = grid.circle(2, 8.0)
    tilted = tilted + np.linspace(0, 4, len(tilted))[:, None] * grid.normal
    lines = [(tilted, kind), (grid.point([1], [2], [3]), "POINT"), grid.circle(2, 6.0, "OPEN_PLANAR")]
    masks = read(tmp_path, grid, {"a": lines, "b": ring(grid)})
    assert not masks.values["a"].any()
    told = " ".join(masks.notes)
    assert "a: nothing of it is drawn on these slices (1 of 3 contours are not parallel" in told
    assert "a: 1 of 3 contours are no closed line (POINT)" in told
    assert "b:" not in told


def test_several_frames_of_reference(tmp_path: Path) -> None:
    grid = Grid()
    rois = [("here", ring(grid)), ("there", ring(grid))]
    masks = read(tmp_path, grid, rois, frames={1: FRAME + ".2"})
    assert list(masks.values) == ["here"]
    assert masks.notes == ("there: left out, it is drawn in another frame of reference",)
    with pytest.raises(BadInput, match="another frame of reference"):
        read(tmp_path / "b", grid, rois, frames={1: FRAME + ".2"}, names=["there"])


def test_names_empty_regions_and_labels(tmp_path: Path) -> None:
    grid = Grid()
    rois = [("Läsion", ring(grid)), ("腫瘍", [grid.circle(1, 3.0)]), ("Läsion", [grid.circle(2, 3.0)]), ("leer", [])]
    masks = read(tmp_path, grid, rois)
    assert list(masks.values) == ["Läsion", "腫瘍", "Läsion (3)", "leer"]
    assert not masks.values["leer"].any()
    labels = masks.labels()
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    assert masks.rois["腫瘍"].colour == (255, 0, 20)
    with pytest.raises(BadInput, match="there is no region 'lasion'") as caught:
        read(tmp_path / "b", grid, rois, names=["lasion"])
    assert "Läsion" in caught.value.cure


# -- rasterising ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 40))
def test_filling_is_the_test_of_every_pixel_centre(seed: int, corners: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    radii = rng.uniform(2, 18, corners)
    points = np.stack([12 + radii * np.cos(angles), 15 + radii * np.sin(angles)], 1)
    rows, columns = np.mgrid[:30, :25]
    centres = np.stack([columns.ravel(), rows.ravel()], 1)
    inside = Polygon(points, closed=False).contains_points(centres).reshape(30, 25)
    assert (fill(points, (30, 25)) ^ inside).sum() <= 1  # a centre on an edge up to rounding


def test_filling_counts_crossings() -> None:
    square = np.array([[1, 1], [5, 1], [5, 4], [1, 4]], float)
    assert fill(square, (6, 7)).sum() == 12  # half open: left and upper edges belong to it
    far = np.array([[-50, -50], [90, -50], [90, 90], [-50, 90]], float)
    assert fill(far, (6, 7)).all()
    assert not fill(far + 1000, (6, 7)).any()
    eight = np.array([[0, 0], [6, 6], [6, 0], [0, 6]], float)
    assert fill(eight, (7, 7))[3, 1:6].sum() in (4, 5)


def test_nothing_is_nested_in_nothing() -> None:
    empty = np.zeros((4, 4), bool)
    assert not nested([empty, empty])[0].any()


# -- real files -----------------------------------------------------------------------------------


def test_real_files_of_pydicom() -> None:
    volume = dicom.read_series(examples() / "CT_small.dcm")
    assert volume.values.shape == (1, 128, 128)
    assert (volume.values.min(), volume.values.max()) == (-896, 1167)
    assert volume.spacing == (5.0, 0.661468, 0.661468)
    rois = dicom.read_contours(examples() / "rtstruct.dcm")
    assert [r.name for r in rois] == ["patient", "Isocenter 1", "Isocenter 2"]
    assert [len(r.contours) for r in rois] == [3, 1, 1]
    for name in ("MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm"):
        assert dicom.read_series(examples() / name).values.mean() == pytest.approx(518.88, abs=0.01), name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rtstruct.dcm", "no image among 1 files"),
        ("image_dfl.dcm", "ImageOrientationPatient"),
        ("MR_truncated.dcm", "cannot be decoded|damaged"),
        ("examples_rgb_color.dcm", "ImageOrientationPatient"),
        ("README.txt", "no image among 1 files"),
        ("absent", "no such folder"),
    ],
)
def test_real_files_that_are_no_series(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        dicom.read_series(examples() / name)


def _sdist(package: str, pattern: str, place: Path) -> list[Path]:
    """Files out of a source distribution."""
    with tarfile.open(sdist(package, place)) as stored:
        members = [m for m in stored.getmembers() if pattern in m.name and m.isfile()]
        stored.extractall(place, members, filter="data")
    return [place / m.name for m in members]


@pytest.mark.slow
def test_a_real_structure_set(tmp_path: Path) -> None:
    files = {p.name: p for p in _sdist("dicompyler-core==0.5.6", "example_data", tmp_path)}
    rois = {r.name: r for r in dicom.read_contours(files["rtss.dcm"])}
    counts = {n: len(rois[n].contours) for n in ("BODY", "Lt Lung", "Heart", "Breast", "Tumor Bed", "Areola")}
    assert counts == {"BODY": 141, "Lt Lung": 165, "Heart": 33, "Breast": 48, "Tumor Bed": 18, "Areola": 0}
    masks = dicom.masks_of(dicom.read_series(files["ct.0.dcm"]), list(rois.values()), ["BODY"])
    image = dicom.read_series(files["ct.0.dcm"]).values[0]
    body = masks.values["BODY"][0]
    assert (image[body] > -400).mean() > 0.6  # tissue and lung inside
    assert (image[~body] < -400).mean() > 0.9  # air and the couch outside


@pytest.mark.slow
def test_contours_on_a_real_ct_come_back(tmp_path: Path) -> None:
    files = {p.name: p for p in _sdist("pyradiomics==3.0.1", "lung1_", tmp_path)}
    values, spacing, origin = nrrd(files["lung1_image.nrrd"].read_bytes())
    lesion = nrrd(files["lung1_label.nrrd"].read_bytes())[0] > 0
    lungs = values < -500
    grid = Grid(values.shape, spacing, STRAIGHT, origin)
    series = write_series(tmp_path / "series", grid, values)
    truth = {"lesion": lesion, "air": lungs}
    file = write_contours(tmp_path / "rs.dcm", {n: grid.outlines(m) for n, m in truth.items()})
    volume = dicom.read_series(series)
    np.testing.assert_array_equal(volume.values, values)
    masks = dicom.masks_of(volume, dicom.read_contours(file))
    for name, mask in truth.items():
        assert dice(masks.values[name], mask) >= 0.995, name


# -- hostile files --------------------------------------------------------------------------------


def _bomb(path: Path) -> Path:
    """A deflated file with one element of 1 GiB."""
    meta = pydicom.dcmread(examples() / "image_dfl.dcm", stop_before_pixels=True).file_meta
    body = examples().joinpath("image_dfl.dcm").read_bytes()[: 144 + meta.FileMetaInformationGroupLength]
    stream, blank = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS), b" " * (1 << 24)
    element = struct.pack("<HH2sHL", 0x0008, 0x0070, b"UT", 0, 1 << 30)
    parts = [stream.compress(element), *(stream.compress(blank) for _ in range(64)), stream.flush()]
    path.write_bytes(body + b"".join(parts))
    return path


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    bomb = _bomb(tmp_path / "bomb.dcm")
    assert bomb.stat().st_size < 6 << 20
    with pytest.raises(BadInput, match="inflates to more than 512 MB"):
        dicom.read_series(bomb)


def test_a_deflated_file_is_read(tmp_path: Path) -> None:
    data = pydicom.dcmread(examples() / "CT_small.dcm")
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "d.dcm")
    np.testing.assert_array_equal(
        dicom.read_series(tmp_path / "d.dcm").values, dicom.read_series(examples() / "CT_small.dcm").values
    )


CHANGES = [
    ({"Rows": 60000, "Columns": 60000}, "60000 × 60000 pixels, and was not decoded"),
    ({"NumberOfFrames": 2_000_000_000}, "2000000000 frames"),
    ({"PixelSpacing": [0, 1]}, "PixelSpacing is"),
    ({"PixelSpacing": [1]}, "PixelSpacing is .*, not 2 numbers"),
    ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "no pair of directions"),
    ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "no pair of directions"),
    ({"PixelData": b"\0\0"}, "cannot be decoded"),
    ({"BitsAllocated": 13}, "cannot be decoded"),
    ({"RescaleSlope": "NaN"}, "not 1 numbers|not the numbers"),
    ({"ImagePositionPatient": ["1e400", 0, 0]}, "ImagePositionPatient"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
@pytest.mark.filterwarnings("ignore")
def test_a_lying_head_is_told(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        dicom.read_series(write_series(tmp_path, Grid(shape=(1, 8, 8)), **change))


def test_slices_that_are_no_volume(tmp_path: Path) -> None:
    grid = Grid(shape=(3, 8, 8))
    write_series(tmp_path / "a", grid)
    write_series(tmp_path / "a" / "again", grid)
    with pytest.raises(BadInput, match="there are 2 series"):
        dicom.read_series(tmp_path / "a")
    first = pydicom.dcmread(tmp_path / "a/000.dcm").SeriesInstanceUID
    assert len(dicom.read_series(tmp_path / "a", series=first).values) == 3
    for name, change in [("turned", OBLIQUE), ("wider", None)]:
        place = write_series(tmp_path / name, grid, SeriesInstanceUID="1.2.3")
        other = Grid((1, 8, 8), (3, 1, 1.5)) if change is None else Grid((1, 8, 8), directions=change)
        write_series(place / "b", other, SeriesInstanceUID="1.2.3")
        with pytest.raises(BadInput, match=r"turned against|grid is not that"):
            dicom.read_series(place)
    place = write_series(tmp_path / "twice", grid, SeriesInstanceUID="1.2.3")
    write_series(place / "b", grid, SeriesInstanceUID="1.2.3")
    with pytest.raises(BadInput, match="it lies where"):
        dicom.read_series(place)
    sheared = write_series(tmp_path / "tilted", grid, SeriesInstanceUID="1.2.3", skip=(2,))
    write_series(sheared / "b", Grid((1, 8, 8), origin=(-15.0, -15.0, 13.0)), SeriesInstanceUID="1.2.3")
    with pytest.raises(BadInput, match="beside the first slice"):
        dicom.read_series(sheared)


def _nested_sequences(depth: int) -> bytes:
    """Sequences of undefined length within each other, explicit little-endian."""
    open_ = struct.pack("<HH2sHL", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return open_ * depth


def test_endless_sequences_end(tmp_path: Path) -> None:
    head = (examples() / "CT_small.dcm").read_bytes()
    meta = 144 + pydicom.dcmread(examples() / "CT_small.dcm").file_meta.FileMetaInformationGroupLength
    (tmp_path / "deep.dcm").write_bytes(head[:meta] + _nested_sequences(50_000))
    with pytest.raises(BadInput):
        dicom.read_series(tmp_path / "deep.dcm")


_READ = """
import resource, sys
from pathlib import Path
from pellucid.core.errors import PellucidError
from pellucid.data import dicom
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for path in map(Path, sys.argv[1:]):
    for read in (dicom.read_series, dicom.read_contours):
        try:
            read(path)
        except PellucidError:
            pass
print("done")
"""


def _mutants(place: Path, count: int) -> list[Path]:
    rng = np.random.default_rng(0)
    sources = [p for p in sorted(examples().glob("*.dcm")) if p.stat().st_size < 60_000]
    found = []
    for i in range(count):
        data = bytearray(sources[i % len(sources)].read_bytes())
        for _ in range(int(rng.integers(1, 12))):
            at = int(rng.integers(len(data)))
            kind = rng.integers(3)
            if kind == 0:
                data[at] = int(rng.integers(256))
            elif kind == 1:
                data[at : at + 4] = struct.pack("<L", int(rng.choice([0, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 20])))
            else:
                del data[at : at + int(rng.integers(1, 64))]
        found.append(place / f"{i:04}.dcm")
        found[-1].write_bytes(bytes(data))
    return found


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_mutated_files_are_a_typed_error_within_two_gigabytes(tmp_path: Path, count: int) -> None:
    files = _mutants(tmp_path, count)
    done = subprocess.run([sys.executable, "-c", _READ, *map(str, files)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "done\n", done.stderr[-2000:]


def test_bad_structure_sets(tmp_path: Path) -> None:
    grid = Grid()
    with pytest.raises(BadInput, match="it is no RTSTRUCT"):
        dicom.read_contours(write_series(tmp_path / "s", grid) / "000.dcm")
    file = write_contours(tmp_path / "rs.dcm", {"a": ring(grid)})
    data = pydicom.dcmread(file)
    data.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2"]
    data.save_as(file)
    with pytest.raises(BadInput, match="holds what is no point"):
        dicom.read_contours(file)


# -- what training takes --------------------------------------------------------------------------


def test_a_structure_set_is_the_label_itself(tmp_path: Path) -> None:
    grid = Grid()
    values = np.linspace(-300, 400, np.prod(grid.shape)).reshape(grid.shape).astype(np.int16)
    series = write_series(tmp_path / "series", grid, values)
    file = write_contours(tmp_path / "rs.dcm", {"a": ring(grid, [1, 3]), "b": [grid.circle(3, 3.0)]})
    found = dicom.samples(series, file)
    assert len(found) == 2
    assert set(np.unique(found[1].masks)) == {0, 1, 2}
    assert found[0].array.shape == (40, 50, 1)
    assert found[0].array.dtype == np.uint8
    assert found[0].spacing == (1.0, 1.0)
    assert len(dicom.samples(series, file, empty=True)) == 5
    assert CT in str(pydicom.dcmread(found[0].source).SOPClassUID)


def test_windows() -> None:
    values = np.array([-161.0, -160, 40, 240, 241], np.float32)
    assert dicom.windowed(values, (40, 400)).tolist() == [0, 0, 128, 255, 255]
    assert dicom.windowed(np.arange(101.0), None)[[0, 50, 100]].tolist() == [0, 128, 255]
    with pytest.raises(BadInput, match="a window of width 0"):
        dicom.windowed(values, (40, 0))
