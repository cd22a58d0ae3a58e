"""A region for each pixel: masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.data.regions import rest_of
from pellucid.models.heads import OWN, Head
from pellucid.tasks.painting import losses, scores
from pellucid.tasks.painting.counts import summary_of
from pellucid.tasks.painting.truth import asked, decided, moved, target_of
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Scene, Task, Vocabulary

#: Regions of fewer of the training pixels than this share are told.
RARE = 0.001


@tasks.register(
    "segmentation",
    question="Which region is each pixel of?",
    source="Ronneberger et al. 2015, U-Net (arXiv:1505.04597)",
    labels="a mask a picture: label images, or outlines (see docs/segmentation.md)",
    learns="masks",
    model="unet",
)
def segmentation(
    vocabulary: Vocabulary,
    *,
    loss: Literal["auto", "ce", "bce", "dice", "ce_dice", "bce_dice"] = "auto",
    overlapping: bool = False,
    balance: Literal["none", "classes"] = "none",
    dice: losses.Over = "batch",
    empty: scores.Empty = "skip",
) -> Task:
    """Regions that exclude each other (one decision a pixel), or that may overlap (a sigmoid each).

    loss: "ce" softmax and cross entropy, "bce" a sigmoid and its cross entropy for each region, "dice" soft Dice
    (of a softmax; of sigmoids where regions overlap), or a sum; "auto" is "ce", and "bce" where regions overlap.
    Without overlap the highest output decides, by any loss. overlapping: regions may share pixels. balance: "classes"
    weighs what is rare: with "ce" pixels by the inverse of how often their region is there, with "bce" those of a
    region by negatives / positives. dice: sums over each picture, or over a step's. empty: what a picture counts in
    whose truth and answer a region is not: nothing ("skip"), or 1 ("one").
    """
    names = vocabulary.values["mask"]
    rest = rest_of(names)
    if overlapping and rest is not None:
        names, rest = tuple(n for k, n in enumerate(names) if k != rest), None
    if len(names) < (1 if overlapping else 2):
        raise BadInput(f"the masks hold one region alone, {names[0]!r}" if names else "the masks hold no region",
                       cure="add pictures of another")  # fmt: skip
    if overlapping and loss in ("ce", "ce_dice"):
        what = f"a softmax gives each pixel one region, and regions overlap; the loss is {loss!r}"
        raise BadInput(what, cure="pass loss='bce', 'dice' or 'bce_dice' (--loss)")
    kind: losses.Loss = ("bce" if overlapping else "ce") if loss == "auto" else loss
    if balance != "none" and kind == "dice":
        raise BadInput("balance is for cross entropies, and the loss is 'dice'", cure="leave one of them away")
    counts = np.array([vocabulary.combinations.get((n,), 0) for n in vocabulary.values["mask"]], np.float64)
    kept = np.array([n in names for n in vocabulary.values["mask"]])
    regions = [k for k in range(len(names)) if k != rest]
    weight = _weights(counts, kept, kind) if balance == "classes" else None

    def summary(output: Tensor, target: Tensor) -> Tensor:
        return summary_of(decided(output, apart=overlapping), *asked(target, len(names)))

    return Task(
        kind="segmentation",
        options={"loss": loss, "overlapping": overlapping, "balance": balance, "dice": dice, "empty": empty},
        vocabulary=vocabulary,
        classes=names,
        head=Head(OWN, len(names)),
        output="multilabel" if overlapping else "logits",
        outputs=names,
        encode=_no_columns,
        loss=_loss(kind, len(names), regions, weight, dice),
        probabilities=_as_they_are,
        decide=lambda summaries, rule: summaries,
        say=lambda counts: _say(names, regions, counts),
        metrics=scores.metrics(regions, empty=empty, exclusive=not overlapping, rest=rest is not None),
        primary="dice",
        scene=Scene(target_of(vocabulary, names, apart=overlapping), moved),
        summary=summary,
        constant=_apart_constant if overlapping else lambda targets: _constant(targets, len(names)),
        notes=_notes(names, counts[kept], regions),
    )


def _loss(
    kind: losses.Loss, channels: int, regions: list[int], weight: Tensor | None, over: losses.Over
) -> Callable[[Tensor, Tensor], Tensor]:
    """Outputs [N, C, h, w], targets → [N]. Dice is of the regions alone, not of what is left over."""
    first, _, second = kind.partition("_")

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if kind == "ce":
            return losses.cross_entropy(output, target, weight)
        wanted, known = asked(target, channels)
        found = output.new_zeros(len(output))
        if first == "ce":
            found = losses.cross_entropy(output, target, weight)
        elif first == "bce":
            found = losses.binary_cross_entropy(output, wanted, known, weight)
        if "dice" in (first, second):
            sigmoids = first == "bce" or target.ndim == 4
            share = output.sigmoid() if sigmoids else output.softmax(1)
            own = known if known.shape[1] == 1 else known[:, regions]
            found = found + losses.soft_dice(share[:, regions], wanted[:, regions], own, over=over)
        return found

    return loss


def _weights(counts: np.ndarray, kept: np.ndarray, loss: str) -> Tensor:
    """For "ce" all pixels / (classes · the class's pixels), for "bce" negatives / positives; 1 for what never is."""
    total, own = counts.sum(), counts[kept]
    there = np.maximum(own, 1)
    found = (total - own) / there if loss.startswith("bce") else total / (len(own) * there)
    return torch.from_numpy(np.where(own > 0, np.maximum(found, 1e-3), 1.0)).float()


def _constant(targets: Tensor, channels: int) -> Tensor:
    """How often each class is at each place, [1, C, h, w]: whose highest is the best answer without looking."""
    return torch.stack([(targets == k).sum(0) for k in range(channels)]).float()[None]


def _apart_constant(targets: Tensor) -> Tensor:
    """Above 0 where a region is there more often than not."""
    return ((targets == 1).sum(0) - (targets == 0).sum(0)).float()[None]


def _as_they_are(summaries: Tensor) -> Tensor:
    return summaries


def _no_columns(columns: Columns) -> Tensor:
    raise BadInput("masks are no column of a table", cure="pass pictures with masks")


def _say(names: tuple[str, ...], regions: list[int], counts: np.ndarray) -> str:
    """A picture's regions and their Dice, the worst first."""
    found = scores.each_picture(np.asarray(counts)[None], scores.dice)[0]
    order = sorted((k for k in regions if not np.isnan(found[k])), key=lambda k: float(found[k]))
    return ", ".join(f"{names[k]} {found[k]:.2f}" for k in order) or "nothing there, nothing claimed"


def _notes(names: tuple[str, ...], counts: np.ndarray, regions: list[int]) -> tuple[str, ...]:
    total = counts.sum()
    shares: Mapping[str, Any] = {names[k]: counts[k] / max(total, 1) for k in regions}
    never = [n for n, share in shares.items() if share == 0]
    rare = [f"{n!r} ({share:.2%})" for n, share in shares.items() if 0 < share < RARE]
    told = [f"no training picture has {', '.join(map(repr, never))}: nothing is learnt of it"] if never else []
    few = [f"few of the training pixels are of {', '.join(rare)}: a loss with Dice, or balance=, may help"]
    return (*told, *(few if rare else []))
