"""Predicting: whatever holds pictures or matrices, and what the run says of them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.looks.prediction import write_csv
from pellucid.training.predict import predict
from pellucid.training.runs import Run
from pellucid.training.train import train
from training.learnable import stripes, undrawn, write  # noqa: F401  (a fixture)

CHOICES: dict[str, Any] = {"model": "small_cnn:8", "epochs": 12, "batch": 16, "lr": 0.01}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(stripes(160), out=tmp_path_factory.mktemp("predict") / "stripes", **CHOICES)


def test_what_was_learnt_is_said(run: Run, tmp_path: Path) -> None:
    fresh = stripes(40, seed=9)
    view = predict(run, fresh)
    assert [row["decision"] for row in view.table] == list(fresh.columns["way"])
    assert all(row["probability"] > 0.5 for row in view.table)
    assert all(row["otherwise"] != row["decision"] for row in view.table)
    assert view.options["counts"] == {"row": 20, "column": 20}
    np.testing.assert_allclose(view["probabilities"].sum(1), 1, atol=1e-6)
    folder = write(fresh, tmp_path / "new")
    from_files = predict(str(run.folder), str(folder))
    by_name = {Path(row["name"]).name: row["decision"] for row in from_files.table}
    assert by_name == {f"{i:04}.png": way for i, way in enumerate(fresh.columns["way"])}


def test_files_arrays_samples_and_lists_are_the_same(run: Run, tmp_path: Path) -> None:
    fresh = stripes(4, seed=9)
    folder = write(fresh, tmp_path / "new")
    files = sorted(folder.rglob("*.png"), key=lambda p: p.name)
    every: list[Any] = [fresh, list(fresh), [s.array for s in fresh], [str(f) for f in files], list(files)]
    every.append([files[0], *list(fresh)[1:]])
    found = [predict(run, given)["probabilities"] for given in every]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)
    assert len(predict(run, files[0]).table) == 1


def test_a_small_network_waits_for_no_library_that_it_needs_not(run: Run, tmp_path: Path) -> None:
    code = (
        "import sys, pellucid; pellucid.predict(*sys.argv[1:]); assert not {'timm', 'torchvision'} & set(sys.modules)"
    )
    folder = write(stripes(2, seed=9), tmp_path / "new")
    subprocess.run([sys.executable, "-c", code, str(run.folder), str(folder)], check=True)


def test_the_sheet_shows_some_of_many_and_the_table_all(run: Run, tmp_path: Path) -> None:
    view = predict(run, stripes(60), shown=5)
    assert len(view.options["cases"]) == 5
    assert len(view.table) == 60
    assert view.pictures is not None
    assert len(view.pictures) == 5
    look = look_of("prediction")
    assert len(as_png(look.figure(view))) > 5000
    said = [s.text for s in look.words(view)]
    assert said[0].startswith("60 pictures: ")
    assert "least sure" in said[1]
    write_csv(tmp_path / "predictions.csv", view)
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["picture", "decision", "probability", "p(column)", "p(row)"]
    assert len(rows) == 60
    assert float(rows[7]["p(row)"]) == pytest.approx(view["probabilities"][7, 1], rel=1e-5)


def test_matrices_of_numbers_are_predicted_and_other_sizes_refused(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    numbers = generator.normal(0, 1, (60, 6, 5)).astype(np.float32)
    numbers[:, 2] += 4 * kinds[:, None]
    data = Dataset("numbers", Stack.of(numbers, "numbers.npy"), {"kind": tuple(map(str, kinds))}, label="kind")
    found = train(data, out=tmp_path / "run", **{**CHOICES, "model": "perceptron:16x1", "epochs": 20})
    assert found.network.input.is_matrix
    view = predict(found, [s.array for s in data])
    assert np.mean([row["decision"] == kind for row, kind in zip(view.table, data.columns["kind"], strict=True)]) > 0.9
    assert view.pictures is not None
    with pytest.raises(BadInput):
        predict(found, [np.zeros((5, 6), np.float32)])
    with pytest.raises(BadInput):
        predict(found, ["example:cat"])


def test_a_regression_gives_its_numbers(tmp_path: Path) -> None:
    data = stripes(60)
    ink = tuple(f"{s.array.mean():.3f}" for s in data)
    told = Dataset("ink", data.items, {"ink": ink}, label="ink")
    found = train(told, out=tmp_path / "run", task="regression", **{**CHOICES, "epochs": 2})
    view = predict(found, told)
    assert "probability" not in view.table[0]
    assert view.table[0]["decision"] == f"{view['probabilities'][0, 0]:.4g}"
    write_csv(tmp_path / "numbers.csv", view)
    assert (tmp_path / "numbers.csv").read_text().startswith("picture,ink\n")
    assert len(as_png(look_of("prediction").figure(view))) > 5000
    assert "in the table" in look_of("prediction").words(view)[0].text


def test_what_cannot_be_read_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="broken"):
        predict(run, [str(tmp_path / "broken.png")])
    with pytest.raises(BadInput, match="no input"):
        predict(run, [])
    with pytest.raises(BadInput, match="no run"):
        predict(tmp_path, ["example:cat"])
    with pytest.raises(BadInput, match="0 pictures on the contact sheet; pass 1 or more"):
        predict(run, stripes(2), shown=0)


def test_it_is_public(run: Run) -> None:
    assert pellucid.predict is predict
    assert pellucid.train is train
    assert pellucid.Run is Run
