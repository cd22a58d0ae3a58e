"""A layer's filters as vectors: convolutions, their transposes and linear layers alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)

#: The layers whose rows are filters, one a unit.
FILTERED = (*_CONVOLUTIONS, nn.Linear)


@dataclass(frozen=True)
class Bank:
    """One filter a unit: weights float32 [units, inputs, …kernel] (a linear layer's rows: [units, inputs]).

    groups: units of different groups see different inputs, so only those within a group can be duplicates; a
    depthwise layer has a group a unit. Units stand group by group.
    """

    weights: Tensor
    groups: int = 1

    @property
    def units(self) -> int:
        """How many filters."""
        return len(self.weights)

    @property
    def fan_in(self) -> int:
        """How many weights a filter has."""
        return self.weights[0].numel()

    @property
    def kernel(self) -> tuple[int, ...]:
        """The kernel's sides; () for a linear layer."""
        return tuple(self.weights.shape[2:])

    @property
    def pairs(self) -> int:
        """How many pairs of filters see the same inputs."""
        size = self.units // self.groups
        return self.groups * size * (size - 1) // 2

    @property
    def mirrored(self) -> Bank | None:
        """The same filters, left and right exchanged; None where the kernel has no width."""
        if len(self.kernel) < 2 or self.kernel[-1] < 2:
            return None
        return Bank(self.weights.flip(-1), self.groups)

    def finite(self) -> Tensor:
        """Which filters hold numbers only: bool [units]."""
        return torch.isfinite(self.weights.flatten(1)).all(1)

    def zero(self) -> Tensor:
        """Which filters are all zero, so that their unit says the same whatever it is shown: bool [units]."""
        return (self.weights.flatten(1) == 0).all(1)


def bank_of(layer: nn.Module, sign: Tensor | None = None) -> Bank:
    """The filters of a layer of ``FILTERED``. sign: by which a norm behind it multiplies each unit (−1, 0 or 1)."""
    weights = layer.weight.detach().to("cpu", torch.float32)
    groups = getattr(layer, "groups", 1)
    if isinstance(layer, _TRANSPOSED):  # [inputs, units of a group, …kernel], the inputs group by group
        weights = weights.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    if sign is not None:
        weights = weights * sign.to("cpu", torch.float32).view(-1, *[1] * (weights.ndim - 1))
    return Bank(weights, groups)


def symmetry(bank: Bank) -> float | None:
    """The mean of ‖(w + w̃)/2‖² / ‖w‖² over the filters, w̃ being w mirrored: 1 where left and right are alike.

    0 where they are each other's negative. None for kernels without a width, and without any filter to measure.
    """
    mirrored = bank.mirrored
    if mirrored is None:
        return None
    own, other = bank.weights.flatten(1).double(), mirrored.weights.flatten(1).double()
    usable = bank.finite() & ~bank.zero()
    if not usable.any():
        return None
    even = (own + other)[usable].square().sum(1) / 4
    return float((even / own[usable].square().sum(1)).mean())


def symmetry_by_chance(width: int) -> float:
    """What ``symmetry`` is for random filters: the share ⌈k/2⌉/k of the numbers that a symmetric one may choose."""
    return (width + 1) // 2 / width
