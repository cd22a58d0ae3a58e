from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid
from data.phantom import Grid, write_contours, write_series
from pellucid.core.errors import BadInput
from pellucid.data import dicom
from pellucid.data.dicom.export import write_pairs
from pellucid.data.masks import read_mask
from pellucid.data.sets.checks import inspect
from pellucid.synth.dataset import Plan, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), 100, np.uint8)).save(path)
    return path


def table(path: Path, *rows: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    return [picture(tmp_path / "pics" / f"{n}.png").relative_to(tmp_path).as_posix() for n in "abc"]


def test_rows_are_pictures_and_columns_labels(tmp_path: Path, three: list[str]) -> None:
    place = table(tmp_path / "labels.csv", ("image", "tags", "grade"), *((p, "x;y", i) for i, p in enumerate(three)))
    for source in (place, tmp_path):
        data = pellucid.dataset(source)
        assert data.names() == tuple(str(tmp_path / p) for p in three)
        assert data.columns == {"tags": ("x;y",) * 3, "grade": ("0", "1", "2")}
        assert data.rows == ("labels.csv, row 2", "labels.csv, row 3", "labels.csv, row 4")
        assert (data.label, data.split, data.group, data.masks) == (None, None, None, None)
    assert pellucid.dataset(place, label="grade").label == "grade"


@pytest.mark.parametrize("ending", ["tsv", "parquet", "csv"])
def test_every_kind_of_table_opens_alike(tmp_path: Path, three: list[str], ending: str) -> None:
    place = tmp_path / f"index.{ending}"
    if ending == "parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"file": three, "grade": [1, 2, None]}), place)
    else:
        by = "\t" if ending == "tsv" else ";"
        place.write_text(
            "\n".join([f"file{by}grade", *(f"{p}{by}{g}" for p, g in zip(three, (1, 2, ""), strict=True))])
        )
    data = pellucid.dataset(tmp_path)
    assert (data.columns, data.label) == ({"grade": ("1", "2", "")}, "grade")
    assert data.rows[2] == f"index.{ending}, row 4"


def test_special_columns(tmp_path: Path, three: list[str]) -> None:
    head = ("path", "split", "patient", "mask", "boxes", "points", "label")
    rows = [
        (three[0], "train", "p1", three[0], '[["wing", 1, 2, 3.5, 4]]', "[[1, 2], [3, 4.5]]", "x"),
        (three[1], "Validation", "", "", "[]", "", "y"),
        (three[2], "held_out", "p1", "", "", "[]", ""),
    ]
    data = pellucid.dataset(table(tmp_path / "t.csv", head, *rows))
    assert (data.split, data.group) == (("train", "val", "held_out"), ("p1", "t.csv, row 3", "p1"))
    assert data.masks == (str(tmp_path / three[0]), None, None)
    assert data.boxes is not None
    assert data.points is not None
    assert data.boxes[0].corners.tolist() == [[1, 2, 3.5, 4]]
    assert data.boxes[0].kinds == ("wing",)
    assert (len(data.boxes[1].kinds), data.boxes[2]) == (0, None)
    assert [None if p is None else p.tolist() for p in data.points] == [[[1, 2], [3, 4.5]], None, []]
    assert (data.columns, data.label) == ({"label": ("x", "y", "")}, "label")
    (problem,) = data.problems
    assert (problem.fatal, "'held_out', which is none of train, val and test" in problem.what) == (False, True)


def test_columns_of_the_same_names_may_be_labels(tmp_path: Path, three: list[str]) -> None:
    rows = [(p, "yes", i, 7) for i, p in enumerate(three)]
    data = pellucid.dataset(table(tmp_path / "t.csv", ("image", "mask", "points", "boxes"), *rows))
    assert (set(data.columns), data.masks, data.points, data.boxes) == ({"mask", "points", "boxes"}, None, None, None)


def test_every_missing_file_is_told_with_its_row(tmp_path: Path, three: list[str]) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    cells = [
        three[0],
        "gone.png",
        "",
        "folder.png",
        "empty.png",
        "round.png",
        "x" * 300,
        "nul\0.png",
        three[0],
        three[1],
    ]
    (tmp_path / "t.csv").write_text("image,label\n\n" + "\n".join(f"{c},k" for c in cells))
    data = pellucid.dataset(tmp_path / "t.csv")
    assert data.names() == (str(tmp_path / three[0]), str(tmp_path / three[1]))
    assert data.rows == ("t.csv, row 3", "t.csv, row 12")
    assert all(p.fatal for p in data.problems)
    assert [(p.where, p.what.removeprefix("x" * 300)) for p in data.problems] == [
        ("t.csv, row 4", "gone.png: there is no such file"),
        ("t.csv, row 5", "it names no picture"),
        ("t.csv, row 6", "folder.png: this is a folder"),
        ("t.csv, row 7", "empty.png: the file is empty (0 bytes)"),
        ("t.csv, row 8", "round.png: its symbolic links go round in a circle"),
        ("t.csv, row 9", ": the path is too long"),
        ("t.csv, row 10", "a path cannot hold a null character"),
        ("t.csv, row 11", "the same picture as in row 3; leave one row a picture"),
    ]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("boxes", "[[1, 2, 3, 4]]", "its boxes are not of the form"),
        ("boxes", '[["w", 1, 2, 3, NaN]]', "'nan' is no place in a picture"),
        ("boxes", '[[" ", 1, 2, 3, 4]]', "a box does not say what is in it"),
        ("boxes", '[["w", 1, 2, 3, true]]', "'True' is no place in a picture"),
        ("boxes", '[["w", 1, 2, 3, 1e999]]', "'inf' is no place in a picture"),
        ("boxes", "[" * 5000, "is no JSON of the form"),
        ("boxes", "[['w', 1, 2, 3, 4]]", "is no JSON of the form"),
        ("points", "[[1, 2, 3]]", "its points are not of the form"),
        ("points", '{"x": 1}', "is not of the form"),
        ("mask", "gone.png", "gone.png: there is no such file"),
        ("split", "", "its split is empty; write train, val or test"),
    ],
)
def test_a_cell_that_cannot_be_used_is_a_problem_of_its_row(
    tmp_path: Path, three: list[str], column: str, cell: str, said: str
) -> None:
    good = {"boxes": "[]", "points": "[]", "mask": three[2], "split": "train"}[column]
    place = table(tmp_path / "t.csv", ("image", column), (three[0], good), (three[1], cell))
    data = pellucid.dataset(place)
    (problem,) = data.problems
    assert (problem.where, problem.fatal, len(data)) == ("t.csv, row 3", True, 1)
    assert said in problem.what


def test_a_table_of_which_nothing_is_there(tmp_path: Path) -> None:
    place = table(tmp_path / "t.csv", ("image", "label"), ("a.png", "x"), ("b.png", "y"))
    with pytest.raises(BadInput, match=r"none of its 2 rows can be used; t\.csv, row 2: a\.png: there is no such file"):
        pellucid.dataset(place)


def test_which_column_is_learnt(tmp_path: Path) -> None:
    files = [picture(tmp_path / k / f"{i}.png").relative_to(tmp_path).as_posix() for i, k in enumerate(("cat", "dog"))]

    def label(names: tuple[str, ...], *cells: tuple[str, ...]) -> str | None:
        rows = [(f, *c) for f, c in zip(files, cells, strict=True)]
        return pellucid.dataset(table(tmp_path / "t.csv", ("image", *names), *rows)).label

    assert label(("kind", "Class", "grade"), ("cat", "1", "x"), ("dog", "2", "y")) == "Class"
    assert label(("kind", "class", "grade"), ("cat", "1", "x"), ("dog", "1", "y")) == "kind"
    assert label(("colour", "grade"), ("red", "x"), ("blue", "y")) is None
    assert label(("grade",), ("x",), ("y",)) == "grade"
    data = pellucid.dataset(table(tmp_path / "t.csv", ("image",), *((f,) for f in files)))
    assert (data.label, data.columns) == ("class", {"class": ("cat", "dog")})


def test_the_picture_column(tmp_path: Path, three: list[str]) -> None:
    rows = [(Path(p).name, p, f"person {i}", p) for i, p in enumerate(three)]
    place = table(tmp_path / "t.csv", ("image", "path", "name", "photo"), *rows)
    data = pellucid.dataset(place)
    assert data.names()[0] == str(tmp_path / three[0])
    assert set(data.columns) == {"name", "photo"}
    assert pellucid.dataset(place, image="photo").names() == data.names()
    with pytest.raises(BadInput, match=r"there is no column 'foto'; did you mean 'photo'\?"):
        pellucid.dataset(place, image="foto")


def test_among_several_tables_the_usual_name_is_taken(tmp_path: Path, three: list[str]) -> None:
    rows = [(p, i) for i, p in enumerate(three)]
    for name in ("a.csv", "b.csv"):
        table(tmp_path / name, ("image", "grade"), *rows)
    with pytest.raises(BadInput, match=r"there are 2 tables \(a\.csv, b\.csv\); name one"):
        pellucid.dataset(tmp_path)
    table(tmp_path / "labels.csv", ("image", "grade"), *rows[:2])
    assert len(pellucid.dataset(tmp_path)) == 2


def test_a_table_about_classes_does_not_hide_class_folders(tmp_path: Path) -> None:
    for name in ("cat/a.png", "dog/b.png"):
        picture(tmp_path / name)
    table(tmp_path / "classes.csv", ("class", "colour"), ("cat", "red"), ("dog", "blue"))
    data = pellucid.dataset(tmp_path)
    assert (data.label, len(data)) == ("class", 2)
    assert [p.fatal for p in data.problems] == [False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image,label\nä.png,x\n".encode("latin-1"), "this is no text in UTF-8"),
        ("image,label\na.png,x\n".encode("utf-16"), "this is no text in UTF-8"),
        (b"image,label\n", "it has column names but no rows"),
        (b"image,label\na.png\n", "row 2 has 1 cells for 2 columns"),
        (b"image,image\na.png,b\n", "empty or doubled column name"),
        (b'image,label\n"' + b"x" * 200_000 + b'",y\n', "field larger than field limit"),
    ],
)
def test_hostile_tables(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    for source in (tmp_path, tmp_path / "labels.csv"):
        with pytest.raises(BadInput, match=said):
            pellucid.dataset(source)


def test_a_parquet_file_of_more_cells_than_bytes_is_refused(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(30_000_000, np.int8)), pyarrow.array(["a.png"]))
    place = tmp_path / "labels.parquet"
    parquet.write_table(pyarrow.table({"image": same, "label": same}), place)
    assert place.stat().st_size < 1_000_000
    with pytest.raises(BadInput, match="it has 60,000,000 cells, more than 50 million"):
        pellucid.dataset(place)


def test_what_make_writes_opens(tmp_path: Path) -> None:
    write_dataset(tmp_path, Wish((recipe("vehicle"),), count=9, size=48, supersample=1, formats=()), Plan(yolo=True))
    data = pellucid.dataset(tmp_path)
    assert (len(data), data.label, data.problems) == (9, "type", ())
    assert set(data.split or ()) <= {"train", "val", "test"}
    assert data.columns["type"] == tuple(Path(n).parent.name for n in data.names())
    assert not data.columns.keys() & {"image", "path", "mask", "split", "boxes", "points"}
    assert data.boxes is not None
    assert data.masks is not None
    made = {kind: number for number, kind in data.mask_names.items()}
    assert data.mask_names[0] == "background"
    for i in range(len(data)):
        mask = read_mask(data.masks[i])
        assert mask.shape == data[i].array.shape[:2]
        for (x0, y0, x1, y1), kind in zip(data.boxes[i].corners.astype(int), data.boxes[i].kinds, strict=True):
            assert (mask[y0:y1, x0:x1] == made[kind]).any()
    assert not [p for p in inspect(data, None, ["type"]) if p.fatal]
    for name in ("coco.json", "data.yaml"):
        other = pellucid.dataset(tmp_path / name)
        assert {Path(n).name for n in other.names()} == {Path(n).name for n in data.names()}


def test_what_make_writes_of_several_objects_is_sorted_by_object(tmp_path: Path) -> None:
    write_dataset(
        tmp_path, Wish((recipe("knife"), recipe("coin")), count=2, size=32, supersample=1, formats=()), Plan()
    )
    data = pellucid.dataset(tmp_path)
    assert (data.label, set(data.column("class"))) == ("class", {"knife", "coin"})


@pytest.mark.parametrize("form", ["png", "npz"])
def test_what_dicom_writes_opens(tmp_path: Path, form: Any) -> None:
    grid = Grid()
    series = write_series(tmp_path / "ct", grid)
    contours = write_contours(tmp_path / "rs.dcm", {"lung": [grid.circle(i, 8) for i in (1, 2, 3)]})
    volume = dicom.read_series(series)
    masks = dicom.masks_of(volume, dicom.read_contours(contours))
    out = tmp_path / "out"
    out.mkdir()
    pairs = list(dicom.pairs_of(volume, masks))
    write_pairs(out, volume, masks, pairs, form)
    data = pellucid.dataset(out)
    assert (len(data), len(set(data.group or ())), data.label, data.problems) == (3, 1, None, ())
    assert (data.mask_names, set(data.columns)) == ({0: "outside", 1: "lung"}, {"slice", "height_mm"})
    assert data.masks is not None
    for i, pair in enumerate(pairs):
        assert np.array_equal(read_mask(data.masks[i]), pair.mask)
        assert np.array_equal(data[i].array.squeeze(), pair.image if form == "png" else pair.numbers)
    assert not [p for p in inspect(data, None) if p.fatal]


def test_names_of_masks_that_are_none_are_told(tmp_path: Path, three: list[str]) -> None:
    place = table(tmp_path / "t.csv", ("image", "mask"), (three[0], three[1]))
    (tmp_path / "labels.json").write_text(json.dumps({"zero": "outside"}))
    data = pellucid.dataset(place)
    assert (data.mask_names, [(p.where, p.fatal) for p in data.problems]) == ({}, [("labels.json", False)])
