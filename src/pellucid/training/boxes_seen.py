"""What a detector sees: boxes above the threshold, and a network that gives them as torchvision's detectors do."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from pellucid.models.network import Network, first_tensor
from pellucid.tasks.detecting.candidates import CLASS, EDGE, LEVEL, SCORE, candidates, suppressed
from pellucid.tasks.detecting.scores import threshold_of
from pellucid.tasks.task import Task
from pellucid.training.answering import output_of

#: Items a pass.
BATCH = 32

#: Of a found box: edges in pixels of what entered the network, the number of its class, score, level.
Found = dict[str, Any]


def seen(task: Task, network: Network, x: Tensor) -> list[list[Found]]:
    """The boxes of each picture of a batch that are above the tuned threshold, the likeliest first."""
    output = output_of(network, x)
    least = threshold_of(task.rule)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    return [
        [_told(row) for row in suppressed(each) if row[SCORE] >= least] for each in candidates(output, size).numpy()
    ]


def _told(row: np.ndarray) -> Found:
    return {"edges": row[EDGE].tolist(), "class": int(row[CLASS]), "score": float(row[SCORE]), "level": int(row[LEVEL])}


class Detector(nn.Module):
    """A grid detector that gives what torchvision's detectors give: for each picture boxes, scores and labels.

    Gradients go through, so ``pellucid.targets.box`` explains what it finds. Boxes below the threshold are given as
    well (candidates that are left after suppression), for an explanation has to see a box fade.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.grid = module

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        """[N, C, H, W] → {boxes [k, 4], scores [k], labels [k]} for each."""
        output = first_tensor(self.grid(x))
        share = output[..., 4].sigmoid()[..., None] * output[..., 5:].softmax(-1)
        return [_listed(boxes, scores) for boxes, scores in zip(output[..., :4], share, strict=True)]


def _listed(boxes: Tensor, scores: Tensor, most: int = 300) -> dict[str, Tensor]:
    """All places with their likeliest class, the ``most`` likeliest."""
    best, label = scores.max(-1)
    order = best.detach().topk(min(most, len(best))).indices
    return {"boxes": boxes[order], "scores": best[order], "labels": label[order]}
