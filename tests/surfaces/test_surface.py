"""Points to closed surfaces: known volumes, known gradients, thin sheets, noise, nonsense."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.errors import BadInput
from pellucid.surfaces import estimate_normals, fit_surface, reconstruct
from pellucid.surfaces.kernels import KERNELS
from pellucid.surfaces.reconstruct import distances, is_watertight


def sphere(n: int) -> np.ndarray:
    """Points spread evenly over the unit sphere (a Fibonacci lattice)."""
    i = np.arange(n) + 0.5
    polar, around = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], 1)


def torus(n: int = 60, m: int = 24) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.meshgrid(np.linspace(0, 2 * np.pi, n, False), np.linspace(0, 2 * np.pi, m, False))
    normals = np.stack([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)], -1).reshape(-1, 3)
    ring = np.stack([np.cos(a), np.sin(a), 0 * a], -1).reshape(-1, 3)
    return 2 * ring + 0.7 * normals, normals


# -- values that are known ------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["cubic", "wendland"])
@pytest.mark.parametrize("method", ["hermite", "offsurface"])
@pytest.mark.parametrize("estimated", [False, True])
def test_a_sphere_of_400_points(kernel: str, method: Any, estimated: bool) -> None:
    points = sphere(400)
    made = reconstruct(points, None if estimated else points, kernel=kernel, method=method)
    figures = made.figures
    assert figures["volume"] / (4 / 3 * np.pi) == pytest.approx(1, abs=0.003)
    assert figures["area"] / (4 * np.pi) == pytest.approx(1, abs=0.003)
    assert figures["watertight"]
    assert figures["components"] == 1
    np.testing.assert_allclose(made.implicit(points), 0, atol=1e-9)
    assert figures["distance_most"] < 0.1 * figures["step"]
    assert made.notes == ()
    judge = trimesh.Trimesh(made.vertices, made.faces, process=False)
    assert judge.is_watertight
    assert judge.is_winding_consistent
    assert judge.volume == pytest.approx(figures["volume"])
    assert judge.area == pytest.approx(figures["area"])


def test_the_surface_is_as_good_as_marching_the_exact_distance() -> None:
    from pellucid.surfaces.reconstruct import _Grid, _marched, area, volume

    points = sphere(400)
    made = reconstruct(points, points)
    grid = _Grid.around(points, None)
    nodes = grid.places(np.stack(np.indices(grid.shape), -1).astype(float))
    exact = _marched(np.linalg.norm(nodes, axis=-1) - 1, grid)
    assert made.figures["volume"] == pytest.approx(volume(*exact), rel=1e-3)
    assert made.figures["area"] == pytest.approx(area(*exact), rel=1e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_the_normals(kernel: str) -> None:
    points, normals = torus(20, 10)
    implicit = fit_surface(points, normals, kernel=kernel)
    np.testing.assert_allclose(implicit(points), 0, atol=1e-9)
    np.testing.assert_allclose(implicit.gradient(points), normals, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("method", ["hermite", "offsurface"])
def test_the_gradient_is_the_values_own(kernel: str, method: Any) -> None:
    points, normals = torus(16, 8)
    implicit = fit_surface(points, normals, kernel=kernel, method=method)
    x = np.random.default_rng(0).uniform(-2, 2, (20, 3))
    moves = 1e-5 * np.eye(3)
    numeric = np.stack([(implicit(x + m) - implicit(x - m)) / 2e-5 for m in moves], 1)
    np.testing.assert_allclose(implicit.gradient(x), numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("estimated", [False, True])
def test_a_torus_has_a_hole(estimated: bool) -> None:
    points, normals = torus()
    made = reconstruct(points, None if estimated else normals)
    assert made.implicit.patches  # many points: small fits, blended
    assert made.figures["watertight"]
    assert made.figures["volume"] == pytest.approx(2 * np.pi**2 * 2 * 0.49, rel=0.01)
    assert trimesh.Trimesh(made.vertices, made.faces, process=False).euler_number == 0
    np.testing.assert_allclose(made.implicit(points), 0, atol=1e-9)


def test_two_bodies_are_two_pieces() -> None:
    points = np.concatenate([sphere(300), sphere(300) * 0.5 + [3, 0, 0]])
    made = reconstruct(points)
    assert made.figures["components"] == 2
    assert made.figures["watertight"]
    assert made.figures["volume"] == pytest.approx(4 / 3 * np.pi * 1.125, rel=0.01)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_where_and_how_large_it_is_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    scale, shift = 10.0 ** rng.uniform(-3, 3), 100 * rng.standard_normal(3)
    made = reconstruct(sphere(150) @ turn.T * scale + shift, resolution=32)
    assert made.figures["watertight"]
    assert made.figures["volume"] / scale**3 == pytest.approx(4 / 3 * np.pi, rel=0.02)


def test_noise_is_evened_out_on_request() -> None:
    rng = np.random.default_rng(0)
    points = sphere(600) * (1 + 0.02 * rng.standard_normal((600, 1)))
    rough, smooth = (reconstruct(points, sphere(600), smooth=s) for s in (0.0, 0.03))
    spread = [np.linalg.norm(m.vertices, axis=1).std() for m in (rough, smooth)]
    assert spread[1] < 0.7 * spread[0]
    assert smooth.figures["distance_rms"] > 1.5 * rough.figures["distance_rms"]
    left = [np.sqrt((m.implicit(points) ** 2).mean()) for m in (rough, smooth)]
    assert left[1] > 100 * left[0]


# -- normals --------------------------------------------------------------------------------------


def test_estimated_normals_point_outwards() -> None:
    points, normals = torus()
    assert ((estimate_normals(points) * normals).sum(1) > 0.95).all()


def test_the_two_sides_of_a_thin_sheet_point_apart() -> None:
    """A sheet whose sides are no farther apart than points on one side: only what lies behind what tells them apart."""
    half, i = 0.05, np.arange(1200) + 0.5
    radius, around = np.sqrt(i / 1200), np.pi * (1 + 5**0.5) * i
    disc = np.stack([radius * np.cos(around), radius * np.sin(around), 0 * i], 1)
    turn, bend = np.meshgrid(np.linspace(0, 2 * np.pi, 220, False), np.linspace(-1.4, 1.4, 7))
    rim = np.stack([np.cos(turn) * np.cos(bend), np.sin(turn) * np.cos(bend), np.sin(bend)], -1).reshape(-1, 3)
    ring = np.stack([np.cos(turn), np.sin(turn), 0 * turn], -1).reshape(-1, 3)
    up = np.array([0, 0, 1.0])
    points = np.concatenate([disc + half * up, disc - half * up, ring + half * rim])
    normals = np.concatenate([np.tile(up, (1200, 1)), np.tile(-up, (1200, 1)), rim])
    spacing = np.median(
        np.linalg.norm(disc[:, None] - disc, axis=-1)[~np.eye(1200, dtype=bool)].reshape(1200, -1).min(1)
    )
    assert spacing > 0.4 * half
    assert ((estimate_normals(points) * normals).sum(1) > 0).mean() > 0.99


# -- nonsense -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "more", "said"),
    [
        (np.zeros((5, 3)), {}, "points of shape"),
        (np.zeros((50, 2)), {}, "points of shape"),
        (np.zeros((50, 3)), {}, "lie in a plane or on a line"),
        (sphere(50) * [1, 1, 0], {}, "lie in a plane"),
        (np.full((50, 3), np.nan), {}, "50 of 50 points are NaN"),
        (sphere(50), {"normals": np.zeros((50, 3))}, "without a direction"),
        (sphere(50), {"normals": sphere(49)}, "normals of shape"),
        (sphere(50), {"normals": np.tile([0.0, 0, 1], (50, 1)), "resolution": 4}, "resolution is 4"),
        (sphere(50), {"kernel": "cubist"}, "cubic"),
        (sphere(50), {"method": "poisson"}, "method is"),
        (sphere(50), {"smooth": -1.0}, "smooth is -1"),
        (sphere(50), {"smooth": 5.0}, "smooth is 5"),
    ],
)
def test_what_has_no_surface_says_so(points: np.ndarray, more: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        reconstruct(points, **more)
    assert said in str(caught.value)


def test_a_gap_is_closed_and_told() -> None:
    points = sphere(600)
    open_ = points[points[:, 2] < 0.6]
    made = reconstruct(open_, open_)
    assert made.figures["watertight"]
    assert made.figures["farthest"] > 0.3
    assert any("there it is a guess" in n for n in made.notes)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("method", ["hermite", "offsurface"])
def test_thin_ears_grow_no_sails(kernel: str, method: Any) -> None:
    """A body with a thin, sparsely sampled blade: where no ball reaches, every kernel must know what is outside."""
    blade = np.stack(np.meshgrid([-0.06, 0.06], np.linspace(-0.2, 0.2, 5), np.linspace(0.9, 2.2, 14)), -1).reshape(
        -1, 3
    )
    body = sphere(900)
    body = body[(np.abs(body[:, 0]) > 0.1) | (np.abs(body[:, 1]) > 0.25) | (body[:, 2] < 0)]
    points = np.concatenate([body, blade])
    normals = np.concatenate([body, np.sign(blade[:, :1]) * [1.0, 0, 0]])
    made = reconstruct(points, normals, kernel=kernel, method=method)
    assert made.figures["watertight"]
    assert made.figures["farthest"] < 0.35
    assert made.figures["volume"] == pytest.approx(4 / 3 * np.pi, rel=0.05)


def test_distances_are_those_to_the_triangles() -> None:
    box = trimesh.creation.box((2, 2, 2))
    points = np.random.default_rng(0).uniform(-3, 3, (200, 3))
    found = distances(points, np.asarray(box.vertices), np.asarray(box.faces))
    inside = np.abs(points).max(1) < 1
    away = np.where(inside, 1 - np.abs(points).max(1), np.linalg.norm(np.maximum(np.abs(points) - 1, 0), axis=1))
    np.testing.assert_allclose(found, away, atol=1e-12)


def test_points_that_stand_twice_are_told() -> None:
    made = reconstruct(np.concatenate([sphere(200), sphere(200)[:7]]))
    assert made.notes == ("7 points that stand twice were left out",)


def test_watertight_is_noticed() -> None:
    box = trimesh.creation.box()
    assert is_watertight(np.asarray(box.faces))
    assert not is_watertight(np.asarray(box.faces)[1:])
    turned = np.asarray(box.faces).copy()
    turned[0] = turned[0][::-1]
    assert not is_watertight(turned)


_LARGE = """
import resource, time
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
import sys
sys.path.insert(0, sys.argv[1])
from surfaces.test_surface import sphere
from pellucid.surfaces import reconstruct
points = sphere(50_000) * [1, 2, 1.5]
made = reconstruct(points)
assert made.figures["watertight"] and made.figures["components"] == 1
print(made.figures["volume"] / (4 * np.pi), made.figures["distance_most"], np.abs(made.implicit(points)).max())
"""


@pytest.mark.slow
def test_fifty_thousand_points_fit_into_memory() -> None:
    here = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", _LARGE, str(here)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    ratio, off, left = map(float, done.stdout.split())
    assert ratio == pytest.approx(1, abs=0.002)
    assert off < 0.01
    assert left < 1e-9
