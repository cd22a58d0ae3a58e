"""``pellucid explain MATRIX`` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.cli.main import main

PELLUCID = Path(sys.executable).with_name("pellucid")
HEIGHT, WIDTH = 20, 9
MODEL = ("--model", "file:net.pt", "--trust")


def run(*args: Any, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run([PELLUCID, *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True)


def network() -> nn.Module:
    """Only rows 4 to 7 decide: class 1 is their sum above a threshold."""
    net = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(HEIGHT * WIDTH, 2))
    weight = torch.zeros(2, HEIGHT, WIDTH)
    weight[1, 4:8] = 1
    net[2].weight.data, net[2].bias.data = weight.flatten(1), torch.tensor([20.0, 0.0])
    return net


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("matrices")
    torch.save(network(), place / "net.pt")
    torch.save(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        place / "three.pt",
    )
    x = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH))
    x[4:8] += 3
    np.save(place / "m.npy", x)
    np.savez(place / "many.npz", one=x, other=x[:-1])
    np.savetxt(place / "m.csv", x, delimiter=";", header=";".join("abcdefghi"), comments="")
    np.save(place / "colours.npy", np.random.default_rng(1).normal(size=(15, 11, 3)))
    np.save(place / "small.npy", x[:-1])
    np.save(place / "flat.npy", np.ones((HEIGHT, WIDTH)))
    np.save(place / "objects.npy", np.array([[None]]))
    return place


def test_a_report_of_matrices(folder: Path, tmp_path: Path) -> None:
    files = ["m.npy", "m.csv", "many.npz:one"]
    done = run("explain", *files, *MODEL, "--share", 1, "--shuffles", 39, "--json", "--out", tmp_path / "r", cwd=folder)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert [p["source"] for p in summary["photos"]] == files
    assert {e["method"] for e in summary["photos"][0]["explanations"]} == {"integrated_gradients", "occlusion"}
    assert summary["regions"] is None
    assert "not shown for matrices" in " ".join(summary["notes"])
    for photo in summary["photos"]:
        (spans,) = photo["spans"]
        row = spans["table"][0]
        assert (row["axis"], row["start"], row["stop"], row["confirmed"]) == ("row", 4, 8, True)
        assert row["p"] == 1 / 40
        assert (tmp_path / "r" / spans["file"]).stat().st_size > 10_000
    stored = pellucid.load(tmp_path / "r" / "explanations.npz")
    view = stored[summary["photos"][0]["spans"][0]["array"]]
    assert view.kind == "spans"
    assert view["map"].shape == (1, HEIGHT, WIDTH)
    assert all(e.pictures is None for e in stored.values() if isinstance(e, pellucid.Explanation))
    page = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    for words in ("3 matrices", "20 rows × 9 columns", "Rows 4–7", "Falls when covered", "shuffled", "Confirmed"):
        assert words in page


def test_the_terminal_tells_the_spans(folder: Path, tmp_path: Path) -> None:
    args = ["--method", "gradient", "--method", "input_times_gradient", "--target", 1]
    done = run("explain", "m.npy", *MODEL, *args, "--share", 0.99, "--runs", 1, "--out", tmp_path / "r", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Rows 4–7: " in done.stdout
    assert "Column" in done.stdout


def test_the_python_lines_reproduce_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ["--method", "lrp", "--share", 0.8, "--shuffles", 19, "--seed", 3, "--out", tmp_path / "r", "--json"]
    done = run("explain", "m.npy", *MODEL, *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    exec(summary["python"], scope)
    stored = pellucid.load(tmp_path / "r" / "explanations.npz")
    (spans,) = (v for v in stored.values() if isinstance(v, pellucid.View))
    assert scope["s"].table == spans.table
    assert scope["net"].input == pellucid.InputSpec.matrix(HEIGHT, WIDTH)


def test_channels(folder: Path, tmp_path: Path) -> None:
    args = ["--model", "file:three.pt", "--trust", "--method", "grad_cam", "--out", tmp_path / "r"]
    done = run("explain", "colours.npy", *args, "--shuffles", 19, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    provenance = json.loads(done.stdout)["photos"][0]["explanations"][0]["receipt"]["provenance"]
    assert provenance["preprocessing"]["range"] is None
    assert provenance["preprocessing"]["size"] == [15, 11]


def test_weights_onto_an_architecture(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    module = pellucid.open("timm:test_resnet", weights="none").module
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    np.save(tmp_path / "m.npy", np.random.default_rng(0).normal(size=(40, 64, 3)) * 7)
    args = [
        "--model",
        "file:w.safetensors",
        "--architecture",
        "timm:test_resnet",
        "--method",
        "gradient",
        "--target",
        5,
    ]
    done = run("explain", "m.npy", *args, "--shuffles", 2, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["network"]["input"] == "3 × 40 × 64"
    np.save(tmp_path / "grey.npy", np.random.default_rng(0).normal(size=(40, 64)))
    done = run("explain", "grey.npy", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert "does not run on an input of shape (1, 1, 40, 64)" in done.stderr


def test_a_matrix_of_pixels_suits_a_network_of_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.random.default_rng(0).random((70, 90)))
    args = ["--model", "timm:test_resnet", "--weights", "none", "--method", "gradient"]
    done = run("explain", "m.npy", *args, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (photo,) = json.loads(done.stdout)["photos"]
    assert (photo["spans"], photo["height"], photo["width"]) == ([], 70, 90)
    np.save(tmp_path / "m.npy", np.random.default_rng(0).normal(size=(70, 90)))
    done = run("explain", "m.npy", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert "are no pixels" in done.stderr


BAD = {
    "missing": (["absent.npy", *MODEL], "no such file"),
    "objects": (["objects.npy", *MODEL], "objects"),
    "two sizes": (["m.npy", "small.npy", *MODEL], "a matrix of 19 × 9 where the network takes 20 × 9"),
    "the wrong size": (["small.npy", *MODEL], "(1, 1, 19, 9)"),
    "flat": (["flat.npy", *MODEL], "every place has the same value"),
    "many arrays": (["many.npz", *MODEL], "one, other"),
    "size": (["m.npy", *MODEL, "--size", "20x9"], "leave --size away"),
    "share": (["m.npy", *MODEL, "--share", "1.5"], "share is 1.5"),
    "share of a photo": (["example:cat", "--share", "0.5"], "--share is for matrices"),
    "no trust": (["m.npy", "--model", "file:net.pt"], "architecture"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    args, word = BAD[case]
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["pellucid", "explain", *args])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capfd.readouterr()
    assert (end.value.code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1, err
    assert sorted(folder.iterdir()) == before
