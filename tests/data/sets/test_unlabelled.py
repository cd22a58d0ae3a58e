"""A folder of pictures of which nothing is known: enough for tasks that learn from pictures alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8)
    for i, array in enumerate(values):
        Image.fromarray(array).save(folder / f"{i:02}.png")
    return folder


def test_pictures_in_the_order_of_their_names_without_a_column(tmp_path: Path) -> None:
    folder = pictures(tmp_path, 3)
    (folder / ".hidden.png").write_text("x")
    (folder / "Thumbs.db").write_text("x")
    (folder / "notes.txt").write_text("x")
    data = pellucid.dataset(folder)
    assert [Path(name).name for name in data.names()] == ["00.png", "01.png", "02.png"]
    assert (data.columns, data.label, data.split) == ({}, None, None)
    assert [(Path(p.where).name, p.fatal) for p in data.problems] == [("notes.txt", False)], "training can begin"


def test_matrices_where_there_are_more_of_these(tmp_path: Path) -> None:
    folder = pictures(tmp_path, 1)
    for i in range(2):
        np.save(folder / f"m{i}.npy", np.ones((4, 4)))
    data = pellucid.dataset(folder)
    assert [Path(name).name for name in data.names()] == ["m0.npy", "m1.npy"]
    assert data[0].array.shape == (4, 4)


@pytest.mark.parametrize(("task", "model"), [("autoencoder", "autoencoder:linear-2"), ("contrastive", "small_cnn:2")])
def test_tasks_without_labels_learn_from_it(tmp_path: Path, task: str, model: str) -> None:
    data = pictures(tmp_path / "photos", 24)
    run = pellucid.train(str(data), out=tmp_path / "run", task=task, model=model, epochs=1)
    look = pellucid.latent if task == "autoencoder" else pellucid.evaluate
    assert {row["part"] for row in look(run).table} <= {"reconstruction", "geometry"}


def test_contrast_of_hardly_any_pictures(tmp_path: Path) -> None:
    plan = {"task": "contrastive", "model": "small_cnn:2", "epochs": 2}
    run = pellucid.train(str(pictures(tmp_path / "two", 2)), out=tmp_path / "run", **plan)
    assert {row["split"] for row in run.summary["scores"]} == {"train"}
    assert pellucid.load(run.folder / "view.npz").options["shown"] == "contrastive_loss"
    with pytest.raises(pellucid.BadInput, match="one picture to learn from has no other to be told from"):
        pellucid.train(str(pictures(tmp_path / "one", 1)), out=tmp_path / "none", **plan)
    data = pellucid.dataset(str(pictures(tmp_path / "five", 5)))
    notes = prepare(data, Plan.of(plan)).notes
    assert any("the only picture of test has no other to be told from" in note for note in notes)


def test_a_task_with_labels_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(pellucid.BadInput, match="what to learn; put each picture into a folder of its class's name"):
        pellucid.train(str(pictures(tmp_path / "photos", 4)), out=tmp_path / "run", model="small_cnn:2")
