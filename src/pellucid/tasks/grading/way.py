"""What a loss for grades brings along: its head, what its outputs mean, how they become probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pellucid.models.heads import Head


@dataclass(frozen=True)
class Way:
    """loss: outputs [n, O], level numbers [n] → [n]. probabilities: outputs → [n, levels], rows of sum 1.

    certain: [levels, levels], what it answers at its best where the level (row) is certain; None: that level alone.
    rule: the decision that suits it whatever the metric is; None: the metric's own. notes: what a user should know.
    """

    head: Head
    output: str
    outputs: tuple[str, ...]
    loss: Callable[[Tensor, Tensor], Tensor]
    probabilities: Callable[[Tensor], Tensor]
    certain: np.ndarray | None = None
    rule: str | None = None
    notes: tuple[str, ...] = ()
