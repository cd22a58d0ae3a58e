"""Evaluating: on what was not learnt from, with the mistakes that were made, for every form of answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.looks.evaluation import mistakes_figure
from pellucid.tasks.metrics import confusion
from pellucid.training.evaluate import evaluate
from pellucid.training.forms import form_of, mistaken, sureness
from pellucid.training.runs import Run
from pellucid.training.told_apart import calibration, wilson
from pellucid.training.train import train
from training.learnable import digits, stripes, undrawn, write  # noqa: F401  (a fixture)

CHOICES: dict[str, Any] = {"model": "small_cnn:4", "epochs": 4, "batch": 16, "lr": 0.02}


def rich(count: int = 240) -> Dataset:
    """Digits with a column for every form of answers."""
    found = digits(count)
    numbers = [int(cell) for cell in found.columns["digit"]]
    tags = (("odd", lambda k: k % 2), ("loop", lambda k: k in (0, 6, 8, 9)), ("large", lambda k: k > 6))
    columns = {
        **found.columns,
        "tags": tuple(";".join(name for name, has in tags if has(k)) for k in numbers),
        "parity": tuple(("even", "odd")[k % 2] for k in numbers),
        "size": tuple(("small", "middle", "large")[min(2, k // 4)] for k in numbers),
        "ink": tuple(f"{s.array.sum() / 1000:.3f}" for s in found),
    }
    return dataclasses.replace(found, columns=columns)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(digits(240), out=tmp_path_factory.mktemp("evaluate") / "digits", **CHOICES)


FORMS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "one": ("multiclass", ("digit",), "confusion"),
    "two": ("binary", ("parity",), "confusion"),
    "grades": ("ordinal", ("digit",), "confusion"),
    "labels": ("multilabel", ("tags",), "calibration/p"),
    "groups": ("multigroup", ("parity", "size"), "confusion/size"),
    "numbers": ("regression", ("ink",), "truth/ink"),
}


_OFTEN = ("one", "labels", "numbers")


@pytest.mark.parametrize("form", [pytest.param(f, marks=() if f in _OFTEN else pytest.mark.slow) for f in FORMS])
def test_every_form_is_evaluated_drawn_and_told(form: str, tmp_path: Path) -> None:
    task, labels, array = FORMS[form]
    data = rich(120)
    found = train(data, out=tmp_path / "run", task=task, labels=labels, **{**CHOICES, "epochs": 2})
    view = evaluate(found, data, cases=5)
    assert array in view.arrays
    assert view.options["split"] == "test"
    summed = {row["metric"]: row["value"] for row in found.summary["scores"] if row["split"] == "test"}
    for row in view.table:
        told = summed[row["metric"]]  # JSON has no NaN
        assert row["value"] == pytest.approx(np.nan if told is None else told, nan_ok=True, abs=1e-5)
    cases = view.options["cases"]
    assert 0 < len(cases) <= 5
    assert view.pictures is not None
    assert view.pictures.shape == (len(cases), 144, 144, 3)
    assert all(case["truth"] != case["decision"] for case in cases)
    look = look_of("evaluation")
    drawn = look.figure(view)
    assert len(as_png(drawn)) > 5000
    for axes in drawn.axes:  # no heading is cut off
        assert axes._left_title.get_window_extent().x1 <= drawn.bbox.x1
    sheet = mistakes_figure(view)
    assert sheet is not None
    assert len(as_png(sheet)) > 5000
    assert any("constant answer" in s.text for s in look.words(view))
    assert pellucid.load(view.save(tmp_path / "view.npz")).options["cases"] == cases


# -- which items ----------------------------------------------------------------------------------


def test_the_training_data_give_the_runs_own_test_items(run: Run) -> None:
    view = evaluate(run, digits(240))
    own = [i.name for i in run.items if i.split == "test"]
    assert view.table[0]["items"] == len(own)
    assert view.options["learnt"] == 0
    assert set(view.names) <= set(own)
    assert not [s for s in look_of("evaluation").words(view) if "trained on" in s.text]


def test_training_items_are_told_aloud(run: Run) -> None:
    view = evaluate(run, digits(240), split="train")
    count = run.summary["data"]["items"]
    assert view.options["learnt"] == view.table[0]["items"] == count["train"]
    (said, *_) = look_of("evaluation").words(view)
    assert said.level == "warning"
    assert "{0} of these {0} items are those it was trained on".format(count["train"]) in said.text
    every = evaluate(run, digits(240), split="all")
    assert (every.table[0]["items"], every.options["learnt"], every.options["tuned"]) == (
        240,
        count["train"],
        count["val"],
    )
    tuned = evaluate(run, digits(240), split="val")
    assert "chose the best epoch" in look_of("evaluation").words(tuned)[0].text


def test_training_items_are_known_wherever_they_lie(run: Run) -> None:
    whole = digits(300)
    moved = Dataset("elsewhere", Stack.of(whole.items.whole, "other.npz"), whole.columns, label="digit")  # type: ignore[union-attr]
    view = evaluate(run, moved)
    assert view.options["split"] == "test"
    assert view.table[0]["items"] == run.summary["data"]["items"]["test"] + 60
    assert any("60 items were not there" in note for note in view.notes)
    places = [int(i.name.split("[")[1][:-1]) for i in run.items if i.split == "train"]
    with pytest.raises(BadInput, match=f"all {len(places)} items are those that it learnt from"):
        evaluate(run, moved.take(places))


def test_new_data_are_evaluated_whole_and_what_was_seen_is_left_out(run: Run) -> None:
    whole = digits(340)
    fresh = whole.take(range(240, 340))
    view = evaluate(run, fresh)
    assert (view.options["split"], view.table[0]["items"]) == ("new", 100)
    train_place = next(int(i.name.split("[")[1][:-1]) for i in run.items if i.split == "train")
    mixed = whole.take([train_place, *range(240, 340)])
    again = evaluate(run, mixed)
    assert again.table[0]["items"] == 100
    assert any("left out 1 that it was trained on" in note for note in again.notes)


def test_a_split_of_the_datas_own_or_an_unknown_one(run: Run) -> None:
    whole = digits(340)
    named = dataclasses.replace(whole.take(range(240, 340)), split=("old",) * 60 + ("hard",) * 40)
    assert evaluate(run, named, split="hard").table[0]["items"] == 40
    with pytest.raises(BadInput, match="hard"):
        evaluate(run, named, split="hardd")


# -- which labels ---------------------------------------------------------------------------------


def test_classes_that_the_run_does_not_know_are_told_at_once_with_near_names(tmp_path: Path) -> None:
    found = train(stripes(60), out=tmp_path / "run", **{**CHOICES, "epochs": 1})
    other = stripes(8, seed=5)
    cells = ("rows", "column", "rows", "diagonal", "row", "column", "row", "column")
    with pytest.raises(BadInput) as caught:
        evaluate(found, dataclasses.replace(other, columns={"way": cells}))
    told = str(caught.value)
    assert "'rows' (2 items; did you mean 'row'" in told
    assert "'diagonal' (1 item" in told


def test_items_without_a_label_are_counted_and_left_out(run: Run) -> None:
    fresh = digits(340).take(range(240, 340))
    cells = ("", "", *fresh.columns["digit"][2:])
    view = evaluate(run, dataclasses.replace(fresh, columns={"digit": cells}))
    assert (view.table[0]["items"], view.options["skipped"]) == (98, 2)
    assert any("2 items without a label" in s.text for s in look_of("evaluation").words(view))
    with pytest.raises(BadInput, match="none of these items has a label"):
        evaluate(run, dataclasses.replace(fresh, columns={"digit": ("",) * 100}))


def test_a_column_of_another_name_is_taken_and_told(run: Run) -> None:
    fresh = digits(260).take(range(240, 260))
    other = dataclasses.replace(fresh, columns={"class": fresh.columns["digit"], "x": ("1",) * 20}, label="class")
    view = evaluate(run, other)
    assert any("'class' is taken for it" in note for note in view.notes)
    assert evaluate(run, dataclasses.replace(other, label=None), label="class").table == view.table
    with pytest.raises(BadInput, match="no column 'digit', which the run learnt"):
        evaluate(run, dataclasses.replace(other, label=None))


def test_a_folder_of_pictures_and_unreadable_files(run: Run, tmp_path: Path) -> None:
    fresh = digits(300).take(range(240, 300))
    folder = write(fresh, tmp_path / "new")
    view = evaluate(str(run.folder), folder)
    expected = evaluate(run, fresh)
    assert [row["value"] for row in view.table] == pytest.approx([row["value"] for row in expected.table], abs=1e-6)
    (folder / "3" / "broken.png").write_bytes(b"no picture")
    (folder / "4" / "empty.png").write_bytes(b"")
    with pytest.raises(BadInput, match="2 problems"):
        evaluate(run, folder)
    Image.new("L", (8, 8), 7).save(folder / "3" / "broken.png")  # of one colour: told, and evaluated
    (folder / "4" / "empty.png").unlink()
    assert evaluate(run, folder).table[0]["items"] == 61


def test_rows_that_name_no_file_are_told(run: Run, tmp_path: Path) -> None:
    folder = write(digits(300).take(range(240, 300)), tmp_path / "new")
    named = [f"{path.relative_to(folder)},{path.parent.name}" for path in sorted(folder.glob("*/*.png"))]
    (folder / "labels.csv").write_text("\n".join(["path,digit", *named, "3/gone.png,3", "4/gone.png,4"]))
    with pytest.raises(BadInput, match=r"2 problems: row 62: 3/gone\.png: there is no such file"):
        evaluate(run, folder, label="digit")


# -- figures that are known -----------------------------------------------------------------------


def test_confusion_cases_and_classes_are_those_of_the_decisions(run: Run) -> None:
    from pellucid.training.answering import answers
    from pellucid.training.examples import Examples, Store

    fresh = digits(340).take(range(240, 340))
    view = evaluate(run, fresh, cases=200)
    task, network = run.task, run.network
    targets = task.encode(fresh.columns)
    p = answers(network, task, Examples(Store(fresh, network.input), np.arange(100), targets))
    said = task.decide(p, task.rule)
    np.testing.assert_array_equal(view["confusion"], confusion(targets.numpy(), said, 10))
    wrong = np.flatnonzero(said != targets.numpy())
    cases = view.options["cases"]
    assert {case["item"] for case in cases} == set(wrong.tolist())
    assert view.options["wrong"] == len(wrong)
    sure = [next(b["p"] for b in case["bars"] if b["decided"]) for case in cases]
    assert sure == sorted(sure, reverse=True)
    assert all(any(b["true"] for b in case["bars"]) for case in cases)
    row = view.options["classes"][3]
    right = int(((said == 3) & (targets.numpy() == 3)).sum())
    assert row["recall"] == right / int((targets == 3).sum())
    assert row["f1"] == pytest.approx(2 * right / (int((said == 3).sum()) + int((targets == 3).sum())))
    assert row["f1_low"] <= row["f1"] <= row["f1_high"]
    assert sum(r["items"] for r in view.options["classes"]) == 100


def test_of_grades_the_largest_errors_come_first(tmp_path: Path) -> None:
    data = rich(160)
    found = train(data, out=tmp_path / "run", task="ordinal", labels=("digit",), **{**CHOICES, "epochs": 1})
    cases = evaluate(found, data, split="all").options["cases"]
    errors = [abs(int(case["truth"]) - int(case["decision"])) for case in cases]
    assert errors == sorted(errors, reverse=True)


def test_calibration_of_probabilities_that_are_true(run: Run) -> None:
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(10), 20000).astype(np.float32)
    targets = (p.cumsum(1) > generator.random((20000, 1))).argmax(1)
    found = calibration(run.task, "one", targets, p, seed=0)
    assert found.error is not None
    assert found.error["value"] < 0.02
    arrays = found.arrays
    inside = (arrays["calibration/low"] <= arrays["calibration/p"]) & (
        arrays["calibration/p"] <= arrays["calibration/high"]
    )
    assert inside.mean() >= 0.7
    sharper = p**3 / (p**3).sum(1, keepdims=True)
    assert calibration(run.task, "one", targets, sharper, seed=0).error["value"] > 0.1  # type: ignore[index]


def test_wilsons_interval_is_the_papers() -> None:
    low, high = wilson(np.array([0.5, 0.0]), np.array([100.0, 20.0]))
    np.testing.assert_allclose(low, [0.4038, 0.0], atol=1e-4)
    np.testing.assert_allclose(high, [0.5962, 0.1611], atol=1e-4)


def test_forms_are_read_off_the_task(run: Run) -> None:
    task = run.task
    assert form_of(task) == "one"
    p = np.array([[0.7, 0.2, *[0.1 / 8] * 8]], np.float32)
    assert sureness(task, p, np.array([1])) == pytest.approx(0.2)
    assert mistaken(task, np.array([1, -1]), np.array([0, 0])).tolist() == [[True], [False]]


def test_the_same_seed_gives_the_same_view(run: Run) -> None:
    one, other = evaluate(run, digits(240), seed=3), evaluate(run, digits(240), seed=3)
    assert one.table == other.table
    assert one.options == other.options
