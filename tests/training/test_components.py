"""Principal components are scikit-learn's, by whichever way they are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import pellucid
from pellucid.data.dataset import Dataset, Stack
from pellucid.training import components as module
from pellucid.training.components import components, leading
from pellucid.training.examples import Store


def store() -> Store:
    images = (load_digits().images / 16).astype(np.float32)
    return Store(Dataset("digits", Stack.of(images, "digits")), pellucid.InputSpec.matrix(8, 8))


def missed(kept: Store, count: int) -> tuple[float, torch.Tensor]:
    known = components(kept, np.arange(1797), count)
    x = kept.x(np.arange(1797), torch.device("cpu"), torch.float32)
    return float(known.missed(x)[1].mean()), known.directions


@pytest.mark.parametrize("way", ["values", "items", "iterated"])
def test_two_components_of_digits_miss_what_is_known(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "items":
        monkeypatch.setattr(module, "VALUES", 10)
    if way != "values":
        monkeypatch.setattr(module, "EXACT", 10)
    error, directions = missed(store(), 2)
    assert error == pytest.approx(0.052426, abs=1e-6)
    assert torch.allclose(directions.T @ directions, torch.eye(2, dtype=torch.float64), atol=1e-6)
    known = PCA(2).fit(load_digits().images.reshape(-1, 64) / 16)
    assert np.abs(known.components_ @ directions.numpy()).round(3).tolist() == [[1, 0], [0, 1]]


def test_of_large_pictures_as_many_items_as_fit_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES", 10)
    monkeypatch.setattr(module, "KEPT", 64 * 300)
    known = components(store(), np.arange(1797), 2)
    assert known.items == 300
    again = components(store(), np.arange(1797), 2)
    assert torch.equal(known.directions, again.directions)


def test_no_more_components_than_the_items_have() -> None:
    known = components(store(), np.arange(4), 20)
    assert known.directions.shape == (64, 3)
    x = store().x(np.arange(4), torch.device("cpu"), torch.float32)
    assert float(known.missed(x)[1].max()) < 1e-12
    assert known.codes(x).shape == (4, 3)


def test_all_eigenvectors_of_a_small_matrix() -> None:
    values, vectors = torch.linalg.eigh(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    assert torch.allclose(leading(vectors @ values.diag() @ vectors.T, 1).abs(), vectors[:, -1:].abs())
