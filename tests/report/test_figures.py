from __future__ import annotations

import dataclasses
import io
import sys

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.types import Explanation, View
from pellucid.report.figures import as_html, as_png, explanation_figure
from pellucid.report.looks.regions import figure as regions_figure
from pellucid.report.planes import plane_of


def drawn(figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(as_png(figure, dpi=50))).convert("RGB"))


def explanation_of(axes: tuple[str, ...], shape: tuple[int, ...], pictures: bool = False) -> Explanation:
    rng = np.random.default_rng(0)
    n = shape[axes.index("sample")]
    return Explanation(
        rng.standard_normal(shape).astype(np.float32),
        axes,
        tuple(f"class {i}" for i in range(n)),
        "method",
        pictures=rng.integers(0, 256, (n, 12, 16, 3), np.uint8) if pictures else None,
    )


@pytest.mark.parametrize(
    ("axes", "shape", "pictures"),
    [
        (("sample", "channel", "height", "width"), (2, 3, 12, 16), True),
        (("sample", "channel", "height", "width"), (1, 1, 12, 16), False),
        (("sample", "height", "width"), (3, 12, 16), True),
        (("sample", "height", "width"), (1, 4, 200), False),
        (("sample", "height", "width"), (1, 1, 1), False),
        (("sample", "width"), (2, 16), False),
        (("sample", "channel", "height"), (2, 3, 12), True),
        (("sample", "unit"), (1, 7), False),
        (("sample", "depth", "height", "width"), (1, 4, 12, 16), False),
        (("sample", "channel", "unit", "token"), (1, 4, 5, 6), False),
        (("sample",), (2,), False),
        (("height", "sample", "width"), (12, 2, 16), True),
        (("sample", "height", "width"), (0, 12, 16), False),
    ],
)
def test_explanations_of_all_shapes_are_drawn(axes, shape, pictures):
    explanation = explanation_of(axes, shape, pictures)
    assert drawn(explanation_figure(explanation)).size


def test_a_map_keeps_height_over_width_and_adds_up_the_rest():
    explanation = explanation_of(("width", "sample", "channel", "height"), (5, 2, 3, 4))
    expected = explanation.values[:, 1].sum(axis=1).T
    assert plane_of(explanation, 1) == pytest.approx(expected)


def test_red_is_for_and_blue_is_against(explain_map):
    values = np.zeros((40, 40), np.float32)
    values[:, :20], values[:, 20:] = 1, -1
    pixels = drawn(explanation_figure(explain_map(values, None, None, "m", "cat"))).astype(int)
    red = pixels[..., 0] - pixels[..., 2] > 100
    blue = pixels[..., 2] - pixels[..., 0] > 100
    assert red.sum() > 2000
    assert blue.sum() > 2000
    map_columns = np.flatnonzero((red | blue).sum(axis=0) > 50)
    assert red[:, map_columns[0] + 5].any(), "for lies left, as in the values"


def test_a_figure_needs_no_pyplot_and_shows_itself_in_a_notebook(run):
    figure = run.photos[0].explanations[0].show()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.canvas.manager is None
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_nasty_names_are_drawn_as_they_are_not_as_formulas_or_missing_letters(explain_map, hills):
    nasty = explain_map(hills((0.5, 0.5, 1), size=16), None, None, "$\\frac{", "$x^2$ 猫 \u202e\udcff " + "long " * 90)
    assert drawn(explanation_figure(nasty)).size


def test_html_is_an_image_with_its_text_escaped(run):
    html = run.photos[0].explanations[0]._repr_html_()
    assert html.startswith("<img alt=")
    assert "data:image/png;base64," in html
    nasty = as_html(run.photos[0].explanations[0].show(), '"><script>alert(1)</script>')
    assert "<script" not in nasty
    assert nasty.count('"') == 4


def test_regions_use_the_palette_alone(regions):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    view = regions(pictures, ("a", "$b$ 猫", "c" * 200), ("blocks.1", "x" * 80))
    assert drawn(view.show()).size
    assert drawn(regions_figure(view, [1])).size
    assert drawn(dataclasses.replace(view, pictures=None, names=()).show()).size
    assert view._repr_html_().startswith("<img")
    one = dataclasses.replace(view, pictures=None)
    allowed = {tuple(c) for c in view.palette.tolist()}
    pixels = drawn(regions_figure(one, [0]))
    vivid = {tuple(c) for c in pixels.reshape(-1, 3).tolist() if max(c) - min(c) > 60}
    assert len(vivid & allowed) == 6


def test_a_view_without_labels_says_so():
    view = View("regions", {"x": np.zeros((1, 2), np.float32)}, {"x": ("sample", "unit")})
    with pytest.raises(BadInput, match="no labels"):
        regions_figure(view)
