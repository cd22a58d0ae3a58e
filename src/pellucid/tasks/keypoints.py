"""Where landmarks are, and how many: a heatmap for each type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.heads import OWN, Head
from pellucid.tasks.landmarks import losses, scores
from pellucid.tasks.landmarks.peaks import Refine
from pellucid.tasks.landmarks.truth import asked, heatmaps, judged, moved, target_of
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Scene, Task, Vocabulary

#: Heatmaps that are averaged at once.
_TOGETHER = 32


@tasks.register(
    "keypoints",
    question="Where are the landmarks, and how many are there?",
    source="Zhou et al. 2019, Objects as points (arXiv:1904.07850); Zhang et al. 2020, DARK (arXiv:1910.06278)",
    labels="points a picture, of one or several types (see docs/keypoints.md)",
    learns="points",
    model="unet",
)
def keypoints(
    vocabulary: Vocabulary,
    *,
    loss: losses.Loss = "mse",
    sigma: float = 1.5,
    radius: float = 0.03,
    refine: Refine = "dark",
) -> Task:
    """One heatmap for each type of landmark, which all landmarks of that type share, however many there are.

    loss: "mse", the squared error against Gaussians, or "focal", CenterNet's. sigma: of the Gaussians, in pixels of
    what enters the network. radius: how far from a true landmark a found one may lie and still be it, as a share of
    the longer side. refine: "dark" finds places between pixels from the logarithm of the heatmap, "quarter" goes a
    quarter of a pixel towards the higher neighbour, "argmax" takes the pixel's centre.
    """
    names = vocabulary.values["point"]
    kinds, most = len(names), scores.most_of(vocabulary)
    if not names or not vocabulary.most:
        raise BadInput("no picture shows a landmark", cure="pass pictures with points (see docs/keypoints.md)")
    for name, value in (("sigma", sigma), ("radius", radius)):
        if not value > 0 or not np.isfinite(value):
            raise BadInput(f"{name} is {value}", cure=f"pass a number above 0 (--{name})")
    if radius >= 1:
        cure = "divide pixels by the longer side of what enters the network (--radius)"
        raise BadInput(f"radius is {radius}, and is a share of the longer side", cure=cure)
    compute = losses.squared_error if loss == "mse" else losses.focal

    def heat(output: Tensor) -> Tensor:
        return output if loss == "mse" else output.sigmoid()

    def summary(output: Tensor, target: Tensor) -> Tensor:
        return scores.summary_of(heat(output), target, sigma=sigma, most=most, refine=refine)

    def constant(targets: Tensor) -> Tensor:
        return _mean_heatmap(targets, kinds, sigma) if loss == "mse" else losses.focal_constant(targets, kinds, sigma)

    def decide(summaries: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
        return scores.decided(summaries, rule, most=most, radius=radius)

    return Task(
        kind="keypoints",
        options={"loss": loss, "sigma": sigma, "radius": radius, "refine": refine},
        vocabulary=vocabulary,
        classes=names,
        head=Head(OWN, kinds),
        output="values" if loss == "mse" else "heatmaps",
        outputs=names,
        encode=_no_columns,
        loss=lambda output, target: compute(output, target, sigma),
        probabilities=_as_they_are,
        decide=decide,
        say=lambda decisions: scores.words_of(names, decisions),
        metrics=scores.metrics(radius),
        primary="f1",
        rule=scores.untuned(kinds),
        tune=lambda summaries, _: scores.tuned(summaries, kinds, most=most, radius=radius),
        scene=Scene(target_of(vocabulary), moved(names)),
        summary=summary,
        constant=constant,
    )


def heat_of(task: Task, output: Tensor) -> Tensor:
    """The heatmaps of the network's outputs: as they are, or their sigmoid where the loss was focal."""
    return output if task.options["loss"] == "mse" else output.sigmoid()


def _mean_heatmap(targets: Tensor, kinds: int, sigma: float) -> Tensor:
    """The average over what is learnt from, [1, kinds, height, width]: who does not look can do no better.

    In each pixel over the pictures in which it is asked for.
    """
    known = targets[judged(targets)]
    width, height = (int(side) for side in known[0, 0, :2])
    total, times = known.new_zeros(kinds, height, width), known.new_zeros(kinds, height, width)
    for part in known.split(_TOGETHER):
        own = heatmaps(part, kinds, (height, width), sigma)
        looked = asked(part, own, sigma).expand_as(own)
        total += (looked * own).sum(0)
        times += looked.sum(0)
    return total[None] / times.clamp(min=1)


def _as_they_are(summaries: Tensor) -> Tensor:
    return summaries


def _no_columns(columns: Columns) -> Tensor:
    raise BadInput("landmarks are no column of labels", cure="pass pictures with points")
