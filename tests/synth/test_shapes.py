"""Closed surfaces: Pappus, exact circles, an independent library, deformations that keep what they should."""

from __future__ import annotations

import numpy as np
import pytest
from geomdl import NURBS
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid.synth import deform, nurbs, shapes
from pellucid.synth.mesh import Mesh, inside, open_edges

trimesh = pytest.importorskip("trimesh")

FULL = 2 * np.pi
U = np.linspace(0, 1, 257)


def closed(m: Mesh) -> bool:
    """By our own count and by trimesh's."""
    judge = trimesh.Trimesh(m.vertices, m.faces, process=False)
    assert (open_edges(m) == 0) == (judge.is_watertight and judge.is_winding_consistent)
    return open_edges(m) == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 90), st.floats(0.2, FULL), st.integers(0, 10_000))
def test_pappus(around: int, turn: float, seed: int) -> None:
    """A turned profile's volume is its area times its middle's way; on facets, by their own exact factor."""
    rng = np.random.default_rng(seed)
    z = np.sort(rng.uniform(-3, 3, 6)) + np.arange(6)
    profile = np.stack([rng.uniform(0.5, 3, 6), z], 1)
    whole = shapes.revolve(profile, around, turn=turn)
    r0, r1, dz = profile[:-1, 0], profile[1:, 0], np.diff(z)
    moment = (dz * (r0**2 + r0 * r1 + r1**2) / 6).sum()  # area · distance of the middle from the axis
    step = turn / around
    assert closed(whole)
    assert whole.volume == pytest.approx(moment * around * np.sin(step), rel=1e-9)
    assert shapes.revolve(profile, 4000, turn=turn).volume == pytest.approx(turn * moment, rel=1e-5)


def test_pappus_of_the_surface() -> None:
    profile = np.array([[2.0, 0.0], [3.0, 4.0]])
    curved = shapes.revolve(profile, 2000).area - np.pi * (2**2 + 3**2)
    assert curved == pytest.approx(FULL * 2.5 * np.hypot(1, 4), rel=1e-5)


@pytest.mark.parametrize(
    "made",
    [
        shapes.sphere(3),
        shapes.box(1, 2, 3),
        shapes.sweep(np.array([[0, 0, 0], [0, 0, 2], [0, 3, 4.0], [1, 3, 4]]), [0.2, 0.3, 0.2, 0.0]),
        shapes.extrude(np.array([[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [0, 3]]), 0, 2),
        shapes.extrude(np.array([[0, 0], [0, 3], [1, 3], [1, 1], [4, 1], [4, 0]]), 0, 2),
        shapes.slab(np.stack([*np.meshgrid(np.arange(4.0), np.arange(3.0)), np.ones((3, 4))], 2), 0.1),
        shapes.revolve(np.array([[1, 0], [2, 1], [1, 2.0]]), 12, turn=1.0),
        shapes.revolve(np.array([[0, 2.0], [1, 1], [0, 0]]), 12),
    ],
)
def test_shapes_are_closed_and_outside_out(made: Mesh) -> None:
    assert closed(made)
    assert made.volume > 0
    assert trimesh.Trimesh(made.vertices, made.faces, process=False).volume == pytest.approx(made.volume)


def test_volumes() -> None:
    assert shapes.box(1, 2, 3).volume == pytest.approx(6)
    corner = np.array([[0, 0], [4, 0], [4, 1], [1, 1], [1, 3], [0, 3]])
    assert shapes.extrude(corner, 0, 2).volume == pytest.approx(12)
    assert shapes.sphere(2, 200).volume == pytest.approx(4 / 3 * np.pi * 8, rel=1e-3)


def test_the_circle_is_exact() -> None:
    for radius in (1e-3, 1.0, 47.0):
        assert np.abs(np.hypot(*nurbs.circle(radius).at(U).T) - radius).max() <= 4e-16 * radius * 4
    ring = nurbs.revolved(nurbs.Curve(np.array([[1.0, 0], [3, 1], [2, 4], [1, 5]])))
    points = ring.at(U[::16], U)
    assert np.abs(np.ptp(np.hypot(points[..., 0], points[..., 1]), axis=1)).max() < 1e-14


def test_curves_and_surfaces_equal_geomdls() -> None:
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(7, 3)), rng.uniform(0.3, 3, 7)
    judge = NURBS.Curve(normalize_kv=False)
    judge.degree = 3
    judge.ctrlpts, judge.weights = points.tolist(), weights.tolist()
    judge.knotvector = nurbs.clamped(7, 3).tolist()
    ours = nurbs.Curve(points, weights).at(U)
    np.testing.assert_allclose(ours, np.array(judge.evaluate_list(U.tolist())), atol=1e-12)

    grid, w = rng.normal(size=(5, 4, 3)), rng.uniform(0.3, 3, (5, 4))
    sheet = NURBS.Surface(normalize_kv=False)
    sheet.degree_u, sheet.degree_v = 3, 2
    sheet.ctrlpts_size_u, sheet.ctrlpts_size_v = 5, 4
    sheet.ctrlptsw = [[*(p * v), v] for p, v in zip(grid.reshape(-1, 3), w.ravel(), strict=True)]
    sheet.knotvector_u, sheet.knotvector_v = nurbs.clamped(5, 3).tolist(), nurbs.clamped(4, 2).tolist()
    at = U[::32]
    theirs = np.array(sheet.evaluate_list([(float(a), float(b)) for a in at for b in at])).reshape(len(at), len(at), 3)
    np.testing.assert_allclose(nurbs.Surface(grid, w, (3, 2)).at(at, at), theirs, atol=1e-12)


def test_what_a_deformation_keeps() -> None:
    tall = shapes.revolve(np.array([[1.0, z] for z in np.linspace(0, 8, 60)]), 96)
    for moved in (
        tall.moved(deform.twisted(tall.vertices, 2.0, 8.0)),
        tall.moved(deform.leaning(tall.vertices, 0.4, -0.2)),
        tall.moved(deform.bent(tall.vertices, 1.2, 8.0)),
        deform.placed(tall, at=(1, 2, 3), turn=deform.turned(0.7) @ deform.turned(1.1, 0)),
    ):
        assert closed(moved)
        assert moved.volume == pytest.approx(tall.volume, rel=4e-3)
    bent = deform.bent(np.stack([0 * U, 0 * U, 8 * U], 1), 1.2, 8.0)
    assert np.linalg.norm(np.diff(bent, axis=0), axis=1).sum() == pytest.approx(8, rel=1e-5)
    assert deform.dented(tall, np.array([1.0, 0, 4]), 1.0, 0.5).volume < tall.volume
    rough = deform.roughened(tall, 0.05, 2.0, np.random.default_rng(0))
    assert closed(rough)
    assert 0 < np.linalg.norm(rough.vertices - tall.vertices, axis=1).max() <= 0.05 + 1e-12


def test_mirror_images_are_exact() -> None:
    form = shapes.revolve(np.array([[1, 0], [2, 1], [1, 2.0]]), 12, turn=1.0)
    other = form.mirrored()
    assert closed(other)
    assert other.volume == pytest.approx(form.volume, rel=1e-14)
    assert (other.mirrored().vertices == form.vertices).all()
    assert (other.mirrored().faces == form.faces).all()


def test_inside() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, (400, 3))
    ball = shapes.sphere(1.5, 64)
    far = np.abs(np.linalg.norm(points, axis=1) - 1.5) > 0.02
    assert (inside(ball, points)[far] == (np.linalg.norm(points, axis=1) < 1.5)[far]).all()
    assert (inside(ball, points) == trimesh.Trimesh(ball.vertices, ball.faces).contains(points)).all()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: shapes.revolve(np.array([[1.0, 0]])), "profile"),
        (lambda: shapes.revolve(np.array([[-1.0, 0], [1, 1]])), "profile"),
        (lambda: shapes.triangulated(np.array([[0, 0], [2, 2], [2, 0], [0, 2.0]])), "crosses"),
        (lambda: nurbs.Curve(np.zeros((3, 2))).at(U), "too few"),
        (lambda: nurbs.Curve(np.zeros((4, 2)), np.array([1, 0, 1, 1])).at(U), "not positive"),
    ],
)
def test_bad_input(wrong: object, word: str) -> None:
    with pytest.raises(pellucid.BadInput, match=word):
        wrong()  # type: ignore[operator]
