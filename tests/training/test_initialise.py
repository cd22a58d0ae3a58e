"""How weights begin: the scales that they give, and what stays as it was."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import nets
import pellucid
from pellucid.training.initialise import SCHEMES, expected_loss
from training.broken import deep


def mean_square(scheme: str) -> float:
    """After 30 ReLU layers, of inputs with a mean square of 1."""
    module = pellucid.initialise(deep(512, 31, inputs=512)[:-1], scheme, seed=0)
    x = torch.randn(256, 512, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float(module(x).square().mean())


def test_scales_after_thirty_relu_layers() -> None:
    """He keeps 1 (theory), Xavier halves it with each layer (2⁻³⁰ = 9.3e-10), torch's own leaves the biases."""
    assert 0.4 < mean_square("he") < 1.6
    assert 2e-10 < mean_square("xavier") < 2e-9
    assert 3e-4 < mean_square("default") < 5e-4
    assert mean_square("zero") == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_same_seed_same_weights_and_the_generator_as_it_was(scheme: str) -> None:
    one, two = (pellucid.initialise(nets.module("modules", seed=s), scheme, seed=7) for s in (0, 1))
    for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    before = torch.get_rng_state()
    pellucid.initialise(one, scheme, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_norms_begin_anew_and_biases_at_zero() -> None:
    module = pellucid.initialise(nets.module("modules"), "he", seed=0)
    assert torch.equal(module.bn1.running_mean, torch.zeros(8))
    assert torch.equal(module.bn1.weight, torch.ones(8))
    assert torch.equal(module.conv1.bias, torch.zeros(8))


def test_a_small_last_layer_begins_at_ln_k() -> None:
    x, labels = nets.images(16), torch.arange(16) % 4
    module = pellucid.initialise(nets.module("modules"), "small_last", seed=0)
    loss = nn.functional.cross_entropy(module(x), labels)
    assert float(loss.detach()) == pytest.approx(math.log(4), abs=1e-3)
    assert expected_loss(4) == math.log(4)


def test_constant_weights_keep_units_equal_through_training() -> None:
    module = pellucid.initialise(deep(16, 4), "constant", seed=0)
    sgd = torch.optim.SGD(module.parameters(), 1e-3)
    for _ in range(5):
        sgd.zero_grad()
        nn.functional.cross_entropy(module(torch.randn(8, 1, 8, 8)), torch.arange(8)).backward()
        sgd.step()
    assert (module[1].weight == module[1].weight[:1]).all()


def test_an_unknown_scheme_names_the_near_ones() -> None:
    with pytest.raises(pellucid.BadInput, match="xavier"):
        pellucid.initialise(nn.Linear(2, 2), "xavi")
