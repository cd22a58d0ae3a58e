"""Straight through: one operation's output forward, a soft mixture's gradient backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing.chooser import Chosen, one_hot
from pellucid.tasks.choosing.gumbel import gumbel_noise, gumbel_softmax
from pellucid.tasks.choosing.operations import Operation
from pellucid.tasks.choosing.temperature import Tempered

#: What runs forward: the likeliest operation, one drawn by its probability, or one drawn with noise that the soft
#: choice of the backward pass shares.
Draw = Literal["argmax", "categorical", "gumbel"]

DRAWS: tuple[Draw, ...] = ("argmax", "categorical", "gumbel")


class StraightThrough(Tempered):
    """The output of one operation; to the gradient it was the mixture by softmax(logits / τ) (Bengio 2013, § 3).

    draw: "argmax", always the likeliest, which explores nothing; "categorical", drawn by its probability; "gumbel",
    drawn with Gumbel noise, whose mixture softmax((log p + g) / τ) is what the gradient sees (Jang 2017, § 2.2).
    Operations see no mixtures, so nothing is fitted that the hard choice cannot do, but the gradient is biased.
    All K operations run in each pass, since the gradient compares them. Raises BadInput for another ``draw`` and for a
    temperature below 1e-6.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation] | Sequence[Operation],
        *,
        draw: Draw = "gumbel",
        temperature: float = 1.0,
    ):
        super().__init__(operations, temperature)
        if draw not in DRAWS:
            raise BadInput(f"draw is {draw!r}", cure=f"known are {', '.join(DRAWS)}")
        self.draw = draw

    def choose(self, x: Tensor, logits: Tensor, generator: torch.Generator | None) -> Chosen:
        """Draws where ``draw`` says so."""
        quiet = torch.zeros_like(logits)
        noise = quiet if self.draw == "argmax" else gumbel_noise(logits, generator)
        which = (logits.log_softmax(1) + noise).argmax(1)  # the largest noisy one is drawn with probability p
        soft = gumbel_softmax(logits, self.temperature, noise if self.draw == "gumbel" else quiet)
        # The bracket is exactly 0: in another order rounding would leave weights of 0.9999999.
        return self.mixed(x, one_hot(which, soft) + (soft - soft.detach()))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}; draw={self.draw}"
