"""What enters a layer's activation, however that is written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from nets import SPEC, images
from pellucid.models.activations import before_activation


class Block(nn.Module):
    """A convolution and one of many ways to write its activation."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.conv, self.act = way, nn.Conv2d(3, 4, 3), nn.ReLU()
        self.over = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu(x + 3))  # an activation that comes before
        match self.way:
            case "module":
                return self.act(x)
            case "in place":
                return self.over(x)
            case "function":
                return F.relu(x)
            case "method":
                return x.relu_()
            case "softmax":
                return x.softmax(1)
            case "silu":
                return F.silu(x)
            case "dropout behind":
                return F.dropout(self.act(x), training=self.training)
            case _:
                return x


class Net(nn.Module):
    def __init__(self, way: str):
        super().__init__()
        torch.manual_seed(0)
        self.block, self.head = Block(way), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(x).mean((2, 3)))


WAYS = ("module", "in place", "function", "method", "softmax", "silu", "dropout behind")


@pytest.mark.parametrize("way", WAYS)
def test_the_input_of_the_last_activation(way: str) -> None:
    net = pellucid.open(Net(way), input=SPEC).prepared(keep=["block"])
    part = before_activation(net, "block", images(1))
    assert part is not None
    plain = pellucid.open(Net("none"), input=SPEC).prepared(keep=["block"])
    x = images(2).requires_grad_()
    found = part(x)
    torch.testing.assert_close(found, plain.until("block")(images(2)))
    assert float(found.detach().min()) < 0
    (gradient,) = torch.autograd.grad(found.clamp(max=0).sum(), x)  # of what the activation closes
    assert float(gradient.abs().sum()) > 0


def test_a_layer_that_ends_otherwise() -> None:
    net = pellucid.open(Net("none"), input=SPEC).prepared(keep=["block"])
    assert before_activation(net, "block", images(1)) is None
    assert before_activation(net, "head", images(1)) is None


def test_a_module_that_is_used_twice_means_its_last_use() -> None:
    from nets import module

    net = pellucid.open(module("reused"), input=SPEC).prepared(keep=["act1", "bn2"])
    part = before_activation(net, "act1", images(1))
    assert part is not None
    torch.testing.assert_close(part(images(2)), net.until("bn2")(images(2)))
    first = before_activation(net, "act1:1", images(1))
    assert first is not None
    assert first(images(2)).shape[1] == 8


def test_the_default_networks_stem(default_network: pellucid.Network) -> None:
    ready = default_network.prepared(keep=["bn1"])
    part = before_activation(ready, "bn1", ready.probe())
    assert part is not None
    output = ready.until("bn1")(ready.probe())
    torch.testing.assert_close(part(ready.probe()).clamp(0, 6), output)
