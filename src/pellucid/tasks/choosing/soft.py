"""The soft mixture: all operations at once, weighted by their probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.tasks.choosing.chooser import Chooser, Chosen


class SoftMixture(Chooser):
    """Σ_k p_k · operation_k(x) with p = softmax(logits), as in DARTS (Liu 2019, eq. 2).

    Its gradient is exact and without noise, but of another objective: a mixture may fit what no single operation can,
    and then the hard choice comes as a surprise (see ``hard_gap``).
    """

    def choose(self, x: Tensor, logits: Tensor, generator: torch.Generator | None) -> Chosen:
        """Draws nothing."""
        return self.mixed(x, logits.softmax(1))
