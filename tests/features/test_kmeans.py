"""Spherical k-means against a literal one, against scikit-learn, and its promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from features.planted import directions
from pellucid.features.grouping.kmeans import assign, draw, lloyd, one_thread, plus_plus, spherical_kmeans


def noise(rows: int, d: int = 5, seed: int = 0) -> torch.Tensor:
    x = torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(x, dim=1)


def literal(x: np.ndarray, centroids: np.ndarray, steps: int) -> np.ndarray:
    """One row and one cluster at a time, as the paper writes it."""
    for _ in range(steps):
        labels = [int(np.argmax([row @ c for c in centroids])) for row in x]
        for k in range(len(centroids)):
            total = sum(row for row, label in zip(x, labels, strict=True) if label == k)
            centroids[k] = total / np.linalg.norm(total)
    return centroids


def test_steps_equal_the_literal_ones() -> None:
    x, start = noise(200), noise(4, seed=1)
    for steps in (1, 2, 5):
        ours, _ = lloyd(x, start[None], steps=steps + 1, tolerance=-1)
        np.testing.assert_allclose(ours[0], literal(x.double().numpy(), start.double().numpy(), steps), atol=1e-5)


def test_runs_together_equal_runs_alone() -> None:
    x = noise(500)
    start = plus_plus(x, 4, 6, torch.Generator().manual_seed(0))
    together, cosines = lloyd(x, start)
    for i in range(6):
        alone, cosine = lloyd(x, start[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=0)
        assert float(cosine[0]) == pytest.approx(float(cosines[i]), abs=1e-7)


def test_from_the_same_start_as_scikit_learn() -> None:
    x, own = directions(5, 800, noise=0.15)
    start = plus_plus(x, 5, 1, torch.Generator().manual_seed(3))
    centroids, _ = lloyd(x, start)
    labels, _ = assign(x, centroids[0])
    theirs = KMeans(5, init=start[0].numpy(), n_init=1).fit(x.numpy())
    np.testing.assert_array_equal(labels, theirs.labels_)
    # On the sphere, the squared distance to a centroid of length 1 is twice the cosine distance.
    normal = torch.nn.functional.normalize(torch.tensor(theirs.cluster_centers_), dim=1)
    torch.testing.assert_close(centroids[0], normal, atol=1e-5, rtol=0)
    assert adjusted_rand_score(own, labels) > 0.95


def test_no_worse_than_scikit_learn_on_noise() -> None:
    x = noise(3000)
    theirs = KMeans(6, n_init=10, random_state=0).fit(x.numpy())
    _, cosine = assign(x, torch.nn.functional.normalize(torch.tensor(theirs.cluster_centers_), dim=1))
    assert spherical_kmeans(x, 6).cosine >= cosine - 3e-3


def test_no_step_makes_it_worse() -> None:
    x = noise(2000)
    start = plus_plus(x, 7, 5, torch.Generator().manual_seed(0))
    scores = torch.stack([lloyd(x, start, steps=n, tolerance=-1)[1] for n in range(1, 25)])
    assert (scores.diff(dim=0) >= -1e-7).all()
    assert (scores[-1] > scores[0]).all()


def test_planted_directions_are_found_from_every_seed() -> None:
    x, own = directions(6, 1000)
    for seed in range(5):
        found = spherical_kmeans(x, 6, seed=seed)
        assert adjusted_rand_score(own, found.labels) == 1
        torch.testing.assert_close(found.centroids.norm(dim=1), torch.ones(6))
        # A row's cosine to its own direction, averaged.
        assert found.cosine == pytest.approx(float((x * found.centroids[found.labels]).sum(1).mean()), abs=1e-6)


@pytest.mark.parametrize("most", [10_000, 700])
def test_all_rows_are_assigned_also_those_that_were_not_drawn(most: int) -> None:
    x, own = directions(4, 3000)
    found = spherical_kmeans(x, 4, most=most, race=300)
    assert len(found.labels) == 3000
    assert adjusted_rand_score(own, found.labels) == 1


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads() -> None:
    x, before = noise(9000), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(spherical_kmeans(x, 6, seed=4))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    a, b = found
    assert torch.equal(a.centroids, b.centroids)
    assert torch.equal(a.labels, b.labels)
    assert a.cosine == b.cosine
    assert not torch.equal(a.centroids, spherical_kmeans(x, 6, seed=5).centroids)


def test_an_error_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == before


def test_an_empty_cluster_begins_anew() -> None:
    x, own = directions(3, 300, noise=0.02)
    # Two centroids are the same, so the second of them never gets a row; one direction has none.
    start = torch.stack([torch.eye(8)[0], torch.eye(8)[0], torch.eye(8)[1]])[None]
    centroids, cosine = lloyd(x, start)
    labels, _ = assign(x, centroids[0])
    assert adjusted_rand_score(own, labels) == 1
    assert float(cosine) > 0.99


def test_several_empty_clusters_begin_anew() -> None:
    x, _ = directions(5, 500, noise=0.02)
    start = torch.eye(8)[:1].repeat(5, 1)[None]
    centroids, cosine = lloyd(x, start)
    assert (assign(x, centroids[0])[0].bincount(minlength=5) > 0).all()
    assert float(cosine) > 0.8 > 0.1 > assign(x, start[0])[1]


@pytest.mark.parametrize("asked", [4, 6])
def test_more_clusters_than_directions_gives_as_many_as_there_are(asked: int) -> None:
    x = torch.eye(4)[torch.arange(100) % 3]
    found = spherical_kmeans(x, asked)
    assert found.centroids.shape == (3, 4)
    assert sorted(set(found.labels.tolist())) == [0, 1, 2]
    assert found.cosine == 1


def test_rows_without_a_direction_are_never_a_centroid() -> None:
    x, _ = directions(3, 60)
    x[::2] = 0
    found = spherical_kmeans(x, 3)
    torch.testing.assert_close(found.centroids.norm(dim=1), torch.ones(3))


def test_seeding_finds_every_direction() -> None:
    x, own = directions(6, 2000, noise=0.01)
    start = plus_plus(x, 6, 50, torch.Generator().manual_seed(0))
    labels = own[(start.reshape(-1, 8) @ x.T).argmax(1)].view(50, 6)
    assert all(len(set(row.tolist())) == 6 for row in labels)


def test_draw_is_sorted_and_without_repetition() -> None:
    rows = draw(1000, 100, torch.Generator().manual_seed(0))
    assert len(set(rows.tolist())) == 100
    assert (rows.diff() > 0).all()
    assert torch.equal(draw(7, 100, torch.Generator()), torch.arange(7))


def test_draw_of_very_many_is_as_good_and_small() -> None:
    rows = draw(10**12, 5000, torch.Generator().manual_seed(0))
    assert len(rows) == 5000
    assert (rows.diff() > 0).all()
    # Every tenth of the range gets its share: 500, give or take five standard deviations of 21.
    assert (torch.histc(rows.float(), 10, 0, 1e12) - 500).abs().max() < 105
    assert torch.equal(rows, draw(10**12, 5000, torch.Generator().manual_seed(0)))
