from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset


def picture(path: Path, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), value, np.uint8)).save(path)
    return path


def told(data: Dataset) -> dict[str, str]:
    return {Path(p.where).name: p.what for p in data.problems}


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    for name in ("dog/b.png", "cat/a.jpg", "cat/deep/er/c.png"):
        picture(tmp_path / name)
    data = pellucid.dataset(tmp_path)
    assert [Path(n).name for n in data.names()] == ["a.jpg", "c.png", "b.png"]
    assert data.columns == {"class": ("cat", "cat", "dog")}
    assert (data.label, data.split, data.problems) == ("class", None, ())
    assert data[2].array.shape == (4, 5, 3)


def test_train_val_and_test_are_splits_above_the_classes(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "valid/cat/b.png", "validation/dog/c.png", "test/dog/d.png"):
        picture(tmp_path / name)
    data = pellucid.dataset(tmp_path)
    by_name = {Path(n).name: s for n, s in zip(data.names(), data.split or (), strict=True)}
    assert by_name == {"a.png": "train", "b.png": "val", "c.png": "val", "d.png": "test"}
    assert set(data.column("class")) == {"cat", "dog"}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train/a.png", "bus/b.png"):
        picture(tmp_path / name)
    data = pellucid.dataset(tmp_path)
    assert (data.columns["class"], data.split) == (("bus", "train"), None)


def test_pictures_of_a_split_without_classes_are_of_an_unknown_class(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "train/dog/b.png", "test/1.png", "test/2.png"):
        picture(tmp_path / name)
    data = pellucid.dataset(tmp_path)
    assert data.where("test").columns["class"] == ("", "")
    assert told(data)["test"] == "its 2 pictures lie in no class folder: their class is unknown"


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    picture(tmp_path / "stray.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "notes.doc").write_text("x")
    (tmp_path / "cat" / "dir.png").mkdir()
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    for hidden in (".DS_Store", "Thumbs.db", "cat/.hidden.png", ".git"):
        (tmp_path / hidden).write_text("x")
    data = pellucid.dataset(tmp_path)
    assert [Path(n).name for n in data.names()] == ["a.png"]
    assert told(data) == {
        "stray.png": "this file lies in no class folder, and was left out",
        "empty": "there is no picture in this class's folder",
        "notes.doc": "a file .doc is not read; save it as PNG or JPEG if it is a picture",
        "dir.png": "this is a folder that is named as a picture, and was left out",
        "gone.png": "this symbolic link leads nowhere",
    }
    assert [p.fatal for p in data.problems if p.where.endswith("gone.png")] == [True]


def test_links_that_go_round_end(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    (tmp_path / "cat" / "self").symlink_to(tmp_path / "cat" / "self")
    (tmp_path / "dog").symlink_to(tmp_path / "cat")
    data = pellucid.dataset(tmp_path)
    assert data.columns["class"] == ("cat", "dog")
    assert "leads back" in told(data)["again"]
    assert "circle" in told(data)["self"] or "nowhere" in told(data)["self"]


def test_matrices_in_class_folders(tmp_path: Path) -> None:
    for kind, value in (("calm", 0.0), ("burst", 1.0)):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "m.npy", np.full((3, 7), value, np.float32))
    np.savetxt(tmp_path / "calm" / "n.csv", np.eye(3), delimiter=",")
    picture(tmp_path / "calm" / "plot.png")
    data = pellucid.dataset(tmp_path)
    assert data.columns["class"] == ("burst", "calm", "calm")
    assert (data[0].axes, float(data[0].array[0, 0])) == (("height", "width"), 1.0)
    assert told(data) == {"plot.png": "this is a picture among matrices, and was left out"}


def test_a_list_of_files_takes_the_folders_as_classes(tmp_path: Path) -> None:
    files = [picture(tmp_path / n) for n in ("cat/a.png", "dog/b.png")]
    data = pellucid.dataset(files)
    assert (data.columns, data.label) == ({"class": ("cat", "dog")}, "class")


def test_folders_of_pictures_and_labels_are_no_classes(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(BadInput, match=r"images, labels\) are no classes; write a table"):
        pellucid.dataset(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "the folder is empty"),
        (("a.doc", "b.doc"), r"this folder is no data set: it holds 2 × \.doc"),
        (("cat/a.doc",), r"there is no picture in its folders, first .*a\.doc: a file \.doc is not read"),
    ],
)
def test_a_folder_that_is_no_data_set_says_what_is_there(tmp_path: Path, files: tuple[str, ...], said: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(tmp_path)


def test_a_mistyped_path_is_told_with_the_near_one(tmp_path: Path) -> None:
    picture(tmp_path / "flowers" / "cat" / "a.png")
    with pytest.raises(BadInput, match=r"there is no such file or folder; did you mean 'flowers'\?"):
        pellucid.dataset(tmp_path / "flovers")


def test_an_unknown_label_is_told_with_the_near_one(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    with pytest.raises(BadInput, match=r"there is no column 'clas'; did you mean 'class'\?"):
        pellucid.dataset(tmp_path, label="clas")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed, whom only root can become")
def test_folders_that_may_not_be_read(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    picture(tmp_path / "dog" / "b.png")
    (tmp_path / "dog").chmod(0o300)
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        folder.chmod(folder.stat().st_mode | 0o755)
    os.seteuid(65534)
    try:
        data = pellucid.dataset(tmp_path)
        assert [p.what for p in data.problems if p.fatal] == ["it may not be read; ask for the right to read it"]
        assert data.columns["class"] == ("cat",)
        os.seteuid(0)
        tmp_path.chmod(0o300)
        os.seteuid(65534)
        with pytest.raises(BadInput, match="it may not be read; ask for the right"):
            pellucid.dataset(tmp_path)
    finally:
        os.seteuid(0)
        for folder in (tmp_path, tmp_path / "dog"):
            folder.chmod(0o755)
