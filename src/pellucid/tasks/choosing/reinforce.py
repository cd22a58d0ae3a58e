"""REINFORCE: draw one operation, and make it likelier by how much better than a baseline it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing.chooser import Chooser, Chosen, each_item, one_hot
from pellucid.tasks.choosing.operations import Operation

#: What a loss is compared with: nothing; the mean of the batch; that of its other items; that of batches before.
Baseline = Literal["none", "mean", "leave_one_out", "moving_average"]

BASELINES: tuple[Baseline, ...] = ("none", "mean", "leave_one_out", "moving_average")


@dataclass(frozen=True)
class Drawn(Chosen):
    """An output by operations that were drawn. log_probability: [n], of what was drawn, with its gradient."""

    log_probability: Tensor
    chooser: Reinforce

    def loss(self, losses: Tensor) -> Tensor:
        """The mean of the losses; its gradient for the logits is the mean of (loss − baseline) · ∇ log p."""
        each = each_item(losses, len(self.output))
        surrogate = ((each - self.chooser.compared(each)).detach() * self.log_probability).mean()
        return each.mean() + (surrogate - surrogate.detach())


class Reinforce(Chooser):
    """One operation drawn for each item by its probability; the score function's gradient (Williams 1992, eq. 4).

    Unbiased, and only what was drawn runs, so operations need no derivative, nor does the loss. The price is variance,
    which a baseline lowers. Call ``backward`` on ``chosen.loss(losses)``, not on the losses: the choice's gradient is
    in there alone.

    baseline: "leave_one_out" (the mean of the other items' losses; unbiased), "mean" (of all items: the same gradient
    times (n − 1)/n), "moving_average" (of batches before, by ``decay``; unbiased, and the only one for batches of one
    item), "none". Raises BadInput for another, and in ``loss`` where a batch of one item has no others.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation] | Sequence[Operation],
        *,
        baseline: Baseline = "leave_one_out",
        decay: float = 0.9,
    ):
        super().__init__(operations)
        if baseline not in BASELINES:
            raise BadInput(f"baseline is {baseline!r}", cure=f"known are {', '.join(BASELINES)}")
        if not 0 <= decay < 1:
            raise BadInput(f"decay is {decay}", cure="pass a share from 0 up to below 1, such as 0.9")
        self.baseline, self.decay = baseline, decay
        self.register_buffer("average", torch.tensor(0.0))
        self.register_buffer("seen", torch.tensor(0))

    def choose(self, x: Tensor, logits: Tensor, generator: torch.Generator | None) -> Chosen:
        """Draws an operation an item."""
        log_p = logits.log_softmax(1)
        which = torch.multinomial(log_p.exp().detach(), 1, generator=generator)[:, 0]
        taken = log_p.gather(1, which[:, None])[:, 0]
        return Drawn(self.operations.some(x, which), one_hot(which, log_p), taken, self)

    @torch.no_grad()
    def compared(self, losses: Tensor) -> Tensor:
        """The baseline of each item's loss, [n] or one for all; a moving average then goes on."""
        count = len(losses)
        if self.baseline == "none":
            return losses.new_zeros(())
        if self.baseline == "mean":
            return losses.mean()
        if self.baseline == "leave_one_out":
            if count < 2:
                raise BadInput(
                    "a batch of one item has no others", cure="use larger ones, or baseline='moving_average'"
                )
            return (losses.sum() - losses) / (count - 1)
        before = self.average / (1 - self.decay**self.seen).clamp(min=1e-12)  # as if it had not begun at 0
        self.average.mul_(self.decay).add_((1 - self.decay) * losses.mean())
        self.seen.add_(1)
        return before

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}; baseline={self.baseline}"
