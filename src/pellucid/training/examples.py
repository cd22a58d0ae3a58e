"""What a network learns from: inputs by number as it is fed them, and their targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pellucid.core.types import Frame, Sample
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset
from pellucid.models.inputs import InputSpec
from pellucid.models.memory import free_bytes

#: The share of the free memory that decoded pictures may take; a larger set is read again in every epoch.
SHARE = 0.4


class Store:
    """The inputs of a data set at the size that the network is fed, in memory where they fit.

    Pixels are kept as bytes, which loses nothing: they are bytes after resizing too. What is not there (``put`` was not
    called for it, or there was no room) is read when it is asked for. frames: of each item that was put the part of the
    picture that enters the network.
    """

    def __init__(self, data: Dataset, spec: InputSpec):
        self.data, self.spec = data, spec
        self._kept: Tensor | None = None
        self._there = np.zeros(len(data), bool)
        self.frames: dict[int, Frame] = {}
        kind = torch.float32 if spec.is_matrix else torch.uint8
        wanted = len(data) * int(np.prod(spec.shape)) * (4 if spec.is_matrix else 1)
        if wanted <= SHARE * free_bytes(torch.device("cpu")):
            self._kept = torch.empty((len(data), *spec.shape), dtype=kind)

    def put(self, i: int, sample: Sample) -> None:
        """Keep item ``i``, which has just been read. Raises BadInput for what the network cannot be fed."""
        raw = self._raw(sample)
        self.frames[i] = self.spec.frame(*sample.array.shape[:2])
        if self._kept is not None:
            self._kept[i] = raw
            self._there[i] = True

    def _raw(self, sample: Sample) -> Tensor:
        """Bytes of pixels, or a matrix's numbers."""
        x, _ = self.spec.tensor(sample)
        return x if self.spec.is_matrix else self.spec.pixels(x).round().clamp(0, 255).to(torch.uint8)

    def _read(self, i: int) -> None:
        self.put(i, as_sample(self.data[i]))

    def x(self, items: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
        """These items as the network is fed them, [n, C, H, W] on the device."""
        if self._kept is None:
            with _pool() as pool:
                raw = torch.stack(list(pool.map(lambda i: self._raw(as_sample(self.data[int(i)])), items)))
        else:
            missing = items[~self._there[items]]
            if len(missing):
                with _pool() as pool:
                    list(pool.map(self._read, map(int, np.unique(missing))))
            raw = self._kept[torch.from_numpy(items)]
        raw = raw.to(device).to(dtype)
        return raw if self.spec.is_matrix else self.spec.normalise(raw)


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), "pellucid-read")


class Examples:
    """Some items of a store, with a target each.

    rows: their numbers in the data set. targets: [n] or [n, k], as the task made them.
    """

    def __init__(self, store: Store, rows: np.ndarray, targets: Tensor):
        self.store, self.rows, self.targets = store, np.asarray(rows, np.int64), targets

    def __len__(self) -> int:
        return len(self.rows)

    def x(self, places: Tensor | slice, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
        """The inputs at these places (numbers from 0 within these examples), as the network is fed them."""
        where = places if isinstance(places, slice) else places.numpy()
        return self.store.x(self.rows[where], device, dtype)

    def take(self, places: Sequence[int] | np.ndarray) -> Examples:
        """Those at these places."""
        chosen = np.asarray(places, np.int64)
        return Examples(self.store, self.rows[chosen], self.targets[torch.from_numpy(chosen)])


class Codes:
    """Examples whose inputs are vectors already: what a frozen network made of the pictures."""

    def __init__(self, codes: Tensor, rows: np.ndarray, targets: Tensor):
        self.codes, self.rows, self.targets = codes, rows, targets

    def __len__(self) -> int:
        return len(self.rows)

    def x(self, places: Tensor | slice, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
        """The codes at these places."""
        return self.codes[places].to(device, dtype)
