"""``pellucid baselines``: the folder, the words, the JSON, the plan, mistakes, an interruption."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from cli.calling import Call

COMMAND = ["baselines"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("baselines") / "digits.npz"
    given = load_digits()
    np.savez(place, x=(given.images[:120] * 15.9).astype(np.uint8), y=given.target[:120])
    return place


def test_a_table_with_words_and_a_page(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(digits, "--only", "knn,best-pixels", "--only", "logistic", "--folds", "2", "--quick")
    assert code == 0, err
    assert "Best is" in out
    assert "Should pixels be dropped first?" in out
    assert "With its labels shuffled" in out
    assert out.strip().splitlines()[-1].startswith("report: ")
    saved = json.loads((tmp_path / "pellucid-baselines" / "summary.json").read_text())
    assert saved["schema"] == "pellucid.baselines/1"
    assert {"index.html", "figure.png", "view.npz"} <= set(saved["files"]["all"])
    view = pellucid.load(tmp_path / "pellucid-baselines" / "view.npz")
    assert {row["rival"] for row in view.table} == {"most_frequent", "by_share", "knn", "best_pixels", "logistic"}
    assert "pellucid.baselines(" in saved["python"]
    assert "only=('knn', 'best_pixels', 'logistic'), folds=2, quick=True" in saved["python"]
    page = (tmp_path / "pellucid-baselines" / "index.html").read_text(encoding="utf-8")
    assert "digits.npz" in page


def test_json(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(digits, "--only", "knn", "--folds", "2", "--json", "--out", "told", "--seed", "3")
    assert code == 0, err
    told = json.loads(out)
    best = told["table"][0]
    assert best["rival"] == told["options"]["best"] == "knn"
    assert best["score_low"] <= best["score"] <= best["score_high"]
    assert told["provenance"]["data"]


def test_the_plan_learns_nothing(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(digits, "--dry-run", "--fine-tune", "blocks.5")
    assert code == 0, err
    assert "nothing was learnt" in out
    for rival in ("rbf_svm", "best_pixels", "perceptron", "small_cnn", "codes_linear", "fine_tune"):
        assert re.search(rf"\b{rival}$", out, re.MULTILINE), rival
    code, out, err = call(digits, "--dry-run", "--json", "--only", "pixels")
    told = json.loads(out)
    assert {row["group"] for row in told["rivals"]} == {"trivial", "pixels"}
    assert told["seconds"] > 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--only", "kn"], "no rival 'kn'"),
        (["--task", "multilabel"], "asks for several"),
        (["--label", "colour"], "no column 'colour'"),
        (["--folds", "500"], "cannot make 500 folds"),
        (["--size", "big"], "--size big"),
        (["--epochs", "3"], "unknown option --epochs"),
    ],
)
def test_bad_input(
    more: list[str], word: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(digits, *more)
    assert (code, out) == (2, ""), err
    assert word in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_nothing(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    from pellucid.training.rivals.table import rivals

    monkeypatch.chdir(tmp_path)

    def stop(fold: object) -> None:
        raise KeyboardInterrupt

    with rivals.temporary("stopping", stop, group="pixels", title="stops", question="?", seconds=lambda size: 1.0):
        code, _, err = call(digits, "--only", "stopping", "--folds", "2")
    assert code == 130
    assert "interrupted" in err
    assert not list(tmp_path.iterdir())
