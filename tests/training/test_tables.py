"""Runs that learnt from a table of numbers: other tables may have other orders, other columns and no label."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import pellucid
from cli.calling import call
from pellucid.core.errors import BadInput
from pellucid.report.figures import as_png
from pellucid.report.look import figure_of
from pellucid.training.evaluate import evaluate
from pellucid.training.predict import predict
from pellucid.training.runs import Run
from pellucid.training.train import train
from training.learnable import undrawn  # noqa: F401  (a fixture)

IRIS = load_iris(as_frame=True)
FRAME = IRIS.data.assign(species=IRIS.target_names[IRIS.target])
FEATURES = tuple(IRIS.feature_names)
CHOICES: dict[str, Any] = {"model": "linear", "epochs": 30, "lr": 0.05}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tables")
    FRAME.to_csv(folder / "iris.csv", index=False)
    return train(folder / "iris.csv", out=folder / "run", **CHOICES)


def decided(run: Run, given: Any) -> list[str]:
    return [row["decision"] for row in predict(run, given).table]


def test_a_run_knows_its_columns(run: Run) -> None:
    assert Run.open(run.folder).features == FEATURES
    assert run.data().features == FEATURES
    assert run.summary["next"]["new rows"].endswith(" TABLE")


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_table_with_or_without_the_label_and_in_any_order(run: Run, tmp_path: Path, ending: str) -> None:
    truth = decided(run, run.data())
    assert np.mean(np.array(truth) == FRAME.species) > 0.9
    frames = {
        "without": FRAME[list(FEATURES)],
        "turned": FRAME[list(FRAME.columns)[::-1]],
        "more": FRAME.assign(**{"a number": 3.5, "name": "x.png", "id": range(150)}).drop(columns="species"),
    }
    for name, frame in frames.items():
        path = tmp_path / f"{name}.{ending}"
        if ending == "parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
        assert decided(run, str(path)) == truth, name
    view = predict(run, path)
    assert (view.table[0]["name"], view.options["what"]) == (f"more.{ending}, row 2", "row")
    assert [name for name, _ in view.options["cases"][0]["numbers"]] == list(FEATURES)
    assert [value for _, value in view.options["cases"][0]["numbers"]] == pytest.approx([5.1, 3.5, 1.4, 0.2])
    assert len(as_png(figure_of(view))) > 5000


def test_several_tables_and_one_row(run: Run, tmp_path: Path) -> None:
    FRAME[:50].to_csv(tmp_path / "a.csv", index=False)
    FRAME[[*FEATURES[::-1]]][50:].to_csv(tmp_path / "b.csv", index=False)
    view = predict(run, [tmp_path / "a.csv", str(tmp_path / "b.csv")])
    assert [row["decision"] for row in view.table] == decided(run, run.data())
    assert view.table[50]["name"] == "b.csv, row 2"
    FRAME[[*FEATURES]][:1].to_csv(tmp_path / "one.csv", index=False)
    assert decided(run, tmp_path / "one.csv") == ["setosa"]
    with pytest.raises(BadInput, match="tables and other inputs at once"):
        predict(run, [tmp_path / "a.csv", "example:cat"])


def test_the_same_scores_in_any_order_beside_other_numbers(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "turned.csv"
    FRAME.assign(age=range(150))[["age", *list(FRAME.columns)[::-1]]].to_csv(path, index=False)
    own, turned = evaluate(run), evaluate(run, path, split="test")
    assert [row["value"] for row in turned.table] == [row["value"] for row in own.table]
    assert turned.options["learnt"] == 0
    by_hand = evaluate(run, pellucid.dataset(path, label="species").take(range(0, 150, 3)), split="all")
    assert by_hand.options["items"] == 50
    assert by_hand.options["learnt"] > 0


def test_what_is_missing_is_named_in_one_line(run: Run, tmp_path: Path) -> None:
    FRAME[["species", *FEATURES[:2]]].to_csv(tmp_path / "less.csv", index=False)
    said = r"2 columns are missing that the run learnt from: 'petal length \(cm\)' and 'petal width \(cm\)'"
    for ask in (predict, evaluate):
        with pytest.raises(BadInput, match=said):
            ask(run, str(tmp_path / "less.csv"))
    with pytest.raises(BadInput, match=said):
        predict(run, pellucid.dataset(tmp_path / "less.csv", label="species"))
    FRAME.rename(columns={FEATURES[0]: "Sepal length"}).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(BadInput, match=r"'sepal length \(cm\)'.*did you mean 'Sepal length'\?"):
        predict(run, tmp_path / "other.csv")
    (tmp_path / "holes.csv").write_text(",".join(FEATURES) + "\n1,2,3,4\n1,,3,4\n1,2,x,4\n")
    with pytest.raises(BadInput, match=r"2 problems: row 3: column 'sepal width.*; row 4: column 'petal length"):
        predict(run, tmp_path / "holes.csv")


def test_the_column_that_was_learnt_is_no_feature_later(tmp_path: Path) -> None:
    frame = FRAME.assign(number=IRIS.target)  # the last column, which no label= leaves as the one to learn
    frame.drop(columns="species").to_csv(tmp_path / "t.csv", index=False)
    label = FEATURES[3]
    run = train(tmp_path / "t.csv", out=tmp_path / "run", task="regression", labels=(label,), **CHOICES)
    assert run.features == (*FEATURES[:3], "number")
    assert evaluate(run, split="all").options["items"] == 150
    assert len(predict(run, str(tmp_path / "t.csv")).table) == 150


def test_the_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    FRAME[[*FEATURES[::-1]]].to_csv("new.csv", index=False)
    code, out, err = call(monkeypatch, capfd, "predict", run.folder, "new.csv", "--out", "said", "--json")
    assert code == 0, err
    assert [row["decision"] for row in json.loads(out)["table"]] == decided(run, run.data())
    with Path("said/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["row"] == "new.csv, row 2"
    code, out, err = call(monkeypatch, capfd, "predict", run.folder, "new.csv")
    assert "150 rows: " in out
    FRAME[["species"]].to_csv("none.csv", index=False)
    code, _, err = call(monkeypatch, capfd, "predict", run.folder, "none.csv")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "4 columns are missing" in err


def test_a_resumed_training_reads_the_same_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    FRAME.drop(columns="species").to_csv("t.csv", index=False)
    words = ["--task", "regression", "--model", "linear", "--epochs", "3", "--out", "run"]
    code, _, err = call(monkeypatch, capfd, "train", "t.csv", "--label", FEATURES[1], *words)
    assert code == 0, err
    before = (tmp_path / "run/last.safetensors").read_bytes()
    code, _, err = call(monkeypatch, capfd, "train", "--resume", "--out", "run")
    assert code == 0, err
    assert (tmp_path / "run/last.safetensors").read_bytes() == before


def test_evaluating_a_table_without_the_label(run: Run, tmp_path: Path) -> None:
    features = FRAME[list(FEATURES)]
    features.assign(split="test").to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(BadInput, match="no column 'species', which the run learnt; pass labelled items; pellucid pred"):
        evaluate(run, tmp_path / "bare.csv")
    features.assign(extra=1.5).to_csv(tmp_path / "extra.csv", index=False)
    with pytest.raises(
        BadInput, match=r"'extra' is taken for it; the run does not know '1.5' .*; name the column of cl"
    ):
        evaluate(run, tmp_path / "extra.csv")
