"""The Gumbel-softmax: mixtures drawn at random, the sharper the lower the temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pellucid.tasks.choosing.chooser import Chosen
from pellucid.tasks.choosing.operations import Operation
from pellucid.tasks.choosing.temperature import Tempered, checked


class GumbelSoftmax(Tempered):
    """Σ_k w_k · operation_k(x) with w = softmax((log p + g) / τ), g ~ Gumbel(0, 1) (Jang 2017; Maddison 2017).

    The largest w is at operation k with exactly the probability p_k, whatever τ is. Towards τ = 0 the mixtures become
    choices and the bias goes, while the variance grows like 1/τ. Each item of a batch draws its own noise.

    ``temperature`` may be set at any time (see ``annealed``). Raises BadInput for one below 1e-6 or not finite.
    """

    def __init__(self, operations: Mapping[str, Operation] | Sequence[Operation], *, temperature: float = 1.0):
        super().__init__(operations, temperature)

    def choose(self, x: Tensor, logits: Tensor, generator: torch.Generator | None) -> Chosen:
        """Draws the noise."""
        return self.mixed(x, gumbel_softmax(logits, self.temperature, gumbel_noise(logits, generator)))


def gumbel_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Gumbel(0, 1) numbers of the shape and type of ``like``: −log of exponential ones, never infinite."""
    drawn = torch.empty_like(like, memory_format=torch.contiguous_format).exponential_(generator=generator)
    return -drawn.clamp(min=torch.finfo(like.dtype).tiny).log()


def gumbel_softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """softmax((log p + noise) / τ) along the last axis; the largest becomes 0 before the division: none overflows."""
    noisy = logits.log_softmax(-1) + noise
    return ((noisy - noisy.amax(-1, keepdim=True).detach()) / checked(temperature)).softmax(-1)
