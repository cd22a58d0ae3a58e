"""What the tests of labels share: vocabularies of a few columns, planted worlds, a linear network trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.models.heads import make_head
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary, in_order


def vocabulary(columns: Mapping[str, Sequence[str]]) -> Vocabulary:
    """What these cells hold, all of them training items."""
    values = {name: in_order({c for c in cells if c}) for name, cells in columns.items()}
    rows = list(zip(*columns.values(), strict=True))
    return Vocabulary(values, len(rows), dict(Counter(rows)))


def task(kind: str, columns: Mapping[str, Sequence[str]], **options: Any) -> Task:
    entry = tasks[kind]
    return entry.function(vocabulary(columns), **entry.complete(options))


def fit(task: Task, x: Tensor, targets: Tensor, *, seed: int = 0, decay: float = 1e-3) -> nn.Module:
    """The task's head on features, full batch, to the minimum."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make_head(task.head, x.shape[1])
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = task.loss(net(x), targets).mean() + decay * sum(p.square().sum() for p in net.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return net


@torch.no_grad()
def scores(task: Task, net: nn.Module, x: Tensor, targets: Tensor) -> dict[str, float]:
    return task.scores(targets.numpy(), task.probabilities(net(x)).numpy())


#: Combinations of three labels of which the likeliest, 100, is not what the labels' own majorities (010) add up to.
TOGETHER = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]])
SHARES = (0.4, 0.3, 0.3)


def world(count: int, seed: int, *, dependent: bool) -> tuple[Tensor, np.ndarray]:
    """Features [n, 3] and three labels [n, 3]: those of a combination that the region draws, or each on its own."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    if dependent:
        drawn = TOGETHER[rng.choice(3, size=count, p=SHARES)]
        turn = (np.arange(3) + x.argmax(1)[:, None]) % 3  # each region has the labels in another order
        labels = np.take_along_axis(drawn, turn, 1)
    else:
        labels = (rng.random((count, 3)) < 1 / (1 + np.exp(-2 * x))).astype(int)
    return torch.tensor(x, dtype=torch.float32), labels


def cells(labels: np.ndarray, names: str = "abc") -> dict[str, list[str]]:
    """A column of tags."""
    return {"tags": [";".join(n for n, there in zip(names, row, strict=True) if there) for row in labels]}
