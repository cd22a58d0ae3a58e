"""Objects in masks: planted discs that touch, of a known number."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pellucid.tasks.painting.objects import Objects

PLAIN, CUT = Objects("components"), Objects("watershed")


def discs(middles: list[tuple[int, int]], radius: int, side: int) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.logical_or.reduce([(rows - y) ** 2 + (columns - x) ** 2 <= radius**2 for x, y in middles])


def test_parts_that_touch_at_a_corner_are_one() -> None:
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = mask[1, 1] = mask[5, 5] = True
    assert PLAIN.numbered(mask).max() == 2
    assert CUT.numbered(mask).max() == 2


@pytest.mark.parametrize(("radius", "gap"), [(6, 10), (10, 17), (10, 20), (20, 36)])
def test_a_row_of_discs_that_touch_is_cut_where_they_do(radius: int, gap: int) -> None:
    middles = [(radius + 3 + gap * k, radius + 5) for k in range(4)]
    mask = discs(middles, radius, 4 * gap + 10)
    assert PLAIN.numbered(mask).max() == 1
    numbers = CUT.numbered(mask)
    assert [numbers[y, x] for x, y in middles] == [1, 2, 3, 4]  # from the left, for they lie in one row
    assert numbers.max() == 4
    for left, right in itertools.pairwise(middles):
        row = numbers[left[1], left[0] : right[0]]
        change = int(np.flatnonzero(np.diff(row))[0]) + 1
        assert abs(change - gap / 2) <= 1.5  # half-way, where the neck is


def test_a_grid_of_touching_pairs_has_as_many_objects_as_were_drawn() -> None:
    middles = [(x + dx, y) for y in range(15, 110, 24) for x in (15, 60, 105) for dx in (0, 13)]
    mask = discs(middles, 7, 135)
    assert PLAIN.numbered(mask).max() == len(middles) // 2
    assert CUT.numbered(mask).max() == len(middles)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.99, 1.0])
@pytest.mark.parametrize("way", [PLAIN, CUT, Objects("watershed", 1)])
def test_every_pixel_is_of_one_object_and_no_object_of_two_parts(share: float, way: Objects) -> None:
    mask = np.random.default_rng(0).random((60, 70)) < share
    numbers, parts = way.numbered(mask), PLAIN.numbered(mask)
    assert ((numbers > 0) == mask).all()
    assert set(np.unique(numbers)) - {0} == set(range(1, numbers.max() + 1))
    assert len(np.unique(np.stack([numbers[mask], parts[mask]]), axis=1).T) == numbers.max() >= parts.max()


def test_seeds_that_are_asked_to_be_far_apart_leave_discs_whole() -> None:
    mask = discs([(10, 10), (22, 10)], 7, 34)
    assert Objects("watershed", 4).numbered(mask).max() == 2
    assert Objects("watershed", 14).numbered(mask).max() == 1


def test_what_has_no_neck_is_one() -> None:
    rod = np.zeros((60, 120), bool)
    rod[20:32, 10:100] = True
    assert CUT.numbered(rod).max() == 1
    rows, columns = np.mgrid[:120, :120]
    ellipse = ((columns - 60) / 40) ** 2 + ((rows - 60) / 12) ** 2 < 1
    assert CUT.numbered(ellipse).max() == 1


@pytest.mark.parametrize("width", [5, 8, 12])
@pytest.mark.parametrize("slant", [0.05, 0.1, 0.2, 0.3, 0.5, 1.0])
def test_the_steps_of_a_slanted_edge_are_no_necks(slant: float, width: int) -> None:
    rows, columns = np.mgrid[:120, :120] + 0.5 - 60
    along, across = columns + slant * rows, rows - slant * columns
    length = np.hypot(1, slant)
    bar = (abs(along) <= 45 * length) & (abs(across) <= width / 2 * length)
    assert CUT.numbered(bar).max() == 1


def test_a_ring_has_no_neck() -> None:
    rows, columns = np.mgrid[:120, :120] + 0.5 - 60
    assert CUT.numbered(abs(np.hypot(columns, rows) - 40) <= 5).max() == 1


def test_a_part_without_a_peak_is_one_object() -> None:
    specks = np.zeros((40, 40), bool)
    specks[2, 2] = specks[10, 10:12] = specks[30, 5:8] = True
    assert CUT.numbered(specks).max() == 3
