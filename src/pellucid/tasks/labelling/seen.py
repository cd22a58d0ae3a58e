"""The combinations of labels that training items have, and what a softmax over them learns from an item.

Tags are labels that may be there or not; of several exclusive groups each class is a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.labelling.tags import NONE


@dataclass(frozen=True, eq=False)
class Seen:
    """members: 1 where a combination has a label, float32 [combinations, labels]. counts: of their training items.
    names: "red + round", "red alone" (which is not the label "red"), "nothing".
    """

    members: np.ndarray
    counts: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.members)


def combinations_of(rows: np.ndarray, counts: np.ndarray, labels: Sequence[str]) -> Seen:
    """The different rows, each once; rows: 1, 0 or NaN, [k, labels]. What is not known as a whole is no combination.

    counts: how many items each row stands for, [k].
    """
    whole = ~np.isnan(rows).any(1)
    if not whole.any():
        raise BadInput("no training picture has all its labels known", cure="leave encoding away")
    members, which = np.unique(rows[whole], axis=0, return_inverse=True)
    names = tuple(_name([labels[i] for i in np.flatnonzero(row)]) for row in members)
    return Seen(members.astype(np.float32), np.bincount(which.reshape(-1), counts[whole]), names)


def _name(labels: Sequence[str]) -> str:
    return f"{labels[0]} alone" if len(labels) == 1 else " + ".join(labels) or NONE


def contradictions(yes: Tensor, no: Tensor, members: Tensor) -> Tensor:
    """How many of an item's known labels each combination contradicts, [n, combinations].

    yes, no: 1 where a label is known to be there, or not to be, [n, labels].
    """
    return yes @ (1 - members).T + no @ members.T


def loss_of_fitting(output: Tensor, against: Tensor) -> Tensor:
    """−log of the probability that a softmax gives to all combinations that contradict nothing known, [n].

    With all labels known that is the cross entropy of the one combination. Where nothing is known, or where no
    combination was seen that fits, it is 0.
    """
    fits = against == 0
    fits = fits | ~fits.any(1, keepdim=True)
    return output.logsumexp(1) - output.masked_fill(~fits, -torch.inf).logsumexp(1)


def shares(output: Tensor, members: Tensor) -> Tensor:
    """Probabilities of labels and then of combinations, [n, labels + combinations], of scores of the latter."""
    each = output.softmax(1)
    return torch.cat([(each @ members).clamp(max=1.0), each], 1)
