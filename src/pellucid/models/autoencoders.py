"""Autoencoders: a picture through a narrow code and back to a picture of its own size.

``dense-256x2-32`` (or ``dense-256-256-32``) has two hidden layers of 256 and a code of 32 units; the decoder is its
mirror image. ``linear-2`` has the code alone. ``conv-16-32`` halves the picture stage by stage, with 16 channels at
first, and has a code of 32. Every one has a layer called ``code``; a variational one (Kingma & Welling 2014,
arXiv:1312.6114) also one called ``log_variance``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.models.standardise import Standardise

#: Where a name says nothing: width of the first stage and of the code.
USUAL = "conv-32-32"

#: Log-variances beyond these are cut: they are certain, or know nothing, and would overflow.
LEAST, MOST = -20.0, 10.0


class Centre(Standardise):
    """(x − mean picture) / deviation, with one deviation a channel: what every pixel counts stays as it is."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__(shape)
        self.register_buffer("deviation", torch.ones(shape[0], 1, 1))

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take the mean picture of x [N, C, H, W], and each channel's deviation from it."""
        self.mean.copy_(x.mean(0))
        deviation = (x - self.mean).square().mean((0, 2, 3)).sqrt()[:, None, None]
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0))

    def undo(self, x: Tensor) -> Tensor:
        """Back to the network's input values."""
        return x * self.deviation + self.mean


class Noise(nn.Module):
    """Draws a code while it learns (the reparametrisation of arXiv:1312.6114); otherwise gives its mean."""

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """mean, log_variance: [N, units]."""
        return mean + (log_variance / 2).exp() * torch.randn_like(mean) if self.training else mean


class Autoencoder(nn.Module):
    """x [N, C, H, W] to its reconstruction of the same shape; a variational one gives (reconstruction, mean of the
    code, its log-variance), the latter two [N, units].

    encoder: to features [N, width]; decoder: from a code [N, units] to [N, C, H, W].
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        encoder: nn.Module,
        width: int,
        units: int,
        decoder: nn.Module,
        *,
        variational: bool = False,
    ):
        super().__init__()
        self.standardise = Centre(shape)
        self.encoder = encoder
        self.code = nn.Linear(width, units)
        self.log_variance = nn.Linear(width, units) if variational else None
        self.noise = Noise() if variational else None
        self.decoder = decoder

    @property
    def variational(self) -> bool:
        """Whether its code is drawn while it learns."""
        return self.log_variance is not None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Encode and decode."""
        given = self.encoder(self.standardise(x))
        code = self.code(given)
        if self.log_variance is None or self.noise is None:
            return self.standardise.undo(self.decoder(code))
        log_variance = self.log_variance(given).clamp(LEAST, MOST)
        drawn = self.noise(code, log_variance)
        return self.standardise.undo(self.decoder(drawn)), code, log_variance

    def levels(self) -> list[tuple[nn.Linear, nn.Linear]]:
        """The linear layers from outside in, each with the one of the decoder that undoes it; none of a convolutional
        one.
        """
        there = [m for m in self.encoder.children() if isinstance(m, nn.Linear)] if _plain(self.encoder) else []
        back = [m for m in self.decoder.children() if isinstance(m, nn.Linear)] if _plain(self.decoder) else []
        return list(zip([*there, self.code], reversed(back), strict=True)) if back else []


def _plain(part: nn.Module) -> bool:
    """Whether all that learns in it are linear layers in a row."""
    return isinstance(part, nn.Sequential) and not any(isinstance(m, nn.Conv2d) for m in part.modules())


def is_variational(module: nn.Module) -> bool:
    """Whether it is one of these with a code that is drawn while it learns (afterwards its mean is taken)."""
    return isinstance(module, Autoencoder) and module.variational


def autoencoder(name: str, shape: tuple[int, int, int], *, variational: bool = False) -> Autoencoder:
    """The network ``name`` (see this module) for inputs (channels, height, width), drawn from torch's generator."""
    kind, *sizes = (name or USUAL).split("-")
    found = [re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]))?", size) for size in sizes]
    numbers = [int(each[1]) for each in found if each for _ in range(int(each[2] or 1))]
    fits = {"linear": len(numbers) == 1, "dense": 1 <= len(numbers) <= 16, "conv": len(numbers) == len(sizes) == 2}
    if not fits.get(kind) or not all(found) or sizes[-1:] != [str(numbers[-1])]:
        cure = "write linear-2 (code), dense-256x2-32 (hidden layers, code) or conv-16-32 (first width, code)"
        raise BadInput(f"{name!r} is no autoencoder", cure=cure)
    if kind == "conv":
        return _conv(shape, *numbers, variational=variational)
    return _dense(shape, numbers, variational=variational)


def _dense(shape: tuple[int, int, int], widths: Sequence[int], *, variational: bool) -> Autoencoder:
    values = shape[0] * shape[1] * shape[2]
    *hidden, units = widths
    encoder: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    for number, (before, after) in enumerate(pairwise([values, *hidden]), start=1):
        encoder |= {f"hidden{number}": nn.Linear(before, after), f"relu{number}": nn.ReLU()}
    decoder: dict[str, nn.Module] = {}
    for number, (before, after) in enumerate(pairwise([units, *reversed(hidden)]), start=1):
        decoder |= {f"hidden{number}": nn.Linear(before, after), f"relu{number}": nn.ReLU()}
    first = hidden[0] if hidden else units
    decoder |= {"values": nn.Linear(first, values), "unflatten": nn.Unflatten(1, shape)}
    width = hidden[-1] if hidden else values
    parts = nn.Sequential(OrderedDict(encoder)), width, units, nn.Sequential(OrderedDict(decoder))
    return Autoencoder(shape, *parts, variational=variational)


def _conv(shape: tuple[int, int, int], width: int, units: int, *, variational: bool) -> Autoencoder:
    """As many stages as leave a map of at least 4 × 4, at most 4; each halves and has twice the channels.

    Upsampling is by nearest neighbours and a convolution, which leaves no checkerboard (Odena et al. 2016).
    """
    channels, height, across = shape
    stages = max(1, min(4, (min(height, across) // 4).bit_length() - 1))
    widths = [width * 2**s for s in range(stages)]
    sizes = [(height, across)]
    for _ in range(stages):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    deep = widths[-1] * sizes[-1][0] * sizes[-1][1]
    encoder: dict[str, nn.Module] = {}
    for number, (before, after) in enumerate(pairwise([channels, *widths]), start=1):
        encoder[f"stage{number}"] = _stage(before, after, {"conv": nn.Conv2d(before, after, 3, 2, 1, bias=False)})
    encoder["flatten"] = nn.Flatten()
    decoder: dict[str, nn.Module] = {"widen": nn.Linear(units, deep), "relu": nn.ReLU()}
    decoder["unflatten"] = nn.Unflatten(1, (widths[-1], *sizes[-1]))
    back = [*reversed(widths), width]
    for number, (before, after) in enumerate(pairwise(back), start=1):
        larger = {"larger": nn.Upsample(size=sizes[-1 - number], mode="nearest")}
        decoder[f"stage{number}"] = _stage(
            before, after, {**larger, "conv": nn.Conv2d(before, after, 3, 1, 1, bias=False)}
        )
    decoder["values"] = nn.Conv2d(width, channels, 3, padding=1)
    parts = nn.Sequential(OrderedDict(encoder)), deep, units, nn.Sequential(OrderedDict(decoder))
    return Autoencoder(shape, *parts, variational=variational)


def _stage(before: int, after: int, begin: dict[str, nn.Module]) -> nn.Sequential:
    """``begin``, batch norm and ReLU."""
    return nn.Sequential(OrderedDict({**begin, "norm": nn.BatchNorm2d(after), "relu": nn.ReLU()}))
