"""A run's page: what it says of scores, of learning by heart, of too few epochs and items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.core.types import View
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.run_page import write_run
from pellucid.report.scores import alike, metric_name
from pellucid.report.words import Sentence

LOOK = look_of("run")


def row(
    split: str, value: float, *, spread: float = 0.02, items: int = 500, metric: str = "accuracy"
) -> dict[str, Any]:
    return {
        "split": split,
        "metric": metric,
        "value": value,
        "value_low": value - spread,
        "value_high": value + spread,
        "baseline": 0.5,
        "items": items,
        "higher": True,
    }


def view(
    *,
    epochs: int = 20,
    train: float = 0.95,
    val: float = 0.94,
    test: float | None = 0.93,
    gap: tuple[float, float, float] = (0.01, -0.01, 0.03),
    loss: np.ndarray | None = None,
    **options: Any,
) -> View:
    """A run, as training tells it."""
    loss = np.geomspace(1, 0.1, epochs) if loss is None else loss
    arrays = {"loss": loss, "val_loss": loss * 1.1, "train_accuracy": 1 - loss / 2, "val_accuracy": 1 - loss / 1.9}
    arrays |= {"lr": np.linspace(0.01, 0, epochs), "epoch": np.arange(1, epochs + 1)}
    table = [row("train", train), row("val", val), *([row("test", test)] if test is not None else [])]
    usual = {
        "task": "multiclass",
        "primary": "accuracy",
        "words": {"accuracy": "the share of pictures decided right"},
        "higher": True,
        "best_epoch": epochs // 2,
        "epochs": epochs,
        "batch": 64,
        "stopped": "all epochs are done",
        "patience": None,
        "augment": [],
        "learns": {"from": "all", "head": "fc", "layers": ["conv", "fc"], "parameters": 90, "of": 90},
        "items": {"train": 1000, "val": 500, "test": 500},
        "rule": {},
        "gap": {"split": "val", "value": gap[0], "value_low": gap[1], "value_high": gap[2]},
    }
    return View("run", arrays, dict.fromkeys(arrays, ("epoch",)), tuple(table), {**usual, **options})


def said(one: View) -> list[Sentence]:
    return list(LOOK.words(one))


def told(one: View) -> str:
    return " ".join(s.text for s in said(one))


def test_scores_are_told_with_interval_count_and_baseline() -> None:
    text = told(view())
    assert "Accuracy on the test items, which nothing was chosen by: 0.930 (95 % interval 0.910 to 0.950)" in text
    assert "500 items; a constant answer gets 0.500" in text
    assert not [s for s in said(view()) if s.level == "warning"]


def test_no_mistake_is_no_proof_of_none() -> None:
    one = view()
    perfect = View(
        "run", one.arrays, one.axes, (row("test", 1.0, spread=0.0, items=300),), {**one.options, "gap": None}
    )
    assert "with 95 % confidence fewer than 1 % of such items are mistaken" in told(perfect)
    assert "mistaken" not in told(one)


def test_chance_is_a_warning() -> None:
    (warning,) = [s for s in said(view(test=0.51)) if s.level == "warning"]
    assert "not shown to be better" in warning.text


def test_learning_by_heart() -> None:
    (warning,) = [s for s in said(view(train=1.0, val=0.7, gap=(0.3, 0.25, 0.35))) if s.level == "warning"]
    assert "1.000, on validation 0.700: a gap of 0.300 (95 % interval 0.250 to 0.350)" in warning.text
    assert "60 % of what it gained over a constant answer does not carry over: it learnt by heart" in warning.text
    assert "may be chance" in told(view(gap=(0.01, -0.01, 0.03)))
    assert "hardly learnt by heart" in told(view(train=0.99, val=0.96, gap=(0.03, 0.01, 0.05)))


def test_without_a_test_split_validation_flatters() -> None:
    text = told(view(test=None))
    assert "on the validation items" in text
    assert "flatters a little" in text


def test_without_any_the_score_is_not_known() -> None:
    one = view()
    bare = View("run", one.arrays, one.axes, (row("train", 0.9),), {**one.options, "gap": None, "items": {"train": 9}})
    (warning,) = [s for s in said(bare) if s.level == "warning"]
    assert "not known" in warning.text


def test_a_loss_that_still_falls_asks_for_more_epochs() -> None:
    steep = np.geomspace(1, 1e-3, 20)
    assert "Try --epochs 40" in told(view(loss=steep, best_epoch=20))
    assert "Try --epochs" not in told(view(loss=steep, best_epoch=9))
    flat = np.full(20, 0.3)
    assert "Try --epochs" not in told(view(loss=flat, best_epoch=20))
    learnt = view(loss=steep, best_epoch=20)
    done = View("run", {**learnt.arrays, "val_loss": flat}, learnt.axes, learnt.table, learnt.options)
    assert "Try --epochs" not in told(done)  # what is learnt from may fall for ever


def test_figures_of_one_sentence_have_the_same_decimals() -> None:
    assert alike(0.045, 0.009, 0.08) == ["0.045", "0.009", "0.080"]
    assert alike(9.984, 8.1, 12.31) == ["9.98", "8.10", "12.31"]
    assert alike(0.004, 0.0013, 0.0082) == ["0.0040", "0.0013", "0.0082"]
    assert alike(-0.0001, -0.3, 0.2) == ["0.000", "-0.300", "0.200"]
    assert alike(0.5, float("nan")) == ["0.500", "nan"]
    assert alike(3.456, 2.1, 10.0) == ["3.46", "2.10", "10.00"]
    assert alike(12345.6, 11000.0, 14000.0) == ["12346", "11000", "14000"], "no power of ten is taken for decimals"
    assert alike(4e-4, 3e-4, 5e-4) == ["0.00040", "0.00030", "0.00050"], "what is small is not 0"
    assert alike(3e-7, 2e-7, 0.0) == ["3e-7", "2e-7", "0.000"]


def test_names_of_metrics() -> None:
    names = ("r2", "r2 of a_b", "mae of x", "mean_iou", "f1:left", "balanced_accuracy")
    assert [metric_name(name) for name in names] == [
        "R²",
        "R² of a_b",
        "MAE of x",
        "Mean IoU",
        "F1:left",
        "Balanced accuracy",
    ]


def test_better_on_new_items_is_no_chance_and_no_harm() -> None:
    text = told(view(train=0.9, val=0.945, gap=(-0.045, -0.08, -0.009)))
    assert "better where it did not learn, by 0.045 (95 % interval 0.009 to 0.080)" in text
    assert "may be chance" not in text


def test_few_steps_are_told_with_a_smaller_batch() -> None:
    few = view(epochs=10, items={"train": 105, "val": 500, "test": 500})
    assert "The 105 items were learnt from in 20 steps in all, which is few: --batch 8" in told(few)
    assert "in all" not in told(view(epochs=20))
    assert "in all" not in told(view(epochs=10, batch=8, items={"train": 105, "val": 500, "test": 500}))


def test_early_stopping_few_items_and_what_learnt() -> None:
    text = told(view(patience=3, stopped="no epoch was better for 3"))
    assert "Stopped after epoch 20: no epoch was better for 3" in text
    assert "With 40 validation and 30 test items" in told(view(items={"train": 90, "val": 40, "test": 30}))
    head = {"from": "head", "head": "fc", "layers": ["fc"], "parameters": 10, "of": 1000}
    assert "The last layer alone learnt, “fc”: 10 of 1\u202f000 parameters (1 %)" in told(view(learns=head))
    late = {"from": "blocks.6", "head": "fc", "layers": ["a", "b", "fc"], "parameters": 500, "of": 1000}
    assert "3 layers from “blocks.6” on learnt" in told(view(learns=late))


@pytest.mark.parametrize("epochs", [1, 2, 30, 200])
def test_the_curves_are_drawn_for_any_number_of_epochs(epochs: int) -> None:
    assert len(as_png(LOOK.figure(view(epochs=epochs, best_epoch=1)))) > 5000


def test_powers_of_ten_are_for_what_falls_towards_nothing() -> None:
    one = view(loss=np.geomspace(1, 0.001, 20))
    rising = {"train_accuracy": np.linspace(0.01, 0.9, 20), "val_accuracy": np.linspace(0.01, 0.8, 20)}
    drawn = LOOK.figure(View("run", {**one.arrays, **rising}, one.axes, one.table, one.options))
    assert [axes.get_yscale() for axes in (drawn.axes[0], drawn.axes[2])] == ["log", "linear"]


def test_long_headings_are_broken_and_the_legend_lies_over_no_curve() -> None:
    one = view(words={"accuracy": "mAP, the mean of the labels' average precision " * 2})
    drawn = LOOK.figure(one)
    as_png(drawn)
    panel, right = drawn.axes[0], drawn.axes[2]
    assert right._left_title.get_window_extent().x1 <= drawn.bbox.x1
    assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1 - 1
    assert panel.get_legend().get_window_extent().x0 > panel._left_title.get_window_extent().x1


def test_the_curves_are_drawn_without_validation() -> None:
    one = view()
    arrays = {n: a for n, a in one.arrays.items() if not n.startswith("val_")}
    bare = View("run", arrays, dict.fromkeys(arrays, ("epoch",)), one.table, one.options)
    assert len(as_png(LOOK.figure(bare))) > 5000


SUMMARY: dict[str, Any] = {
    "schema": "pellucid.run/1",
    "task": "multiclass",
    "data": {"source": "<script>alert(1)</script>", "items": {}, "labels": ["a"]},
    "network": {"name": "small_cnn", "parameters": 90},
    "command": "pellucid train here",
    "python": "import pellucid",
    "next": {"its mistakes": "pellucid evaluate run here"},
    "notes": ["a note <b>"],
}


def test_the_folder_gets_whole_files_and_the_summary_last(tmp_path: Path) -> None:
    one = view()
    write_run(tmp_path, one, SUMMARY)
    assert {p.name for p in tmp_path.iterdir()} == {"curves.png", "report.html", "summary.json", "view.npz"}
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in page
    assert "pellucid evaluate run here" in page
    assert "Accuracy on the test items" in page
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["warnings"] == 0
    assert summary["files"]["figure"] == "curves.png"
    assert pellucid.load(tmp_path / "view.npz").table == one.table


def test_a_page_that_cannot_be_made_leaves_the_run_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("pellucid.report.run_page.filled", fail)
    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path, view(), SUMMARY)
    assert not (tmp_path / "summary.json").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_the_page_opens_without_a_word_of_complaint(tmp_path: Path, browser: Any) -> None:
    write_run(tmp_path, view(), SUMMARY)
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("h1").inner_text() == LOOK.TITLE
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert not complaints
    page.close()
