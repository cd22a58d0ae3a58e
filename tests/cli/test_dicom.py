"""``pellucid dicom`` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import pellucid
from cli.test_patterns import call
from data.phantom import OBLIQUE, Grid, write_contours, write_series
from pellucid.cli.results import is_report

GRID = Grid(shape=(4, 30, 40), spacing=(3.0, 1.5, 1.0))


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(-200, 300, GRID.shape)
    write_series(tmp_path / "ct", GRID, values)
    rois = {"tumour <b>": [GRID.circle(i, 8.0) for i in (1, 2)], "Läsion": [GRID.circle(1, 3.0)], "leer": []}
    write_contours(tmp_path / "ct" / "rs.dcm", rois)
    return tmp_path / "ct"


def test_pairs_overlays_and_an_index(series: Path, monkeypatch: Any, capfd: Any) -> None:
    code, out, err = call(monkeypatch, capfd, "dicom", "ct", "--json")
    assert code == 0, err
    told, folder = json.loads(out), Path("pellucid-dicom")
    assert is_report(folder)
    assert told["schema"] == "pellucid.dicom/1"
    assert [r["name"] for r in told["regions"]] == ["tumour <b>", "Läsion", "leer"]
    assert told["regions"][0]["millilitres"] == pytest.approx(2 * np.pi * 64 * 3 / 1000, rel=0.05)
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["slice"] for r in rows] == ["1", "2"]
    assert {r["patient"] for r in rows} == {rows[0]["patient"]}
    assert "patient one" not in (folder / "index.csv").read_text()
    mask = pellucid.read(folder / rows[0]["mask"]).array[..., 0]
    assert set(np.unique(mask)) == {0, 1, 2}
    assert pellucid.read(folder / rows[0]["image"]).array.shape == (30, 40, 1)
    height, width = pellucid.read(folder / "overlays" / "0001.png").array.shape[:2]
    assert height / width == pytest.approx(30 * 1.5 / 40, rel=0.01)
    assert json.loads((folder / "labels.json").read_text())["1"] == "tumour <b>"
    (told_of,) = [n for n in told["notes"] if n.startswith("tumour")]
    assert f"{int((mask == 2).sum())} of its" in told_of
    assert "labelled as Läsion" in told_of
    code, out, err = call(monkeypatch, capfd, "dicom", "ct", "--format", "npz", "--empty", "--rtstruct", "ct/rs.dcm")
    assert code == 0, err
    assert "4 pairs" in out
    assert "leer: nothing of it is drawn" in err
    pair = np.load(folder / "pairs/0001.npz")
    assert pair["image"].dtype == np.float32
    np.testing.assert_array_equal(pair["mask"], mask)
    assert pair["spacing"].tolist() == [1.5, 1.0]


def test_a_pseudonym_is_no_hash_of_the_patients_number(series: Path, monkeypatch: Any, capfd: Any) -> None:
    Path("secret").write_text("not to be guessed")
    seen = []
    for more in ([], [], ["--key", "secret"], ["--key", "secret"]):
        assert call(monkeypatch, capfd, "dicom", "ct", *more)[0] == 0
        with Path("pellucid-dicom/index.csv").open() as file:
            seen.append(next(csv.DictReader(file))["patient"])
    assert seen[0] != seen[1]
    assert seen[2] == seen[3] != seen[0]
    Path("secret").write_text("short")
    assert call(monkeypatch, capfd, "dicom", "ct", "--key", "secret")[0] == 2


def test_nifti_lies_where_the_series_lies(tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    grid = Grid(shape=(3, 10, 12), directions=OBLIQUE, spacing=(3.0, 1.5, 1.0))
    values = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    series = write_series(tmp_path / "ct", grid, values)
    file = write_contours(tmp_path / "rs.dcm", {"a": [grid.circle(1, 3.0)]})
    out = tmp_path / "out"
    more = ["--rtstruct", file, "--format", "nifti", "--out", out]
    code, told, err = call(monkeypatch, capfd, "dicom", series, *more)
    assert code == 0, err
    assert "one volume of 3 slices" in told
    image, mask = (nibabel.load(out / f"{n}.nii.gz") for n in ("image", "mask"))
    np.testing.assert_array_equal(image.get_fdata(), values.transpose(2, 1, 0))
    place = image.affine @ [5, 4, 2, 1]
    np.testing.assert_allclose(place[:3], grid.point(2, 4, 5) * [-1, -1, 1], atol=1e-5)
    volume = pellucid.dicom.read_series(series)
    truth = pellucid.dicom.masks_of(volume, pellucid.dicom.read_contours(file)).values["a"]
    np.testing.assert_array_equal(mask.get_fdata() > 0, truth.transpose(2, 1, 0))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--roi", "lasion"], "Läsion"),
        (["--window", "40"], "LEVEL,WIDTH"),
        (["--window", "40,0"], "a window of width 0"),
        (["--format", "jpg"], "--format jpg"),
        (["--rule", "even"], "rule is 'even'"),
        (["--rtstruct", "ct/000.dcm"], "no RTSTRUCT"),
        (["--roi", "leer"], "no slice has a region"),
        (["--series", "1.2.3"], "no image of the series"),
        (["--out", "ct"], "holds other files"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(series: Path, more: list[str], said: str, monkeypatch, capfd) -> None:
    before = sorted(series.parent.rglob("*"))
    code, _, err = call(monkeypatch, capfd, "dicom", "ct", *more)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert sorted(series.parent.rglob("*")) == before


def test_a_folder_without_contours(series: Path, monkeypatch: Any, capfd: Any) -> None:
    (series / "rs.dcm").unlink()
    code, _, err = call(monkeypatch, capfd, "dicom", "ct")
    assert (code, "0 RTSTRUCT files" in err) == (2, True)
