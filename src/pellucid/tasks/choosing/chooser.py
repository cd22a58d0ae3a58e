"""What all choosers share: logits, the hard choice in ``eval()``, and the loss to call ``backward`` on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing.operations import Operation, Operations


@dataclass(frozen=True)
class Chosen:
    """What came out, and how much each operation had to do with it.

    output: [n, …]. weights: [n, K], which sum to 1 in each row; one-hot where one operation ran alone.
    """

    output: Tensor
    weights: Tensor

    def loss(self, losses: Tensor) -> Tensor:
        """Each item's own loss [n] → the number to call ``backward`` on; its value is their mean."""
        return each_item(losses, len(self.output)).mean()


def each_item(losses: Tensor, count: int) -> Tensor:
    """The losses, if there is one an item."""
    if losses.shape != (count,):
        cure = "take the mean over all axes but the first"
        raise BadInput(f"losses of shape {tuple(losses.shape)} for {count} items", cure=cure)
    return losses


class Chooser(nn.Module):
    """Chooses one of K operations for each item of a batch. Subclasses say how while training (``choose``).

    operations: functions or modules by name, each [n, …] → [n, …] of one shape. ``logits``: the parameter [K] from
    which all items choose, at first 0: nothing is preferred. A network that chooses item by item passes its own.
    """

    def __init__(self, operations: Mapping[str, Operation] | Sequence[Operation]):
        super().__init__()
        self.operations = Operations(operations)
        self.logits = nn.Parameter(torch.zeros(len(self.operations)))

    @property
    def names(self) -> tuple[str, ...]:
        """The operations' names, in the order of the logits."""
        return self.operations.names

    def forward(self, x: Tensor, logits: Tensor | None = None, *, generator: torch.Generator | None = None) -> Chosen:
        """Apply the choice: softly or by drawing in ``train()``, by the largest logit in ``eval()``.

        x: [n, …]. logits: [n, K] or [K] instead of the own ones. generator: where noise is drawn from, if not from
        torch's own generator. Raises BadInput for logits of another shape or that are not finite, and for an
        operation whose output is not finite.
        """
        rows = self.rows(x, logits)
        return self.choose(x, rows, generator) if self.training else self.hard(x, rows)

    def choose(self, x: Tensor, logits: Tensor, generator: torch.Generator | None) -> Chosen:
        """How it is chosen while training; logits [n, K]."""
        raise NotImplementedError

    def hard(self, x: Tensor, logits: Tensor) -> Chosen:
        """The likeliest operation alone."""
        which = logits.argmax(1)
        return Chosen(self.operations.some(x, which), one_hot(which, logits))

    def rows(self, x: Tensor, logits: Tensor | None = None) -> Tensor:
        """A row of logits an item, [n, K]."""
        given = self.logits if logits is None else logits
        count = len(self.operations)
        if given.shape not in ((count,), (len(x), count)):
            cure = f"pass [{count}], or [{len(x)}, {count}]"
            raise BadInput(f"logits of shape {tuple(given.shape)} for {count} operations", cure=cure)
        if not torch.isfinite(given).all():
            raise BadInput("a logit is NaN or infinite", cure="take a smaller learning rate, or clip the gradient")
        return given.expand(len(x), count)

    def mixed(self, x: Tensor, weights: Tensor) -> Chosen:
        """All operations, weighted: weights [n, K]."""
        outputs = self.operations(x)
        shaped = weights.to(outputs.dtype).reshape(*weights.shape, *[1] * (outputs.ndim - 2))
        return Chosen((shaped * outputs).sum(1), weights)

    def extra_repr(self) -> str:
        return ", ".join(self.names)


def one_hot(which: Tensor, like: Tensor) -> Tensor:
    """Rows with a 1 at ``which``, of the shape and type of ``like``."""
    return torch.zeros_like(like, requires_grad=False).scatter(1, which[:, None], 1.0)
