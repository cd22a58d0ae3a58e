"""A sigmoid for each label: each is asked for as if the others did not exist."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.models.heads import Head
from pellucid.tasks.labelling.decisions import above, best_expected_f1
from pellucid.tasks.labelling.way import Way


def sigmoid(labels: tuple[str, ...], weights: np.ndarray) -> Way:
    """Binary cross entropy with logits, summed over the labels that are known.

    weights: how much a label counts where it is there, [labels]. Each adds its logarithm to the logit that fits best,
    which ``probabilities`` takes away again.
    """
    weight = torch.tensor(weights, dtype=torch.float32)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        known = ~target.isnan()
        wanted = target.nan_to_num(0.0).to(output.dtype)
        each = F.binary_cross_entropy_with_logits(output, wanted, pos_weight=weight.to(output), reduction="none")
        return torch.where(known, each, 0.0).sum(1)

    thresholds = partial(above, labels)
    return Way(
        head=Head("linear", len(labels)),
        output="multilabel",
        outputs=labels,
        classes=labels,
        loss=loss,
        probabilities=lambda output: (output - weight.to(output).log()).sigmoid(),
        decisions={
            "half": thresholds,
            "f1": thresholds,
            "cost": thresholds,
            "expected_f1": lambda given, rule: best_expected_f1(given),
        },
    )
