"""Outlines become the masks that they were taken from."""

import numpy as np
import pytest

from pellucid.core.errors import BadInput
from pellucid.data.outlines import Polygons, RunLengths, unpacked
from pellucid.synth.dataset import run_lengths


def packed(counts):
    """The text that pycocotools would write: rleToString of its maskApi.c."""
    text = ""
    for k, count in enumerate(counts):
        value, more = count - (counts[k - 2] if k > 2 else 0), True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr((bits | 32 if more else bits) + 48)
    return text


def test_polygons_hold_the_pixels_whose_centres_are_inside():
    square = np.array([[1, 2], [4, 2], [4, 5], [1, 5]], np.float32)
    expected = np.zeros((8, 6), bool)
    expected[2:5, 1:4] = True
    both = Polygons((square, np.array([[5, 0], [6, 0], [6, 1]], np.float32)))
    assert np.array_equal(Polygons((square,)).mask(8, 6), expected)
    assert both.corners == (1, 0, 6, 5)
    assert np.array_equal(Polygons((square, square + 1)).mask(8, 6), expected | np.roll(expected, (1, 1), (0, 1)))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_run_lengths_of_both_kinds_become_their_mask(share):
    rng = np.random.default_rng(0)
    mask = rng.random((70, 90)) < share
    mask[:, 10:40] = mask[:, 10:11]
    told = run_lengths(mask)
    assert np.array_equal(RunLengths(told["counts"], 70, 90).mask(70, 90), mask)
    assert unpacked(packed(told["counts"])) == told["counts"]
    assert np.array_equal(RunLengths(packed(told["counts"]), 70, 90).mask(70, 90), mask)


def test_known_texts_are_the_known_numbers():
    assert unpacked("Z11") == [42, 1]
    assert unpacked("122O") == [1, 2, 2, 1]
    assert RunLengths("122O", 2, 3).mask(2, 3).tolist() == [[False, True, False], [True, False, True]]


def test_run_lengths_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="of a picture of 3 × 2, and this one is 2 × 3"):
        RunLengths([1, 5], 2, 3).mask(3, 2)
    with pytest.raises(BadInput, match="do not fill"):
        RunLengths([1, 4], 2, 3).mask(2, 3)
    with pytest.raises(BadInput, match="break off"):
        RunLengths("P", 2, 3).mask(2, 3)
    with pytest.raises(BadInput, match="cannot hold"):
        RunLengths("1 5", 2, 3).mask(2, 3)
