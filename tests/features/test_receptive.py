"""The field of a layer's places, against what is known of the architectures."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import nets
import pellucid
from pellucid import InputSpec
from pellucid.features.units.receptive import receptive_field


def chain(*layers: nn.Module, size: int = 64) -> pellucid.Network:
    spec = InputSpec(size=(size, size), mean=(0.5,) * 3, std=(0.2,) * 3)
    return pellucid.open(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), input=spec)


def test_a_chain_of_convolutions_and_poolings() -> None:
    """By hand: r grows by (k − 1) · the stride so far; the middle moves by (k − 1)/2 − p of it."""
    torch.manual_seed(0)
    parts = [
        nn.Conv2d(3, 6, 3),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 5, stride=2, padding=1),
        nn.BatchNorm2d(8),
    ]
    net = chain(*parts, nn.ReLU6(), nn.Conv2d(8, 8, 3, dilation=2))
    found = {name: receptive_field(net, name) for name in ("0", "2", "3", "5", "6")}
    assert [found[n].size for n in found] == [(3, 3), (4, 4), (12, 12), (12, 12), (28, 28)]
    assert [found[n].stride for n in found] == [(1, 1), (2, 2), (4, 4), (4, 4), (4, 4)]
    assert [found[n].first for n in found] == [(1.5,) * 2, (2.0,) * 2, (4.0,) * 2, (4.0,) * 2, (12.0,) * 2]
    assert {f.kind for f in found.values()} == {"support"}
    assert found["0"].corner(0, 0) == (0, 0)
    assert found["2"].corner(3, 5) == (6, 10)


def test_dead_and_negative_weights_hide_nothing() -> None:
    net = chain(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1))
    with torch.no_grad():
        net.module[0].weight.zero_()
        net.module[0].bias.fill_(-1)
    before = copy.deepcopy(net.module.state_dict())
    assert receptive_field(net, "2").size == (5, 5)
    assert all(torch.equal(before[n], t) for n, t in net.module.state_dict().items())
    assert not any(m._forward_hooks for m in net.module.modules())


def test_what_sees_too_much_gets_its_effective_field() -> None:
    class Gated(nn.Module):
        """A gate from everywhere, on what is seen nearby."""

        def __init__(self) -> None:
            super().__init__()
            self.near, self.gate, self.out = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4), nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            x = self.near(x)
            return self.out(x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None])

    torch.manual_seed(0)
    net = pellucid.open(Gated(), input=InputSpec(size=(32, 32), mean=(0.5,) * 3, std=(0.2,) * 3), output="values")
    field = receptive_field(net, "out")
    assert (field.kind, field.support) == ("effective", (32, 32))
    assert field.size == (3, 3)


def test_a_vector_sees_the_whole_picture() -> None:
    field = receptive_field(nets.network("modules"), "head")
    assert (field.kind, field.size, field.grid) == ("whole", (12, 12), (1, 1))
    assert field.corner(0, 0) == (0, 0)


def test_one_call_of_a_module_that_is_used_twice() -> None:
    net = nets.network("reused")
    assert receptive_field(net, "act1:1").size == (3, 3)
    assert receptive_field(net, "act1:1").grid == (12, 12)
    assert receptive_field(net, "act1:2").grid == (6, 6)


@pytest.mark.parametrize(
    ("name", "layer", "kind", "size", "stride"),
    [
        pytest.param(  # behind pool 3, as published
            *("torchvision:vgg16", "features.16", "support", (44, 44), 8), marks=pytest.mark.slow
        ),
        pytest.param(*("torchvision:resnet18", "layer2", "support", (99, 99), 8), marks=pytest.mark.slow),
        ("timm:vit_tiny_patch16_224", "patch_embed.proj", "support", (16, 16), 16),
        ("timm:vit_tiny_patch16_224", "blocks.3", "effective", (48, 48), 16),
    ],
)
def test_known_architectures(name: str, layer: str, kind: str, size: tuple[int, int], stride: int) -> None:
    field = receptive_field(pellucid.open(name, weights="none"), layer)
    assert (field.kind, field.size, field.stride) == (kind, size, (stride, stride))
