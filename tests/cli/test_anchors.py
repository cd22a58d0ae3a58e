"""``pellucid anchors`` from the outside: lists to paste, a page, JSON, mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import pellucid
from cli.calling import Call

COMMAND = ["anchors"]
QUICK = ["--most", "6", "--restarts", "2"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A YOLO data set of 24 pictures of 60 × 120 with two objects each, and their sizes as a table."""
    rng = np.random.default_rng(0)
    sizes = rng.uniform(0.05, 0.6, (24, 2, 2)).round(4)
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for i, own in enumerate(sizes):
        Image.fromarray(rng.integers(0, 255, (60, 120, 3), np.uint8)).save(tmp_path / "images" / f"{i}.jpg")
        lines = "".join(f"0 0.5 0.5 {w} {h}\n" for w, h in own)
        (tmp_path / "labels" / f"{i}.txt").write_text(lines)
    (tmp_path / "data.yaml").write_text("path: .\ntrain: images\nnames: [thing]\n")
    np.savetxt(tmp_path / "sizes.csv", sizes.reshape(-1, 2) * [120, 60], delimiter=",", header="w,h", comments="")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_lists_a_level_and_a_page(place: Path, call: Call) -> None:
    code, out, err = call("data.yaml", "--k", "6", "--size", "240", *QUICK, "--out", "report")
    assert code == 0, err
    assert "Smallest level first, as width,height: [" in out
    assert "pixels where pictures are fitted into 240 × 240" in out
    lists = yaml.safe_load((place / "report" / "anchors.yaml").read_text())["anchors"]
    assert [len(each) for each in lists] == [4, 4, 4]
    first = ", ".join(f"{w},{h}" for w, h in zip(lists[0][::2], lists[0][1::2], strict=True))
    assert f"[{first}]" in out
    page = (place / "report" / "index.html").read_text()
    assert "anchors.yaml" in page
    assert "6 anchors for data.yaml" in page
    files = {p.name for p in (place / "report").iterdir()}
    assert files == {"anchors.yaml", "figure.png", "index.html", "summary.json", "view.npz"}
    assert call("data.yaml", "--k", "3", *QUICK, "--out", "report")[0] == 0, "a report of ours is replaced"


def test_json_and_the_lines_of_python_that_do_the_same(place: Path, call: Call) -> None:
    code, out, err = call("data.yaml", "-k", "4", "--size", "120x240", "--squeeze", "--levels", "2", *QUICK, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.anchors/1"
    options = told["options"]
    assert [len(each) for each in options["paste"]] == [4, 4]
    assert (options["boxes"], options["pictures"], options["k"]) == (48, 24, 4)
    assert 0 < options["figures"]["average_iou"]["low"] < options["figures"]["average_iou"]["value"] < 1
    scope: dict[str, pellucid.View] = {}
    exec(compile(told["python"], "python", "exec"), scope)
    view = pellucid.load(Path(told["report"]).parent / "view.npz")
    assert scope["v"]["anchors"].tobytes() == view["anchors"].tobytes()


def test_a_table_of_sizes_gives_the_same_anchors_as_the_pictures(place: Path, call: Call) -> None:
    anchors = []
    for data in ("sizes.csv", "data.yaml"):
        code, out, err = call(data, "-k", "5", *QUICK, "--json")
        assert code == 0, err
        anchors.append([(row["width"], row["height"]) for row in json.loads(out)["table"]])
    np.testing.assert_allclose(*anchors, rtol=1e-6)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent.csv"], "absent.csv"),
        (["folder"], "this folder is no data set"),
        (["sizes.csv", "--size", "640"], "does not know its pictures"),
        (["sizes.csv", "--size", "wide"], "--size wide"),
        (["sizes.csv", "--k", "50"], "50 anchors for boxes of 48 different sizes"),
        (["sizes.csv", "--update", "mode"], "update is 'mode'"),
        (["sizes.csv", "--levels", "10"], "10 levels for 9 anchors"),
        (["sizes.csv", "--out", "folder", *QUICK], "this folder holds other files"),
    ],
)
def test_bad_input(more: list[str], word: str, place: Path, call: Call) -> None:
    before = sorted(p.name for p in place.rglob("*"))
    code, out, err = call(*more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in place.rglob("*")) == before
