"""Masks where the network looks: one rule, that of the nearest pixel."""

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.evaluation.truth.at_input import at_input


@pytest.mark.parametrize(("height", "width"), [(31, 47), (48, 48), (200, 130), (9, 9)])
@pytest.mark.parametrize("crop", [None, 0.8, 1.0])
def test_it_is_pillows_nearest_of_the_box_that_the_network_is_fed(height, width, crop):
    spec = pellucid.InputSpec(size=(24, 16), mean=(0.0,) * 3, std=(1.0,) * 3, crop=crop)
    numbers = np.arange(height * width, dtype=np.int32).reshape(height, width)
    frame = spec.frame(height, width)
    box = (frame.left, frame.top, frame.right, frame.bottom)
    other = np.asarray(Image.fromarray(numbers).resize((16, 24), Image.Resampling.NEAREST, box))
    found = at_input(numbers, spec)
    rows, columns = np.abs(found // width - other // width), np.abs(found % width - other % width)
    assert max(rows.max(), columns.max()) <= 1  # where a middle falls between two pixels, rounding decides
    assert (found == other).mean() > 0.7
    assert at_input(np.stack([numbers, numbers]), spec).shape == (2, 24, 16)


def test_a_mask_of_the_input_s_size_stays_as_it_is():
    spec = pellucid.InputSpec.matrix(5, 7)
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    assert np.array_equal(at_input(mask, spec), mask)
