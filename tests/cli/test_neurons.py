"""``pellucid neurons``: an autoencoder in a file, a folder of pictures, tables beside them, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

import pellucid
from cli.calling import Call

DIGITS = load_digits()
COMMAND = ["neurons"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Autoencoders of digits and of small pictures, digits in one file and in many, pictures, tables."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 64), nn.Unflatten(1, (1, 8, 8))), "ae.pt")
    shape = (3, 16, 16)
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Linear(4, 768), nn.Unflatten(1, shape)), "photo.pt")
    np.save("digits.npy", DIGITS.images[:60])
    Path("table.csv").write_text("digit\n" + "\n".join(map(str, DIGITS.target[:60])))
    Path("short.csv").write_text("digit\n1\n")
    Path("pictures").mkdir()
    cat = pellucid.read("example:cat").array
    for i in range(6):
        Image.fromarray(np.roll(cat, 40 * i, 1)).save(f"pictures/p{i}.png")
        np.save(f"m{i}.npy", DIGITS.images[i])
    rows = [f"p{i}.png,{'ab'[i % 2]},{i // 2}" for i in range(6)]
    Path("pictures.csv").write_text("image,kind,shift\n" + "\n".join(rows))
    Path("lacking.csv").write_text("image,kind\np0.png,a\n")
    return tmp_path


OWN = ["--trust", "--output", "values"]


def test_matrices_in_one_file(folder: Path, call: Call) -> None:
    ask = [
        "file:ae.pt",
        "digits.npy",
        "--stacked",
        "--layer",
        1,
        *OWN,
        "--factors",
        "table.csv",
        "--tests",
        40,
        "--json",
    ]
    code, out, err = call(*ask)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.neurons/1"
    assert len(told["table"]) == 5
    assert told["options"]["found"]["tests"] == 40
    assert told["options"]["found"]["factors"][0]["factor"] == "digit"
    assert any("positive eigenvalue" in w["text"] for w in told["words"])
    view = pellucid.load(folder / "pellucid-neurons" / "view.npz")
    assert view["delta"].shape == (5,)
    assert (folder / "pellucid-neurons" / "index.html").stat().st_size > 10_000
    scope: dict = {}
    exec(told["python"].replace("v.show()", ""), scope)
    np.testing.assert_array_equal(scope["v"]["delta"], view["delta"])


def test_many_matrix_files(folder: Path, call: Call) -> None:
    files = [f"m{i}.npy" for i in range(6)]
    code, out, err = call("file:ae.pt", *files, "--layer", 1, *OWN, "--out", "o")
    assert code == 0, err
    assert "Only 6 samples" in err
    assert "is missed beyond chance" in out
    assert pellucid.load(folder / "o" / "view.npz").names == ("m0",)


def test_a_folder_of_pictures(folder: Path, call: Call) -> None:
    ask = ["file:photo.pt", "pictures", "--layer", 1, *OWN, "--size", "16x16", "--factors", "pictures.csv"]
    code, out, err = call(*ask, "--variational", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert {f["factor"] for f in told["options"]["found"]["factors"]} == {"kind", "shift"}
    assert "active" in told["table"][0]
    assert pellucid.load(folder / "pellucid-neurons" / "view.npz")["traversal/images"].shape == (4, 7, 16, 16, 3)


def test_a_classifier_with_labels(folder: Path, call: Call) -> None:
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.ReLU(), nn.Linear(4, 2)), "net.pt")
    Path("classes.txt").write_text("a\nb\n")
    ask = ["file:net.pt", "pictures", "--layer", 2, "--trust", "--size", "16", "--classes", "classes.txt", "--json"]
    Path("labels.csv").write_text("image,label\n" + "\n".join(f"p{i},{'ab'[i % 2]}" for i in range(6)))
    code, out, err = call(*ask, "--labels", "labels.csv")
    assert code == 0, err
    assert json.loads(out)["options"]["found"]["labelled"]
    code, _, err = call(*ask, "--labels", "pictures.csv", "--out", "p")
    assert code == 2
    assert "which of the columns 'kind', 'shift'" in err


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["file:ae.pt", "absent.npy", "--stacked", "--layer", 1, *OWN], "no such file"),
        (["file:ae.pt", "m0.npy", "m1.npy", "--stacked", "--layer", 1, *OWN], "takes one file"),
        (["file:ae.pt", "m0.npy", "--layer", 1, *OWN], "single sample"),
        (["file:ae.pt", "m0.npy", "m1.npy", "--layer", 9, *OWN], "no layer matches"),
        (["file:ae.pt", "digits.npy", "--stacked", "--layer", 1, *OWN, "--factors", "short.csv"], "1 rows for 60"),
        (["file:ae.pt", "digits.npy", "--stacked", "--layer", 1, *OWN, "--factors", "no.csv"], "no such file"),
        (
            ["file:photo.pt", "pictures", "--layer", 1, *OWN, "--size", 16, "--factors", "lacking.csv"],
            "5 of 6 pictures",
        ),
        (
            ["file:photo.pt", "pictures", "--layer", 1, *OWN, "--size", 16, "--factors", "table.csv"],
            "names the pictures",
        ),
        (["file:photo.pt", "pictures/p0.png", "absent.png", "--layer", 1, *OWN, "--size", 16], "no such file"),
        (["file:photo.pt", "pictures", "--layer", 1, *OWN, "--size", 16, "--loss", "mse"], "loss is 'mse'"),
    ],
)
def test_mistakes_leave_nothing(args: list[object], word: str, folder: Path, call: Call) -> None:
    before = sorted(p.name for p in folder.iterdir())
    code, out, err = call(*args)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == before
