"""Which region each pixel is of, from label images and from outlines."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.data.outlines import Polygons, RunLengths
from pellucid.data.regions import UNKNOWN, region_map, regions_of, rest_of


def masked(tmp_path: Path, *masks: np.ndarray, names: dict[int, str] | None = None) -> Dataset:
    paths = []
    for i, mask in enumerate(masks):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(mask.astype(np.uint8)).save(paths[-1])
    pixels = np.zeros((len(masks), *masks[0].shape), np.uint8)
    return Dataset("given", Stack.of(pixels, "x.npz"), masks=tuple(paths), mask_names=names or {})


def test_numbers_without_names_may_have_gaps(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 0], [7, 0]]), np.array([[0, 3], [3, 255]]))
    found = regions_of(data, [0, 1])
    assert found.names == ("background", "region 3", "region 7")
    assert found.numbers == (0, 3, 7)
    assert found.pixels == (4, 2, 1)
    assert region_map(data, 1, found.names, found.numbers).tolist() == [[0, 1], [1, UNKNOWN]]


def test_masks_that_cannot_be_read_are_told_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = masked(tmp_path, *(rng.integers(0, 3, (9, 9)) for _ in range(8)))
    assert data.masks is not None
    for mask in data.masks[1:]:
        whole = Path(mask).read_bytes()
        Path(mask).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        BadInput, match=r"given: the masks of 7 pictures cannot be read: .*1\.png: .*5\.png: .*; and 2 more"
    ):
        regions_of(data, range(8))
    with pytest.raises(BadInput, match=r"1\.png: this is no mask"):
        regions_of(data.take([0, 1]), [0, 1])


def test_pixels_are_counted_among_the_training_items_and_numbers_looked_for_in_all(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 1]]), np.array([[2, 2]]))
    found = regions_of(data, [0])
    assert dict(zip(found.names, found.pixels, strict=True)) == {"background": 1, "region 1": 1, "region 2": 0}


def test_of_0_and_255_alone_255_is_the_region(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 255]]))
    found = regions_of(data, [0])
    assert (found.names, found.numbers) == (("background", "region"), (0, 255))
    assert region_map(data, 0, found.names, found.numbers).tolist() == [[0, 1]]


def test_of_0_and_255_alone_the_only_region_that_is_named_is_255(tmp_path: Path) -> None:
    named = {0: "background", 1: "nucleus"}
    data = masked(tmp_path, np.array([[0, 255]]), names=named)
    found = regions_of(data, [0])
    assert (found.names, found.numbers, found.pixels) == (("background", "nucleus"), (0, 255), (1, 1))
    assert region_map(data, 0, found.names, found.numbers).tolist() == [[0, 1]]
    usual = masked(tmp_path, np.array([[0, 1, 255]]), names=named)  # asked of the same network
    assert region_map(usual, 0, found.names, found.numbers).tolist() == [[0, 1, UNKNOWN]]


@pytest.mark.parametrize("names", [{0: "background", 1: "a", 2: "b"}, {0: "road", 1: "sky"}])
def test_names_of_what_no_mask_shows_are_refused(names: dict[int, str], tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 0]]), np.array([[0, 255]]), names=names)
    with pytest.raises(BadInput, match=r"of 1 .* no mask shows any; the numbers in them are 0, 255; number the pixels"):
        regions_of(data, [0])


def test_two_numbers_of_one_name_are_refused(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 1]]), names={0: "background", 1: "a", 2: "a"})
    with pytest.raises(BadInput, match="two numbers in the masks are called 'a'"):
        regions_of(data, [0])


def test_a_rest_that_is_named_elsewhere_needs_no_other(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[1, 2]]), names={1: "background", 2: "cell"})
    assert regions_of(data, [0]).names == ("background", "cell")


def test_names_decide_what_numbers_mean(tmp_path: Path) -> None:
    learnt = ("background", "wheel", "hull")
    data = masked(tmp_path, np.array([[0, 1, 2, 255]]), names={1: "hull", 2: "wheel"})
    assert region_map(data, 0, learnt, (0, 1, 2)).tolist() == [[0, 2, 1, UNKNOWN]]
    other = masked(tmp_path, np.array([[0, 3]]), names={0: "background", 3: "door"})
    with pytest.raises(BadInput, match=r"the mask holds 3 'door', which is no known region; known are 0 background"):
        region_map(other, 0, learnt, (0, 1, 2))


def test_apart_each_region_has_a_map(tmp_path: Path) -> None:
    data = masked(tmp_path, np.array([[0, 1, 2, 255]]), names={0: "background", 1: "a", 2: "b"})
    maps = region_map(data, 0, ("background", "a", "b"), (0, 1, 2), apart=True)
    assert maps.tolist() == [[[1, 0, 0, UNKNOWN]], [[0, 1, 0, UNKNOWN]], [[0, 0, 1, UNKNOWN]]]


def test_numbers_that_count_objects_are_refused(tmp_path: Path) -> None:
    data = masked(tmp_path, np.arange(100).reshape(10, 10))
    with pytest.raises(BadInput, match=r"the masks hold 100 numbers from 0 to 99; number the pixels by what they show"):
        regions_of(data, [0])


def test_masks_that_each_begin_anew_are_numbers_of_objects(tmp_path: Path) -> None:
    anew = [np.array([[0, *range(1, 2 + i % 5)]]) for i in range(12)]
    with pytest.raises(BadInput, match="from 1 on without a gap, to 1 here and 5 there, as objects are numbered; num"):
        regions_of(masked(tmp_path, *[np.pad(a, ((0, 0), (0, 6 - a.size))) for a in anew]), range(12))
    kinds = [np.array([[0, 1, 2]]), np.array([[0, 3, 4]]), np.array([[1, 0, 5]])] * 4
    assert regions_of(masked(tmp_path, *kinds), range(12)).numbers == (0, 1, 2, 3, 4, 5)


def test_what_is_left_over() -> None:
    assert rest_of(("outside", "lung")) == 0
    assert rest_of(("road", "sky", "Background")) == 2
    assert rest_of(("road", "sky")) is None


def square(x0: float, y0: float, x1: float, y1: float) -> Polygons:
    return Polygons((np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32),))


@pytest.fixture
def outlined() -> Dataset:
    large, small = square(0, 0, 6, 6), square(2, 2, 4, 4)
    boxes = Boxes(np.array([[2, 2, 4, 4], [0, 0, 6, 6], [6, 0, 8, 8]], float), ("hole", "plate", "plate"))
    pixels = np.zeros((2, 8, 8), np.uint8)
    nothing = Boxes(np.empty((0, 4)), ())
    return Dataset("coco", Stack.of(pixels, "x.npz"), boxes=(boxes, nothing), outlines=((small, large, None), ()))


def test_outlines_are_filled_the_smaller_above(outlined: Dataset) -> None:
    found = regions_of(outlined, [0, 1])
    assert found.names == ("background", "hole", "plate")
    told = region_map(outlined, 0, found.names, found.numbers)
    assert (told == 1).sum() == 4
    assert (told == 2).sum() == 32
    assert (told[:, 6:] == UNKNOWN).all()  # a box without an outline
    assert found.pixels == (64 + 12, 4, 32)
    assert (region_map(outlined, 1, found.names, found.numbers) == 0).all()


def test_what_is_wrong_with_an_outline_is_told_with_its_picture(outlined: Dataset) -> None:
    lengths = RunLengths([10, 5], 8, 8)
    data = dataclasses.replace(outlined, outlines=((lengths, lengths, None), ()))
    with pytest.raises(BadInput, match=r"x.npz.*: the run lengths do not fill a picture of 8 × 8; write them again"):
        regions_of(data, [0])


def test_all_pictures_whose_outlines_cannot_be_drawn_are_told(outlined: Dataset) -> None:
    assert outlined.outlines is not None
    wrong = tuple(RunLengths((5,), 1, 5) for _ in outlined.outlines[0])
    data = dataclasses.replace(outlined.take([0, 0, 0]), outlines=(wrong, outlined.outlines[0], wrong))
    with pytest.raises(BadInput, match=r"the outlines of 2 pictures cannot be read: .*run lengths are of a picture"):
        regions_of(data, [0, 1, 2])


def test_a_crowd_is_of_no_region_and_no_background(outlined: Dataset) -> None:
    boxes, nothing = outlined.boxes
    herd = Boxes(boxes.corners, ("hole", "herd", "plate"), frozenset([1]))
    data = dataclasses.replace(outlined, boxes=(herd, nothing))
    found = regions_of(data, [0, 1])
    assert found.names == ("background", "hole", "plate")
    told = region_map(data, 0, found.names, found.numbers)
    assert (told[:6, :6] == UNKNOWN).sum() == 32
    assert (told == 1).sum() == 4, "what is outlined in it counts"


def test_outlines_may_overlap_where_they_are_asked_for_apart(outlined: Dataset) -> None:
    maps = region_map(outlined, 0, ("background", "hole", "plate"), (0, 1, 2), apart=True)
    assert (maps[1] == 1).sum() == 4
    assert (maps[2] == 1).sum() == 36
