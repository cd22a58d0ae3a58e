"""Temperatures: what one may be, one that falls while a chooser learns, and the choosers that have one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing.chooser import Chooser
from pellucid.tasks.choosing.operations import Operation

#: The lowest. Below it the gradient, which grows with 1/τ, leaves float32 behind; at 0 it would be NaN.
LOWEST = 1e-6


def checked(temperature: float) -> float:
    """The temperature, if it is one."""
    if not (math.isfinite(temperature) and temperature >= LOWEST):
        cure = f"anneal towards 0.1 or so (at least {LOWEST:g}); in eval() the choice is hard anyway"
        raise BadInput(f"a temperature of {temperature:g} has no gradient", cure=cure)
    return float(temperature)


def annealed(share: float, start: float = 1.0, end: float = 0.1) -> float:
    """The temperature when ``share`` of the training is done: geometric from ``start`` to ``end``.

    High at first, for gradients of little variance; low at the end, for choices that are nearly hard. Raises BadInput
    for a share outside 0…1 or a temperature that is none.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"a share of {share:g} of the training", cure="pass a number between 0 and 1")
    return checked(start) * (checked(end) / start) ** share


class Tempered(Chooser):
    """A chooser with a ``temperature``, which may be set at any time. Raises BadInput below 1e-6 or if not finite."""

    def __init__(self, operations: Mapping[str, Operation] | Sequence[Operation], temperature: float):
        super().__init__(operations)
        self.temperature = temperature

    @property
    def temperature(self) -> float:
        """τ."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature = checked(value)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}; temperature={self.temperature:g}"
