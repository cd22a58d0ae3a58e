"""Where things are, and of which kind: a box around each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.models.grid import GridDetector
from pellucid.models.heads import OWN, Head
from pellucid.tasks.detecting import scores
from pellucid.tasks.detecting.anchoring import anchors_of
from pellucid.tasks.detecting.constant import constant_of
from pellucid.tasks.detecting.losses import loss_of
from pellucid.tasks.detecting.truth import moved, target_of
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Scene, Task, Vocabulary


@tasks.register(
    "detection",
    question="What is where: a box around each thing?",
    source="Redmon et al. 2016, YOLO (arXiv:1506.02640); Redmon & Farhadi 2018, YOLOv3 (arXiv:1804.02767)",
    labels="boxes a picture, each of a kind (see docs/detection.md)",
    learns="boxes",
    model="grid",
)
def detection(vocabulary: Vocabulary, *, anchors: str = "kmeans") -> Task:
    """Boxes from a grid on three levels, each cell answering for what has its middle there.

    anchors: "kmeans" fits nine to the training boxes, three a level; "fixed" are three sizes of three shapes;
    "coco" those of YOLOv3; "none" leaves each box's sides to be learnt, as YOLOv1 does; or nine sizes of your own as
    shares of the picture, 0.05x0.08, 0.1x0.1, ….
    """
    names = vocabulary.values["box"]
    if not names or not vocabulary.most:
        raise BadInput("no picture has a box", cure="pass pictures with boxes (see docs/detection.md)")
    sizes = np.array(vocabulary.sizes, np.float64).reshape(-1, 2)
    bound = anchors_of(anchors, sizes)
    fixed = None if bound is None else torch.from_numpy(bound).float()
    classes = len(names)

    def begin(module: nn.Module) -> None:
        if not isinstance(module, GridDetector):
            raise BadInput(
                "it does not answer in boxes", where=type(module).__name__, cure="pass model='grid' (--model)"
            )
        module.anchors.copy_(torch.zeros_like(module.anchors) if fixed is None else fixed)

    def decide(summaries: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
        return scores.counts(summaries, scores.threshold_of(rule), classes)

    return Task(
        kind="detection",
        options={"anchors": anchors},
        vocabulary=vocabulary,
        classes=names,
        head=Head(OWN, classes),
        output="values",
        outputs=names,
        encode=_no_columns,
        loss=lambda output, target: loss_of(output, target, fixed),
        probabilities=_as_they_are,
        decide=decide,
        say=scores.words_of,
        metrics=scores.metrics(classes),
        primary="map50",
        rule={"threshold": scores.UNTUNED},
        tune=lambda summaries, _: {"threshold": scores.best_threshold(summaries)},
        scene=Scene(target_of(names, vocabulary.most), moved),
        summary=scores.summary_of,
        constant=lambda targets: constant_of(targets, classes),
        begin=begin,
    )


def _as_they_are(summaries: Tensor) -> Tensor:
    return summaries


def _no_columns(columns: Columns) -> Tensor:
    raise BadInput("boxes are no column of labels", cure="pass pictures with boxes")
