"""What leaves a unit, however the activation is written; dead, saturated, correlated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import nets
import pellucid
from pellucid.features.units.state import Correlations, Tally, at_most
from pellucid.features.units.watch import Activation, activation_of, following, paths_of


def watched(net: pellucid.Network, x: Tensor) -> dict[tuple[str, int, bool], Tensor]:
    met: dict[tuple[str, int, bool], Tensor] = {}
    paths = paths_of(net)
    with following(net, paths, lambda layer, call, values, after: met.setdefault((layer, call, after), values.clone())):
        net(x)
    return met


@pytest.mark.parametrize("name", nets.TWINS)
def test_an_activation_is_found_however_it_is_written(name: str) -> None:
    net, x = nets.network(name), nets.images(2)
    paths = paths_of(net)
    assert {call: path.activation.name for call, path in paths.items()} == {
        ("conv1", 1): "relu",
        ("conv2", 1): "relu",
        ("head", 1): "none",
    }
    met = watched(net, x)
    module = nets.module("modules").eval()
    normed = module.bn1(module.conv1(x))
    torch.testing.assert_close(met["conv1", 1, False], normed)
    torch.testing.assert_close(met["conv1", 1, True], normed.relu())
    torch.testing.assert_close(met["head", 1, True], module(x))


@pytest.mark.parametrize("name", ["modules", "functional", "reused"])
def test_the_fast_copy_is_followed_too(name: str) -> None:
    net, x = nets.network(name), nets.images(2)
    fast, slow = watched(net.prepared(), x), watched(net, x)
    assert fast.keys() == slow.keys()
    for key in (k for k in slow if k[2]):
        torch.testing.assert_close(fast[key], slow[key], rtol=1e-4, atol=1e-5)


def test_a_value_that_two_take_is_linear() -> None:
    """A sum behind it, or a hand-written gate: no activation is the unit's own."""
    paths = paths_of(nets.network("residual"))
    assert {n: p.activation.name for (n, _), p in paths.items()} == {
        "stem": "relu",
        "block": "relu",
        "gate": "sigmoid",
        "late": "silu",
        "head": "none",
    }
    assert {n: p.activation.name for (n, _), p in paths_of(nets.network("shared_conv")).items()}["conv"] == "none"


def test_each_call_of_a_reused_layer_is_met() -> None:
    net = nets.network("awkward")
    paths = paths_of(net)
    assert [call for call in paths if call[0] == "two"] == [("two", 1), ("two", 2)]
    assert paths["two", 1].activation.name == "leaky_relu"
    assert paths["two", 2].activation.name == "relu"


def test_the_sign_of_a_batch_norm() -> None:
    module = nets.module("modules")
    with torch.no_grad():
        module.bn1.weight[2] *= -1
        module.bn1.weight[3] = 0
    paths = paths_of(pellucid.open(module, input=nets.SPEC))
    assert paths["conv1", 1].sign.tolist() == [1, 1, -1, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: F.relu(x), Activation("relu", True)),
        (lambda x: F.hardtanh(x, 0, 6), Activation("relu6", True, high=6.0)),
        (lambda x: x.clamp(min=0), Activation("relu", True)),
        (lambda x: torch.clamp(x, 0.0, 6.0), Activation("relu6", True, high=6.0)),
        (lambda x: F.hardtanh(x), Activation("hardtanh", low=-1.0, high=1.0)),
        (lambda x: x.tanh(), Activation("tanh", low=-1.0, high=1.0)),
        (lambda x: F.gelu(x), Activation("gelu", True, dip=0.17)),
        (lambda x: F.hardswish(x), Activation("hardswish", True, dip=0.375, low=0.0)),
        (lambda x: F.elu(x), Activation("elu")),
        (lambda x: F.leaky_relu(x), Activation("leaky_relu")),
        (lambda x: x * 2, Activation("none")),
    ],
)
def test_activations_and_their_bounds(function: object, expected: Activation) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return function(self.conv(x)).mean((2, 3))

    assert paths_of(pellucid.open(Net(), input=nets.SPEC))["conv", 1].activation == expected


def test_a_bound_that_is_no_number_is_not_known() -> None:
    assert activation_of("clamp", (torch.ones(2), torch.ones(2)), {}) is None
    assert activation_of("mul", (), {}) is None


def test_nothing_is_left_after_an_exception() -> None:
    net = nets.network("modules")
    net.module.train()
    paths = paths_of(net)

    def fail(*args: object) -> None:
        raise RuntimeError("out of the way")

    with pytest.raises(RuntimeError, match="out of the way"), following(net, paths, fail):
        net(nets.images(1))
    assert not any(m._forward_hooks for m in net.module.modules())
    assert net.module.training
    assert net.module.bn1.training


# -- states ---------------------------------------------------------------------------------------


def tally(values: list[list[float]], activation: Activation) -> Tally:
    x = torch.tensor(values).T.contiguous()
    found = Tally(x.shape[1], activation)
    for part in x.split(3):
        found.add(part)
    return found


def test_a_rectified_unit_is_dead_if_it_never_rises_above_zero() -> None:
    units = [[0.0] * 10, [0.0] * 9 + [1e-6], [2.0] * 10]
    assert tally(units, Activation("relu", True)).dead.tolist() == [True, False, False]


def test_any_other_unit_is_dead_if_it_never_changes() -> None:
    units = [[0.0] * 10, [-1.0] * 10, [-1.0] * 9 + [-1.1]]
    assert tally(units, Activation("none")).dead.tolist() == [True, True, False]


def test_saturated_is_at_one_bound_for_more_than_95_percent() -> None:
    units = [[6.0] * 97 + [1.0] * 3, [6.0] * 95 + [1.0] * 5, [0.0] * 97 + [1.0] * 3, [6.0] * 100, [0.0] * 100]
    found = tally(units, Activation("relu6", True, high=6.0))
    assert found.saturated.tolist() == [True, False, False, True, False]
    assert found.dead.tolist() == [False, False, False, False, True]
    both = [[0.999] * 50 + [0.001] * 50, [0.999] * 96 + [0.5] * 4, [0.98] * 100, [1.0] * 100]
    found = tally(both, Activation("sigmoid", low=0.0, high=1.0))
    assert found.saturated.tolist() == [False, True, False, True]
    assert found.dead.tolist() == [False, False, True, False]


FAR, BELOW, LITTLE = torch.linspace(-30, -20, 100), torch.linspace(-2.9, -0.1, 100), torch.linspace(-1.0, -0.9, 100)


@pytest.mark.parametrize(
    ("name", "function"), [("gelu", F.gelu), ("silu", F.silu), ("mish", F.mish), ("hardswish", F.hardswish)]
)
def test_what_dips_below_zero_is_passed_on(name: str, function: Callable[[Tensor], Tensor]) -> None:
    activation = activation_of(name, (), {})
    units = [function(x).tolist() for x in (FAR, BELOW, LITTLE, -FAR)]
    found = tally(units, activation)
    assert found.dead.tolist() == [True, False, False, False]
    assert found.saturated.tolist() == [False] * 4
    assert activation.dip == pytest.approx(-float(function(torch.linspace(-5, 0, 5001)).min()), abs=1e-3)


@pytest.mark.parametrize("function", [F.elu, F.selu, F.celu, F.leaky_relu])
def test_what_does_not_rectify_speaks_below_zero(function: Callable[[Tensor], Tensor]) -> None:
    activation = activation_of(function.__name__, (), {})
    assert tally([function(x).tolist() for x in (BELOW, 0 * BELOW - 1)], activation).dead.tolist() == [False, True]


def test_hardswish_is_saturated_at_zero_alone() -> None:
    stuck = F.hardswish(torch.cat([torch.full((96,), -4.0), torch.ones(4)])).tolist()
    alive = F.hardswish(torch.cat([BELOW[:96], torch.ones(4)])).tolist()
    assert tally([stuck, alive], activation_of("hardswish", (), {})).saturated.tolist() == [True, False]


def test_what_is_not_finite_is_counted() -> None:
    assert tally([[1.0, float("nan"), float("inf")], [1.0, 2.0, 3.0]], Activation("none")).bad == 2


def test_correlations_are_pearsons() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5000, 6, generator=generator)
    x[:, 3] = 0.5 * x[:, 1] + 0.1 * x[:, 3]
    x[:, 4] = 1000 + 1e-2 * x[:, 0]  # a large mean
    x[:, 5] = 7.3
    pairs = [(3, 1), (4, 0), (2, 1), (5, 1)]
    found = Correlations(pairs)
    for part in x.split(700):
        found.add(part)
    r = found.result()
    for i, j in pairs[:3]:
        assert r[i, j] == pytest.approx(np.corrcoef(x[:, i].double(), x[:, j].double())[0, 1], abs=2e-5)
    assert r[5, 1] is None
    assert Correlations([(0, 1)]).result() == {(0, 1): None}


def test_the_rule_of_three() -> None:
    assert at_most(300) == pytest.approx(0.01)
    assert at_most(2) == 1
    rng = np.random.default_rng(0)  # of units that fire on 1 % of pictures, 5 % are silent on 300
    silent = (rng.random((20_000, 300)) < 0.01).sum(1) == 0
    assert silent.mean() == pytest.approx(0.05, abs=0.005)
