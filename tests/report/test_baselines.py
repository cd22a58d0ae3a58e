"""Baselines in words and in a picture: who is best, whether to drop pixels, what is luck, and what leaks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pellucid.core.types import View
from pellucid.report.look import look_of


def rival(name: str, group: str, score: float, best: float, **more: Any) -> dict[str, Any]:
    cells = {"rival": name, "title": name.replace("_", " "), "group": group, "score": score, "learnt": 0.99}
    cells |= {
        "score_low": score - 0.02,
        "score_high": min(1.0, score + 0.02),
        "chosen": "pixels 4, C 1",
        "seconds": 1.0,
    }
    return {
        **cells,
        "behind": score - best,
        "behind_low": score - best - 0.01,
        "behind_high": score - best + 0.01,
        **more,
    }


def made(**changes: Any) -> View:
    """A comparison of six, of whom one could not take part."""
    rows = (
        rival("rbf_svm", "pixels", 0.96, 0.96),
        rival("codes_linear", "codes", 0.955, 0.96),
        rival("logistic", "pixels", 0.90, 0.96),
        rival("best_pixels", "pixels", 0.80, 0.96),
        rival("perceptron", "networks", 0.93, 0.96),
        rival("most_frequent", "trivial", 0.10, 0.96),
        {"rival": "codes_stacked", "title": "two backbones", "group": "codes", "why": "it takes a second backbone"},
    )
    kept = np.zeros((1, 4, 4), np.float32)
    kept[0, 1] = 1
    kept[0, 2, 0] = 0.5
    score = np.array([[0.90, 0.93], [0.91, 0.94]], np.float32)
    arrays = {"mean": np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4), "kept/best_pixels": kept}
    arrays |= {"sweep/score": score, "sweep/low": score - 0.02, "sweep/high": score + 0.02}
    axes: dict[str, Any] = {
        n: ("layer", "unit") if n[:5] == "sweep" else ("channel", "height", "width") for n in arrays
    }
    options = {
        "task": "multiclass",
        "primary": "accuracy",
        "higher": True,
        "classes": [str(i) for i in range(10)],
        "best": "rbf_svm",
        "items": 1000,
        "asked": 300,
        "folds": 1,
        "shape": [1, 4, 4],
        "features": [],
        "sweep": {"rival": "perceptron", "layers": [1, 2], "units": [16, 64], "chosen": [[1, 64, 0.8], [2, 16, 0.2]]},
        "pairs": [difference("best_pixels", "logistic", -0.1), difference("perceptron", "logistic", 0.03)],
        "families": [
            {"group": "pixels", "rival": "rbf_svm"},
            {"group": "codes", "rival": "codes_linear", **difference("", "", -0.005)},
        ],
        "shuffled": {
            "rival": "rbf_svm",
            "score": 0.11,
            "chance": 0.10,
            "chance_best": 0.14,
            "on_chance": True,
            "shuffles": 1,
        },
    }
    return View("baselines", arrays, axes, table=rows, options={**options, **changes})


def difference(first: str, second: str, value: float) -> dict[str, Any]:
    ends = {"difference_low": value - 0.01, "difference_high": value + 0.01}
    return {"first": first, "second": second, "difference": value, **ends}


def said(view: View) -> str:
    return "\n".join(f"{s.level}: {s.text}" for s in look_of(view.kind).words(view))


def test_the_answer_in_words() -> None:
    text = said(made())
    assert "Best is “rbf svm” (pixels): accuracy 96.0 % (94.0 to 98.0 %) on 300 items" in text
    assert "most frequent gives 10.0 %" in text
    assert "Not to be told from it by these items: “codes linear” (−0.5 points)." in text
    assert "−0.5 points (−1.5 to +0.5), no difference that these items can tell" in text
    assert "“best pixels” against “logistic” on all of them: −10.0 points (−11.0 to −9.0), it loses. So keep" in text
    assert "Of 16 pixels every fit kept 4, and none kept 11" in text
    assert "2 × 64 units does best, 94.0 % (92.0 to 96.0 %); the smallest within its standard error is" in text
    assert "one layer of 64 units (in 80 % of the folds)" in text
    assert "+3.0 points (+2.0 to +4.0), it gains" in text
    assert "So nothing leaks" in text
    assert "“best pixels” (−19.0 points)" in text
    assert "Not there: “two backbones”, for it takes a second backbone." in text
    assert "warning" not in text


def test_dropping_pixels_may_help_or_make_no_difference() -> None:
    assert "So drop them." in said(made(pairs=[difference("best_pixels", "logistic", 0.05)]))
    assert "So there is no need to drop them." in said(made(pairs=[difference("best_pixels", "logistic", 0.005)]))


def test_less_error_is_better() -> None:
    text = said(made(primary="mae", higher=False, pairs=[difference("best_pixels", "logistic", -0.1)]))
    assert "mean error 0.96" in text
    assert "−0.1 (−0.11 to −0.09), it gains. So drop them." in text


def test_a_leak_and_few_items_are_warned_of() -> None:
    check = {"rival": "rbf_svm", "score": 0.7, "chance": 0.1, "chance_best": 0.14, "on_chance": False, "shuffles": 3}
    text = said(made(shuffled=check, asked=60))
    assert "warning: On shuffled labels “rbf svm” scores 70.0 %" in text
    assert "Something that is asked leaks" in text
    assert "warning: Only 60 items were asked" in text
    assert "nothing leaks" not in text


@pytest.mark.parametrize("without", [(), ("sweep",), ("kept",), ("sweep", "kept")])
def test_the_figure_draws_what_there_is(without: tuple[str, ...]) -> None:
    view = made()
    there = {n: a for n, a in view.arrays.items() if not n.startswith(tuple(f"{w}/" for w in without) or "none")}
    options = {k: v for k, v in view.options.items() if k not in without}
    cut = dataclasses.replace(view, arrays=there, axes={n: view.axes[n] for n in there}, options=options)
    figure = look_of("baselines").figure(cut)
    texts = [t.get_text() for axes in figure.findobj(lambda each: hasattr(each, "get_yticklabels")) for t in axes.texts]
    labels = [t.get_text() for axes in figure.axes for t in axes.get_yticklabels()]
    assert "96.0 %" in texts
    assert {"rbf svm", "codes linear", "most frequent"} <= set(labels)
    assert "two backbones" not in labels
    figure.canvas.draw()


def test_the_columns_of_a_table_are_drawn_by_name() -> None:
    view = made(shape=[1, 1, 16], features=[f"column {i}" for i in range(16)])
    arrays = {
        **view.arrays,
        "mean": view["mean"].reshape(1, 1, 16),
        "kept/best_pixels": np.eye(16, dtype=np.float32)[None, 2:3],
    }
    view = dataclasses.replace(view, arrays=arrays)
    assert "Should columns be dropped first?" in said(view)
    assert "Kept: “column 2”." in said(view)
    figure = look_of("baselines").figure(view)
    assert "column 2" in [t.get_text() for axes in figure.axes for t in axes.get_yticklabels()]
