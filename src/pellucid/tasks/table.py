"""The registry of tasks: what a network can be asked to answer.

A task is one pure function ``(vocabulary, *, options) -> Task``. Its keyword-only parameters are its options: flags on
the command line, entries of a run's config.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pellucid.core.registry import Registry
from pellucid.data.sets.splitting import Cells

#: Columns of a table, or what is told of places in the pictures, or the pictures alone (columns then serve to judge).
Learns = Literal["labels", "masks", "boxes", "points", "pictures"]


@dataclass(frozen=True)
class TaskFacts:
    """question: what a person asks, in one sentence. source: the paper. labels: which columns it takes, in words.

    learns: what its targets are made from. cells: what its columns hold, which decides how items are dealt to splits
    and what is wrong with labels. model: what it trains where nobody names a network. least: the fewest items a step
    where nobody says how many.
    """

    question: str
    source: str
    labels: str
    learns: Learns = "labels"
    cells: Cells = "any"
    model: str = "efficientnet_lite0"
    least: int = 1


tasks: Registry[TaskFacts] = Registry("task", facts=TaskFacts, folder="pellucid.tasks", group="pellucid.tasks")
