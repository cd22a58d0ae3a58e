"""What the tests of grades share: scales of a few levels, planted worlds, and a linear network trained on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.models.heads import make_head
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary

LEVELS = ("1", "2", "3", "4", "5")
PLACES = np.arange(5.0)
FEATURES = 8


def vocabulary(cells: Sequence[str], counts: Sequence[int] | None = None) -> Vocabulary:
    """One column "grade" with these different cells, each so often among the training items (once where unsaid)."""
    combinations = {(cell,): n for cell, n in zip(cells, counts or [1] * len(cells), strict=True)}
    return Vocabulary({"grade": tuple(cells)}, sum(combinations.values()), combinations)


def task(loss: str = "cross_entropy", cells: Sequence[str] = LEVELS, **options) -> Task:
    entry = tasks["ordinal"]
    return entry.function(vocabulary(cells), **entry.complete({"loss": loss, **options}))


def world(kind: str, count: int, rng: np.random.Generator) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Features [n, FEATURES], true probabilities [n, 5] and levels drawn from them.

    kind: "one score" has proportional odds, "no order" is a softmax whose levels have nothing to do with an order.
    """
    x = rng.standard_normal((count, FEATURES))
    if kind == "one score":
        score = x @ np.linspace(1, 0, FEATURES) * 1.2
        above = 1 / (1 + np.exp(np.array([-1.5, -0.5, 0.8, 2.5]) - score[:, None]))
        truth = -np.diff(np.pad(above, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0))), axis=1)
    else:
        scores = np.exp(x @ np.random.default_rng(7).standard_normal((FEATURES, 5)))
        truth = scores / scores.sum(1, keepdims=True)
    y = (rng.random((count, 1)) > truth.cumsum(1)[:, :-1]).sum(1)
    return torch.tensor(x, dtype=torch.float32), truth, y


def trained(made: Task, x: Tensor, y: np.ndarray, seed: int, decay: float = 0.01) -> nn.Module:
    """The task's own head as the whole network, trained to the end on all items at once."""
    torch.manual_seed(seed)
    module, target = make_head(made.head, x.shape[1]), torch.from_numpy(y)
    weights = [p for p in module.parameters() if p.ndim > 1]
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = made.loss(module(x), target).mean() + decay * sum((w**2).sum() for w in weights)
        loss.backward()
        return loss

    optimizer.step(closure)
    return module


@torch.no_grad()
def answered(made: Task, module: nn.Module, x: Tensor) -> np.ndarray:
    """The task's probabilities for what the network says of x."""
    return made.probabilities(module(x)).numpy()
