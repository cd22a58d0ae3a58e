"""RBF networks: bumps as features, ridge by cross-validation, one input or many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pellucid.core.errors import BadInput
from pellucid.surfaces import fit_rbf


def wave(n: int = 120, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 6, n)
    return x, np.sin(x) + noise * rng.standard_normal(n)


def test_a_wave_is_learnt_better_than_its_noise() -> None:
    net = fit_rbf(*wave(), count=15)
    x = np.linspace(0.2, 5.8, 200)
    error = np.sqrt(((net(x) - np.sin(x)) ** 2).mean())
    assert error < 0.05
    assert net.gcv == pytest.approx(0.01, rel=0.4)  # the noise's variance and a little
    assert net(x).shape == (200,)


def test_the_features_are_bumps_and_the_rest_is_linear() -> None:
    x, y = wave()
    net = fit_rbf(x, y, centres="grid", count=9, width=0.7)
    features = net.features(x)
    assert features.shape == (120, 9)
    np.testing.assert_allclose(features, np.exp(-((x[:, None] - net.centres.T) ** 2) / (2 * 0.49)))
    np.testing.assert_allclose(net(x), features @ net.weights[:, 0] + net.offset[0])
    np.testing.assert_allclose(net.features(net.centres).diagonal(), 1)


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_the_weights_are_those_of_ridge_regression(ridge: float) -> None:
    x, y = wave()
    net = fit_rbf(x, y, centres="grid", count=9, ridge=ridge)
    features = net.features(x)
    scale = (np.linalg.svd(features, compute_uv=False) ** 2).mean()
    judge = Ridge(ridge * scale, fit_intercept=False).fit(features, y - y.mean())
    np.testing.assert_allclose(net.weights[:, 0], judge.coef_, rtol=1e-5, atol=1e-8)


def test_gcv_is_near_what_leaving_out_finds() -> None:
    x, y = wave(60)
    net = fit_rbf(x, y, centres="grid", count=9, ridge=1e-3)
    each = [fit_rbf(np.delete(x, i), np.delete(y, i), centres=net.centres, width=1.0, ridge=1e-3) for i in range(60)]
    whole = fit_rbf(x, y, centres=net.centres, width=1.0, ridge=1e-3)
    left_out = np.mean([(f(x[[i]])[0] - y[i]) ** 2 for i, f in enumerate(each)])
    assert whole.gcv == pytest.approx(left_out, rel=0.15)


def test_as_many_bumps_as_points_pass_through_all() -> None:
    x, y = np.arange(8.0), np.array([0, 1, 0, 2, 0, 3, 0, 1.0])
    net = fit_rbf(x, y, centres=x[:, None], ridge=0)
    np.testing.assert_allclose(net(x), y, atol=1e-6)


def test_several_inputs_and_outputs() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (800, 3))
    y = np.stack([np.cos(2 * x[:, 0]) * x[:, 1], (x**2).sum(1)], 1)
    net = fit_rbf(x[:600], y[:600], count=120)
    error = ((net(x[600:]) - y[600:]) ** 2).mean(0) / y[600:].var(0)
    assert net(x).shape == (800, 2)
    assert (error < 0.05).all()
    assert len(fit_rbf(x, y, centres="grid", count=64).centres) == 64


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = (fit_rbf(*wave(), seed=3).weights.tobytes() for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y": np.ones(3)}, "values of shape"),
        ({"y": np.full(120, np.nan)}, "values of shape"),
        ({"x": np.full(120, np.inf)}, "not all finite"),
        ({"x": np.zeros((3, 3, 3))}, "points of shape"),
        ({"count": 0}, "count 0"),
        ({"width": -1.0}, "width -1"),
        ({"ridge": -1.0}, "ridge -1"),
        ({"centres": "even"}, "centres is 'even'"),
        ({"centres": np.zeros((4, 2))}, "points of 2 numbers where 1"),
    ],
)
def test_nonsense_is_told(change: dict[str, Any], said: str) -> None:
    x, y = wave()
    given = {"x": x, "y": y, **change}
    with pytest.raises(BadInput, match=said):
        fit_rbf(given.pop("x"), given.pop("y"), **given)
