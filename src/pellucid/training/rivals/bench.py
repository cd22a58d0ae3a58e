"""What all rivals are given, the same for each: the items, their pixels and codes, and who learns and who is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from pellucid.data.dataset import Dataset
from pellucid.features.resampling import Interval
from pellucid.models.open import open
from pellucid.tasks.task import Task
from pellucid.training.codes import codes_of
from pellucid.training.examples import Store
from pellucid.training.transfer import without_head


@dataclass(frozen=True, eq=False)
class Bench:
    """The items, read once for all rivals.

    data: as they were opened; small: the same in memory at the size ``shape`` (channels, height, width). pixels:
    float32 [n, C·H·W], 0 to 1, or a matrix's own numbers. pictures: whether they can be shown to a network of photos.
    targets: [n], class numbers or numbers. models: names of networks that give codes, the first one the usual.
    fine_tune: the layer from which one is fine-tuned; None for not.
    """

    data: Dataset
    small: Dataset
    task: Task
    pixels: np.ndarray
    shape: tuple[int, int, int]
    targets: np.ndarray
    models: tuple[str, ...]
    pictures: bool = True
    fine_tune: str | None = None
    device: str = "auto"
    seed: int = 0
    quick: bool = False
    _codes: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def numbers(self) -> bool:
        """Whether numbers are learnt, and not classes."""
        return self.targets.dtype.kind == "f"

    @property
    def label(self) -> str:
        """The column that is learnt."""
        return self.task.vocabulary.columns[0]

    def codes(self, model: str) -> np.ndarray:
        """What a frozen network makes of every item: float32 [n, width]; computed once."""
        if model not in self._codes:
            network = open(model, device=self.device)
            body, store = without_head(network), Store(self.data, network.input)
            self._codes[model] = codes_of(body, store, np.arange(len(self.data))).numpy()
        return self._codes[model]

    def shuffled(self, number: int = 1) -> Bench:
        """The same items with their labels dealt out anew, for the ``number``-th time: nothing can be learnt."""
        order = np.random.default_rng((self.seed, number)).permutation(len(self.data))
        return dataclasses.replace(
            self,
            data=_dealt(self.data, self.label, order),
            small=_dealt(self.small, self.label, order),
            targets=self.targets[order],
        )

    def score(self, targets: np.ndarray, probabilities: np.ndarray) -> float:
        """The task's first metric, turned so that more is better."""
        metric = self.task.metrics[self.task.primary]
        value = metric.compute(self.truth(targets), probabilities, self.decide(probabilities))
        return value if metric.higher else -value

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The task's decisions by its untuned rule, the same for all rivals."""
        return self.task.decide(probabilities, self.task.rule)

    def truth(self, targets: np.ndarray) -> np.ndarray:
        """Targets as the task's metrics take them: [k], or [k, 1] for numbers."""
        return targets[:, None] if self.numbers else targets


def _dealt(data: Dataset, label: str, order: np.ndarray) -> Dataset:
    cells = data.columns[label]
    return dataclasses.replace(data, columns={**data.columns, label: tuple(cells[i] for i in order)})


@dataclass(frozen=True, eq=False)
class Fold:
    """Who learns and who is asked; all of them numbers of items.

    learn, test: the two parts. train, val: ``learn`` once more in two, for networks, whose best epoch is kept.
    choosing: those of ``learn`` (all, or a draw from many) on which settings are compared; inner: pairs of places in
    ``choosing``, to fit on and to compare on.
    """

    bench: Bench
    learn: np.ndarray
    test: np.ndarray
    train: np.ndarray
    val: np.ndarray
    choosing: np.ndarray
    inner: tuple[tuple[np.ndarray, np.ndarray], ...]

    def some(self, most: int) -> np.ndarray:
        """At most so many of ``learn``, drawn with the seed."""
        if len(self.learn) <= most:
            return self.learn
        return np.sort(np.random.default_rng(self.bench.seed).permutation(self.learn)[:most])

    def parted(self, data: Dataset) -> Dataset:
        """The data with a column of splits that says what this fold does with each item."""
        split = np.full(len(data), "left out", object)
        for name in ("train", "val", "test"):
            split[getattr(self, name)] = name
        return dataclasses.replace(data, split=tuple(split))


@dataclass(frozen=True, eq=False)
class Answer:
    """What a rival answered in a fold: probabilities [k, classes] (numbers: [k, 1]) for the items it was asked, and for
    those it had learnt from (``learnt``). chosen: the settings that it took. kept: [C, H, W], the share of its fits
    that kept each pixel. sweep: the score on validation items by (hidden layers, width).
    """

    held_out: np.ndarray
    learnt_rows: np.ndarray
    learnt: np.ndarray
    chosen: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: np.ndarray | None = None
    sweep: Mapping[tuple[int, int], Interval] | None = None


def threads() -> int:
    """How many cores fits may share: as many as torch was given."""
    return torch.get_num_threads()
