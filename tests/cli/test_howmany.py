"""``pellucid howmany``: the folder, the words, the JSON, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pellucid
from cli.calling import Call
from cli.learnable import write_bars
from pellucid.synth.boards import boards

COMMAND = ["howmany"]
QUICK = ["--model", "linear", "--epochs", "2", "--lr", "0.03", "--repeats", "3", "--label", "grade"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("howmany"))


def test_a_target_gives_a_folder_and_python_that_does_the_same(
    table: Path, tmp_path: Path, monkeypatch: Any, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(table, *QUICK, "--sizes", "6,12,24,48", "--target", "0.9", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.howmany/1"
    assert [row["pictures"] for row in told["table"] if row["known"] == "measured"] == [6, 12, 24, 48]
    assert told["options"]["target"]["score"] == 0.9
    assert (tmp_path / "pellucid-howmany" / "index.html").exists()
    found: dict[str, Any] = {}
    exec(told["python"], found)
    assert [row["score"] for row in found["v"].table] == [row["score"] for row in told["table"]]
    view = pellucid.load(tmp_path / "pellucid-howmany" / "view.npz")
    assert view["score"].shape == (4, 3)


def test_words_on_the_terminal(table: Path, tmp_path: Path, call: Call) -> None:
    code, out, err = call(table, *QUICK, "--sizes", "6,12,24,48", "--metric", "log_loss", "-o", tmp_path / "o")
    assert code == 0, err
    assert "Log loss, the mean of" in out
    assert "Only 3 repeats" in err
    assert out.strip().splitlines()[-1].startswith("report: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sizes", "some"], "pass how many, such as 7"),
        (["--sizes", "3"], "3 sizes"),
        (["--sizes", "5,10,20,5000"], "choose them from 2 to"),
        (["--target", "1"], "choose one below the best"),
        (["--instances"], "make no grid"),
        (["--instances", "--target", "0.9"], "--instances has sizes of its own"),
        (["--budget", "time"], "budget is 'time'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: list[str], said: str, table: Path, tmp_path: Path, call: Call
) -> None:
    code, _, err = call(table, *QUICK, *words, "--out", tmp_path / "out")
    assert code == 2, err
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_instances_vary_boxes_apart_from_boards(tmp_path: Path, monkeypatch: Any, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["path,boxes"]
    for i, board in enumerate(boards(14, side=16, figures=(2, 3))):
        Image.fromarray(board.picture).save(tmp_path / f"{i}.png")
        told = [[kind, *corners] for kind, corners in zip(board.kinds, board.corners.tolist(), strict=True)]
        rows.append(f'{i}.png,"{json.dumps(told).replace(chr(34), chr(34) * 2)}"')
    (tmp_path / "boards.csv").write_text("\n".join(rows), encoding="utf-8")
    words = ["--task", "detection", "--model", "grid:2", "--epochs", "1", "--batch", "8", "--repeats", "3"]
    code, out, err = call("boards.csv", *words, "--instances", "--metric", "recall", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.on_each/1"
    assert {row["each"] for row in told["table"]} == {1, 2}
    assert [row["pictures"] for row in told["table"]] == [2, 2, 5, 5, 10, 10]
    assert told["options"]["things"] == "boxes"
    assert (tmp_path / "pellucid-howmany" / "figure.png").exists()
    found: dict[str, Any] = {}
    exec(told["python"], found)
    assert [row["score"] for row in found["v"].table] == [row["score"] for row in told["table"]]


def test_without_boxes_there_are_none_to_vary(table: Path, tmp_path: Path, call: Call) -> None:
    code, _, err = call(table, "--task", "detection", "--instances", "--out", tmp_path / "out")
    assert code == 2, err
    assert "the data tell of no boxes; name a data set that has boxes" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
