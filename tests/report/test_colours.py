from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.report import colours

maps = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-1e6, 1e6, width=32))


def luminance(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.2126, 0.7152, 0.0722])


def test_zero_is_transparent_over_a_photo_and_near_white_alone():
    assert colours.heat_rgba(np.zeros((2, 2)), 1.0)[..., 3].max() == 0
    assert (colours.heat_rgb(np.zeros((2, 2)), 1.0) == colours.NEUTRAL).all()


@given(maps)
def test_opacity_is_symmetric_and_grows_with_the_value(values):
    scale = colours.scale_of(values)
    alpha = colours.heat_rgba(values, scale)[..., 3].astype(int)
    assert (alpha == colours.heat_rgba(-values, scale)[..., 3]).all()
    order = np.argsort(np.abs(values), axis=None)
    assert (np.diff(alpha.ravel()[order]) >= 0).all()


@given(maps, st.floats(0.01, 100))
def test_the_rule_is_the_same_for_all_maps_whatever_their_unit(values, factor):
    scaled = (values * np.float32(factor)).astype(np.float64)
    assert colours.scale_of(scaled) == pytest.approx(colours.scale_of(values) * factor, rel=1e-4, abs=1e-30)


def test_the_scale_is_the_percentile_of_the_sizes():
    values = np.random.default_rng(0).standard_normal((50, 40))
    assert colours.scale_of(values) == pytest.approx(np.percentile(np.abs(values), 99.5))
    assert colours.scale_of(values, 90) == pytest.approx(np.percentile(np.abs(values), 90))


def test_signs_have_their_own_hue_and_both_get_darker_away_from_zero():
    table = colours.opaque_table().astype(float)
    light = luminance(table)
    assert (np.diff(light[:128]) > -0.6).all()
    assert (np.diff(light[127:]) < 0.6).all()
    assert (table[128 + 20 :, 0] > table[128 + 20 :, 2]).all(), "for is red"
    assert (table[: 127 - 20, 2] > table[: 127 - 20, 0]).all(), "against is blue"


def test_for_and_against_stay_apart_without_red_and_green_cones():
    """Viénot's matrices of 1999 for protanopia and deuteranopia, on linear RGB."""
    simulated = {
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    linear = (colours.opaque_table() / 255.0) ** 2.2
    for name, matrix in simulated.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen - seen[::-1], axis=1)
        assert (apart[:97] > 0.15).all(), name


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-30])
def test_a_constant_map_is_flat_and_drawn_neutral(value):
    values = np.full((4, 5), value, np.float32)
    assert colours.is_flat(values)
    assert colours.scale_of(values) == 0
    assert colours.heat_rgba(values, colours.scale_of(values))[..., 3].max() == 0


def test_a_map_that_varies_is_not_flat_however_small_it_is():
    values = np.linspace(-1e-20, 1e-20, 12).reshape(3, 4)
    assert not colours.is_flat(values)
    assert colours.heat_rgba(values, colours.scale_of(values))[..., 3].max() > 200


def test_a_map_with_a_single_value_is_scaled_by_it():
    values = np.zeros((100, 100), np.float32)
    values[3, 4] = -2
    assert colours.scale_of(values) == 2
    assert colours.heat_rgba(values, 2.0)[3, 4, 3] > 200


def test_a_muted_picture_keeps_its_brightness():
    picture = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    assert np.abs(luminance(colours.muted(picture)) - luminance(picture)).max() < 1.5
    assert (colours.lay_over(picture, np.zeros((8, 9, 4), np.uint8)) == colours.muted(picture)).all()
