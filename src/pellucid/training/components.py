"""Principal components of pictures, as many as are asked for: the linear code that every other one has to beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.progress import track
from pellucid.features.grouping.kmeans import one_thread
from pellucid.training.examples import Store

#: Items a block.
BLOCK = 256

#: Up to so many values a picture their covariance is kept; of larger ones the items' products with each other.
VALUES = 4096

#: Numbers of items that are kept at once where pictures are larger; more items are drawn from.
KEPT = 75_000_000

#: Up to this size a symmetric matrix is taken apart exactly; above, by orthogonal iteration, to this share.
EXACT, TOLERANCE = 1024, 1e-7


@dataclass(frozen=True)
class Components:
    """mean: [D]. directions: [D, k], orthonormal, the largest variance first. items: how many they were fitted on."""

    mean: Tensor
    directions: Tensor
    items: int

    def codes(self, x: Tensor) -> Tensor:
        """Items [n, …] as [n, k]."""
        return (x.flatten(1).double() - self.mean) @ self.directions

    def missed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The squared error a value that the mean leaves of each item, and that the components leave: [n] each."""
        away = x.flatten(1).double() - self.mean
        total = away.square().sum(1)
        left = (total - (away @ self.directions).square().sum(1)).clamp_min(0)
        return total / away.shape[1], left / away.shape[1]


@one_thread()
def components(store: Store, rows: np.ndarray, count: int, *, seed: int = 0) -> Components:
    """The first ``count`` principal components of these items (fewer where the items have not so many).

    Of pictures above ``VALUES`` values they are those of as many items as fit, drawn with the seed. On one thread, so
    that the same items give the same bytes.
    """
    values = int(np.prod(store.spec.shape))
    if values > VALUES:
        most = max(count + 1, KEPT // values)
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    mean = sum((x.sum(0) for x in blocks(store, rows)), torch.zeros(values, dtype=torch.float64)) / len(rows)
    count = min(count, values, max(1, len(rows) - 1))
    if values <= VALUES:
        return Components(mean, _by_values(store, rows, mean, count), len(rows))
    return Components(mean, _by_items(store, rows, mean, count), len(rows))


def blocks(store: Store, rows: np.ndarray) -> Iterator[Tensor]:
    """The items' values, float64 [≤ BLOCK, D]."""
    for some in track(np.array_split(rows, max(1, -(-len(rows) // BLOCK))), "components"):
        yield store.x(some, torch.device("cpu"), torch.float32).flatten(1).double()


def _by_values(store: Store, rows: np.ndarray, mean: Tensor, count: int) -> Tensor:
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for x in blocks(store, rows):
        covariance.addmm_((x - mean).T, x - mean)
    return leading(covariance, count)


def _by_items(store: Store, rows: np.ndarray, mean: Tensor, count: int) -> Tensor:
    """From the products of items, whose directions are sums of items."""
    away = torch.cat([(x - mean).float() for x in blocks(store, rows)])
    products = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for columns in away.split(4096, 1):
        products.addmm_(columns.double(), columns.double().T)
    sums = leading(products, count)
    found = torch.cat([columns.double().T @ sums for columns in away.split(4096, 1)])
    return torch.linalg.qr(found).Q


def leading(matrix: Tensor, count: int) -> Tensor:
    """The eigenvectors [size, count] of the largest eigenvalues of a symmetric matrix, the largest first."""
    if len(matrix) <= EXACT or 4 * count > len(matrix):
        return torch.linalg.eigh(matrix).eigenvectors[:, -count:].flip(1)
    wide = min(len(matrix), count + 16)
    found = torch.linalg.qr(torch.randn(len(matrix), wide, generator=_generator(), dtype=matrix.dtype)).Q
    before = 0.0
    for _ in range(200):
        values, turned = torch.linalg.eigh(found.T @ (matrix @ found))
        held = float(values[-count:].sum())
        if held - before <= TOLERANCE * abs(held):
            break
        before, found = held, torch.linalg.qr(matrix @ found).Q
    return (found @ turned)[:, -count:].flip(1)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
