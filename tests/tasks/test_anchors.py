"""Anchors by K-means with the distance 1 − IoU: laws, a literal form beside it, and others on the same boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torchvision.ops import box_iou as torchvision_iou

from pellucid.core.errors import BadInput
from pellucid.tasks.boxes import anchors as fitting
from pellucid.tasks.boxes.anchors import Anchors, fit_anchors
from pellucid.tasks.boxes.iou import box_iou, nearest, size_iou
from pellucid.tasks.boxes.knee import climb, knee_of
from pellucid.tasks.boxes.recall import mean_of, overlap_recall, ratio_recall, share_of
from pellucid.tasks.boxes.rivals import COCO, copied, held_out, plain


def world(seed: int, count: int = 1000) -> np.ndarray:
    """Three kinds of objects, each of its own size and proportions, with a spread of 35 % on each side."""
    rng = np.random.default_rng(seed)
    kinds = np.array([[30, 40], [90, 70], [200, 260]])[rng.integers(0, 3, count)]
    return kinds * np.exp(0.35 * rng.standard_normal((count, 2)))


# -- overlaps -------------------------------------------------------------------------------------


def test_overlaps_are_torchvision_s() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (2, 60, 2))
    boxes = np.concatenate([corners.min(0), corners.max(0)], 1)
    others = boxes[:25] + rng.normal(0, 3, (25, 1))
    wanted = torchvision_iou(torch.from_numpy(boxes), torch.from_numpy(others)).numpy()
    np.testing.assert_allclose(box_iou(boxes, others), wanted, atol=1e-12)
    assert box_iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]
    assert box_iou(boxes[:0], others).shape == (0, 25)


def test_sizes_overlap_as_boxes_about_one_centre() -> None:
    sizes, others = world(0, 40), world(1, 7)
    centred = lambda s: np.concatenate([-s / 2, s / 2], 1)  # noqa: E731
    table = size_iou(sizes, others)
    np.testing.assert_allclose(table, box_iou(centred(sizes), centred(others)))
    own, overlap = nearest(sizes, others)
    assert own.tolist() == table.argmax(1).tolist()
    np.testing.assert_allclose(overlap, table.max(1))
    assert size_iou(np.array([[2.0, 4.0]]), np.array([[4.0, 2.0]])).tolist() == [[pytest.approx(4 / 12)]]


# -- fitting --------------------------------------------------------------------------------------


def literal(sizes: np.ndarray, anchors: np.ndarray, centre: object, steps: int = 60) -> tuple[np.ndarray, float]:
    """K-means, word by word: the best average that is met within so many steps."""
    best, value = anchors, 0.0
    for _ in range(steps):
        table = size_iou(sizes, anchors)
        own = table.argmax(1)
        if table.max(1).mean() > value:
            best, value = anchors, table.max(1).mean()
        anchors = np.array([centre(sizes[own == j], 0) for j in range(len(anchors))])  # type: ignore[operator]
    return best, float(value)


@pytest.mark.parametrize(("update", "centre"), [("median", np.median), ("mean", np.mean)])
def test_it_is_the_literal_algorithm(update: str, centre: object) -> None:
    sizes = world(3, 301)
    begin = sizes[:6].copy()
    wanted, value = literal(sizes, begin, centre)
    found = fit_anchors(sizes, 6, update=update, restarts=0, begin=begin)
    assert found.average_iou == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(found.sizes, wanted[wanted.prod(1).argsort()])


def test_medians_are_above_means_and_both_above_euclidean_distances() -> None:
    """Paired over 8 seeds: each difference's 95 % interval lies above 0."""
    rows = []
    for seed in range(8):
        sizes = world(seed)
        ours = [fit_anchors(sizes, 9, update=u, restarts=5, seed=seed).average_iou for u in ("median", "mean")]
        theirs = KMeans(9, n_init=5, random_state=seed).fit(sizes).cluster_centers_
        rows.append([*ours, Anchors.of(sizes, theirs).average_iou])
    median, mean, euclidean = np.array(rows).T
    for better, worse in ((median, mean), (mean, euclidean)):
        gain = better - worse
        assert gain.mean() - 2.365 * gain.std(ddof=1) / np.sqrt(8) > 0
    assert 0.70 < median.mean() < 0.75


def test_planted_sizes_are_found() -> None:
    planted = np.array([[10, 30], [40, 40], [90, 30], [200, 150]])
    rng = np.random.default_rng(0)
    sizes = np.repeat(planted, 50, 0) * rng.uniform(0.95, 1.05, (200, 2))
    found = fit_anchors(sizes, 4)
    np.testing.assert_allclose(found.sizes, planted[planted.prod(1).argsort()], rtol=0.03)
    assert np.bincount(found.own).tolist() == [50, 50, 50, 50]
    assert (found.own == nearest(sizes, found.sizes)[0]).all()


def test_the_unit_does_not_matter_nor_which_side_is_which() -> None:
    sizes = world(1, 400)
    found = fit_anchors(sizes, 5, seed=2)
    assert (fit_anchors(sizes * 4, 5, seed=2).sizes == found.sizes * 4).all()
    turned = fit_anchors(sizes[:, ::-1], 5, restarts=0, begin=found.sizes[:, ::-1])
    assert (turned.sizes == found.sizes[:, ::-1]).all()


def test_the_same_seed_the_same_anchors_in_whatever_order_boxes_are_listed() -> None:
    sizes = world(2, 500)
    mixed = sizes[np.random.default_rng(0).permutation(500)]
    assert fit_anchors(mixed, 7, seed=3).sizes.tobytes() == fit_anchors(sizes, 7, seed=3).sizes.tobytes()
    assert fit_anchors(sizes, 7, seed=3).sizes.tobytes() == fit_anchors(sizes, 7, seed=3).sizes.tobytes()
    assert fit_anchors(sizes, 7, seed=3).sizes.tobytes() != fit_anchors(sizes, 7, seed=4, restarts=1).sizes.tobytes()


def test_as_many_anchors_as_sizes_fit_all_and_one_fits_none_better_than_any() -> None:
    sizes = np.repeat(world(0, 8), 3, 0)
    assert fit_anchors(sizes, 8).average_iou == pytest.approx(1.0)
    one = fit_anchors(sizes, 1).average_iou
    assert one >= size_iou(sizes, np.median(sizes, 0)[None]).mean()


def test_an_anchor_without_boxes_goes_where_boxes_are_served_worst() -> None:
    sizes = np.concatenate([np.full((50, 2), 10.0), np.full((5, 2), 200.0)]) * np.linspace(0.99, 1.01, 55)[:, None]
    begin = np.array([[10.0, 10.0], [1e6, 1e-3], [1e-6, 1e-6]])  # the last two touch nothing
    found = fit_anchors(sizes, 3, restarts=0, begin=begin)
    assert found.average_iou > 0.98
    assert found.sizes[-1, 0] == pytest.approx(200, rel=0.02)


def test_many_boxes_are_fitted_on_a_draw_and_then_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = world(5, 3000)
    whole = fit_anchors(sizes, 6)
    monkeypatch.setattr(fitting, "DRAWN", 500)
    found = fit_anchors(sizes, 6)
    assert len(found.own) == 3000
    assert found.average_iou == pytest.approx(whole.average_iou, abs=0.003)
    again = fit_anchors(sizes, 6, restarts=0, begin=found.sizes)
    assert again.average_iou >= found.average_iou - 1e-12


def test_bad_input() -> None:
    sizes = world(0, 20)
    cases = [
        (lambda: fit_anchors(sizes[:, :1], 2), "sizes of shape (20, 1)"),
        (lambda: fit_anchors(sizes[:0], 2), "there is no box"),
        (lambda: fit_anchors(np.where(sizes > 200, np.nan, sizes), 2), "are not positive"),
        (lambda: fit_anchors(sizes * [1, -1], 2), "20 of 20 sizes are not positive, first row 0"),
        (lambda: fit_anchors(sizes, 21), "21 anchors for boxes of 20 different sizes; ask for 20 at most"),
        (lambda: fit_anchors(sizes, 0), "0 anchors"),
        (lambda: fit_anchors(sizes, 2, update="mode"), "update is 'mode'"),
        (lambda: fit_anchors(sizes, 2, restarts=0), "0 starts"),
    ]
    for asked, message in cases:
        with pytest.raises(BadInput) as error:
            asked()
        assert message in str(error.value)


# -- what they are worth --------------------------------------------------------------------------


def test_recalls_by_hand_and_that_they_differ() -> None:
    sizes = np.array([[10, 10], [30, 30], [39, 39], [41, 41], [20, 10], [10, 2]])
    anchors = np.array([[10.0, 10.0]])
    assert ratio_recall(sizes, anchors).tolist() == [True, True, True, False, True, False]
    overlap = nearest(sizes.astype(float), anchors)[1]
    np.testing.assert_allclose(overlap, [1, 1 / 9, 100 / 39**2, 100 / 41**2, 0.5, 0.2])
    assert overlap_recall(overlap).tolist() == [True, False, False, False, False, False]
    boxes = world(0)
    fit = fit_anchors(boxes, 9)
    assert ratio_recall(boxes, fit.sizes).mean() > 0.99 > 0.97 > overlap_recall(fit.overlap).mean()


def test_intervals_are_over_pictures() -> None:
    """Boxes of one picture are alike: in about 95 of 100 worlds the interval holds the truth; boxes alone would not."""
    rng, held, alone = np.random.default_rng(0), 0, 0
    for _ in range(300):
        counts = rng.integers(1, 12, 40)
        groups = np.repeat(np.arange(40), counts)
        values = 0.6 + rng.normal(0, 0.1, 40)[groups] + rng.normal(0, 0.05, len(groups))
        mean, naive = mean_of(values, groups), mean_of(values, np.arange(len(values)))
        held += mean.low <= 0.6 <= mean.high
        alone += naive.low <= 0.6 <= naive.high
    assert 270 <= held <= 297
    assert alone < 240
    assert np.isnan(mean_of(values, np.zeros(len(values), int)).low)


def test_shares_stay_between_nothing_and_all() -> None:
    hits, groups = np.ones(100, bool), np.arange(100)
    assert (share_of(hits, groups).low, share_of(hits, groups).high) == (pytest.approx(0.97), 1.0)
    assert (share_of(~hits, groups).low, share_of(~hits, groups).high) == (0.0, pytest.approx(0.03))
    hits[0] = False
    assert share_of(hits, groups).high == 1.0


def test_the_curve_climbs_and_its_bend_is_found() -> None:
    sizes = world(0, 400)
    tried = climb(sizes, 9, 12, update="median", restarts=5, seed=0)
    curve = np.array([each.average_iou for each in tried])
    assert [len(each) for each in tried] == list(range(1, 13))
    assert (np.diff(curve) >= 0).all()
    assert knee_of(curve) in (3, 4)
    few = np.repeat(world(0, 4), 10, 0)
    assert len(climb(few, 4, 12, update="median", restarts=2, seed=0)) == 4
    assert knee_of(np.array([0.1, 0.5, 0.9, 0.9, 0.9])) == 3
    assert knee_of(np.array([0.5, 0.5, 0.5])) == 3
    assert knee_of(np.array([0.5])) == 1


def test_coco_s_anchors_are_scaled_to_suit() -> None:
    boxes = np.repeat(np.array(COCO) * 3.3, 5, 0)
    assert copied(boxes).average_iou > 0.95
    sizes = world(0)
    found = copied(sizes)
    np.testing.assert_allclose(found.sizes / found.sizes[0], np.array(COCO) / COCO[0])
    assert found.average_iou < fit_anchors(sizes, 9).average_iou
    assert plain(np.repeat(sizes[:5], 9, 0), 9, seed=0) is None
    euclidean = plain(sizes, 9, seed=0)
    assert euclidean is not None
    assert euclidean.average_iou < fit_anchors(sizes, 9).average_iou


def test_boxes_that_were_not_fitted_to_are_served_worse() -> None:
    sizes, groups = world(0, 120), np.repeat(np.arange(40), 3)
    out = held_out(sizes, groups, 9, update="median", seed=0)
    assert out is not None
    assert out.mean() < fit_anchors(sizes, 9).average_iou
    assert held_out(sizes, np.repeat(np.arange(4), 30), 9, update="median", seed=0) is None
    assert held_out(np.repeat(world(0, 9), 3, 0), np.repeat(np.arange(9), 3), 9, update="median", seed=0) is None
