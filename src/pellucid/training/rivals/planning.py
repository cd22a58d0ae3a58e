"""Who takes part, on which items, and about how long that takes; nothing is learnt here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import Source, open_dataset
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.rivals.opening import labelled, pixel_spec, second_backbone
from pellucid.training.rivals.parting import QUICK, Parting, partings
from pellucid.training.rivals.table import GROUPS, Rival, Size, rivals

#: What a quick comparison leaves out, unless it is named.
SLOW = ("codes_stacked", "small_cnn")

#: Seconds in which one core computes a picture's codes; the part of a comparison that remains when it is quick.
CODES_SECONDS, QUICK_SHARE = 0.03, 0.2


@dataclass(frozen=True)
class Wish:
    """What a comparison is asked for; see ``pellucid.baselines``."""

    task: str = "multiclass"
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    model: str = "efficientnet_lite0"
    also: tuple[str, ...] | None = None
    fine_tune: str | None = None
    size: tuple[int, int] | None = None
    folds: int | None = None
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    quick: bool = False
    seed: int = 0
    device: str = "auto"

    @property
    def models(self) -> tuple[str, ...]:
        """Networks whose codes are taken, the first one alone and all of them stacked."""
        return (self.model, *second_backbone(self.also))

    def chosen(self) -> list[Rival]:
        """The rivals that take part, in the order of their groups; the trivial ones always do.

        Raises BadInput for a name that is neither a rival nor a group.
        """
        for name in self.only:
            if name not in rivals and name not in GROUPS:
                raise BadInput(f"there is no rival {name!r}", where="only", cure=near(name, [*GROUPS, *rivals]))
        found = [rival for group in GROUPS for rival in rivals.entries() if rival.facts.group == group]
        return [rival for rival in found if self._wants(rival)]

    def _wants(self, rival: Rival) -> bool:
        facts = rival.facts
        if self.task == "regression" and facts.numbers is None:
            return False
        if facts.asked:
            return self.fine_tune is not None
        if facts.group == "trivial" or rival.name in self.only or facts.group in self.only:
            return True
        return not self.only and not (self.quick and rival.name in SLOW)


def opened_and_parted(source: Source, wish: Wish) -> tuple[Dataset, Task, list[Parting]]:
    """The items that have a label, the task, and who learns and who is asked."""
    data, task = labelled(open_dataset(source), wish.task, wish.options, wish.labels)
    label = task.vocabulary.columns[0]
    return (
        data,
        task,
        partings(data, label, count=wish.folds, shares=wish.shares, seed=wish.seed, cells=tasks[wish.task].facts.cells),
    )


def planned(source: Source, wish: Wish) -> list[dict[str, Any]]:
    """A row a rival: its name, group, title and question, and about how many seconds it takes on one core.

    Codes count in full, though those that were computed before are taken from the cache.
    """
    data, task, parted = opened_and_parted(source, wish)
    learn = max(len(each.learn) for each in parted)
    pixels = int(np.prod(pixel_spec(data, wish.size).shape))
    size = Size(len(data), min(learn, QUICK) if wish.quick else learn, pixels, len(task.classes))
    rows: list[dict[str, Any]] = []
    for rival in wish.chosen():
        facts = rival.facts
        seconds = len(parted) * facts.seconds(size) * (QUICK_SHARE if wish.quick else 1)
        title = facts.named(numbers=wish.task == "regression")
        told = {"rival": rival.name, "group": facts.group, "title": title, "question": facts.question}
        rows.append({**told, "seconds": seconds})
    names = {row["rival"] for row in rows if row["group"] == "codes"}
    if names:
        networks = len(wish.models) if "codes_stacked" in names else 1
        rows.append({"rival": "", "group": "codes", "title": "computing the codes, once", "question": ""})
        rows[-1]["seconds"] = CODES_SECONDS * len(data) * networks
    return rows
