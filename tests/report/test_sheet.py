"""The contact sheet as a figure: what stands where, and that all of it can be read."""

from __future__ import annotations

import dataclasses
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from pellucid.core.types import Receipt
from pellucid.report.figures import as_png
from pellucid.report.paper import wide, wrapped
from pellucid.report.sheet import DPI, LEGEND, answer_words, bands_of, sheet_figure

GROUPS = {
    "gradient": "function",
    "vargrad": "function",
    "deconvnet": "signal",
    "lrp": "attribution",
    "cam": "localisation",
}
TIGER = [(282, "tiger cat", 0.38), (285, "Egyptian cat", 0.37)]


@pytest.fixture(scope="module")
def row(explain_map, hills):
    """A photo's explanations by methods of the named groups, each with a receipt of its own kind."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)

    def make(groups=GROUPS, name="cat", **fields):
        found = []
        for method, group in groups.items():
            receipt = Receipt(seconds=0.2, provenance={"group": group, "model": "tiny"}, **fields.get(method, {}))
            map_ = hills((0.5, 0.5, 1.0), noise=0.2, size=64)
            one = explain_map(map_, picture, None, method, "tiger cat", receipt=receipt)
            found.append(dataclasses.replace(one, names=(name,)))
        return found

    return make


def texts(figure) -> list[str]:
    return [t.get_text() for t in figure.axes[0].texts]


def extents(figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every text with its box in pixels: left, bottom, right, top."""
    renderer = figure.canvas.get_renderer()
    return [(t.get_text(), t.get_window_extent(renderer).extents) for t in figure.axes[0].texts]


def overlap(a, b) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def check_layout(figure) -> None:
    """No text leaves the sheet, lies over another or over a picture, or is smaller than 8 points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches() * figure.dpi
    found = extents(figure)
    for text, (left, bottom, right, top) in found:
        assert left >= 0, text
        assert bottom >= 0, text
        assert right <= width, text
        assert top <= height, text
    for (one, a), (other, b) in itertools.combinations(found, 2):
        assert not overlap(a, b), (one, other)
    pictures = [i.get_window_extent().extents for i in figure.axes[0].images]
    for text, box in found:
        assert not any(overlap(box, p) for p in pictures), text
    for a, b in itertools.combinations(pictures, 2):
        assert not overlap(a, b)
    assert min(t.get_fontsize() for t in figure.axes[0].texts) >= 8


def test_every_panel_has_its_method_its_gap_and_its_seconds(row):
    kept = {"lrp": {"expected": (2.0,), "actual": (2.001,), "relative_gap": 0.0005}}
    drawn = {"vargrad": {"samples": 50, "error": 0.2}}
    figure = sheet_figure([row(**kept, **drawn), row(name="dog")], [TIGER, TIGER], {"rise": "it is slow: many passes"})
    said = texts(figure)
    for method in GROUPS:
        assert said.count(method) == 2
    assert "gap 0.05 % · 0.2 s" in said
    assert said.count("no sum promised · 0.2 s") == 8
    assert "error 20 %" in " ".join(said)
    assert said.count("tiger cat 38 %") == 2
    assert {"cat", "dog", "against", "for", "tiny: 5 methods on 2 photos"} <= set(said)
    assert "rise is left out: it is slow: many passes" in said
    assert LEGEND[:40] in " ".join(said)
    assert len(figure.axes[0].images) == 1 + 2 * (1 + 5)  # the legend's bar, two photos, ten panels
    check_layout(figure)


def test_groups_stand_over_their_columns(row):
    figure = sheet_figure([row(), row()], [TIGER, TIGER])
    at = {t.get_text(): t.get_position()[0] for t in figure.axes[0].texts}
    for group, first in (("function", "gradient"), ("signal", "deconvnet"), ("localisation", "cam")):
        assert at[group] == pytest.approx(at[first])
    rules = [line.get_xdata() for line in figure.axes[0].lines]
    assert len(rules) == 5  # photo and four groups
    function = next(r for r in rules if r[0] == pytest.approx(at["function"]))
    assert function[1] > at["vargrad"]
    assert function[1] < at["signal"]


def test_one_photo_with_many_methods_wraps(row):
    many = {
        f"method_{i}": g
        for i, g in enumerate(["function"] * 3 + ["signal"] * 3 + ["attribution"] * 8 + ["localisation"] * 11)
    }
    figure = sheet_figure([row(many)], [TIGER])
    width, height = figure.get_size_inches()
    assert 0.6 < width / height < 2.5
    tops = {round(t.get_position()[1], 2) for t in figure.axes[0].texts if t.get_text().startswith("method_")}
    assert 3 <= len(tops) <= 6
    assert texts(figure).count("cat") == len(tops)  # the photo begins each band
    check_layout(figure)


def test_a_flat_map_and_a_broken_promise_are_marked(row, explain_map):
    broken = {"lrp": {"expected": (4.2,), "actual": (3.1,), "relative_gap": 0.26}}
    panels = row(**broken)
    panels[0] = dataclasses.replace(panels[0], values=np.zeros_like(panels[0].values))
    figure = sheet_figure([panels], [TIGER], notes=["The weights are random."])
    said = texts(figure)
    assert "⚠ promise not kept" in said
    assert "⚠ flat: says nothing" in said
    assert "⚠ The weights are random." in said
    check_layout(figure)


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([2, 1], 5, [[0, 1, 2]]),
        ([2, 2, 2], 4, [[0, 1, 2, 3], [4, 5]]),
        ([1, 5], 3, [[0], [1, 2, 3], [4, 5]]),
        ([7], 3, [[0, 1, 2], [3, 4], [5, 6]]),
    ],
)
def test_bands_keep_groups_whole_where_they_fit(sizes, most, expected):
    groups = [f"g{i}" for i, n in enumerate(sizes) for _ in range(n)]
    assert bands_of(groups, most) == expected


def test_what_is_explained_is_said_where_it_is_not_the_best_class(row):
    one = row()[0]
    assert answer_words(one, TIGER) == ["tiger cat 38 %"]
    assert answer_words(one, TIGER[::-1]) == ["Egyptian cat 37 %", "explained: tiger cat"]
    assert answer_words(one, []) == ["explained: tiger cat"]


def test_names_from_outside_are_drawn_cut_and_without_missing_letters(row):
    nasty = row({"$\\frac{" + "m" * 60: "function", "猫": "x" * 90}, name="$x^2$ 猫 \u202e\udcff " + "long " * 90)
    figure = sheet_figure([nasty], [[(0, "c" * 300, 0.5)]], {"<b>": "why " * 90})
    assert as_png(figure, 40)
    check_layout(figure)


def test_inputs_without_pictures_and_of_any_shape_are_drawn(row):
    wide_ones = [dataclasses.replace(e, values=e.values[:, :, :4], pictures=None) for e in row()]
    figure = sheet_figure([wide_ones])
    assert len(figure.axes[0].images) == 1 + 5
    check_layout(figure)


def test_the_picture_has_its_natural_size_and_shows_both_signs(row):
    picture = Image.open(io.BytesIO(as_png(sheet_figure([row()]), DPI)))
    assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.5)
    red, blue = (np.asarray(picture.convert("RGB")).astype(int)[..., c] for c in (0, 2))
    assert (red - blue > 90).sum() > 200
    assert (blue - red > 90).sum() > 200


def test_wrapped_lines_fit():
    for line in wrapped("a word, and another that is muchtoolongforanyline " * 3, 0.9, 8):
        assert wide(line, 8) <= 0.9
