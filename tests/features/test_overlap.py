"""Groups against true regions: the figure is the one that ``regions`` tells, and its interval is over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.features.grouping.agreement import mean_iou
from pellucid.features.grouping.overlap import UNKNOWN, matched, merged, overlap, tables


def halves(count: int = 12, wrong: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures whose left is region 0 and right region 1; groups have the other numbers, of ``wrong`` they are even."""
    regions = np.zeros((count, 4, 6), np.int32)
    regions[:, :, 3:] = 1
    labels = 1 - regions
    labels[:wrong] = np.arange(6) % 2
    return labels, regions


def test_groups_that_are_the_regions_have_an_overlap_of_one_however_they_are_numbered() -> None:
    labels, regions = halves()
    found = overlap(tables(labels, regions))
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
    assert matched(tables(labels, regions)).tolist() == [1, 0]


def test_the_figure_is_that_of_all_pictures_together_and_the_interval_is_over_pictures() -> None:
    labels, regions = halves(wrong=3)
    counted = tables(labels, regions)
    found = overlap(counted, seed=1)
    assert found.value == mean_iou(counted.sum(0))
    assert found.low < found.value < found.high
    means = [mean_iou(counted[np.random.default_rng(s).integers(0, 12, 12)].sum(0)) for s in range(500)]
    assert found.low == pytest.approx(np.percentile(means, 2.5), abs=0.04)
    assert found.high == pytest.approx(np.percentile(means, 97.5), abs=0.04)


def test_what_is_not_known_does_not_count_and_a_group_too_many_is_of_no_region() -> None:
    labels, regions = halves()
    labels[:, 0] = 2
    regions[:, 0] = UNKNOWN
    counted = tables(labels, regions)
    assert counted.shape == (12, 3, 2)
    assert overlap(counted).value == 1.0
    assert matched(counted).tolist() == [1, 0, UNKNOWN]


def test_regions_that_are_left_out_are_unknown() -> None:
    assert merged(np.array([[0, 3], [5, 3]]), (3, 0)).tolist() == [[1, 0], [UNKNOWN, 0]]
