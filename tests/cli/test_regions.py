"""``pellucid regions`` on files and folders: what it writes, what it prints, what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

import pellucid
from cli.calling import Call
from pellucid.data.images import read

RESNET = ["--model", "torchvision:resnet18", "--weights", "none", "--size", "64"]
COMMAND = ["regions"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cat = read("example:cat").array
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()
    for i in range(3):
        picture = np.roll(cat, 60 * i, 1)[:200, :200]
        Image.fromarray(picture).save(tmp_path / "photos" / f"{i}.png")
        Image.fromarray((picture.mean(2) > 120).astype(np.uint8)).save(tmp_path / "masks" / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_becomes_a_page_and_tables(folder: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setattr("pellucid.features.regions.NUMBERS", (2, 3, 4))
    asked = ["photos", "--layer", "layer2", "-l", "layer3", "-k", "3", "--masks", "masks", "--assignments"]
    code, out, err = call(*asked, *RESNET)
    assert code == 0, err
    assert "At 2 layers, 3 pictures fall into 3 regions" in out
    assert "IoU with masks" in out
    assert "Held against 3 masks" in out
    assert "weights are random" in err
    view = pellucid.load("pellucid-regions/view.npz")
    table = pandas.read_parquet("pellucid-regions/assignments.parquet")
    assert len(table) == 3 * (64 + 16)
    np.testing.assert_array_equal(table[table["layer"] == "layer2"]["cluster"], view["cells/layer2"].reshape(-1))
    assert set(table["image"]) == {f"photos/{i}.png" for i in range(3)}
    page = Path("pellucid-regions/index.html").read_text(encoding="utf-8")
    assert page.count("<img data-step") == 3 * 2 * 3
    # The Python lines do the same.
    code_lines = json.loads(Path("pellucid-regions/summary.json").read_text())["python"]
    done: dict = {}
    exec(code_lines, done)
    assert done["v"].table == view.table


def test_each_by_itself_as_json(folder: Path, call: Call) -> None:
    asked = ["photos", "-l", "layer3", "-k", "auto", "--no-joint", "--no-slider", "--json", "--out", "here"]
    code, out, err = call(*asked, *RESNET)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.regions/1"
    assert [row["sample"] for row in told["table"]] == ["0", "1", "2"]
    assert told["options"]["joint"] is False
    assert Path(told["report"]).parent.name == "here"
    assert any("by itself" in note for note in told["notes"])


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent"], "absent: there is no such file"),
        (["photos", "-k", "many"], "--clusters many; pass a whole number from 2 to 12, or auto"),
        (["photos", "-k", "13"], "clusters is 13; pass a whole number from 2 to 12, or 'auto'"),
        (["photos", "-l", "layer9"], "did you mean 'layer"),
        (["photos", "-l", "fc"], "layer 'fc' gives an output of shape (1000,), which is not spatial"),
        (["photos", "--masks", "photos"], "its pixels are colours"),
        (["photos", "--masks", "nowhere"], "nowhere: there is no such folder"),
        (["photos", "--out", "masks"], "this folder holds other files"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(more: list[str], word: str, folder: Path, call: Call) -> None:
    code, out, err = call(*more, *RESNET)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["masks", "photos"]


def test_without_pyarrow_the_cure_comes_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("pellucid.cli.models.Choice.open", lambda self: pytest.fail("the network was opened"))
    code, _, err = call("photos", "--assignments", *RESNET)
    assert code == 2
    assert 'pip install "pellucid[tables]"' in err
