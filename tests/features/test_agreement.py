"""Agreement and separation against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, silhouette_score

from features.planted import directions
from pellucid.features.grouping.agreement import (
    adjusted_rand,
    contingency,
    mean_iou,
    mean_pairwise_rand,
    purity,
    silhouette,
)
from pellucid.features.grouping.kmeans import spherical_kmeans

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


def test_purity_and_iou_by_hand() -> None:
    # Two regions of 6 and 4 places; three clusters.
    table = np.array([[4, 1], [2, 0], [0, 3]])
    assert purity(table) == pytest.approx((4 + 2 + 3) / 10)
    # Cluster 0 with region 0: 4 of 5 + 6 − 4; cluster 2 with region 1: 3 of 3 + 4 − 3. Cluster 1 gets none.
    assert mean_iou(table) == pytest.approx((4 / 7 + 3 / 4) / 2)


def test_the_order_of_clusters_does_not_matter() -> None:
    table = rng.integers(0, 50, (5, 4))
    assert mean_iou(table[[3, 0, 4, 1, 2]]) == pytest.approx(mean_iou(table))
    assert purity(table[[3, 0, 4, 1, 2]]) == pytest.approx(purity(table))


@pytest.mark.parametrize(("table", "value"), [(np.diag([3, 5, 2]), 1.0), (np.array([[3, 5, 2]]), 5 / 10 / 3)])
def test_iou_at_its_ends(table: np.ndarray, value: float) -> None:
    assert mean_iou(table) == pytest.approx(value)
    assert mean_iou(np.pad(table, ((0, 2), (0, 1)))) == pytest.approx(value)  # what never occurs is not counted
