"""The palette holds its distances, and colours stay on their parts."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from pellucid.features.grouping.colours import PALETTE, by_size, matched

#: Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
EYES = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
#: The least difference between two of the twelve, and from white and near-black paper.
LEAST = {"usual": (19.5, 19.0), "protan": (11.5, 15.0), "deutan": (11.5, 15.0), "tritan": (8.5, 19.0)}


def seen(rgb: np.ndarray, eye: str) -> np.ndarray:
    values = rgb / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(EYES[eye]).T, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("eye", EYES)
def test_every_eye_tells_the_colours_apart(eye: str) -> None:
    lab, paper = seen(PALETTE, eye), seen(np.array([[255, 255, 255], [18, 18, 22]]), eye)
    between = deltaE_ciede2000(lab[:, None], lab[None])[np.triu_indices(12, 1)]
    assert between.min() > LEAST[eye][0]
    assert deltaE_ciede2000(lab[:, None], paper[None]).min() > LEAST[eye][1]


def test_the_palette_cannot_be_changed() -> None:
    assert PALETTE.shape == (12, 3)
    with pytest.raises(ValueError, match="read-only"):
        PALETTE[0] = 0


def test_the_largest_region_comes_first() -> None:
    np.testing.assert_array_equal(by_size(np.array([2, 2, 2, 0, 1, 1]), 4), [2, 1, 0, 3])
    np.testing.assert_array_equal(by_size(np.array([[1, 1], [2, 2], [0, 0]]), 3), [2, 0, 1])


def test_a_layer_matched_to_itself_keeps_its_colours() -> None:
    labels = np.random.default_rng(0).integers(6, size=(2, 9, 9)).astype(np.uint8)
    np.testing.assert_array_equal(matched(labels, labels, (6, 6)), np.arange(6))
    renamed = np.array([4, 2, 0, 1, 5, 3], np.uint8)[labels]
    np.testing.assert_array_equal(matched(labels, renamed, (6, 6))[renamed], labels)


def test_most_of_the_picture_keeps_its_colour() -> None:
    before = np.array([0, 0, 0, 1, 1, 1, 1])
    after = np.array([1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(matched(before, after, (2, 2)), [1, 0])


def test_regions_that_are_new_take_free_colours() -> None:
    before = np.array([1, 1, 1, 0, 0, 0])
    after = np.array([0, 0, 1, 2, 2, 2])
    new = matched(before, after, (4, 3))
    assert new[0] == 1
    assert new[2] == 0
    assert new[1] in (2, 3)
