"""``pellucid compare-tasks``: alternatives from words, the folder, the JSON, mistakes that are told before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pellucid
from cli.calling import Call
from cli.learnable import write_bars
from pellucid.cli.compare_tasks import typed, varied
from pellucid.training import versus

COMMAND = ["compare-tasks"]
QUICK = ["--model", "linear", "--epochs", "2", "--seeds", "2"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("compare"))


def test_varied_and_named_alternatives_give_a_folder(table: Path, tmp_path: Path, call: Call) -> None:
    words = ["--label", "grade", "--vary", "smoothing=0|0.1", "-a", "slow: lr=0.0001 batch=16", "-a", "usual:"]
    code, out, err = call(table, *QUICK, *words, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.comparison/1"
    assert [a["name"] for a in told["options"]["alternatives"]] == ["0", "0.1", "slow", "usual"]
    assert told["options"]["alternatives"][2]["said"] == "lr=0.0001 batch=16"
    assert {row["metric"] for row in told["table"]} == {"accuracy", "balanced_accuracy", "macro_f1", "log_loss"}
    assert "pellucid.compare_tasks(" in told["python"]
    assert "'slow': {'lr': 0.0001, 'batch': 16}" in told["python"]
    view = pellucid.load(tmp_path / "out" / "view.npz")
    assert view["values/accuracy"].shape == (4, 2)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "4 alternatives on bars.csv" in page


def test_the_lines_of_python_do_the_same(table: Path, tmp_path: Path, monkeypatch: Any, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--label", "grade", "--vary", "smoothing=0|0.1", "--metric", "log_loss", "--against", "0"]
    code, out, err = call(table, *QUICK, *words, "--json")
    assert code == 0, err
    told = json.loads(out)
    found: dict[str, Any] = {}
    exec(told["python"], found)
    assert found["v"].options["against"] == "0"
    assert [row["value"] for row in found["v"].table] == [row["value"] for row in told["table"]]


def test_a_ready_made_set_speaks_plainly(table: Path, tmp_path: Path, call: Call) -> None:
    words = ["--set", "multigroup", "--label", "grade", "--label", "side", "--metric", "subset_accuracy"]
    code, out, err = call(
        table, "--model", "perceptron:8x1", "--epochs", "1", "--seeds", "2", *words, "-o", tmp_path / "o"
    )
    assert code == 0, err
    assert "a network for each, same total" in out
    assert "not told apart" in out
    assert "Only 2 seeds" in err
    assert out.strip().splitlines()[-1].startswith("report: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "it takes two alternatives or more"),
        (["--vary", "loss"], "write NAME=VALUE|VALUE"),
        (["--vary", "smoothing=0.1"], "write NAME=VALUE|VALUE"),
        (["--vary", "smoothing=0.1|0.1"], "names a value twice"),
        (["--vary", "smothing=0.1|0.2"], "unknown option 'smothing'; did you mean 'smoothing'"),
        (["--vary", "balance=none|all"], "--balance all"),
        (["--alternative", "lr=0.1"], "write NAME: OPTION=VALUE"),
        (["--alternative", "a: lr"], "'lr' is no OPTION=VALUE"),
        (["--alternative", "a: lr=1", "--alternative", "a: lr=2"], "two alternatives are called 'a'"),
        (["--vary", "epochs=one|two"], "--epochs one"),
        (["--set", "ordinal", "--vary", "lr=1|2"], "--set and alternatives of your own"),
        (["--set", "grades"], "there is no set of alternatives 'grades'"),
        (["--vary", "task=binary|ordinal"], "ordinal: column 'low' holds words, whose order nobody knows"),
        (["--vary", "lr=1|2", "--seeds", "1"], "seeds is 1"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: list[str], said: str, table: Path, tmp_path: Path, call: Call
) -> None:
    code, _, err = call(table, *QUICK, "--label", "low", *words, "--out", tmp_path / "out")
    assert code == 2, err
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_values_are_of_the_types_of_plan_and_task() -> None:
    words = {"lr": "0.1", "batch": "8", "size": "8x16", "augment": "flip,shift", "unfreeze_from": "head", "clip": "1"}
    assert typed(words, "multiclass") == {
        "lr": 0.1,
        "batch": 8,
        "size": (8, 16),
        "augment": ("flip", "shift"),
        "unfreeze_from": "head",
        "clip": 1.0,
    }
    assert typed({"lr": "find"}, "multiclass") == {"lr": "find"}
    assert typed({"task": "ordinal", "loss": "coral"}, "multiclass") == {"task": "ordinal", "loss": "coral"}
    assert typed({"networks": "separate"}, "multigroup") == {"networks": "separate"}


def test_every_combination_is_named() -> None:
    found = varied([("loss", ["a", "b"]), ("lr", ["1", "2"])])
    assert list(found) == ["loss a, lr 1", "loss a, lr 2", "loss b, lr 1", "loss b, lr 2"]
    assert varied([("backbone-lr", ["1", "2"])]) == {"1": {"backbone_lr": "1"}, "2": {"backbone_lr": "2"}}


def test_flags_of_a_sets_task_are_its_own(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    heard: dict[str, Any] = {}

    def listen(data: Any, alternatives: Any, **choices: Any) -> None:
        heard.update(choices, alternatives=alternatives)
        raise KeyboardInterrupt

    monkeypatch.setattr(versus, "compare_tasks", listen)
    call(table, "--set", "ordinal", "--label", "grade", "--metric", "qwk", "--spacing", "values", "-o", tmp_path / "o")
    assert heard["alternatives"] == "ordinal"
    assert heard["task"] == "ordinal"
    assert heard["options"] == {"spacing": "values"}
    assert heard["metrics"] == ("qwk",)
