"""The figures and the words of style and stylize, from made-up views."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.types import View
from pellucid.report.figures import as_png
from pellucid.report.look import look_of

NASTY = "<b>$x_1$</b>\n☃" + "long" * 30


def row(name: str, role: str = "", **more: Any) -> dict[str, Any]:
    scores = {f"{key}{end}": 0.9 for key in ("style", "content", "place", "both") for end in ("", "_low", "_high")}
    usual = {"resolution": "7 × 7", "channels": 8, "chosen": 0.0, "energy": 2.0, "weight": None, "role": role}
    return {"layer": name, **scores, **usual, **more}


def style(*rows: dict[str, Any], pictures: int = 12) -> View:
    count = len(rows)
    arrays = {n: np.zeros((count, pictures)) for n in ("style", "content", "place")}
    shown = np.zeros((4, 8, 8, 3), np.uint8)
    axes = dict.fromkeys(arrays, ("layer", "sample"))
    return View("style", arrays, axes, rows, {"pictures": pictures}, shown, tuple("abcdefghijkl"[:pictures]))


def test_words_name_the_layers_and_doubt_a_narrow_choice() -> None:
    view = style(row("a", "content", chosen=0.5), row("b", "style", weight=0.5, style=0.95), row("c", chosen=0.3))
    said = look_of("style").words(view)
    assert said[0].text.startswith("Content: take “a” (7 × 7).")
    assert "Style: take “b”" in said[1].text
    assert "AUC of 0.95" in said[1].text
    (doubt,) = (s for s in said if s.level == "warning")
    assert doubt.text == "“a” is the best in only 50 % of the resamples; “c” would do as well."
    assert any("12 pictures" in s.text for s in said)


@pytest.mark.parametrize(
    ("content", "place", "said", "weak"),
    [
        (0.99, 0.9, "it clearly minds what is where, but hardly its colour", False),
        (0.71, 0.64, "it partly minds what is where, and much its colour", True),
        (0.8, 0.5, "it partly minds what is where, and somewhat its colour", False),
        (0.95, 0.1, "it hardly minds what is where, and hardly its colour", True),
    ],
)
def test_words_of_content_depend_on_the_values(content: float, place: float, said: str, weak: bool) -> None:
    told = look_of("style").words(style(row("a", "content, style", chosen=1.0, content=content, place=place)))
    assert said in told[0].text
    assert any("only weakly" in s.text for s in told if s.level == "warning") == weak


def test_style_layers_that_their_intervals_do_not_tell_from_others_are_doubted() -> None:
    chosen = row("a", "content, style", chosen=1.0, style=0.95)
    rows = [chosen, row("b", style=0.94, style_high=0.97), row("c", style=0.8, style_high=0.9)]
    (doubt,) = (s.text for s in look_of("style").words(style(*rows)) if s.level == "warning")
    assert doubt.startswith("By S the layers for style are not told from “b”: the intervals overlap")
    assert not [s for s in look_of("style").words(style(chosen, rows[2])) if s.level == "warning"]


def test_words_of_a_sure_choice_of_many_pictures() -> None:
    view = style(row("a", "content, style", chosen=0.9), pictures=12)
    assert not [s for s in look_of("style").words(view) if s.level == "warning"]
    silent = look_of("style").words(style(row("a", "content", chosen=1.0)))
    assert [s.text for s in silent if s.level == "warning"] == [
        "No layer gives anything for these pictures, so none carries style."
    ]


@pytest.mark.parametrize("count", [1, 24])
def test_the_figure_of_any_number_of_layers(count: int) -> None:
    names = [NASTY, *(f"layer{i}" for i in range(count - 1))]
    view = style(*(row(n, "content, style", weight=1.0) for n in names))
    drawn = look_of("style").figure(view)
    marked = [a for a in drawn.axes if a.get_title("left").startswith(("Content", "Style"))]
    assert len(marked) == 2
    assert as_png(drawn)[:4] == b"\x89PNG"


def transferred(after: float, height: int = 20, width: int = 30) -> View:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    arrays = {"content": picture, "style": picture[:, ::-1].copy(), "result": picture}
    axes = dict.fromkeys(arrays, ("height", "width", "channel")) | {"losses": ("layer", "step")}
    table = (
        {"layer": "a", "role": "content", "before": 0.0, "after": 0.2},
        {"layer": NASTY, "role": "style", "before": 1.0, "after": after},
    )
    losses = np.array([[0.0, 0.1, 0.2], [1.0, 0.7, after]])
    return View("stylize", arrays | {"losses": losses}, axes, table, names=(NASTY, "gravel"))


def test_words_of_a_transfer() -> None:
    (said,) = look_of("stylize").words(transferred(0.25))
    assert "came 75 % nearer" in said.text
    assert "moved by 20 % of their own size" in said.text
    assert look_of("stylize").words(transferred(1.5))[-1].level == "warning"


@pytest.mark.parametrize("size", [(20, 30), (90, 10), (10, 90)])
def test_the_figure_of_a_transfer(size: tuple[int, int]) -> None:
    drawn = look_of("stylize").figure(transferred(0.25, *size))
    assert len(drawn.axes) == 4
    assert as_png(drawn)[:4] == b"\x89PNG"


def test_all_that_the_columns_name_is_in_the_table() -> None:
    assert set(look_of("style").COLUMNS) <= set(row("a"))
    assert set(look_of("stylize").COLUMNS) <= set(transferred(0.5).table[0])
