"""Pictures as the waves they are made of: what an optimiser moves here changes all places and scales alike.

Each wave is scaled by 1/frequency and the colours are mixed, both as in photos, so that equal steps make changes as
they are natural in a picture instead of a fine, loud noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

#: How red, green and blue go together in photos: the square root of their covariance over ImageNet's pixels, a
#: column a direction of its own (light, warm against cold, green against purple). From the lucid library.
_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))

#: The share of a logistic unit that a wave starts with.
_START = 0.01


@dataclass(frozen=True)
class Waves:
    """Pictures [n, channels, height, width] in 0…1, given by parameters [n, channels, height, width//2+1, 2].

    Colours are mixed for three channels alone.
    """

    channels: int
    height: int
    width: int

    def start(self, generator: torch.Generator) -> Tensor:
        """Faint random waves [1, …]: a picture that is nearly grey."""
        shape = (1, self.channels, self.height, self.width // 2 + 1, 2)
        return torch.randn(shape, generator=generator) * _START

    def pictures(self, parameters: Tensor) -> Tensor:
        """The pictures that the waves add up to, squeezed into 0…1 by a logistic function."""
        waves = torch.view_as_complex(parameters) * self._strengths.to(parameters.device)
        added = torch.fft.irfft2(waves, s=(self.height, self.width)) / 4
        if self.channels == 3:
            added = torch.einsum("ij,njhw->nihw", self._colours.to(added), added)
        return added.sigmoid()

    @cached_property
    def _strengths(self) -> Tensor:
        """One factor a wave: one over its frequency, that of the slowest for the constant one."""
        down, across = torch.fft.fftfreq(self.height)[:, None], torch.fft.rfftfreq(self.width)[None]
        frequency = (down.square() + across.square()).sqrt().clamp_min(1 / max(self.height, self.width))
        return math.sqrt(self.height * self.width) / frequency

    @cached_property
    def _colours(self) -> Tensor:
        mixed = torch.tensor(_COLOURS)
        return mixed / mixed.norm(dim=0).max()
