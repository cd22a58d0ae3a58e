"""Where somebody who trains for the first time stumbles: each is told in words that help, or does not happen."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Stack
from pellucid.report.looks.prediction import words
from pellucid.report.scores import metric_name
from pellucid.training.nonfinite import NonFinite
from pellucid.training.plan import Plan
from pellucid.training.runs import Run
from pellucid.training.scoring import scored
from pellucid.training.setup import prepare
from pellucid.training.train import train
from tasks.labelled import task
from training.learnable import stripes, undrawn  # noqa: F401  (a fixture)

SMALL: dict[str, Any] = {"model": "small_cnn:4", "epochs": 3, "batch": 16, "lr": 0.01}


def test_a_network_with_one_output_says_no_by_name(tmp_path: Path) -> None:
    run = train(stripes(), out=tmp_path / "run", task="binary", options={"positive": "row"}, **SMALL)
    network = pellucid.open(f"run:{run.folder}")
    x = torch.rand(6, *network.input.shape)
    shares = network.module.eval()(x).sigmoid()[:, 0].tolist()
    for answers, share in zip(network.predict(x), shares, strict=True):
        assert {name for _, name, _ in answers} == {"row", "column"}
        assert answers[0][2] >= answers[1][2]
        assert {name: p for _, name, p in answers}["row"] == pytest.approx(share, abs=1e-5)
        assert sum(p for _, _, p in answers) == pytest.approx(1)
    assert pellucid.explain(network, x[:1]).target == ("row",)


def test_pictures_that_are_in_two_splits_take_the_score_its_worth(tmp_path: Path) -> None:
    own = stripes(60)
    twice = own.take([*range(60), *range(30)])
    files = Stack.of(np.stack([twice[i].array for i in range(90)]), "stripes.npz")
    data = dataclasses.replace(twice, items=files, rows=None, split=("train",) * 40 + ("val",) * 20 + ("test",) * 30)
    run = train(data, out=tmp_path / "run", **SMALL)
    (note,) = [n for n in run.summary["notes"] if "also in train" in n]
    assert note.startswith("30 pictures of test are also in train (put the same ones into one group")
    warnings = [w["text"] for w in run.summary["words"] if w["level"] == "warning"]
    assert any(
        w.startswith("30 of 30 test pictures are also in train or val: the test score is no proof") for w in warnings
    )


def test_a_class_without_a_test_item_is_told_beside_the_score(tmp_path: Path) -> None:
    own = stripes(60)
    cells = list(own.columns["way"])
    cells[:4] = ["both"] * 4
    splits = tuple("train" if i < 30 else "val" if i < 45 else "test" for i in range(60))
    run = train(dataclasses.replace(own, columns={"way": tuple(cells)}, split=splits), out=tmp_path / "run", **SMALL)
    told = " ".join(w["text"] for w in run.summary["words"] if w["level"] == "warning")
    assert "The test score covers 2 of 3 classes: no test item is “both”." in told


def test_pictures_that_are_all_one_colour_are_refused(tmp_path: Path) -> None:
    own = stripes(40)
    empty = dataclasses.replace(own, items=Stack.of(np.full((40, 8, 8), 7, np.uint8), "empty.npz"))
    with pytest.raises(BadInput, match=r"1 problem: all pictures are of one and the same colour.*40 pictures are of"):
        train(empty, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_numbers_that_repeat_are_dealt_by_tenths() -> None:
    values = np.round(np.random.default_rng(0).gamma(4, 10, 400), 0)
    assert 40 < len(set(values)) < 130  # so that most are there several times
    own = dataclasses.replace(stripes(400), columns={"size": tuple(map(str, values))}, label="size")
    setup = prepare(own, Plan(task="regression", model="small_cnn:4"))
    assert [len(setup.rows[s]) for s in ("train", "val", "test")] == pytest.approx([280, 60, 60], abs=3)
    assert not [n for n in setup.notes if "only example" in n or "train alone" in n]


def test_measured_numbers_are_no_classes() -> None:
    values = np.round(np.random.default_rng(0).normal(10, 3, 400), 1)
    own = dataclasses.replace(stripes(400), columns={"size": tuple(map(str, values))}, label="size")
    with pytest.raises(BadInput, match=r"different numbers, .*did you mean --task regression\?"):
        prepare(own, Plan(model="small_cnn:4"))
    coarse = tuple(str(v) for v in np.arange(400) % 25 / 2)
    setup = prepare(dataclasses.replace(own, columns={"size": coarse}), Plan(model="small_cnn:4"))
    assert [n for n in setup.notes if "did you mean --task regression?" in n]


def test_cells_of_tags_are_no_classes_and_commas_in_names_are() -> None:
    own = stripes(60)
    tags = tuple(("box;round", "round", "box")[i % 3] for i in range(60))
    with pytest.raises(BadInput, match=r"several tags a cell .*did you mean --task multilabel\?"):
        prepare(dataclasses.replace(own, columns={"tags": tags}, label="tags"), Plan(model="small_cnn:4"))
    names = ["Smith, John", "Smith, Ann"] * 29 + ["Smith, Eve"] * 2
    splits = ("train",) * 40 + ("val",) * 9 + ("test",) * 11
    named = dataclasses.replace(own, columns={"who": tuple(names)}, label="who", split=splits)
    with pytest.raises(BadInput, match="who 'Smith, Eve' is in test alone, so it cannot be learned"):
        prepare(named, Plan(model="small_cnn:4"))


def test_shares_may_be_whole_numbers() -> None:
    assert Plan(shares=(70, 15, 15)).shares == pytest.approx((0.7, 0.15, 0.15))
    assert Plan(shares=(2, 1, 1)).shares == (0.5, 0.25, 0.25)
    with pytest.raises(BadInput, match="pass three"):
        Plan(shares=(0.0, 1.0, 0.0))


def test_no_mistake_among_few_has_an_interval_all_the_same() -> None:
    made = task("multiclass", {"kind": ["a", "b"] * 12})
    truth = np.arange(24) % 2
    found = scored(made, truth, np.eye(2)[truth])
    assert (found["accuracy"].low, found["accuracy"].high) == (pytest.approx(0.05 ** (1 / 24)), 1.0)
    assert found["balanced_accuracy"].low == pytest.approx(0.05 ** (1 / 12))  # its rarer class has twelve items
    nothing = scored(made, truth, np.eye(2)[1 - truth])
    assert (nothing["accuracy"].low, nothing["accuracy"].high) == (0.0, pytest.approx(1 - 0.05 ** (1 / 24)))
    grouped = scored(made, truth, np.eye(2)[truth], groups=[f"group {i // 4}" for i in range(24)])
    assert grouped["accuracy"].low == pytest.approx(0.05 ** (1 / 6))
    one = np.eye(2)[np.where(np.arange(24) == 3, 1 - truth, truth)]
    assert scored(made, truth, one)["accuracy"].ends is None


def test_so_many_in_a_hundred_intervals_hold_the_truth() -> None:
    rng, held = np.random.default_rng(0), 0
    made = task("multiclass", {"kind": ["a", "b"] * 12})
    for right in rng.random((100, 24)) < 0.9:
        truth = np.zeros(24, int)
        found = scored(made, truth, np.eye(2)[np.where(right, 0, 1)], draws=100)["accuracy"]
        held += found.low <= 0.9 <= found.high
    assert held > 88


def test_a_learning_rate_that_is_far_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(NonFinite, match=r"epoch \d, step \d: \w+ pass: .*; lr is 1e\+30, which is the likely cause"):
        train(stripes(), out=tmp_path / "run", **{**SMALL, "lr": 1e30})


def test_lost_weights_and_runs_that_are_not_there_are_told_as_such(tmp_path: Path) -> None:
    run = train(stripes(40), out=tmp_path / "stripes", **SMALL)
    (run.folder / "best.safetensors").unlink()
    with pytest.raises(BadInput, match=r"best\.safetensors is missing; restore it, or copy last\.safetensors"):
        _ = run.network
    for use in (Run.open, lambda folder: pellucid.open(f"run:{folder}")):
        with pytest.raises(BadInput, match="no such folder; did you mean 'stripes'"):
            use(tmp_path / "stripe")


def test_what_a_data_set_may_be_may_be_trained_on(tmp_path: Path) -> None:
    own = stripes(40)
    arrays = {"x": np.stack([own[i].array for i in range(40)]), "y": np.arange(40) % 2}
    assert train(arrays, out=tmp_path / "run", **SMALL).done


def test_a_run_that_goes_on_names_the_choices_that_changed(tmp_path: Path) -> None:
    run = train(stripes(40), out=tmp_path / "run", **SMALL)
    train(stripes(40), out=run.folder, resume=True, **SMALL)
    with pytest.raises(BadInput, match=r"the choices changed \(epochs: 3 → 5; batch: 16 → 8\)"):
        train("data that nobody reads", out=run.folder, resume=True, **{**SMALL, "epochs": 5, "batch": 8})
    with pytest.raises(BadInput, match="nothing to resume"):
        train(stripes(40), out=tmp_path / "new", resume=True, **SMALL)


def test_all_pictures_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    run = train(stripes(40), out=tmp_path / "run", **SMALL)
    folder = tmp_path / "new"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_text("no picture")
    Image.fromarray(stripes(1)[0].array[..., 0]).save(folder / "c.png")
    with pytest.raises(BadInput, match=r"2 problems: .*a\.png.*b\.png"):
        pellucid.predict(run, folder)
    told = [s.text for s in words(pellucid.predict(run, folder / "c.png"))]
    assert sum("A probability tells nothing" in text for text in told) == 1


def test_tags_are_offered_where_yes_or_no_is_asked_of_them() -> None:
    columns = {"tags": ["box;round", "round", "box"]}
    with pytest.raises(BadInput, match=r"--tags --positive TAG, or use --task multilabel"):
        task("binary", columns)
    with pytest.raises(BadInput, match=r"one of several tags .*pass --tags"):
        task("binary", {"tags": ["box;round", "red;round", "box"]}, positive="red")


def test_metrics_of_groups_are_named_as_all_others() -> None:
    assert metric_name("macro_f1: parity") == "Macro F1: parity"
    assert metric_name("accuracy: of_what") == "Accuracy: of_what"
