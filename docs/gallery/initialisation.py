"""What equal initialisation does: the same small network on scikit-learn's digits, begun in four ways."""

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import nn

import pellucid
from pellucid.training.initialise import initialise

FILTERS, EPOCHS = 12, 25
digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16 - 0.3
y = torch.tensor(digits.target)
train, held_out = slice(0, 1400), slice(1400, None)


def network():
    """Two convolutions with rectifiers, and a linear layer."""
    layers = [nn.Conv2d(1, FILTERS, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(FILTERS, 24, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10))


def trained(module):
    """Plain torch: Adam on batches of 50."""
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    torch.manual_seed(0)
    for _ in range(EPOCHS):
        for rows in torch.randperm(1400).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[train][rows]), y[train][rows]).backward()
            optimiser.step()
    return module


def look(module):
    """Its filters as pictures, and how many of them differ from all before."""
    net = pellucid.open(module, input=pellucid.InputSpec.matrix(8, 8))
    view = pellucid.filters(net, layers="0")
    row = view.table[0]
    return view, row["filters"] - row["duplicates"] - row["zero"]


def strip(view):
    """The filters side by side, each in a frame."""
    tiles = view["filters"].repeat(6, 1).repeat(6, 2)
    framed = np.pad(tiles, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=60)
    return np.concatenate(list(np.pad(framed, ((0, 0), (2, 2), (3, 3), (0, 0)), constant_values=255)), axis=1)


figure = Figure(figsize=(11.5, 3.9), layout="constrained")
for pair, scheme in zip(figure.subplots(4, 2), ["zero", "constant", "xavier", "he"], strict=True):
    module = initialise(network(), scheme, seed=0)
    before, _ = look(module)
    after, different = look(trained(module))
    right = (module(x[held_out]).argmax(1) == y[held_out]).float().mean().item()
    told = f"trained: {different} of {FILTERS} filters differ, {right:.1%} of held-out digits right"
    for axes, view, text in zip(pair, [before, after], [f"{scheme}: at the start", told], strict=True):
        axes.imshow(strip(view), interpolation="nearest")
        axes.set_title(text, loc="left", fontsize=10)
        axes.set_axis_off()
    print(f"{scheme:10} {told}")
figure.savefig("initialisation.png", dpi=90)
