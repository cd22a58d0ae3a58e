"""The fast copy is equal, or it is not used; and what it says of itself is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pellucid
from nets import NETS, SPEC, images, module
from pellucid.models.memory import batch_size, bytes_per_sample, free_bytes
from pellucid.models.prepare import fold_batch_norm, untouched

FOLDED = {"linear": 0, "modules": 2, "functional": 2, "reused": 2, "in_place": 2, "residual": 1}


@pytest.mark.parametrize("name", FOLDED)
def test_batch_norm_is_folded_where_it_may_be(name: str) -> None:
    own = module(name).eval()
    wanted = own(images())
    assert fold_batch_norm(own, images()) == FOLDED[name]
    assert torch.allclose(own(images()), wanted, atol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_the_copy_is_equal_and_the_original_as_found(name: str) -> None:
    own = module(name)
    net = pellucid.open(own, input=SPEC)
    ready = net.prepared()
    assert ready.module is not own
    assert ready.preparation.difference < 1e-4
    assert not any(p.requires_grad for p in ready.module.parameters())
    with untouched(own), torch.no_grad():
        assert torch.allclose(ready(images()), own(images()), atol=1e-4)
    assert own.training
    assert net.prepared() is ready  # made once
    assert [l.name for l in ready.tree()] == [l.name for l in net.tree()]


def test_a_shared_convolution_is_not_folded() -> None:
    """Folding would change what goes past the batch norm; the proof finds that and the copy stays unfolded."""
    ready = pellucid.open(module("shared_conv"), input=SPEC).prepared()
    assert "folded" not in ready.preparation.steps


def test_layers_that_are_kept_keep_their_own_output() -> None:
    own = module("modules").eval()
    net, x = pellucid.open(own, input=SPEC), images()
    with torch.no_grad():
        wanted = own.conv1(x)
    kept = net.prepared(keep=["conv1"]).capture(x, ["conv1"])["conv1"]
    assert torch.allclose(kept, wanted, atol=1e-5)
    folded = net.prepared().capture(x, ["conv1"])["conv1"]
    assert not torch.allclose(folded, wanted, atol=1e-2)  # which is why keep exists


class Deaf(nn.Module):
    """Hardly looks at its input: the size of its output proves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)
        self.head.bias.data.fill_(1e6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wrong = 0.5 if isinstance(self.norm, nn.BatchNorm2d) else 0.0
        return self.head(self.norm(self.conv(x)).mean((2, 3)) + wrong)


def test_a_large_constant_does_not_hide_a_difference() -> None:
    ready = pellucid.open(Deaf(), input=SPEC).prepared()
    assert "folded" not in ready.preparation.steps


def test_the_default_network_is_folded_throughout(default_network: pellucid.Network) -> None:
    ready = default_network.prepared()
    assert ready.preparation.steps == ("folded", "channels_last")
    assert ready.preparation.difference < 1e-4
    assert not any(isinstance(m, nn.BatchNorm2d) for m in ready.module.modules())


def test_a_module_that_does_not_run_on_its_spec_is_told() -> None:
    net = pellucid.open(module("linear"), input=pellucid.InputSpec(size=(5, 5)))
    with pytest.raises(pellucid.BadInput, match="does not run on an input of shape"):
        net.tree()


def test_batches_follow_the_free_memory(default_network: pellucid.Network) -> None:
    layers, x = default_network.tree(), default_network.probe()
    with_gradient = bytes_per_sample(layers, x, (224, 224), gradient=True)
    assert with_gradient > 3 * bytes_per_sample(layers, x, (224, 224), gradient=False)
    larger = torch.zeros(1, 3, 448, 448)
    assert bytes_per_sample(layers, larger, (224, 224), gradient=True) == pytest.approx(4 * with_gradient, rel=0.01)
    assert 1 <= batch_size(layers, x, (224, 224), gradient=True) <= 32
    assert free_bytes(torch.device("cpu")) > 0
    huge = torch.empty(1, 3, 1, 1).expand(1, 3, 200_000, 200_000)
    assert batch_size(layers, huge, (224, 224), gradient=True) == 1
