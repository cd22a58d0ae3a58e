"""A style transfer as an optimisation: what is kept, what is approached, and the picture that moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid.features.drawing.ascent import Adam, Climb, ascend
from pellucid.features.drawing.fourier import Waves
from pellucid.features.texture.gram import energy, moments
from pellucid.features.texture.margin import Margin
from pellucid.features.texture.taken import maps_with_gradient
from pellucid.features.texture.variants import unit
from pellucid.models.network import Network

#: What a strength of 1 weighs the style loss with against the content loss, both relative. Chosen by eye among 5, 10
#: and 30, on EfficientNet-Lite0 with a cat in the style of tissue and an astronaut in that of a field of galaxies.
BALANCE = 10.0

#: What the total variation is weighed with: at 0.5 a grain of single pixels stays, at 40 textures begin to blur.
SMOOTHNESS = 20.0

#: Adam's rate on waves.
RATE = 0.05

_EDGE = 1 / 510  # black and white as half a step of 255, for no logistic reaches them


@dataclass(frozen=True)
class Target:
    """What a layer should give, as some tensors (its maps; their mean and covariance), and what each one's squared
    distance is divided by to be relative.
    """

    wanted: tuple[Tensor, ...]
    scales: tuple[float, ...]

    def distance(self, *given: Tensor) -> Tensor:
        """The mean of the relative squared distances."""
        parts = zip(given, self.wanted, self.scales, strict=True)
        return torch.stack([(g - w).square().sum() / scale for g, w, scale in parts]).mean()


@dataclass
class Transfer:
    """Everything that a transfer needs; ``climb`` does it.

    network: prepared. content, style: the two pictures as they enter it, [1, C, h, w]. kept, wanted: a target a
    content layer and a style layer. rim: of the margin (``Margin``). losses: of each step so far, relative, one a role
    and layer. x: the picture after the last step.
    """

    network: Network
    content: Tensor
    style: Tensor
    kept: Mapping[str, Target]
    wanted: Mapping[str, Target]
    strength: float
    rim: int
    losses: list[dict[tuple[str, str], float]] = field(default_factory=list)
    x: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.x = self.content

    def climb(self, steps: int) -> Iterator[None]:
        """One step after the other, from the content on; ``x`` is then the picture as it enters the network."""
        channels, height, width = self.content.shape[1:]
        waves = Waves(channels, height, width)
        start = torch.logit(unit(self.network.input, self.content).float(), eps=_EDGE)
        draw = lambda p: self._entering((start + _unsquashed(waves, p)).sigmoid())  # noqa: E731
        resting = torch.zeros_like(waves.start(torch.Generator())).to(self.content.device)
        way = Climb(draw, lambda x, _: x, lambda x: -self._loss(x)[None], Adam(RATE))
        for parameters, _ in ascend(resting, way, steps, torch.Generator()):
            with torch.no_grad():
                self.x = draw(parameters)
            yield

    def _entering(self, pixels: Tensor) -> Tensor:
        return self.network.input.normalise(255 * pixels).to(self.network.dtype)

    def _loss(self, x: Tensor) -> Tensor:
        """What a step makes smaller; its parts are noted."""
        parts = self.parts(x)
        self.losses.append({key: float(value.detach()) for key, value in parts.items()})
        mean = lambda role: torch.stack([v for (r, _), v in parts.items() if r == role]).mean()  # noqa: E731
        return mean("content") + BALANCE * self.strength * mean("style") + SMOOTHNESS * _variation(self.network, x)

    def parts(self, x: Tensor) -> dict[tuple[str, str], Tensor]:
        """The relative loss of each role and layer for a picture that enters the network."""
        maps = _maps(self.network, x, [*self.kept, *self.wanted], self.rim)
        content = {("content", name): target.distance(maps[name]) for name, target in self.kept.items()}
        style = {("style", name): target.distance(*moments(maps[name])) for name, target in self.wanted.items()}
        return content | style


def transfer_between(
    network: Network,
    content: Tensor,
    style: Tensor,
    content_layers: list[str],
    style_layers: list[str],
    *,
    strength: float,
    rim: int,
) -> Transfer:
    """The transfer of one picture's style onto another's content, its targets taken from the two.

    network: prepared with the layers kept. Of the style layers the distance of the means and that of the
    covariances are each relative to the mean square of both pictures' own; a map's is to the content's own.
    """
    names = [*content_layers, *style_layers]
    with torch.no_grad():
        ours, theirs = (_maps(network, x, names, rim) for x in (content, style))
    kept = {n: _relative_to([(ours[n],)], (ours[n],)) for n in content_layers}
    each = {n: (moments(ours[n]), moments(theirs[n])) for n in style_layers}
    wanted = {n: _relative_to(both, both[1]) for n, both in each.items()}
    return Transfer(network, content, style, kept, wanted, strength, rim)


def _maps(network: Network, x: Tensor, names: list[str], rim: int) -> dict[str, Tensor]:
    """The layers' maps of a picture [1, C, h, w], without what the network's padding is seen in."""
    margin = Margin(x.shape[2], x.shape[3], rim)
    maps = maps_with_gradient(network, margin.around(x), list(dict.fromkeys(names)))
    return {name: margin.inside(each) for name, each in maps.items()}


def _relative_to(sizes: Sequence[tuple[Tensor, ...]], wanted: tuple[Tensor, ...]) -> Target:
    """A target whose distances are relative, each of its tensors' to the mean of ‖·‖² over what is compared.

    A layer that says nothing has no distances either.
    """
    scales = [sum(float(energy(t).sum()) for t in same) / len(sizes) for same in zip(*sizes, strict=True)]
    return Target(wanted, tuple(scale or 1.0 for scale in scales))


def _unsquashed(waves: Waves, parameters: Tensor) -> Tensor:
    """What the waves add up to, before their logistic."""
    return torch.logit(waves.pictures(parameters), eps=1e-6)


def _variation(network: Network, x: Tensor) -> Tensor:
    """The mean squared difference between neighbouring pixels in 0…1."""
    pixels = unit(network.input, x)
    return pixels.diff(dim=-1).square().mean() + pixels.diff(dim=-2).square().mean()
