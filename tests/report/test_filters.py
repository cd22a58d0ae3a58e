"""The figure and the words of filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.report.figures import as_png
from pellucid.report.looks.filters import COLUMNS, STATES, counts_of, figure, states_of, words


def pair(kind: str, unit: int, other: int, **more: Any) -> dict[str, Any]:
    r = more.get("correlation")
    return {"kind": kind, "unit": unit, "other": other, "cosine": 0.97, "chance": 0.6, "correlation": r,
            "confirmed": more.get("confirmed")}  # fmt: skip


def row(layer: str = "conv", **more: Any) -> dict[str, Any]:
    usual = {
        "layer": layer, "type": "3 × 3", "filters": 8, "fan_in": 27, "activation": "relu", "dead": 0, "bound": 0.01,
        "saturated": None, "duplicates": 0, "confirmed": 0, "negatives": 0, "mirrored": 0, "highest": 0.5,
        "chance": 0.6, "threshold": 0.95, "symmetry": 0.7, "symmetry_chance": 2 / 3, "zero": 0, "not_finite": 0,
        "pictures": 300, "dead_units": (), "saturated_units": (), "pairs": (),
    }  # fmt: skip
    return usual | more


def view(*rows: dict[str, Any], pictures: int | None = 300, sheet: int = 0, patched: bool = False) -> pellucid.View:
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    axes: dict[str, tuple[str, ...]] = {}
    said = None
    if sheet:
        arrays = {"filters": rng.integers(0, 255, (sheet, 5, 5, 3), np.uint8), "order": np.arange(sheet)[::-1].copy()}
        axes = {"filters": ("unit", "height", "width", "channel"), "order": ("unit",)}
        said = {"layer": rows[0]["layer"], "scale": 0.25, "how": "colour", "explained": None, "channels": 3}
    if patched:
        arrays |= {
            "patches/conv": rng.integers(0, 255, (2, 3, 7, 9, 3), np.uint8),
            "inside/conv": np.ones((2, 3, 7, 9), bool),
            "units/conv": np.array([1, 4]),
            "synthetic/conv": rng.integers(0, 255, (2, 30, 30, 3), np.uint8),
        }
        axes |= {
            "patches/conv": ("unit", "sample", "height", "width", "channel"),
            "inside/conv": ("unit", "sample", "height", "width"),
            "units/conv": ("unit",),
            "synthetic/conv": ("unit", "height", "width", "channel"),
        }
    options = {"pictures": pictures, "sheet": said}
    return pellucid.View("filters", arrays, axes, table=rows, options=options)


def text(v: pellucid.View, level: str | None = None) -> str:
    return " ".join(s.text for s in words(v) if level in (None, s.level))


MIXED = row(
    dead=2, dead_units=(0, 3), saturated=1, saturated_units=(4,), duplicates=2, confirmed=1, negatives=1, mirrored=1,
    pairs=(pair("duplicate", 3, 1), pair("duplicate", 5, 2, correlation=0.99, confirmed=True), pair("negative", 6, 2),
           pair("mirrored negative", 7, 1)),
)  # fmt: skip


def test_each_unit_stands_once_in_its_bar() -> None:
    assert counts_of(MIXED) == {"dead": 2, "saturated": 1, "duplicate": 1, "negative": 1, "mirrored": 1}
    assert states_of(MIXED, 3) == ["dead", "duplicate"]
    assert states_of(MIXED, 1) == ["duplicate", "mirrored"]
    assert states_of(MIXED, 2) == ["duplicate", "negative"]
    assert next(iter(STATES)) == "dead"


def test_the_answer_in_words() -> None:
    said = text(view(MIXED, row("later")))
    assert "Of 16 filters in 2 layers 2 repeat another one" in said
    assert "1 of them answers alike on the pictures too" in said
    assert "2 of 16 units never spoke up on the 300 pictures, the largest share at “conv” (2 of 8)" in said
    assert "less than 1 % of pictures like these (3/N)" in said
    assert "1 filter is the negative of another one, 1 a mirror image. These are not duplicates" in said
    assert text(view(MIXED), "warning") == ""


def test_the_bars_say_that_a_filter_counts_once() -> None:
    assert any("each counted once" in axes.get_xlabel() for axes in figure(view(MIXED)).axes)


def test_nothing_found_is_said() -> None:
    said = text(view(row()))
    assert "none repeats another one" in said
    assert "none is dead" in said


def test_few_pictures_and_none() -> None:
    few = row(dead=1, dead_units=(2,), bound=0.5, pictures=6)
    assert "6 pictures are too few" in text(view(few, pictures=6), "warning")
    bare = row(dead=None, bound=None, confirmed=None, pictures=None)
    said = text(view(bare, pictures=None))
    assert "without pictures only the weights are known" in said
    assert "spoke up" not in said


def test_equal_starts_are_warned_of() -> None:
    pairs = tuple(pair("duplicate", i, i - 1) for i in range(1, 8))
    said = text(view(row(duplicates=7, pairs=pairs)), "warning")
    assert "are all the same: equal starts stay equal" in said


def test_too_few_weights_to_tell_and_broken_ones() -> None:
    said = text(view(row(threshold=1.0, not_finite=3)))
    assert "chance alone makes two alike" in said
    assert "3 filters hold NaN or infinite weights" in said


@pytest.mark.parametrize("sheet", [0, 1, 8, 300])
def test_the_figure(sheet: int) -> None:
    pictured = row(**{**MIXED, "filters": max(8, sheet)})
    drawn = figure(view(pictured, sheet=sheet, patched=True))
    texts = [t.get_text() for axes in drawn.axes for t in axes.texts]
    assert any(t.endswith(f"6 of {max(8, sheet)}") for t in texts)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert any("patches that excite a unit most, 7 × 9 pixels" in t for t in titles)
    assert any("drawn: what would excite it most" in t for t in titles)
    assert any(f"The {sheet} filter" in t for t in titles) == bool(sheet)
    assert as_png(drawn)[:4] == b"\x89PNG"


def test_many_layers_show_those_with_most_to_say() -> None:
    rows = [row(f"layer {i}") for i in range(60)]
    rows[41] = {**MIXED, "layer": "layer 41"}
    labels = [t.get_text() for axes in figure(view(*rows)).axes for t in axes.get_yticklabels()]
    assert labels == ["layer 41"]
    nothing = figure(view(*[row(f"layer {i}") for i in range(60)]))
    assert "Nothing to say of any filter in 60 layers." in [t.get_text() for axes in nothing.axes for t in axes.texts]


def test_strange_names_are_drawn() -> None:
    figure(view(row("a$b\u202e_{x}"), sheet=8)).savefig("/dev/null", format="png")


def test_every_heading_is_a_figure_of_the_row() -> None:
    assert set(COLUMNS) <= set(row())
