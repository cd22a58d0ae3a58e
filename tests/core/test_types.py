"""The values that flow through the house: what they refuse, what they give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pellucid.core.errors import BadInput
from pellucid.core.types import Explanation, Frame, Receipt, Sample, View, relative_gap

IMAGE = ("sample", "channel", "height", "width")
VALUES = np.random.default_rng(0).normal(size=(3, 2, 4, 6)).astype(np.float32)


def explanation(**changes) -> Explanation:
    """Three samples, every field filled."""
    fields = {
        "values": VALUES,
        "axes": IMAGE,
        "target": ("cat", "dog", "cup"),
        "method": "gradient",
        "options": {"steps": 8, "mode": "soft", "layers": ["a", "b"], "pair": (1, 2.5), "none": None, "yes": True},
        "receipt": Receipt(
            expected=(1.0, 2.0, -4.0),
            actual=(1.0, 2.2, -3.0),
            relative_gap=0.25,
            steps=8,
            samples=3,
            error=0.01,
            fallbacks=("op",),
            layer="blocks.2",
            layer_reason="the last one with a size",
            seconds=1.5,
            prepared_difference=1e-6,
            notes=("slow", "but right"),
            provenance={"seed": 0, "weights": {"sha256": "ab", "size": [224, 224]}, "mean": np.arange(3.0)},
        ),
        "pictures": np.arange(3 * 4 * 6 * 3, dtype=np.uint8).reshape(3, 4, 6, 3),
        "frames": (Frame(8, 12, 0, 0, 8, 12), Frame(10, 20, 1.2, 3.6, 9.1, 18.4), Frame(4, 6, 0, 0, 4, 6)),
        "names": ("one", "two", "drei\udce9"),  # a file's name need not be valid text
    }
    return Explanation(**{**fields, **changes})


def view(**changes) -> View:
    """Every field filled; nested names that could clash in the archive."""
    fields = {
        "kind": "regions",
        "arrays": {"blocks.2": np.zeros((2, 4, 6), np.int32), "centres": np.ones((3, 5), np.float32)},
        "axes": {"blocks.2": ("sample", "height", "width"), "centres": ("cluster", "channel")},
        "table": ({"layer": "blocks.2", "silhouette": 0.5, "stable": True}, {"layer": "x", "silhouette": None}),
        "options": {"clusters": 3, "a.b": np.arange(2), "a": {"b": np.arange(3)}},
        "pictures": np.zeros((2, 4, 6, 3), np.uint8),
        "names": ("one", "two"),
        "palette": np.arange(9, dtype=np.uint8).reshape(3, 3),
        "seconds": 2.25,
        "notes": ("note",),
        "provenance": {"seed": 1},
    }
    return View(**{**fields, **changes})


WRONG = [
    ({"values": VALUES.astype(np.float64)}, "float64, not float32"),
    ({"values": VALUES[0]}, "3 dimensions of shape"),
    ({"axes": ("sample", "channel", "hight", "width")}, "unknown axis 'hight'; did you mean 'height'"),
    ({"axes": ("sample", "channel", "height", "height")}, "twice"),
    ({"values": np.where(VALUES.max() == VALUES, np.float32(np.nan), VALUES)}, "1 of 144 values are NaN or infinite"),
    ({"values": np.full_like(VALUES, np.inf)}, "144 of 144 values"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_an_explanation_refuses_what_cannot_be_one(changes, message):
    with pytest.raises(BadInput, match=f"^gradient: .*{message}"):
        explanation(**changes)


WRONG_VIEWS = [
    ({"axes": {"blocks.2": ("sample", "height", "width")}}, "arrays .* but axes of"),
    ({"axes": {"blocks.2": ("sample", "height", "width"), "centres": ("cluster",)}}, "regions centres: 2 dimensions"),
    ({"arrays": {"blocks.2": np.zeros((2, 4, 6)), "centres": np.full((3, 5), np.nan)}}, "regions centres: 15 of 15"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_VIEWS)
def test_a_view_refuses_what_cannot_be_one(changes, message):
    with pytest.raises(BadInput, match=message):
        view(**changes)


def test_a_sample_tells_its_source():
    with pytest.raises(BadInput, match=r"^photos/a\.png: 4 of 4 values are NaN"):
        Sample(np.full((2, 2, 1), np.nan), source="photos/a.png")
    with pytest.raises(BadInput, match=r"^sample: 2 dimensions"):
        Sample(np.zeros((2, 2)))
    assert Sample(np.zeros((2, 2, 3)), source="photos/a.b.png").name == "a.b"
    assert Sample(np.zeros((2, 2, 3))).name == "sample"


PAIRS = [
    (explanation, {"values": VALUES + 1}),
    (explanation, {"target": ("cat", "dog", "mug")}),
    (explanation, {"method": "occlusion"}),
    (explanation, {"options": {"steps": 9}}),
    (explanation, {"receipt": Receipt()}),
    (explanation, {"pictures": None}),
    (explanation, {"frames": None}),
    (explanation, {"names": ()}),
    (view, {"palette": None}),
    (view, {"table": ()}),
    (view, {"options": {"clusters": 3, "a.b": np.arange(2), "a": {"b": np.arange(1, 4)}}}),
    (view, {"palette": np.arange(9, dtype=np.int64).reshape(3, 3)}),
]


@pytest.mark.parametrize(("make", "changes"), PAIRS)
def test_equal_by_content(make, changes):
    assert make() == make()
    assert make() != make(**changes)


def test_equal_only_to_its_own_kind_and_not_hashable():
    assert explanation() != view()
    assert explanation() != "gradient"
    assert Sample(np.zeros((1, 1, 1))) == Sample(np.zeros((1, 1, 1)))
    assert Sample(np.zeros((1, 1, 1))) != Sample(np.zeros((1, 1, 1)), label=3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(explanation())


@pytest.mark.parametrize(
    "value", [explanation(), view(), Sample(np.zeros((1, 1, 1))), Receipt(), Frame(1, 1, 0, 0, 1, 1)]
)
def test_frozen(value):
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)


def test_one_of_several():
    whole = explanation()
    assert len(whole) == 3
    for i, one in enumerate(whole):
        assert one.values.shape == (1, 2, 4, 6)
        assert np.array_equal(one.values[0], VALUES[i])
        assert np.array_equal(one.pictures[0], whole.pictures[i])
        assert (one.target, one.names, one.frames) == (
            whole.target[i : i + 1],
            whole.names[i : i + 1],
            (whole.frames[i],),
        )
        assert (one.receipt.expected, one.receipt.actual) == ((whole.receipt.expected[i],), (whole.receipt.actual[i],))
    assert [round(e.receipt.relative_gap, 6) for e in whole] == [0, 0.1, 0.25]  # its own, not the worst
    assert whole[-1] == whole[2]
    with pytest.raises(IndexError):
        whole[3]
    bare = explanation(receipt=Receipt(), pictures=None, frames=None)[1]
    assert (bare.receipt, bare.pictures, bare.frames) == (Receipt(), None, None)


def test_one_of_several_wherever_the_sample_axis_is():
    turned = explanation(values=np.moveaxis(VALUES, 0, 2).copy(), axes=("channel", "height", "sample", "width"))
    assert np.array_equal(turned[1].values[:, :, 0], VALUES[1])


def test_sum_and_map():
    total = explanation().sum("channel")
    assert total.axes == ("sample", "height", "width")
    np.testing.assert_allclose(total.values, VALUES.sum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(explanation().map(2), VALUES[2].sum(0), rtol=1e-5, atol=1e-6)
    assert np.array_equal(total.map(1), total.values[1])
    with pytest.raises(BadInput, match="no axis 'chanel'; did you mean 'channel'"):
        explanation().sum("chanel")


def test_resize():
    larger = explanation().resize(9, 13)
    assert larger.values.shape == (3, 2, 9, 13)
    assert larger.pictures is None  # they no longer fit
    np.testing.assert_allclose(larger.values.sum((2, 3)), VALUES.sum((2, 3)), rtol=1e-4, atol=1e-4)
    assert larger.receipt == explanation().receipt


def test_on_source():
    whole = explanation()
    for i, frame in enumerate(whole.frames):
        laid = whole.on_source(i)
        assert laid.shape == (frame.height, frame.width)
        assert abs(laid.sum() - VALUES[i].sum()) < 1e-4
    np.testing.assert_allclose(whole.on_source(2), VALUES[2].sum(0), rtol=1e-5, atol=1e-6)
    outside = np.ones((10, 20), bool)
    outside[1:9, 4:18] = False
    laid = whole.on_source(1)
    assert not laid[outside].any()
    assert laid[~outside].all()
    with pytest.raises(BadInput, match="no source"):
        explanation(frames=None).on_source()


def test_repr_says_what_it_is():
    assert (
        repr(explanation())
        == "Explanation(gradient of cat, dog, cup: 3 sample × 2 channel × 4 height × 6 width, gap 0.25)"
    )
    assert repr(view()) == "View(regions: blocks.2 (2, 4, 6), centres (3, 5))"


def test_a_views_table_as_a_dataframe():
    frame = view().to_dataframe()
    assert list(frame.columns) == ["layer", "silhouette", "stable"]
    assert len(frame) == 2
    assert np.array_equal(view()["centres"], np.ones((3, 5)))


@pytest.mark.parametrize(
    ("expected", "actual", "gap"),
    [((2.0,), (3.0,), 0.5), ((2.0, -4.0), (2.0, -1.0), 0.75), ((0.0,), (0.0,), 0), ((), (), 0)],
)
def test_relative_gap(expected, actual, gap):
    assert relative_gap(expected, actual) == gap
    assert relative_gap((0.0,), (1.0,)) > 1e9
