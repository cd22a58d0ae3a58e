"""``pellucid predict``: folders, examples, matrices and stacks; the sheet, the table, the CSV, the JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cli.calling import Call
from pellucid.data.dataset import Dataset, Stack
from pellucid.training.train import train
from training.learnable import stripes, undrawn, write  # noqa: F401  (a fixture)

COMMAND = ["predict"]
SMALL = {"model": "small_cnn:4", "epochs": 2, "batch": 16, "lr": 0.02}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(stripes(60), out=tmp_path_factory.mktemp("predict") / "run", **SMALL).folder  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_gives_sheet_table_and_csv(run: Path, tmp_path: Path, call: Call) -> None:
    folder = write(stripes(10, seed=3), tmp_path / "new")
    code, out, err = call(run, folder, "--out", "said")
    assert code == 0, err
    assert "10 pictures" in out
    assert out.strip().splitlines()[-1].startswith("report: ")
    names = {p.name for p in Path("said").iterdir()}
    assert names == {"index.html", "figure.png", "predictions.csv", "view.npz", "summary.json"}
    with Path("said/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert {row["decision"] for row in rows} <= {"row", "column"}
    code, out, _ = call(run, folder, "--out", "said", "--json")
    told = json.loads(out)
    assert told["schema"] == "pellucid.prediction/1"
    assert [row["decision"] for row in told["table"]] == [row["decision"] for row in rows]
    assert "pellucid.predict(" in told["python"]


def test_examples_stacks_and_matrices(run: Path, tmp_path: Path, call: Call) -> None:
    code, out, err = call(run, "example:cat", "--json")
    assert code == 0, err
    assert json.loads(out)["table"][0]["name"] == "example:cat"
    np.save("stack.npy", np.stack([s.array for s in stripes(5)]).astype(np.float32))
    code, _, err = call(run, "stack.npy", "--stacked")
    assert code == 2  # numbers, where pictures were learnt
    numbers = np.random.default_rng(0).normal(0, 1, (40, 4, 6)).astype(np.float32)
    kinds = tuple(str(int(n.mean() > 0)) for n in numbers)
    data = Dataset("numbers", Stack.of(numbers, "numbers.npy"), {"kind": kinds}, label="kind")
    train(data, out="runs/numbers", **{**SMALL, "model": "linear"})  # type: ignore[arg-type]
    np.save("numbers.npy", numbers)
    np.save("one.npy", numbers[0])
    code, out, err = call("runs/numbers", "numbers.npy", "--stacked", "--json")
    assert code == 0, err
    assert len(json.loads(out)["table"]) == 40
    code, out, err = call("runs/numbers", "one.npy", "--json")
    assert code == 0, err
    assert len(json.loads(out)["table"]) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nowhere.png"], "no such file"), (["example:cta"], "cat"), (["{run}/config.toml"], "config.toml")],
)
def test_mistakes_are_one_line(run: Path, call: Call, words: list[str], told: str) -> None:
    code, _, err = call(run, *(w.format(run=run) for w in words))
    assert code == 2, err
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("pellucid-predict").exists()
