from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets as known

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.sets.opening import open_dataset


def written(folder: Path, *lines: str) -> Path:
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("load", [known.load_iris, known.load_diabetes, known.load_wine])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_scikit_learns_tables(tmp_path: Path, load: Any, ending: str) -> None:
    bunch = load(as_frame=True)
    path = tmp_path / f"t.{ending}"
    bunch.frame.to_csv(path, index=False) if ending == "csv" else bunch.frame.to_parquet(path, index=False)
    data = pellucid.dataset(path)
    assert (data.features, data.label, data.problems) == (tuple(bunch.feature_names), "target", ())
    assert np.array_equal(data.items.array[:, 0], bunch.data.to_numpy(np.float32))
    assert np.array_equal(np.array(data.columns["target"], float), bunch.target.to_numpy(float))
    assert (data[0].axes, data.row(0)) == (("height", "width"), f"t.{ending}, row 2")


def test_the_column_to_learn(tmp_path: Path) -> None:
    lines = ["a,Species,c", "1,x,3", "2,y,4"]
    data = pellucid.dataset(written(tmp_path, *lines))
    assert (data.label, data.features, data.columns) == ("Species", ("a", "c"), {"Species": ("x", "y")})
    data = pellucid.dataset(written(tmp_path, *lines), label="c")
    assert (data.label, data.features) == ("c", ("a",))
    assert (data.columns["Species"], data.problems[0].fatal) == (("x", "y"), False)
    assert "column 'Species' holds words" in data.problems[0].what
    last = pellucid.dataset(written(tmp_path, "a,b", "1,2", "3,4"))
    assert (last.label, last.features) == ("b", ("a",))


def test_a_split_or_a_group_is_not_what_is_learnt(tmp_path: Path) -> None:
    lines = ["a,kind,patient,split", "1,x,p,train", "2,y,q,test"]
    data = pellucid.dataset(written(tmp_path, *lines))
    assert (data.label, data.features, data.split) == ("kind", ("a",), ("train", "test"))
    asked = open_dataset(written(tmp_path, "b,a,split", "1,2,train", "3,4,test"), features=("a", "b"))
    assert (asked.label, asked.columns, asked.features) == (None, {}, ("a", "b"))


def test_split_group_and_a_counter(tmp_path: Path) -> None:
    lines = ["id,split,patient,a,label", "1,train,p,0.5,x", "2,valid,,1.5,y"]
    data = pellucid.dataset(written(tmp_path, *lines))
    assert (data.split, data.group, data.features) == (("train", "val"), ("p", "row 3"), ("a",))
    assert [p.what for p in data.problems] == ["column 'id' counts the rows: it is kept as a label, not as a feature"]
    assert data.columns == {"id": ("1", "2"), "label": ("x", "y")}


def test_every_row_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    cells = ["1,2", "", ",2", "3,nan", "4,1e999", "5,1_000", "6,12 kg", "7,1e39", "8,0.5"]
    lines = ["a,b,label", *(f"{c},k" if c else "" for c in cells)]
    data = pellucid.dataset(written(tmp_path, *lines))
    assert data.items.array.tolist() == [[[1.0, 2.0]], [[8.0, 0.5]]]
    assert data.rows == ("t.csv, row 2", "t.csv, row 10")
    assert all(p.fatal for p in data.problems)
    assert [(p.where, p.what.partition(";")[0]) for p in data.problems] == [
        ("t.csv, row 4", "column 'a': is empty"),
        ("t.csv, row 5", "column 'b': 'nan' is no finite number"),
        ("t.csv, row 6", "column 'b': '1e999' is no finite number"),
        ("t.csv, row 7", "column 'b': '1_000' is no finite number"),
        ("t.csv, row 8", "column 'b': '12 kg' is no finite number"),
        ("t.csv, row 9", "column 'b': '1e39' is no finite number"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("1,2,0", "3,4,1"), r"its first line has a number \('1'\) where a name is wanted"),
        (("150,4,setosa", "5.1,3.5,0"), r"its first line has a number \('150'\)"),
        (("a", "1"), "it has one column alone"),
        (("colour,shape", "red,round", "blue,flat"), "it has neither a column of pictures nor one of numbers"),
        (("a,label", ",x", "nan,y"), "column"),
        (("a,b,label", "1,,x", ",2,y"), r"none of its 2 rows can be used; t\.csv, row 2: column 'b': is empty"),
    ],
)
def test_what_is_no_table_of_numbers(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(written(tmp_path, *lines))


def test_an_unknown_label(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no column 'spezies'; did you mean 'species'\?"):
        pellucid.dataset(written(tmp_path, "a,species", "1,x"), label="spezies")
