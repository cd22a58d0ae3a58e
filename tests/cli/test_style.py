"""``pellucid style`` and ``pellucid stylize`` as a stranger uses them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from cli.calling import Call
from pellucid.data.images import read

LAYERS = ["--content-layer", "blocks.1.1", "--style-layer", "blocks.0.0", "--style-layer", "blocks.2.0"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").mkdir()
    Image.fromarray(read("example:cat").array[::2, ::2]).save("one/cat.png")
    return tmp_path


def test_a_folder_of_one_picture(call: Call) -> None:
    code, out, err = call("style", "one", "-l", "stage:1", "-l", "stage:3", "--size", "96", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.style/1"
    assert len(told["table"]) == 2
    assert told["names"][0] == "cat"
    assert "joined" in told["notes"][0]
    assert any(w["text"].startswith("Content: take") for w in told["words"])
    view = pellucid.load("pellucid-style/view.npz")
    assert view["style"].shape == (2, len(told["names"]))


def test_words_and_a_table(call: Call) -> None:
    code, out, err = call("style", "-l", "stage:2", "--size", "64", "-o", "here")
    assert code == 0, err
    assert "Content: take" in out
    assert "C·P" in out
    assert out.strip().endswith("here/index.html")
    assert {p.name for p in Path("here").iterdir()} >= {"index.html", "figure.png", "summary.json", "view.npz"}


def test_the_saved_picture_is_the_shown_one(call: Call) -> None:
    ask = ["stylize", "one/cat.png", "example:gravel", *LAYERS, "--steps", 3, "--size", 48, "--strength", 2, "--json"]
    code, out, err = call(*ask)
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.stylize/1"
    assert (told["options"]["steps"], told["options"]["size"], told["options"]["strength"]) == (3, 48, 2)
    assert told["files"]["stylized.png"] == "The result at its full size."
    view = pellucid.load("pellucid-stylize/view.npz")
    with Image.open("pellucid-stylize/stylized.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), view["result"])
    assert view["result"].shape == (48, 72, 3)
    page = Path("pellucid-stylize/index.html").read_text(encoding="utf-8")
    line = next(l for l in page.splitlines() if "pellucid.stylize(net" in l)
    assert "steps=3" in line
    # The lines on the page do the same.
    again = pellucid.stylize(
        pellucid.open(),
        "one/cat.png",
        "example:gravel",
        content_layers=["blocks.1.1"],
        style_layers=["blocks.0.0", "blocks.2.0"],
        steps=3,
        size=48,
        strength=2.0,
    )
    np.testing.assert_array_equal(again["result"], view["result"])


def test_a_dry_run_leaves_nothing(call: Call) -> None:
    ask = ["stylize", "one/cat.png", "example:brick", *LAYERS, "--size", 48, "--dry-run"]
    code, out, err = call(*ask)
    assert code == 0, err
    assert out.startswith("250 steps at 48 × 72 would take about ")
    assert "content from blocks.1.1; style from blocks.0.0, blocks.2.0" in out
    code, out, err = call(*ask, "--json")
    assert json.loads(out)["schema"] == "pellucid.stylize-cost/1"
    assert sorted(p.name for p in Path().iterdir()) == ["one"]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["style", "absent.jpg"], "absent.jpg"),
        (["style", "one", "--layer", "conv4_2"], "no layer matches 'conv4_2'"),
        (["style", "one", "--layer", "paper:conv4_2"], "counts the convolutions between poolings"),
        (["stylize", "one/cat.png", "absent.jpg"], "absent.jpg"),
        (["stylize", "one", "example:brick"], "this is a folder"),
        (["stylize", "one/cat.png", "example:brick", "--steps", "0"], "steps is 0"),
        (["stylize", "one/cat.png", "example:brick", *LAYERS, "--strength", "-1"], "the strength is -1"),
        (["stylize", "one/cat.png", "example:brick", *LAYERS, "--size", "4"], "the size is 4"),
    ],
)
def test_bad_input(args: list[str], word: str, call: Call) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(p.name for p in Path().iterdir()) == ["one"]
