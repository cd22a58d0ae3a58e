"""The figure and the words of an invariance view, for every way it may end."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from pellucid.core.types import View
from pellucid.report.figures import as_png
from pellucid.report.looks import invariance as look

NAMES = ("stem", "blocks.1", "blocks.2", "bn")
PROBES = ((0.5, 0.9, 0.92, 0.7), (0.9, 0.95, 0.97, 0.93))


def row(i: int, *, probed: bool = True) -> dict[str, Any]:
    figures = {"d_inv": 0.8 - 0.1 * i, "d_eq": 0.1 * i, "d_map": 0.05 * i, "d_inv_pooled": 0.01 + 0.02 * i, "cka": 0.99}
    figures |= {"probe": PROBES[0][i], "probe_parts": PROBES[1][i]} if probed else {"probe": None, "probe_parts": None}
    ends = {
        f"{k}{e}": None if v is None else v + d
        for k, v in figures.items()
        for e, d in (("_low", -0.03), ("_high", 0.03))
    }
    return {"layer": NAMES[i], "resolution": "8 × 8", "channels": 4, **figures, **ends, "parity_floor": 0.0}


def view(*, probed: bool = True, **options: Any) -> View:
    picture = np.zeros((1, 8, 8, 3), np.uint8)
    parity = {"aligned": True, "resized": False, "culprits": (), "worst": 0.0, "worst_here": 0.0, "note": ""}
    told = {
        "transform": "hflip",
        "transform_in_words": "mirrored left to right",
        "layers": NAMES,
        "pictures": 200,
        "groups": 200,
        "size": (225, 225),
        "parity": parity,
        "probe": "transformed or not" if probed else None,
        "classes": ("as it is", "mirrored left to right") if probed else (),
        "chance": 0.5 if probed else None,
        "parts": "left and right half",
        "cut": "blocks.2" if probed else None,
        "unfreeze_from": "blocks.3" if probed else None,
        "pooled_apart": "bn" if probed else None,
    }
    table = tuple(row(i, probed=probed) for i in range(len(NAMES)))
    arrays, axes = {"example": picture[0]}, {"example": ("height", "width", "channel")}
    return View("invariance", arrays, axes, table, {**told, **options}, pictures=picture)


def text(v: View, level: str = "fact") -> str:
    return " ".join(s.text for s in look.words(v) if s.level == level)


def drawn(v: View) -> list[str]:
    figure = look.figure(v)
    assert as_png(figure).startswith(b"\x89PNG")
    return [t.get_text() for axes in figure.get_axes() for t in axes.texts]


def test_the_answer_names_the_layer_and_what_breaks_it() -> None:
    said = text(view())
    assert "told best at “blocks.2” (0.92; guessing gives 0.50)" in said
    assert "Behind “blocks.2” the average loses it: 0.92 at “blocks.2”, 0.70 at “bn”" in said
    assert "--unfreeze-from blocks.3" in said
    assert "leave this transform out of the augmentation" in said
    assert "change only the pooling: at “bn” the left and right half pooled apart still tell it (0.93" in said
    assert not text(view(), "warning")


def test_a_last_layer_that_tells_needs_a_classifier_only() -> None:
    said = text(view(cut="bn", unfreeze_from="head", pooled_apart=None))
    assert "a new classifier on its average is enough (--unfreeze-from head)" in said
    assert "re-train" not in said


def test_what_no_average_has_is_not_for_a_new_classifier() -> None:
    said = text(view(never_averaged=True))
    assert "by the left and right half pooled apart (0.97 at" in said
    assert "by no layer’s average (0.92 at “blocks.2”, the best; guessing gives 0.50)" in said
    assert "To bring it into the average, keep everything up to “blocks.2”, re-train from “blocks.3”" in said
    assert "is enough" not in said


def test_few_groups_are_said_to_be_too_few_for_a_cut() -> None:
    v = view(cut=None, unfreeze_from=None, pooled_apart=None, groups=24, pictures=24, groups_for_a_cut=40)
    assert "No cut is advised from 24 groups of pictures" in text(v, "warning")
    assert "No probe tells" not in text(v)


def test_what_nobody_can_tell_is_a_warning_and_no_cut() -> None:
    v = view(cut=None, unfreeze_from=None, pooled_apart=None)
    assert "No cut can be advised" in text(v, "warning")
    assert "re-train" not in text(v)
    assert "No layer’s average" in text(view(cut=None, unfreeze_from=None))


def test_without_a_probe_the_measures_speak() -> None:
    v = view(probed=False, parity=None)
    assert "changes “bn” by 7 % of what another picture would (“stem”: 1 %)" in text(v)
    assert not any("cut" in t for t in drawn(v))


@pytest.mark.parametrize(
    ("parity", "level", "words"),
    [
        (
            {"resized": True, "worst": 0.54, "culprits": ("a", "b")},
            "fact",
            "Measured at 225 × 225.*“a” and 1 more.*0.54",
        ),
        (
            {"aligned": False, "culprits": ("a",), "worst_here": 0.4},
            "warning",
            "strides of “a” do not reach.*up to 0.40",
        ),
        ({"aligned": False, "worst_here": 0.1}, "warning", "position embeddings"),
        ({"note": "it could not be measured (why)"}, "warning", r"It could not be measured \(why\)\."),
    ],
)
def test_the_grid_is_told(parity: dict[str, Any], level: str, words: str) -> None:
    import re

    v = view()
    v = dataclasses.replace(v, options={**v.options, "parity": {**v.options["parity"], **parity}})
    assert re.search(words, text(v, level))


def test_few_pictures_are_told() -> None:
    assert "Only 9 pictures" in text(view(pictures=9, groups=9), "warning")
    assert "Only 10 groups" in text(view(pictures=900, groups=10), "warning")


def test_the_figure_names_its_curves_and_the_cut() -> None:
    told = drawn(view())
    assert any("CKA: same information,\nnot invariance" in t for t in told)
    assert any(t == "the cut: keep up to blocks.2,\nre-train from blocks.3" for t in told)
    assert any("only the pooling" in t for t in told)
    assert "left and right half apart" in told


def test_one_layer_no_pictures_and_missing_figures_are_drawn() -> None:
    v = view(cut="stem", unfreeze_from="blocks.1", pooled_apart=None)
    empty = {**v.table[0], "d_eq": None, "d_eq_low": None, "d_eq_high": None, "resolution": "vector"}
    v = dataclasses.replace(v, table=(empty,), pictures=None, arrays={}, axes={})
    assert not any(t.startswith("D_eq") for t in drawn(v))


def test_labels_lie_apart() -> None:
    halves = [0.03, 0.06, 0.03, 0.03]
    places = look._apart([0.5, 0.51, 0.52, 0.9], halves)
    assert all(b - a >= x + y - 1e-6 for a, b, x, y in zip(places, places[1:], halves, halves[1:], strict=False))
    assert places[3] == 0.9
