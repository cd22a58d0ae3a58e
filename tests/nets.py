"""Small seeded networks with known answers, several of them built to break hooks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from pellucid import InputSpec

SIZE = 12
CLASSES = ("ant", "bee, honeybee", "cat", "dog")
SPEC = InputSpec(size=(SIZE, SIZE), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25), crop=None)


class Linear(nn.Module):
    """f = w·x + b, whose every attribution is known."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * SIZE * SIZE, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))


class Modules(nn.Module):
    """Convolutions, batch norm and one module for each activation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.act1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.conv2, self.bn2, self.act2 = nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()
        self.head = nn.Linear(16, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.act1(self.bn1(self.conv1(x))))
        x = self.act2(self.bn2(self.conv2(x)))
        return self.head(x.mean((2, 3)))


class Functional(Modules):
    """The same weights; everything without parameters is a function."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Reused(Modules):
    """The same weights; one in-place ReLU module for everything."""

    def __init__(self) -> None:
        super().__init__()
        self.act1 = self.act2 = nn.ReLU(inplace=True)


class InPlace(Modules):
    """The same weights; activations by methods that end in an underscore."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.bn1(self.conv1(x)).relu_())
        x = self.bn2(self.conv2(x))
        x.relu_()  # the result is discarded
        return self.head(x.mean((2, 3)))


class Residual(nn.Module):
    """A sum, a concatenation, a gate and a shared batch-norm-free stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.block = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.gate = nn.Linear(8, 8)
        self.late = nn.Conv2d(16, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = x + F.relu(self.norm(self.block(x)))
        gated = x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]
        x = F.silu(self.late(torch.cat([x, gated], 1)))
        return self.head(x.mean((2, 3)))


class SharedConv(nn.Module):
    """A convolution's output goes into a batch norm and past it: folding would change the network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.head = nn.Linear(6, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head((x + F.relu(self.norm(x))).mean((2, 3)))


class Awkward(nn.Module):
    """One ReLU module five times, adjacent activations, in-place sums, ties in max-pooling, a softmax at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.one = nn.Conv2d(3, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.three = nn.Conv2d(8, 8, 1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(8, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.one(x)))  # where a window is dark all over, all four are zero
        once = self.relu(F.leaky_relu(self.two(x), 0.5))
        x = once + self.relu(self.three(F.pad(x, (1, 1, 1, 1))))[:, :, 1:-1, 1:-1]
        x += once
        x = torch.sub(x, self.relu(self.two(x)))
        return self.head(self.relu(x).mean((2, 3)) - 0.1).softmax(1)


#: Every architecture that each method must pass its laws on.
NETS: dict[str, Callable[[], nn.Module]] = {
    "linear": Linear,
    "modules": Modules,
    "functional": Functional,
    "reused": Reused,
    "in_place": InPlace,
    "residual": Residual,
    "shared_conv": SharedConv,
    "awkward": Awkward,
}

#: The same function written four ways, with the same weights for the same seed.
TWINS = ("modules", "functional", "reused", "in_place")


def module(name: str, *, seed: int = 0) -> nn.Module:
    """A seeded module with running statistics that are not the trivial ones, in training mode on purpose."""
    torch.manual_seed(seed)
    net = NETS[name]().train()
    for each in net.modules():
        if isinstance(each, nn.BatchNorm2d):
            generator = torch.Generator().manual_seed(seed + 1)
            each.running_mean.copy_(torch.randn(each.num_features, generator=generator) * 0.2)
            each.running_var.copy_(torch.rand(each.num_features, generator=generator) + 0.5)
            each.weight.data.copy_(torch.rand(each.num_features, generator=generator) + 0.5)
            each.bias.data.copy_(torch.randn(each.num_features, generator=generator) * 0.3)
    return net


def network(name: str, *, seed: int = 0) -> pellucid.Network:
    output = "probabilities" if name == "awkward" else "logits"
    return pellucid.open(module(name, seed=seed), input=SPEC, classes=CLASSES, output=output)


def images(count: int = 3, *, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
