"""Pictures that nobody has labelled, each read once: as the network is fed it, and as the contact sheet shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Frame, Sample
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.models.network import Network
from pellucid.training.examples import Store

#: Pictures a pass.
BATCH = 16

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Given:
    """What was given, and the network that it is given to. frames: which part of each picture enters the network.
    small: of those that are shown, by their numbers and in this order, the small picture. notes: what to know of them.
    """

    network: Network
    data: Dataset
    store: Store
    frames: tuple[Frame, ...]
    small: Mapping[int, np.ndarray]
    notes: tuple[str, ...]

    def each(self, answer: Callable[[Network, Tensor], Sequence[T] | Tensor], what: str) -> Iterator[tuple[int, T]]:
        """Each picture's number and what the network answers to it; on the fast copy of the network.

        answer: of a network and a batch, one answer a picture. what: the name that progress goes by.
        """
        ready, count = self.network.prepared(), len(self.data)
        for start in track(range(0, count, BATCH), what):
            rows = np.arange(start, min(start + BATCH, count))
            x = self.store.x(rows, ready.device, ready.dtype)
            yield from zip(rows.tolist(), answer(ready, x), strict=True)


def read_all(data: Dataset, network: Network, shown: int, small: Callable[[Sample], np.ndarray]) -> Given:
    """Read everything; raise BadInput that lists all that cannot be read, or cannot enter the network.

    shown: so many go onto the contact sheet, evenly chosen. small: of a picture the one on the sheet.
    """
    count, spec = len(data), network.input
    if not count:
        raise BadInput("no input was given", cure="pass at least one")
    places = np.unique(np.linspace(0, count - 1, min(shown, count)).round().astype(int)).tolist()
    store, sheet = Store(data, spec), dict.fromkeys(places, np.empty(0))

    def put(i: int, sample: Sample) -> None:
        store.put(i, sample)
        if i in sheet:
            sheet[i] = small(sample)

    problems = inspect(data, None, (), each=put)
    if sum(problem.fatal for problem in problems) == 1:  # which has a cure of its own when it is read alone
        for i in set(range(count)) - set(store.frames):
            put(i, as_sample(data[i]))
    notes = raise_or_warn(problems, data.source)
    return Given(network, data, store, tuple(store.frames[i] for i in range(count)), sheet, notes)
