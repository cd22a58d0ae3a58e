"""Losses for pictures of regions. Each gives a number a picture, [N], over its pixels that are known.

wanted [N, C, h, w] is 1 where a channel's region is, known [N, 1 or C, h, w] is 1 where anybody knows.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from pellucid.tasks.task import MISSING

Loss = Literal["ce", "bce", "dice", "ce_dice", "bce_dice"]

#: Whether Dice's sums run over each picture or over a step's pictures together.
Over = Literal["picture", "batch"]

#: Pixels added above and below: a region that is neither there nor claimed has Dice 1, one that is claimed nearly 0.
SMOOTH = 1.0


def cross_entropy(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Softmax over the channels and cross entropy, the mean over the known pixels. target: class numbers [N, h, w].

    weight: [C], what each class's pixels count.
    """
    own = None if weight is None else weight.to(output)
    each = F.cross_entropy(output, target.long(), own, ignore_index=MISSING, reduction="none")
    return _mean(each, (target != MISSING).to(each))


def binary_cross_entropy(output: Tensor, wanted: Tensor, known: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    """A sigmoid a channel and its cross entropy, the mean over known pixels and all channels, as torch has it.

    So its value is about that of one channel: a C-th of their sum. pos_weight: [C], what pixels of the region count.
    """
    own = None if pos_weight is None else pos_weight.to(output)[:, None, None]
    each = F.binary_cross_entropy_with_logits(output, wanted, pos_weight=own, reduction="none")
    return _mean(each, known.expand_as(each))


def soft_dice(share: Tensor, wanted: Tensor, known: Tensor, *, over: Over = "batch") -> Tensor:
    """1 − (2 Σ share·wanted + s) / (Σ share + Σ wanted + s), the mean over the channels; s = SMOOTH (arXiv:1606.04797
    squares the sums below, arXiv:1707.03237 does not; here they are not squared).

    share: probabilities [N, C, h, w]. over: "batch" adds up over all pictures first, and gives each the same number.
    A region that is not there counts: its loss is 0 where nothing is claimed, and goes to 1 with what is claimed.
    """
    axes = (0, 2, 3) if over == "batch" else (2, 3)
    both = (share * wanted * known).sum(axes)
    sizes = ((share + wanted) * known).sum(axes)
    loss = (1 - (2 * both + SMOOTH) / (sizes + SMOOTH)).mean(-1)
    return loss.expand(len(share)) if over == "batch" else loss


def _mean(each: Tensor, known: Tensor) -> Tensor:
    """The mean of what is known, a picture; 0 where nothing is."""
    return (each * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
