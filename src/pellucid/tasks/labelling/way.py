"""One way to ask a network for several labels at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.models.heads import Head

#: probabilities [n, classes], rule → decisions, 0 or 1, int64 [n, labels].
Decide = Callable[[np.ndarray, Mapping[str, Any]], np.ndarray]


@dataclass(frozen=True)
class Way:
    """The part of a task that differs between ways; its fields are those of ``Task``.

    classes: the labels first. loss takes targets 1, 0 or NaN, [n, labels]. decisions: by name, the usual one first.
    """

    head: Head
    output: str
    outputs: tuple[str, ...] | None
    classes: tuple[str, ...]
    loss: Callable[[Tensor, Tensor], Tensor]
    probabilities: Callable[[Tensor], Tensor]
    decisions: Mapping[str, Decide]
    notes: tuple[str, ...] = ()
