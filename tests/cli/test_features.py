"""``pellucid features``: a table on disk, a summary, mistakes."""

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

RESNET = ["torchvision:resnet18", "photos", "--weights", "none", "--size", "64"]
COMMAND = ["features"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cat = read("example:cat").array
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.fromarray(np.roll(cat, 60 * i, 1)).save(tmp_path / "photos" / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_that_others_read(folder: Path, call: Call) -> None:
    code, out, err = call(*RESNET, "--layer", "layer3", "-l", "fc", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.features/1"
    assert (told["rows"], told["layers"]) == (3, {"layer3": 256, "fc": 1000})
    table = pandas.read_parquet(told["file"])
    assert list(table["image"]) == [f"photos/{i}.png" for i in range(3)]
    net = pellucid.open("torchvision:resnet18", weights="none")
    net = pellucid.open(net, input=pellucid.InputSpec(size=(64, 64), crop=net.input.crop))
    view = pellucid.codes(net, "photos", "layer3")
    assert np.stack(table["layer3"]).shape == view["layer3"].shape


def test_cells_in_words(folder: Path, call: Call) -> None:
    code, out, err = call(*RESNET, "--pool", "none", "--out", "cells.parquet")
    assert code == 0, err
    assert "12 rows of 3 pictures" in out
    assert "layer4: a list of 512 numbers" in out
    assert len(pandas.read_parquet("cells.parquet")) == 12


def test_a_matrix(folder: Path, call: Call) -> None:
    import torch

    np.save("a.npy", np.random.default_rng(0).normal(size=(6, 5)))
    torch.save(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(30, 4)), "net.pt")
    code, _, err = call("file:net.pt", "a.npy", "--trust", "--layer", "1")
    assert code == 0, err
    assert np.stack(pandas.read_parquet("codes.parquet")["1"]).shape == (1, 4)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--layer", "layer9"], "did you mean 'layer"),
        (["--pool", "median"], "pool is 'median'"),
        (["--out", "codes.csv"], "call it codes.parquet"),
        (["-l", "layer3", "-l", "layer4", "--pool", "none"], "the layers' cells are not the same"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(more: list[str], word: str, folder: Path, call: Call) -> None:
    code, out, err = call(*RESNET, *more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert [p.name for p in folder.iterdir()] == ["photos"]


def test_without_pyarrow_the_cure_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = call(*RESNET)
    assert code == 2
    assert 'pip install "pellucid[tables]"' in err
