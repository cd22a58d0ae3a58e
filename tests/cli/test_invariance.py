"""``pellucid invariance``: the folder, the words, the JSON with the cut, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pellucid
from cli.calling import Call
from pellucid.data.digits import write_mirrored_digits

NET = ["--model", "torchvision:resnet18", "--weights", "none", "--size", "33"]
COMMAND = ["invariance"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("invariance") / "digits"
    write_mirrored_digits(place, 10)
    return place


def test_a_folder_with_labels_gives_the_cut(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    layers = ["--layer", "relu", "--layer", "layer1"]
    code, out, err = call(digits, *NET, *layers, "--labels", digits / "labels.csv", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.invariance/1"
    view = pellucid.load(tmp_path / "pellucid-invariance" / "view.npz")
    assert told["unfreeze_from"] == view.options["unfreeze_from"]
    assert told["unfreeze_from"] in (None, "layer1", "layer2")
    assert [row["layer"] for row in told["table"]] == ["relu", "layer1"]
    assert told["options"]["probe"] == "labels"
    assert told["options"]["groups"] == 10
    saved = json.loads((tmp_path / "pellucid-invariance" / "summary.json").read_text())
    assert saved["unfreeze_from"] == told["unfreeze_from"]
    assert {"index.html", "figure.png", "view.npz"} <= set(saved["files"]["all"])
    assert "pellucid.invariance(net" in saved["python"]
    assert "layers=['relu', 'layer1']" in saved["python"]


def test_words_and_table_on_the_terminal(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(digits, *NET, "--layer", "layer1", "--transform", "shift:8,0")
    assert code == 0, err
    assert "Averaged over the whole map" in out
    assert "D_eq" in out
    assert "Only 20 pictures" in err
    assert "no probe" in err
    assert out.strip().splitlines()[-1].startswith("report: ")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["absent.jpg", "example:cat", "example:coffee", "example:rocket"], "absent.jpg"),
        (["DIGITS", "--transform", "mirror"], "transform 'mirror': unknown"),
        (["DIGITS", "--layer", "layer9"], "no layer matches 'layer9'"),
        (["DIGITS", "--labels", "absent.csv"], "absent.csv"),
        (["example:cat"], "1 picture cannot say"),
    ],
)
def test_bad_input(
    more: list[str], word: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*[str(digits) if m == "DIGITS" else m for m in more], *NET)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
