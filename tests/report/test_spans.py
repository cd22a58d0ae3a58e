"""The figure of the spans, and its words."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pellucid.core.types import Explanation, View
from pellucid.report import pictures
from pellucid.report.colours import opaque_table
from pellucid.report.figures import as_png
from pellucid.report.looks.spans import figure as spans_figure
from pellucid.report.looks.spans import span_words

ROW = {"sample": 0, "axis": "row", "start": 10, "stop": 15, "relevance": 9.0, "share": 0.9}
PROOF = {"p": 1 / 51, "excess": 7.0, "drop": 6.6, "expected_drop": -0.38, "highest_drop": 0.2, "compared": 9}


def view(height: int = 24, width: int = 16, count: int = 1) -> View:
    values = np.random.default_rng(0).normal(size=(count, 1, height, width)) * 0.2
    values[:, :, height // 3 : height // 2] += 1
    names = tuple(f"m{i} $x^2$ 猫" for i in range(count))
    return Explanation(
        values.astype(np.float32), ("sample", "channel", "height", "width"), ("a",) * count, "lrp", names=names
    ).spans(share=0.9)


@pytest.mark.parametrize(("height", "width"), [(24, 16), (3, 200), (400, 2), (1, 1), (1, 5)])
@pytest.mark.parametrize("count", [1, 2])
def test_any_size_is_drawn(height, width, count):
    figure = spans_figure(view(height, width, count))
    assert len(figure.subfigs) == count
    assert as_png(figure)


def test_it_is_reached_from_the_value():
    assert view().show().subfigs
    assert "<img" in view()._repr_html_()


def test_the_spans_are_marked_where_they_are():
    (part,) = view().show().subfigs
    heat, beside, above, _ = part.axes
    lines = sorted(line.get_ydata()[0] for line in heat.lines if line.get_ydata()[0] == line.get_ydata()[1])
    assert lines == [7.5, 11.5]
    assert len(beside.patches) == len(above.patches) == 3  # for, against, and the span's band
    band = np.array([253, 230, 138])
    image = np.asarray(Image.open(io.BytesIO(as_png(view().show()))).convert("RGB"))
    assert (image == band).all(-1).any()
    assert (image == opaque_table()[-30]).all(-1).any()


def test_words():
    title, said = span_words({**ROW, **PROOF, "confirmed": True})
    assert title == "Rows 10–14"
    assert said == [
        "90 % of what speaks for it, more than by chance (p = 0.02).",
        "Confirmed: covered, the target falls by 6.6; for other runs of this length by −0.38 on average, 0.2 at most.",
    ]
    title, said = span_words({**ROW, **PROOF, "axis": "column", "stop": 11, "p": 0.4, "compared": 0})
    assert title == "Column 10"
    assert "no more than by chance (p = 0.4)" in said[0]
    assert said[1] == "Covered, the target falls by 6.6; no other run is as long."
    assert span_words(ROW)[1] == ["90 % of what speaks for it."]


def test_a_matrix_as_greys():
    assert pictures.greys(np.array([[-2.0, 0], [2, 1]]))[..., 0].tolist() == [[0, 128], [255, 191]]
    assert pictures.greys(np.full((2, 3, 4), 7)).shape == (2, 3, 3)
    assert pictures.greys(np.array([[-1.7e308, 1.7e308]]))[0, :, 0].tolist() == [0, 255]
    assert pictures.enlarged(np.zeros((2, 100, 3), np.uint8)).shape == (10, 500, 3)
