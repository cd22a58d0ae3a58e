"""One softmax over whole combinations of labels (the label power set): what goes together is learnt together."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from pellucid.models.heads import Head
from pellucid.tasks.labelling.decisions import above
from pellucid.tasks.labelling.seen import Seen, contradictions, loss_of_fitting, shares
from pellucid.tasks.labelling.way import Way


def power_set(labels: tuple[str, ...], seen: Seen) -> Way:
    """Cross entropy over the combinations of the training items (Tsoumakas 2007, §2).

    A label's probability is the sum over the combinations that have it. The likeliest combination is most often right
    as a whole, labels above 1/2 have the fewest mistakes; the two differ where labels depend on each other
    (Dembczyński 2012).
    """
    members = torch.from_numpy(seen.members)
    count = len(labels)
    worth = f1_between(seen.members)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        yes, no = (target == 1).to(output.dtype), (target == 0).to(output.dtype)
        return loss_of_fitting(output, contradictions(yes, no, members.to(output)))

    def taken(which: np.ndarray) -> np.ndarray:
        return seen.members[which].astype(np.int64)

    thresholds = partial(above, labels)
    return Way(
        head=Head("linear", len(seen)),
        output="logits",
        outputs=seen.names,
        classes=(*labels, *seen.names),
        loss=loss,
        probabilities=lambda output: shares(output, members.to(output)),
        decisions={
            "likeliest": lambda given, rule: taken(given[:, count:].argmax(1)),
            "half": thresholds,
            "f1": thresholds,
            "cost": thresholds,
            "expected_f1": lambda given, rule: taken((given[:, count:] @ worth).argmax(1)),
        },
        notes=(f"{len(seen)} combinations are seen in training; no other can be answered",),
    )


def f1_between(members: np.ndarray) -> np.ndarray:
    """The F1 of each combination if another is true, [combinations, combinations], symmetric; of two empty ones 1."""
    sizes = members.sum(1)
    below = sizes[:, None] + sizes[None]
    return np.where(below > 0, 2 * (members @ members.T) / np.maximum(below, 1), 1.0)
