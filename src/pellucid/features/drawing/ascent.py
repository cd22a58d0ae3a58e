"""Climbing: a picture's parameters are moved, step by step, to where an objective is larger.

One loop for everything that draws. What the parameters are, how a step's picture is varied, what is climbed and how
far a step goes are functions that are passed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.features.drawing.fourier import Waves
from pellucid.features.drawing.objectives import Objective, objective_of, probe
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

Draw = Callable[[Tensor], Tensor]
Vary = Callable[[Tensor, torch.Generator], Tensor]
Score = Callable[[Tensor], Tensor]
Move = Callable[[Tensor, Tensor], Tensor]

#: Steps of a picture in waves. More make it clearer up to here, and then only louder.
STEPS = 256

#: The noise on a picture in waves at each step, as a share of the way from black to white.
NOISE = 0.1


@dataclass(frozen=True)
class Climb:
    """What an ascent consists of.

    draw: parameters → what enters the network, [n, C, h, w]. vary: that → the same shifted or turned at random.
    score: that → one number each, [n]. move: (parameters, direction) → the next parameters, where the direction is
    each picture's gradient divided by the mean size of its numbers, so a factor on the objective changes nothing.
    """

    draw: Draw
    vary: Vary
    score: Score
    move: Move


def ascend(start: Tensor, climb: Climb, steps: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """After each step: the parameters [n, …], and the scores [n] that the varied pictures had before it.

    Raises BadInput where a gradient is not finite. Where it is zero everywhere, the picture stays.
    """
    parameters = start.detach()
    for _ in range(steps):
        leaf = parameters.requires_grad_()
        scores = climb.score(climb.vary(climb.draw(leaf), generator))
        (gradient,) = torch.autograd.grad(scores.sum(), leaf)
        parameters = climb.move(leaf.detach(), _direction(gradient))
        yield parameters, scores.detach()


def _direction(gradient: Tensor) -> Tensor:
    """Each picture's gradient, the mean size of its numbers 1."""
    size = gradient.abs().flatten(1).mean(1)
    if not torch.isfinite(size).all():
        cure = "check the weights (pellucid health), or take an earlier layer"
        raise BadInput("the gradient of the objective is NaN or infinite", cure=cure)
    size = torch.where(size > 0, size, torch.ones_like(size))
    return gradient / size.view(-1, *[1] * (gradient.ndim - 1))


# -- how far a step goes --------------------------------------------------------------------------


def along(step: float, low: float, high: float) -> Move:
    """``step`` times the direction, kept within the range: DeepDream's rule."""
    return lambda parameters, direction: (parameters + step * direction).clamp(low, high)


class Adam:
    """Adam's rule (arXiv:1412.6980), each picture's numbers by themselves; it remembers, so one a climb."""

    def __init__(self, rate: float = 0.05, decays: tuple[float, float] = (0.9, 0.999)):
        self._rate, self._decays, self._taken = rate, decays, 0
        self._mean: Tensor | float = 0.0
        self._square: Tensor | float = 0.0

    def __call__(self, parameters: Tensor, direction: Tensor) -> Tensor:
        slow, slower = self._decays
        self._taken += 1
        self._mean = slow * self._mean + (1 - slow) * direction
        self._square = slower * self._square + (1 - slower) * direction.square()
        mean = self._mean / (1 - slow**self._taken)
        size = (self._square / (1 - slower**self._taken)).sqrt()
        return parameters + self._rate * mean / (size + 1e-8)


# -- how a step's picture is varied ---------------------------------------------------------------


def rolled(most: int) -> Vary:
    """Rolled by up to ``most`` pixels either way, around the edges."""

    def vary(x: Tensor, generator: torch.Generator) -> Tensor:
        down, across = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
        return x.roll((down, across), (-2, -1)) if most else x

    return vary


def moved(shift: float = 0.1, scale: float = 0.1, degrees: float = 10) -> Vary:
    """Shifted by up to a share of each side, scaled and turned, by one interpolation; mirrored beyond the edge."""

    def vary(x: Tensor, generator: torch.Generator) -> Tensor:
        height, width = x.shape[-2:]
        down, across, size, turn = (2 * torch.rand(4, generator=generator) - 1).tolist()
        size, angle = 1 + size * scale, math.radians(turn * degrees)
        cosine, sine = math.cos(angle) / size, math.sin(angle) / size
        # affine_grid counts in half sides, so a turn has to know the picture's proportions
        rows = [
            [cosine, -sine * height / width, 2 * across * shift],
            [sine * width / height, cosine, 2 * down * shift],
        ]
        theta = torch.tensor(rows, dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)

    return vary


def with_noise(vary: Vary, deviation: Tensor) -> Vary:
    """The same with noise added, [C, 1, 1] its deviation; each picture of a batch gets the same.

    What excites a unit only by patterns finer than the noise is not found, so the pictures show forms.
    """

    def varied(x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape[1:], generator=generator).to(x)
        return vary(x, generator) + deviation.to(x) * noise

    return varied


# -- pictures in waves ----------------------------------------------------------------------------


def waves_of(spec: InputSpec, size: tuple[int, int]) -> Waves:
    """The waves that pictures of ``size`` for this network consist of."""
    if spec.is_matrix:
        cure = "begin with a matrix of yours: it is drawn within that one's range"
        raise BadInput("a matrix has no darkest and no brightest value to draw within", cure=cure)
    return Waves(spec.channels, *size)


def in_waves(network: Network, waves: Waves, score: Score) -> Climb:
    """How waves climb: shifted, scaled and turned a little at each step, with some noise, by Adam."""
    normalise = network.input.normalise
    draw = lambda parameters: normalise(255 * waves.pictures(parameters)).to(network.dtype)  # noqa: E731
    black, white = normalise(torch.tensor([0.0, 255.0])[:, None, None, None].expand(2, waves.channels, 1, 1))
    return Climb(draw, with_noise(moved(), NOISE * (white - black)), score, Adam())


def channel_pictures(
    network: Network,
    layer: str,
    channels: Sequence[int],
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> np.ndarray:
    """What excites each channel of a layer most, all its places together: uint8 [n, height, width, 3].

    size: of the pictures (default: the network's own). All channels climb in one batch, or in as many as the free
    memory takes, from the same faint waves and through the same shifts, so that none depends on the others. What
    enters the layer's activation is climbed, where it can be found.
    Source: Olah, Mordvintsev, Schubert 2017, distill.pub/2017/feature-visualization. Raises BadInput with the cure.
    """
    height, width = (size, size) if isinstance(size, int) else size or network.input.size
    ready = network.prepared(keep=[layer])
    with untouched(ready.module):
        objective = objective_of(ready, layer, channels, size=(height, width))
        most = ready.batch_size(probe(ready, (height, width)), gradient=True)
        parts = [range(i, min(i + most, len(channels))) for i in range(0, len(channels), most)]
        climb_all = lambda part: _climbed(ready, objective.rows(part), (height, width), steps, seed)  # noqa: E731
        drawn = [climb_all(part) for part in track(parts, "pictures of channels")]
    return np.concatenate(drawn) if drawn else np.zeros((0, height, width, 3), np.uint8)


def _climbed(network: Network, objective: Objective, size: tuple[int, int], steps: int, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    waves = waves_of(network.input, size)
    climb = in_waves(network, waves, objective)
    start = waves.start(generator).to(network.device)
    parameters = start.repeat(len(objective.channels or ()), *[1] * (start.ndim - 1))
    for after, _ in ascend(parameters, climb, steps, generator):
        parameters = after
    pictures = network.input.pictures(climb.draw(parameters).float())
    assert pictures is not None  # waves_of refuses matrices
    return pictures
