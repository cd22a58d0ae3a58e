"""The common ground of alternatives: pictures read once, networks opened once, a split for each seed, and the judge."""

from __future__ import annotations

import dataclasses

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.data.sets.splitting import split_rows
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.small import NAMES
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.examples import Store
from pellucid.training.plan import Plan
from pellucid.training.results import Fitted
from pellucid.training.setup import Setup, make_task, opened, prepare
from pellucid.training.train import fit


class Ground:
    """What trainings on the same items share.

    plan: what they have in common. judge: the task whose truth and metrics all are measured by. labels: the columns
    that are learnt. notes: what a user should know of the data. groups: a number for each item, the same for items
    that stay together.
    """

    def __init__(self, data: Dataset, plan: Plan):
        self.data = data
        self._stores: dict[InputSpec, Store] = {}
        self._networks: dict[tuple[object, ...], Network] = {}
        self._splits: dict[int, dict[str, np.ndarray]] = {}
        setup = self._prepared(data, plan, check=True)
        self.plan = dataclasses.replace(plan, batch=setup.plan.batch)  # the same for parts of the items, too
        self.judge, self.labels = setup.task, setup.plan.labels
        self.notes, self.network, self.learns = setup.notes, setup.network, setup.plan.unfreeze_from
        self.epochs = setup.plan.epochs
        self.truth = setup.targets.numpy()
        self.groups = groups_of(data)

    def split(self, seed: int) -> dict[str, np.ndarray]:
        """The items' numbers by split: the data's own splits, and where they name none, drawn with the seed."""
        if seed not in self._splits:
            cells = tasks[self.plan.task].facts.cells
            rows = split_rows(self.data, self.labels, shares=self.plan.shares, seed=seed, cells=cells)
            if not len(rows["test"]):
                cure = "give test a share (--shares 0.7,0.15,0.15), or name it in the data"
                raise BadInput("no item is left to judge by", where=self.data.source, cure=cure)
            self._splits[seed] = rows
        return self._splits[seed]

    def parted(self, seed: int) -> Dataset:
        """The data with this seed's split written down, so that every alternative takes the same."""
        return with_split(self.data, self.split(seed))

    def task(self, plan: Plan) -> Task:
        """The task of a plan; an error where it cannot be made for these data."""
        return make_task(self.data, plan, self.labels, self.split(self.plan.seed)["train"])

    def setup(self, data: Dataset, plan: Plan) -> Setup:
        """A training on these items, with other columns or splits perhaps."""
        return self._prepared(data, plan, check=False)

    def trained(self, data: Dataset, plan: Plan) -> Fitted:
        """The same, trained."""
        return fit(self.setup(data, plan))

    def _prepared(self, data: Dataset, plan: Plan, *, check: bool) -> Setup:
        return prepare(data, plan, model=self._pretrained(data, plan), check=check, store=self._store)

    def _store(self, data: Dataset, spec: InputSpec) -> Store:
        if spec not in self._stores:
            self._stores[spec] = Store(self.data, spec)
        return self._stores[spec]

    def _pretrained(self, data: Dataset, plan: Plan) -> Network | None:
        """A pretrained network, which training copies; None for what is drawn with each seed."""
        if plan.weights == "none" or plan.model.partition(":")[0] in NAMES:
            return None
        key = (plan.model, plan.weights, plan.size, plan.device)
        if key not in self._networks:
            self._networks[key] = opened(data, plan)
        return self._networks[key]


def with_split(data: Dataset, rows: dict[str, np.ndarray]) -> Dataset:
    """The data with these splits written down; an item in none of them is left out of training."""
    split = np.full(len(data), "left out", object)
    for name, own in rows.items():
        split[own] = name
    return dataclasses.replace(data, split=tuple(split))


def groups_of(data: Dataset) -> np.ndarray:
    """A number from 0 for each item, the same for those of one group, and for rows that name one file: int [n]."""
    named = data.group or ("",) * len(data)
    units = [("group", g) if g else ("item", data.items.name(i)) for i, g in enumerate(named)]
    number = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    return np.array([number[unit] for unit in units], dtype=np.int64)
