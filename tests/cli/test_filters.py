"""``pellucid filters``: with and without pictures, as JSON, and mistyped."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import nets
import pellucid
from cli.calling import Call
from features import plants

SMALL = ["torchvision:squeezenet1_1", "--weights", "none", "--size", "64", "--layer", "features.3"]
COMMAND = ["filters"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_of_one_grey_picture(place: Path, call: Call) -> None:
    folder = place / "pictures"
    folder.mkdir()
    grey = pellucid.read("example:camera").array[:101, :77, 0]
    Image.fromarray(grey).save(folder / "odd.png")
    code, out, err = call(*SMALL, folder, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.filters/1"
    assert [r["layer"] for r in told["table"]] == ["features.3.squeeze", "features.3.expand1x1", "features.3.expand3x3"]
    assert told["table"][0]["pictures"] == 1
    assert told["options"]["layers"] == [r["layer"] for r in told["table"]]
    assert {"index.html", "figure.png", "view.npz", "summary.json"} <= set(told["files"]["all"])
    assert any("1 picture is too few" in w["text"] for w in told["words"])
    view = pellucid.load(place / "pellucid-filters" / "view.npz")
    exec(told["python"].replace("v.show()", ""), (names := {}))
    np.testing.assert_array_equal(names["v"]["filters"], view["filters"])


def test_weights_alone_and_their_pairs(place: Path, call: Call) -> None:
    torch.save(plants.Planted(), place / "net.pt")
    code, out, err = call("file:net.pt", "--trust", "--size", plants.SIZE)
    assert code == 0, err
    assert "Of 28 filters in 3 layers 3 repeat another one" in out
    assert "without pictures only the weights are known" in out
    with (place / "pellucid-filters" / "pairs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["kind"], r["unit"], r["other"]) for r in rows][:2] == [("duplicate", "9", "2"), ("duplicate", "10", "3")]
    assert rows[0]["confirmed"] == ""
    page = (place / "pellucid-filters" / "index.html").read_text(encoding="utf-8")
    assert "pairs.csv" in page
    assert "What the filters look for" in page


def test_matrices(place: Path, call: Call) -> None:
    torch.save(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)), place / "net.pt")
    np.save(place / "a.npy", np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32))
    code, out, err = call("file:net.pt", "a.npy", "--trust", "--json")
    assert code == 0, err
    assert [r["filters"] for r in json.loads(out)["table"]] == [4, 2]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["efficientnet_lite0", "nowhere.jpg"], "nowhere.jpg: there is no such file; check the path"),
        ([*SMALL[:-1], "pool"], "no layer matches 'pool'"),
        ([*SMALL[:-1], "features.2"], "'features.2' holds no filters"),
        ([*SMALL, "--units", "0"], "units is 0"),
        ([*SMALL, "--synthetic"], "synthetic pictures stand beside natural ones"),
    ],
)
def test_mistakes_are_one_line(args: list[Any], said: str, place: Path, call: Call) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert list(place.iterdir()) == []


def test_weights_that_are_no_numbers_are_said(place: Path, call: Call) -> None:
    module = nets.module("modules")
    with torch.no_grad():
        module.conv1.weight[0] = torch.nan
    torch.save(module, place / "net.pt")
    code, _, err = call("file:net.pt", "example:cat", "--trust", "--size", nets.SIZE)
    assert code == 0
    assert "1 filter holds NaN or infinite weights" in err
    assert "conv1: 1 of 8 filters hold NaN" in err
