"""Planted sets: what they say of themselves is true, by measuring it."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.errors import BadInput
from pellucid.evaluation.truth.background import background
from pellucid.evaluation.truth.planted import planted

NAMES = ("distractor", "xor", "suppressor", "background")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(name):
    one, again, other = planted(name, 12), planted(name, 12), planted(name, 12, seed=1)
    assert one.pictures.tobytes() == again.pictures.tobytes()
    assert one.pictures.tobytes() != other.pictures.tobytes()
    assert one.pictures.dtype == np.uint8
    assert np.bincount(one.labels).tolist() == [6, 6]


@pytest.mark.parametrize("name", NAMES)
def test_taking_a_region_away_changes_its_pixels_alone(name):
    pictures = planted(name, 30)
    for region, mask in pictures.regions.items():
        changed = (pictures.pictures != pictures.without[region]).any(-1)
        assert not changed[~mask].any()
        assert changed.any()
        assert mask.any((1, 2)).all()


def means(pictures, name):
    return np.array([p[m].mean() for p, m in zip(pictures.pictures, pictures.regions[name], strict=True)])


def test_the_cloud_of_the_distractor_is_the_same_for_both_classes_and_correlated():
    pictures = planted("distractor", 2000)
    cloud = means(pictures, "cloud")
    gap = cloud[pictures.labels == 1].mean() - cloud[pictures.labels == 0].mean()
    assert abs(gap) < 4 * cloud.std() * 2 / 2000**0.5
    right = pictures.pictures[:, :, 16:, 0].astype(float)
    assert np.corrcoef(right[:, :, :-1].ravel(), right[:, :, 1:].ravel())[0, 1] > 0.8


def test_where_the_bars_differ_is_where_the_classes_differ():
    pictures = planted("distractor", 400)
    shade = np.array([(p[m] > 128 + 35).mean() for p, m in zip(pictures.pictures[..., 0], pictures.masks, strict=True)])
    assert shade.min() > 0.4  # half of the mask is the class's own bar
    assert pictures.masks.sum((1, 2)).tolist() == [16] * 400


def test_neither_square_of_xor_tells_the_label_and_both_do():
    pictures = planted("xor", 2000)
    one, other = (means(pictures, n) > 128 for n in ("left square", "right square"))
    for square in (one, other):
        assert abs((square == pictures.labels).mean() - 0.5) < 4 * 0.5 / 2000**0.5
    assert ((one ^ other) == pictures.labels).all()


def test_the_suppressor_tells_nothing_alone_and_makes_the_signal_certain():
    pictures = planted("suppressor", 2000)
    signal, other = means(pictures, "signal"), means(pictures, "suppressor")
    assert abs(np.corrcoef(other, pictures.labels)[0, 1]) < 4 / 2000**0.5
    assert ((signal - other > 0) == pictures.labels).all()
    assert ((signal > 128) == pictures.labels).mean() < 0.8


def test_the_background_goes_with_the_label_as_often_as_asked():
    for share in (0.5, 0.95, 1.0):
        pictures = background(2000, np.random.default_rng(0), agreement=share)
        red = np.array([p[m].mean(0) for p, m in zip(pictures.pictures, pictures.regions["background"], strict=True)])
        agrees = (red[:, 0] > red[:, 2]) == pictures.labels
        assert abs(agrees.mean() - share) <= 4 * (share * (1 - share) / 2000) ** 0.5


def test_a_data_set_to_train_from():
    data = planted("xor", 20).dataset()
    assert data.split == ("train",) * 14 + ("val",) * 3 + ("test",) * 3
    assert set(data.columns["label"]) == {"alike", "different"}
    assert data.items[0].array.shape == (32, 32, 3)


def test_bad_wishes_are_one_line():
    with pytest.raises(BadInput, match=r"no planted set 'xro'.*xor"):
        planted("xro")
    with pytest.raises(BadInput, match="agreement"):
        background(4, np.random.default_rng(0), agreement=2)
    with pytest.raises(BadInput, match="0 pictures"):
        planted("xor", 0)
