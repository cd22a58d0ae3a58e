"""The papers' layer names, on the networks that they were made for and on others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import nets
import pellucid
from pellucid.core.errors import BadInput

#: VGG-19 as arXiv:1508.06576 names it and as torchvision and timm number it.
VGG19 = {
    "conv1_1": 0,
    "relu1_1": 1,
    "conv2_2": 7,
    "pool2": 9,
    "conv3_1": 10,
    "relu3_4": 17,
    "relu4_1": 20,
    "conv4_2": 21,
    "block4_conv2": 22,
    "conv5_1": 28,
    "pool5": 36,
    "block5_pool": 36,
    "conv_1@tutorial": 0,
    "conv_4@tutorial": 7,
    "conv_5@tutorial": 10,
    "relu_4@tutorial": 8,
}
VGG16 = {"conv3_3": 14, "conv4_1": 17, "relu4_3": 22, "conv4_3": 21, "pool4": 23, "conv_13@tutorial": 28}
VGG16_BN = {"conv2_1": 7, "relu2_1": 9, "pool1": 6, "conv4_2": 27, "block4_conv2": 29}


@pytest.fixture(scope="module")
def opened() -> dict[str, pellucid.Network]:
    return {}


def network(opened: dict[str, pellucid.Network], name: str) -> pellucid.Network:
    if name not in opened:
        opened[name] = pellucid.open(name, weights="none")
    return opened[name]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("torchvision:vgg19", VGG19),
        ("timm:vgg19", VGG19),
        ("torchvision:vgg16", VGG16),
        ("timm:vgg16", VGG16),
        ("torchvision:vgg16_bn", VGG16_BN),
    ],
)
@pytest.mark.slow
def test_vgg(opened: dict[str, pellucid.Network], name: str, numbers: dict[str, int]) -> None:
    net = network(opened, name)
    for paper, number in numbers.items():
        assert net.layers(paper) == [f"features.{number}"], paper
        assert net.layers(f"paper:{paper}") == [f"features.{number}"], paper
    assert net.spatial_layers(["conv2_1", "features.0"])[1] == "features.0"


@pytest.mark.slow
def test_a_classifier_of_convolutions_is_no_stage(opened: dict[str, pellucid.Network]) -> None:
    with pytest.raises(BadInput, match="there is no stage 6; the 5 stages have 2, 2, 4, 4, 4 convolutions"):
        network(opened, "timm:vgg19").layers("conv6_1")


class Small(nn.Module):
    """VGG in small: two convolutions, pooling, two convolutions; poolings and one ReLU are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.c, self.d = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.b(self.relu(self.a(x)))), 2)
        x = self.d(F.relu(self.c(x)))
        return self.head(x.mean((2, 3)))


@pytest.fixture
def small() -> pellucid.Network:
    torch.manual_seed(0)
    return pellucid.open(Small(), input=nets.SPEC)


def test_functional_poolings_count(small: pellucid.Network) -> None:
    names = ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv_3@tutorial", "relu1_1", "block1_conv1"]
    assert [small.layers(n) for n in names] == [["a"], ["b"], ["c"], ["d"], ["c"], ["relu"], ["relu"]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conv_4", r"'conv_4' does not say .* write conv2_2 \(the 4th of all, as the PyTorch tutorial counts\)$"),
        ("conv2", r"write conv1_2 \(the 2nd of all.*\) or conv2_1 \(the first of stage 2, as the papers count\)"),
        ("conv3_1", "there is no stage 3; the 2 stages have 2, 2 convolutions"),
        ("conv2_5", "there is no convolution 5 in stage 2; it has 2"),
        ("conv_9@tutorial", "there is no convolution 9; there are 4"),
        ("relu2_1", "the activation behind conv2_1 is no module of its own; take the convolution, 'c'"),
        ("pool1", "the pooling behind stage 1 is no module of its own; take 'b'"),
        ("pool7", "there is no stage 7"),
        ("paper:features", "'features' is no paper's name; such names are conv4_2"),
    ],
)
def test_what_a_name_cannot_mean(small: pellucid.Network, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        small.layers(name)
    assert str(caught.value).startswith(small.name)


def test_other_names_come_first(small: pellucid.Network) -> None:
    module = nn.Sequential()
    module.add_module("conv1_2", Small())
    net = pellucid.open(module, input=nets.SPEC)
    assert net.layers("conv1_2") == ["conv1_2"]
    assert net.layers("paper:conv1_2") == ["conv1_2.b"]


@pytest.mark.parametrize("name", ["modules", "residual", "awkward", "linear"])
def test_networks_that_are_not_counted_so(name: str) -> None:
    """Those that branch, use a convolution twice or have none; but one that pools once is counted."""
    net = nets.network(name)
    if name == "modules":
        assert net.layers("paper:conv2_1") == ["conv2"]
        assert net.layers("conv2") == ["conv2"]
        return
    with pytest.raises(BadInput, match="counts the convolutions between poolings, and this network is not built so"):
        net.layers("paper:conv4_2")
    with pytest.raises(BadInput, match="no layer matches 'conv4_2'"):
        net.layers("conv4_2")


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:legacy_xception", "torchvision:squeezenet1_1"])
@pytest.mark.slow
def test_strided_and_branching_networks(opened: dict[str, pellucid.Network], name: str) -> None:
    with pytest.raises(BadInput, match="this network is not built so"):
        network(opened, name).layers("paper:conv4_2")
