"""Agreement and separation against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, silhouette_score

from features.planted import directions
from pellucid.features.agreement import adjusted_rand, contingency, mean_pairwise_rand, silhouette
from pellucid.features.kmeans import spherical_kmeans

rng = np.random.default_rng(0)


@pytest.mark.parametrize(("a", "b", "rows"), [(3, 5, 200), (2, 2, 30), (12, 7, 5000)])
def test_rand_index(a: int, b: int, rows: int) -> None:
    left, right = rng.integers(a, size=rows), rng.integers(b, size=rows)
    right[: rows // 2] = left[: rows // 2] % b  # agreement between none and all
    ours = adjusted_rand(contingency(left, right, (a, b)))
    assert float(ours) == pytest.approx(adjusted_rand_score(left, right), abs=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 2]])
def test_rand_index_of_equals_is_one(labels: list[int]) -> None:
    assert float(adjusted_rand(contingency(np.array(labels), np.array(labels), (4, 4)))) == 1


def test_rand_index_of_a_large_table_does_not_overflow() -> None:
    half = 3_000_000_000
    assert float(adjusted_rand(np.array([[half, 0], [0, half]]))) == pytest.approx(1)


def test_mean_over_all_pairs() -> None:
    labels = rng.integers(4, size=(5, 300))
    labels[1:3] = labels[0]
    pairs = [adjusted_rand_score(labels[i], labels[j]) for i in range(5) for j in range(i + 1, 5)]
    assert mean_pairwise_rand(torch.tensor(labels), 4) == pytest.approx(np.mean(pairs), abs=1e-9)


@pytest.mark.parametrize("noise", [0.05, 0.4, 2.0])
def test_silhouette(noise: float) -> None:
    x, _ = directions(5, 400, noise=noise)
    labels = spherical_kmeans(x, 5).labels
    labels[0] = 5  # one row alone in its group
    assert silhouette(x, labels) == pytest.approx(silhouette_score(x, labels, metric="cosine"), abs=1e-5)


def test_silhouette_with_rows_that_have_no_direction() -> None:
    x, labels = directions(3, 90)
    x[:9] = 0
    assert silhouette(x, labels) == pytest.approx(silhouette_score(x, labels, metric="cosine"), abs=1e-5)


def test_silhouette_of_one_group_is_none() -> None:
    assert silhouette(torch.eye(3), torch.zeros(3, dtype=torch.int64)) is None
