"""A network whose weights were written by hand, so that what each pixel does is known and no method is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench, Parts
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network

#: From this value of a pixel on (grey is 0, white 2) more light changes nothing.
FULL = 0.5

#: Squares by name: top and left in eighths of the picture's side (each is two eighths wide), and the weight of a pixel.
SQUARES: Mapping[str, tuple[int, int, float]] = {
    "strong": (1, 1, 0.16),
    "middle": (1, 5, 0.08),
    "weak": (5, 1, 0.03),
    "against": (5, 5, -0.05),
}


@dataclass(frozen=True, eq=False)
class HandWeighted:
    """network: outputs "no" and "yes", which are −f and f. weights: float32 [H, W]. squares: bool [H, W] by name.

    f is the sum over pixels of weight · g(pixel); g is 0 up to grey, rises to ``FULL`` and stays there. Pixels do not
    act on each other, so what each one adds is known and nobody can hold another view; and where g is full the gradient
    is 0, so that a method has to look further than the gradient.
    """

    network: Network
    weights: Tensor
    squares: Mapping[str, np.ndarray]

    def exact(self, network: Network, x: Tensor, targets: Tensor) -> Tensor:
        """What each pixel adds to the output beside grey, as an ``Explainer``: [n, H, W]. It needs no network."""
        sign = (2 * targets - 1).view(-1, 1, 1).to(x)
        return (sign * self.weights.to(x) * response(x[:, 0])).float().cpu()

    def bench(self, count: int = 24, *, seed: int = 0) -> Bench:
        """Pictures of light at random, with the exact truth: what speaks for the answer, and each square's effect."""
        size, rng = self.network.input.size, np.random.default_rng(seed)
        pixels = torch.from_numpy(rng.integers(96, 256, (count, 1, *size)).astype(np.float32))
        x, ready = self.network.input.normalise(pixels), self.network.prepared()
        with torch.no_grad():
            targets = ready(x).argmax(1)
        exact = self.exact(self.network, x, targets).numpy()
        masks = np.stack([np.repeat(s[None], count, 0) for s in self.squares.values()], 1)
        effects = (exact[:, None].astype(np.float64) * masks).sum((2, 3))
        return Bench(
            network=ready,
            x=x,
            targets=targets,
            names=tuple(f"light {i + 1}" for i in range(count)),
            pictures=self.network.input.pictures(x),
            masks=exact > 0,
            parts=Parts(tuple(self.squares), masks, effects),
            original=self.network,
            seed=seed,
        )


def response(x: Tensor) -> Tensor:
    """g: how much of a pixel's light counts."""
    return x.relu() - (x - FULL).relu()


def hand_weighted(size: int = 16) -> HandWeighted:
    """The network for pictures of size × size grey pixels."""
    if size < 8 or size % 8:
        raise BadInput(f"a side of {size} pixels", cure="pass 8, 16, 24 or another multiple of 8")
    weights, squares, unit = torch.zeros(size, size), {}, size // 8
    for name, (top, left, weight) in SQUARES.items():
        place = (slice(top * unit, (top + 2) * unit), slice(left * unit, (left + 2) * unit))
        # Rising from left to right, so that no two columns are alike.
        weights[place] = weight * torch.linspace(0.7, 1.3, 2 * unit) * (2 / unit) ** 2
        squares[name] = np.zeros((size, size), bool)
        squares[name][place] = True
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * size * size, 2))
    with torch.no_grad():
        module[0].weight.copy_(torch.ones(2, 1, 1, 1))
        module[0].bias.copy_(torch.tensor([0.0, -FULL]))
        yes = torch.cat([weights.flatten(), -weights.flatten()])
        module[3].weight.copy_(torch.stack([-yes, yes]))
        module[3].bias.zero_()
    spec = InputSpec((size, size), (0.5,), (0.25,), crop=None)
    network = Network(module.eval(), spec, "hand_weighted", ("no", "yes"), weights="written by hand")
    return HandWeighted(network, weights, squares)
