"""``pellucid evaluate-explanations``: a network and pictures in, the leaderboard out; forecasts and mistakes."""

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
from evaluation.trained import face_network, faces

COMMAND = ["evaluate-explanations"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network of matrices with its matrices, one of pictures with pictures and masks."""
    monkeypatch.chdir(tmp_path)
    torch.save(face_network().module, "faces.pt")
    for i, one in enumerate(faces()[0][::20, 0]):
        np.save(f"m{i}.npy", one.numpy())
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
    torch.save(nn.Sequential(*layers), "photo.pt")
    Path("set/images").mkdir(parents=True)
    Path("set/masks").mkdir()
    cat = pellucid.read("example:cat").array
    for i in range(4):
        Image.fromarray(np.roll(cat, 40 * i, 1)).save(f"set/images/p{i}.png")
        mask = np.zeros(cat.shape[:2], np.uint8)
        mask[60:200, 100:300] = 1
        Image.fromarray(mask).save(f"set/masks/p{i}.png")
    return tmp_path


def test_matrices_and_the_verdict(folder: Path, call: Call) -> None:
    files = sorted(folder.glob("m*.npy"))
    code, out, err = call("file:faces.pt", *files, "--trust", "--quick", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["options"]["pictures"] == 8
    rows = {(r["method"], r["score"]): r for r in told["table"]}
    assert rows["guided_backprop", "randomised_weights:rank"]["verdict"] != "passes"
    assert rows["sobel", "randomised_weights:rank"]["value"] == pytest.approx(1)
    assert {"random_map", "sobel", "centre"} <= set(told["options"]["methods"])
    view = pellucid.load(folder / "pellucid-evaluate-explanations" / "view.npz")
    assert view.kind == "evaluate_explanations"
    assert "pellucid.evaluate_explanations(net" in told["python"]


def test_masks_are_held_against_the_maps(folder: Path, call: Call) -> None:
    words = ["--method", "gradient", "--score", "pointing_game", "--score", "deletion:mean,steps=4"]
    code, out, err = call("file:photo.pt", "set", "--trust", "--size", "24x24", *words)
    assert code == 0, err
    assert "pointing_game" in out
    table = next(line for line in out.splitlines() if line.split()[:2] == ["gradient", "pointing_game"])
    assert "4" in table.split()  # pictures
    assert (folder / "pellucid-evaluate-explanations" / "index.html").exists()


def test_a_dry_run_says_how_long_and_writes_nothing(folder: Path, call: Call) -> None:
    words = ["--method", "gradient", "--method", "occlusion", "--dry-run"]
    code, out, err = call("file:faces.pt", "m0.npy", "m1.npy", "--trust", *words)
    assert code == 0, err
    assert "about" in out
    assert "for 2 pictures" in out
    assert not (folder / "pellucid-evaluate-explanations").exists()
    code, out, _ = call("file:faces.pt", "m0.npy", "m1.npy", "--trust", *words, "--json")
    assert code == 0
    assert set(json.loads(out)["methods"]) == {"gradient", "occlusion", "random_map", "sobel", "centre"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that has learnt three digits."""
    monkeypatch.chdir(tmp_path)
    digits = load_digits(n_class=3)
    np.savez("digits.npz", x=digits.images[:120].astype(np.float32), y=digits.target[:120])
    pellucid.train("digits.npz", out="run", model="perceptron:16x1", epochs=6, lr=0.01)
    return tmp_path


#: What is asked of the run and its twin.
TWINS = ("run:run", "digits.npz", "--shuffle-labels", "--method", "gradient", "--score", "randomised_labels")


def test_a_twin_is_trained_on_shuffled_labels(run: Path, call: Call) -> None:
    code, out, err = call(*TWINS, "--pictures", 6, "--json")
    assert code == 0, err
    told = json.loads(out)
    rows = {r["method"]: r for r in told["table"]}
    assert rows["sobel"]["value"] == pytest.approx(1)
    assert rows["gradient"]["value"] < 1
    assert rows["gradient"]["count"] == 6
    assert "shuffled=shuffled_twin('run:run', seed=0)" in told["python"]
    assert pellucid.load(run / "pellucid-evaluate-explanations" / "view.npz").kind == "evaluate_explanations"


def test_a_dry_run_trains_no_twin_and_counts_it(run: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(*_: object, **__: object) -> None:
        raise AssertionError("a forecast trains nothing")

    monkeypatch.setattr("pellucid.prove.labels.shuffled_twin", trained)
    code, out, err = call(*TWINS, "--dry-run", "--json")
    assert code == 0, err
    told = json.loads(out)
    (seconds,) = told["before"].values()
    assert seconds == pytest.approx(json.loads(Path("run/summary.json").read_text())["seconds_in_all"])
    assert told["seconds"] > seconds
    assert "gradient" in told["methods"]
    code, out, _ = call(*TWINS, "--dry-run")
    assert code == 0
    assert "training on shuffled labels, as the run's log tells" in out
    assert not (run / "pellucid-evaluate-explanations").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["file:faces.pt", "m0.npy", "--shuffle-labels"], "only a run can be trained again"),
        (["file:faces.pt", "m0.npy", "--shuffle-labels", "--shuffled", "run:r"], "is given, and one is to be trained"),
        (["file:faces.pt", "lacking.npy"], "lacking.npy"),
        (["file:faces.pt", "m0.npy", "--score", "pointing_game"], "pointing_game needs masks, and there are none"),
        (["file:faces.pt", "m0.npy", "--score", "deletoin"], "did you mean 'deletion'"),
        (["file:faces.pt", "m0.npy", "--method", "pattern_net"], "pellucid patterns fit"),
        (["file:faces.pt", "m0.npy", "--method", "gradient", "--window", "3"], "--window is no option of gradient"),
        (["file:photo.pt", "set", "--size", "24x24", "--mask", "wheel"], "no region of the masks is called 'wheel'"),
        (["file:faces.pt", "m0.npy", "--shuffled", "run:nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(folder: Path, call: Call, words: list[str], told: str) -> None:
    code, _, err = call(*words, "--trust")
    assert code == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not (folder / "pellucid-evaluate-explanations").exists()
