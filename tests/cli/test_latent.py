"""``pellucid latent``: a run in, the page, the words and the JSON out; hostile names."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cli.calling import Call
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import open_dataset
from pellucid.training.train import train
from training.learnable import undrawn  # noqa: F401  (a fixture)

COMMAND = ["latent"]


def data(folder: Path) -> Dataset:
    generator = np.random.default_rng(0)
    kinds = np.arange(90) % 3
    images = generator.random((3, 6, 6))[kinds] * 200 + 20 * generator.random((90, 6, 6))
    np.savez(folder / "made.npz", images=images.astype(np.uint8), labels=kinds)
    return open_dataset(str(folder / "made.npz"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run; its data lie beside it."""
    place = tmp_path_factory.mktemp("latent")
    plan = {"task": "autoencoder", "model": "autoencoder:linear-2", "epochs": 10, "lr": 0.03}
    return train(data(place), out=place / "run", options={"anomalous": "2"}, **plan).folder


@pytest.fixture(autouse=True)
def within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_answer_the_table_and_the_page(made: Path, call: Call) -> None:
    code, out, err = call(made)
    assert code == 0, err
    assert "2 numbers a picture miss" in out
    assert "are not normal" in out
    assert "Mahalanobis distance" in out
    assert Path("pellucid-latent/index.html").is_file()
    assert Path("pellucid-latent/figure.png").is_file()
    rows = list(csv.DictReader(Path("pellucid-latent/pictures.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["class"] for row in rows} == {"0", "1", "2"}
    assert {row["normal"] for row in rows if row["class"] == "2"} == {"no"}
    errors = [float(row["reconstruction error (code)"]) for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert "distance to neighbours (pixels)" in rows[0]


def test_pictures_without_labels_are_scored(made: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.report.view_page.as_png", lambda figure: b"drawn before")
    np.savez("new.npz", images=np.random.default_rng(1).integers(0, 255, (30, 6, 6), np.uint8))
    code, _, err = call(made, "new.npz")
    assert code == 0, err
    assert "no column says which pictures are normal" in err
    assert Path("pellucid-latent/pictures.csv").read_text(encoding="utf-8").startswith("picture,class,group,reconstr")
    code, _, err = call(made, "new.npz", "--normal", "0")
    assert (code, "no column says which items are normal" in err) == (2, True)


def test_the_json_has_every_figure_and_how_to_do_the_same(
    made: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.report.view_page.as_png", lambda figure: b"drawn before")
    code, out, err = call(made, made.parent / "made.npz", "--clusters", 4, "--seed", 3, "--json", "-o", "there")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.latent/1"
    assert {row["part"] for row in told["table"]} == {"reconstruction", "groups", "classes", "outliers"}
    assert "clusters=4" in told["python"]
    assert "seed=3" in told["python"]
    assert told["options"]["clusters"] == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "no such folder"),
        (["RUN", "--layer", "cod"], "no layer matches"),
        (["RUN", "--normal", "7"], "no class '7'"),
        (["RUN", "--label", "x"], "no column 'x'"),
        (["RUN", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(made: Path, call: Call, words: list[str], says: str) -> None:
    code, _, err = call(*[made if word == "RUN" else word for word in words])
    assert code == 2
    assert says in err
    assert not Path("pellucid-latent").exists()


def test_evaluate_and_predict_send_one_here(made: Path, call: Call) -> None:
    code, _, err = call.func(*call.args[:2], "evaluate", made)  # type: ignore[attr-defined]
    assert code == 2
    assert "pellucid latent" in err
