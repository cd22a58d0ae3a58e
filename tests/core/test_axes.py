"""Arrays whose axes have names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pellucid.core import axes
from pellucid.core.errors import BadInput

IMAGE = ("sample", "channel", "height", "width")
small = st.integers(1, 24)
maps = arrays.arrays(
    np.float32, st.tuples(small, small), elements=st.floats(-100, 100, width=32, allow_subnormal=False)
)

WRONG = [
    (np.zeros((2, 3)), ("height", "widht"), "unknown axis 'widht'; did you mean 'width'"),
    (np.zeros((2, 3)), ("height", "height"), "twice"),
    (np.zeros((2, 3)), ("height",), r"2 dimensions of shape \(2, 3\) but 1 axes"),
    (np.zeros(()), ("height",), "0 dimensions"),
    (np.array([1, np.nan, np.inf]), ("width",), "2 of 3 values are NaN or infinite"),
    (np.array([np.inf], np.float16), ("width",), "1 of 1 values"),
]


@pytest.mark.parametrize(("values", "names", "message"), WRONG)
def test_wrong_values_are_refused_in_words(values, names, message):
    with pytest.raises(BadInput, match=f"^thing: .*{message}"):
        axes.check(values, names, what="thing")


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, bool, np.int64])
def test_right_values_pass(dtype):
    axes.check(np.zeros((2, 3, 4, 5), dtype), IMAGE)
    axes.check(np.zeros((), dtype), ())


def test_position():
    assert axes.position(IMAGE, "height") == 2
    with pytest.raises(BadInput, match="no axis 'heigth'; did you mean 'height'"):
        axes.position(IMAGE, "heigth")


@pytest.mark.parametrize("names", [(), ("channel",), ("width", "sample"), IMAGE])
def test_sum_over(names):
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    total, left = axes.sum_over(values, IMAGE, *names)
    assert left == tuple(a for a in IMAGE if a not in names)
    assert total.dtype == np.float32
    for i in sorted((IMAGE.index(n) for n in names), reverse=True):
        values = values.sum(i)
    np.testing.assert_allclose(total, values, rtol=1e-5, atol=1e-6)


def test_sum_over_adds_in_float64():
    values = np.array([[1e8, 1, -1e8, 1]], np.float32)
    assert axes.sum_over(values, ("height", "width"), "width")[0].item() == 2


@settings(max_examples=150, deadline=None)
@given(maps, small, small)
def test_resize_keeps_the_total(values, height, width):
    out = axes.resize(values, ("height", "width"), height, width)
    assert out.shape == (height, width)
    assert out.dtype == np.float32
    assert abs(out.sum(dtype=np.float64) - values.sum(dtype=np.float64)) <= 1e-5 * np.abs(values).sum() + 1e-6
    assert np.abs(out).sum() <= np.abs(values).sum() * (1 + 1e-5) + 1e-6  # nor is more given than there was


@settings(max_examples=100, deadline=None)
@given(small, small, small, small)
def test_resize_keeps_flat_what_is_flat(h, w, height, width):
    out = axes.resize(np.ones((h, w), np.float32), ("height", "width"), height, width)
    np.testing.assert_allclose(out, h * w / (height * width), rtol=0.02)


def test_resize_is_pillows_bilinear_within_the_borders():
    from PIL import Image

    rough = np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32)
    for height, width in [(21, 36), (14, 18), (224, 224)]:
        pillow = np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BILINEAR))
        ours = axes.resize(rough, ("height", "width"), height, width) * (height * width / rough.size)
        np.testing.assert_allclose(ours, pillow, atol=0.01)


def test_resize_finds_the_axes_wherever_they_are():
    values = np.random.default_rng(0).normal(size=(6, 3, 4, 2)).astype(np.float32)
    out = axes.resize(values, ("width", "channel", "height", "sample"), 8, 3)
    assert out.shape == (3, 3, 8, 2)
    one = axes.resize(values[:, 1, :, 1].T, ("height", "width"), 8, 3)
    np.testing.assert_allclose(out[:, 1, :, 1].T, one, rtol=1e-5, atol=1e-6)
    assert np.array_equal(axes.resize(values, ("width", "channel", "height", "sample"), 4, 6), values)
    with pytest.raises(BadInput, match="no pixels"):
        axes.resize(values, ("width", "channel", "height", "sample"), 0, 6)
    with pytest.raises(BadInput, match="no axis 'height'"):
        axes.resize(values[0, 0], ("channel", "width"), 2, 2)
