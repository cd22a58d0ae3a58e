"""Colours: noise in bounds, interpolation exact at its anchors, shares measured as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid.synth import shapes
from pellucid.synth.textures import between, mixed, noise, positive_share, red_share, spots, steered

RED, GREEN = (180, 30, 30), (110, 160, 50)


def test_noise_is_smooth_bounded_and_seeded() -> None:
    points = np.random.default_rng(0).uniform(-40, 40, (4000, 3))
    values = noise(points, np.random.default_rng(1))
    assert 0 <= values.min() < 0.3 < 0.7 < values.max() <= 1
    assert (values == noise(points, np.random.default_rng(1))).all()
    assert (values != noise(points, np.random.default_rng(2))).any()
    near = noise(points + 1e-4, np.random.default_rng(1))
    assert np.abs(near - values).max() < 2e-3


def test_colours_between_chosen_vertices() -> None:
    ball = shapes.sphere(5, 40)
    chosen = [3, 100, 555]
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    found = between(ball, chosen, wanted)
    np.testing.assert_allclose(found[chosen], wanted, atol=1e-6)
    assert found.min() >= 0
    assert found.max() <= 255
    np.testing.assert_allclose(found.sum(1), 255)  # each is a mean of the three


def test_the_share_of_a_half_space() -> None:
    """The part of a sphere above a height is (r − h) / 2r of its surface (Archimedes)."""
    ball = shapes.sphere(1, 300)
    for height in (-0.7, 0.0, 0.4):
        assert positive_share(ball, ball.vertices[:, 2] - height) == pytest.approx((1 - height) / 2, abs=1e-4)
    assert positive_share(ball, np.ones(len(ball.vertices))) == 1
    assert positive_share(ball, np.zeros(len(ball.vertices))) == 0


def test_the_share_within_a_face_is_that_of_many_points() -> None:
    rng = np.random.default_rng(0)
    form = shapes.box(2, 3, 1)
    for _ in range(10):
        values = rng.normal(size=len(form.vertices))
        face = rng.choice(len(form.faces), 200_000, p=form.areas / form.area)
        a, b = rng.random((2, 200_000))
        a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
        v = values[form.faces[face]]
        counted = (v[:, 0] * (1 - a - b) + v[:, 1] * a + v[:, 2] * b > 0).mean()
        assert positive_share(form, values) == pytest.approx(counted, abs=5e-3)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.05, 0.95), st.integers(0, 1000))
def test_shares_are_steered(share: float, seed: int) -> None:
    ball = shapes.sphere(1, 64)
    field = noise(ball.vertices * 3, np.random.default_rng(seed))
    paint = lambda t: ball.coloured(mixed(GREEN, RED, 0.5 + (field - t) / 0.05))  # noqa: E731
    assert red_share(steered(paint, -1, 2, share)) == pytest.approx(share, abs=5e-4)


def test_a_share_out_of_reach_is_told() -> None:
    ball = shapes.sphere(1, 20)
    with pytest.raises(pellucid.BadInput, match=r"not 0\.5"):
        steered(lambda t: ball.coloured(RED if t < 0.3 else GREEN), 0, 1, 0.5)


def test_spots() -> None:
    ball = shapes.sphere(10, 100)
    rng = np.random.default_rng
    assert (spots(ball, 0, 1.0, rng(0)) == 0).all()
    few, many = (positive_share(ball, spots(ball, n, 0.8, rng(0))) for n in (3, 30))
    assert 0 < few < many < 0.7
