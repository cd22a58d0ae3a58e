"""What a detector sees: boxes above the threshold, and a network that gives them as torchvision's detectors do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.tasks.detecting.candidates import CLASS, EDGE, LEVEL, SCORE, candidates, suppressed
from pellucid.tasks.detecting.scores import threshold_of
from pellucid.tasks.task import Task
from pellucid.training.examples import Examples

#: Items a pass.
BATCH = 32

#: Of a found box: edges in pixels of what entered the network, the number of its class, score, level.
Found = dict[str, Any]


def output_of(network: Network, x: Tensor) -> Tensor:
    """The network's boxes [N, places, 5 + classes] on the CPU. Raises BadInput where they are not finite."""
    with untouched(network.module), torch.inference_mode():
        output = first_tensor(network(x)).float().cpu()
    if not bool(torch.isfinite(output).all()):
        raise BadInput("the network's output is not finite", where=network.name, cure="check the weights")
    return output


def outputs_of(network: Network, examples: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    """Boxes and targets, batch by batch; on the fast copy of the network."""
    ready = network.prepared()
    for start in track(range(0, len(examples), BATCH), "answers"):
        rows = slice(start, start + BATCH)
        yield output_of(ready, examples.x(rows, ready.device, ready.dtype)), examples.targets[rows]


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


def targets_of(task: Task, data: Dataset, rows: np.ndarray, network: Network) -> Tensor:
    """The boxes of these items; as many rows for each as the fullest picture needs."""
    assert task.scene is not None
    found = []
    for i in track(rows.tolist(), "boxes"):
        height, width = data[i].array.shape[:2]
        found.append(task.scene.target(data, i, network.input.frame(height, width), network.input))
    return pad_sequence(found, batch_first=True, padding_value=torch.nan)


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
