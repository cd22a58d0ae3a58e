"""What is said of painted pictures: how many objects there are, and how many of these are specks."""

from __future__ import annotations

import pytest

from pellucid.report.looks.segmented import _lines, _objects


@pytest.mark.parametrize(
    ("areas", "told"),
    [
        ([1], "1 object of 1 pixel"),
        ([200], "1 object of 200 pixels"),
        ([90, 100, 110], "3 objects of 90 to 110 pixels, the median 100"),
        ([1, 9, 10, 100, 100, 120, 130],
         "7 objects of 1 to 130 pixels, the median 100; 2 of them are specks of less than a tenth of that"),
    ],
)  # fmt: skip
def test_objects_in_words(areas: list[int], told: str) -> None:
    assert _objects(areas) == told


def test_the_lines_below_a_picture() -> None:
    regions = [{"region": name, "share": 0.269, "objects": 4} for name in "abcd"]
    assert _lines(regions[:1]) == ["a 27 % (4)"]
    assert _lines(regions) == ["a 27 % (4), b 27 % (4), c 27 % (4), and 1 more"]
    assert _lines([]) == ["nothing"]
