"""Codes as a figure and in words."""

from __future__ import annotations

import numpy as np
import pytest

import nets
import pellucid
from pellucid.report.look import look_of
from pellucid.report.looks.codes import figure, plane_of, words


@pytest.mark.parametrize("pool", ["mean", "none"])
def test_a_point_a_picture(pool: str) -> None:
    view = pellucid.codes(nets.network("modules"), nets.images(4), ["act2", "head"], pool=pool)
    drawn = view.show()
    assert [len(a.collections[0].get_offsets()) for a in drawn.axes] == [4, 4]
    assert [t.get_text() for t in drawn.axes[0].texts] == ["sample 0", "sample 1", "sample 2", "sample 3"]
    drawn.canvas.draw()
    assert "<img" in view._repr_html_()
    assert look_of("codes").TITLE == "Codes"


def test_the_axes_are_the_principal_components() -> None:
    codes = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32) * [9, 5, 1, 1, 1, 1]
    places, shares = plane_of(codes.astype(np.float32))
    assert abs(np.corrcoef(places[:, 0], codes[:, 0])[0, 1]) > 0.95
    assert abs(np.corrcoef(places[:, 1], codes[:, 1])[0, 1]) > 0.95
    assert 0.9 < shares.sum() < 1


@pytest.mark.parametrize("count", [1, 2])
def test_few_pictures(count: int) -> None:
    view = pellucid.codes(nets.network("modules"), nets.images(count), "head")
    figure(view).canvas.draw()
    assert [s.level for s in words(view)] == ["fact"]


def test_codes_that_never_change_are_told() -> None:
    own = nets.module("modules")
    own.head.weight.data.zero_()
    view = pellucid.codes(pellucid.open(own, input=nets.SPEC), nets.images(3), "head")
    assert [s.level for s in words(view)] == ["fact", "warning"]
