"""``pellucid evaluate``: the page with its mistakes, the words, the JSON; hostile runs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import pellucid
from cli.calling import Call
from pellucid.training.train import train
from training.learnable import digits, undrawn, write  # noqa: F401  (a fixture)

COMMAND = ["evaluate"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run and its data."""
    place = tmp_path_factory.mktemp("evaluate")
    data = write(digits(200), place / "digits")
    train(data, out=place / "run", model="small_cnn:4", epochs=2, batch=16, lr=0.02)
    return place / "run", data


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_page_has_scores_classes_and_mistakes(made: tuple[Path, Path], call: Call) -> None:
    run, data = made
    code, out, err = call(run, data)
    assert code == 0, err
    assert "Accuracy on 30 items" in out
    assert "a constant answer gets" in out
    folder = Path("pellucid-evaluate")
    names = {p.name for p in folder.iterdir()}
    assert names == {"index.html", "figure.png", "mistakes.png", "view.npz", "summary.json"}
    page = (folder / "index.html").read_text()
    assert "What is confused most often" in page
    assert "worst mistakes" in page
    assert "Precision" in page
    view = pellucid.load(folder / "view.npz")
    assert view.kind == "evaluation"
    assert out.strip().splitlines()[-1].startswith("report: ")


def test_json_and_the_data_of_the_training(made: tuple[Path, Path], call: Call) -> None:
    run, _ = made
    code, out, err = call(run, "--json", "--cases", 3)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.evaluation/1"
    assert len(told["options"]["cases"]) == 3
    assert told["table"][0]["items"] == 30
    assert f"pellucid.evaluate({str(run)!r}, cases=3)" in told["python"]


def test_training_rows_are_warned_of(made: tuple[Path, Path], call: Call) -> None:
    run, data = made
    code, _, err = call(run, data, "--split", "train")
    assert code == 0
    assert "warning: 140 of these 140 items are those it was trained on" in err
    assert call(run, data, "--split", "al")[0] == 2


def config(run: Path, part: str, key: str, value: Any) -> None:
    told = tomllib.loads((run / "config.toml").read_text())
    told[part][key] = value
    (run / "config.toml").write_text(tomli_w.dumps(told))


@pytest.mark.parametrize("damage", ["config", "lacking", "weights", "split", "other", "none", "picture"])
def test_hostile_runs_are_one_line(made: tuple[Path, Path], call: Call, tmp_path: Path, damage: str) -> None:
    run, data = made
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in run.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    if damage == "config":
        (copy / "config.toml").write_text("[half")
    elif damage == "lacking":
        (copy / "config.toml").write_text("[pellucid]\nversion = '0'\n")
    elif damage == "weights":
        (copy / "best.safetensors").write_bytes((copy / "best.safetensors").read_bytes()[:999])
    elif damage == "split":
        (copy / "split.csv").write_bytes(b"\xff\x00\xff")
    elif damage == "other":
        config(copy, "network", "model", "small_cnn:16")
    elif damage == "none":
        copy = tmp_path / "nowhere"
    else:
        copy = data
    code, out, err = call(copy, data)
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1
    assert not out
    assert not Path("pellucid-evaluate").exists()
