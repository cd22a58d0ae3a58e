"""Any number of inputs as batches, read while the network works, so that a folder need not fit into memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.batches import Batch, Inputs, as_batch
from pellucid.data.folders import pictures_in
from pellucid.models.inputs import InputSpec

if TYPE_CHECKING:
    from pellucid.models.network import Network

#: Batches that are read ahead: enough to keep the network busy, few enough to be small.
_AHEAD = 3


class Stream:
    """Inputs that become batches when they are asked for, as often as wanted, always in the same order.

    inputs: what ``as_batch`` takes, where a path may also be a folder (all pictures in it and below) or
    ``example:*``. Nothing is read before a batch is asked for; then a few batches are read ahead in threads.
    names, sources: one an input, known at once.
    """

    def __init__(self, spec: InputSpec, inputs: Inputs, device: torch.device | str, dtype: torch.dtype):
        self.spec, self._device, self._dtype = spec, device, dtype
        self._tensor = inputs if isinstance(inputs, Tensor) else None
        self._items: list[Any] = [] if isinstance(inputs, Tensor) else _listed(inputs)
        if self._tensor is not None:
            as_batch(spec, self._tensor, device, dtype)  # refuses what is wrong with it now
        elif not self._items:
            raise BadInput("no input was given", cure="pass at least one")

    @classmethod
    def of(cls, network: Network, inputs: Inputs) -> Stream:
        """The inputs as ``network`` is fed them."""
        return cls(network.input, inputs, network.device, network.dtype)

    def __len__(self) -> int:
        return len(self._items) if self._tensor is None else len(self._tensor)

    @property
    def names(self) -> tuple[str, ...]:
        """What to call each input."""
        if self._tensor is not None:
            return tuple(f"sample {i}" for i in range(len(self)))
        return tuple(_name_of(item) for item in self._items)

    @property
    def sources(self) -> tuple[str, ...]:
        """The file that each input comes from; its name where there is none."""
        if self._tensor is not None:
            return self.names
        return tuple(_source_of(item) or _name_of(item) for item in self._items)

    def samples(self) -> list[Any]:
        """The inputs as they were given, folders listed; empty for a tensor."""
        return list(self._items)

    def take(self, rows: slice) -> Batch:
        """The inputs ``rows`` as one batch."""
        if self._tensor is None:
            return as_batch(self.spec, self._items[rows], self._device, self._dtype)
        batch = as_batch(self.spec, self._tensor[rows], self._device, self._dtype)
        return Batch(batch.x, batch.pictures, batch.frames, self.names[rows])

    def batches(self, size: int) -> Iterator[tuple[slice, Batch]]:
        """Batches of at most ``size`` inputs, in order, each with the rows that it holds."""
        rows = [slice(i, min(i + size, len(self))) for i in range(0, len(self), size)]
        if self._tensor is not None:
            yield from ((each, self.take(each)) for each in rows)
            return
        with ThreadPoolExecutor(min(_AHEAD, os.cpu_count() or 1), "pellucid-read") as pool:
            waiting: deque[tuple[slice, Future[Batch]]] = deque()
            coming = iter(rows)
            try:
                for each in coming:
                    waiting.append((each, pool.submit(partial(self.take, each))))
                    if len(waiting) == _AHEAD:
                        break
                while waiting:
                    each, ready = waiting.popleft()
                    batch = ready.result()
                    after = next(coming, None)
                    if after is not None:
                        waiting.append((after, pool.submit(partial(self.take, after))))
                    yield each, batch
            finally:  # who stops in the middle does not wait for what was read ahead
                for _, future in waiting:
                    future.cancel()


def _listed(inputs: Any) -> list[Any]:
    """Each input by itself; folders and ``example:*`` as what is in them."""
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    found: list[Any] = []
    for item in given:
        found += pictures_in([os.fspath(item)]) if isinstance(item, str | Path) else [item]
    return found


def _source_of(item: Any) -> str:
    if isinstance(item, Sample):
        return item.source
    return os.fspath(item) if isinstance(item, str | Path) else ""


def _name_of(item: Any) -> str:
    if isinstance(item, Sample):
        return item.name
    if isinstance(item, str | Path):
        return Path(os.fspath(item)).stem
    return "sample"
