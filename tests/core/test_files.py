"""Files and folders that are whole or not there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest

from core.test_types import explanation
from pellucid.core.errors import BadInput
from pellucid.core.files import whole_file, whole_folder


def never(path) -> bool:
    return False


def ours(path) -> bool:
    return (path / "summary.json").is_file()


def everything(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def fill(folder, text: str) -> None:
    (folder / "summary.json").write_text(text)
    (folder / "sub").mkdir()
    (folder / "sub" / f"{text}.txt").write_text(text)


def write_to(path, failure: type[BaseException] | None = None) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("new")
        if failure:
            raise failure


def fill_at(path, text: str, failure: type[BaseException] | None = None) -> None:
    with whole_folder(path, ours=ours) as temporary:
        fill(temporary, text)
        if failure:
            raise failure


# Files


def test_a_file_appears_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    for text in ("one", "two"):
        with whole_file(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == path.parent
            assert path.exists() == (text == "two")
        assert path.read_text() == text
        assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_modes_are_those_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "a") as temporary:
            temporary.write_text("a")
        with whole_folder(tmp_path / "b", ours=never) as temporary:
            fill(temporary, "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o777 & ~umask


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, failure, there):
    if there:
        (tmp_path / "a").write_text("old")
        (tmp_path / "b").mkdir()
        fill(tmp_path / "b", "old")
    before = everything(tmp_path)
    with pytest.raises(failure):
        write_to(tmp_path / "a", failure)
    with pytest.raises(failure):
        fill_at(tmp_path / "b", "half", failure)
    assert everything(tmp_path) == before
    assert not there or (tmp_path / "a").read_text() == "old"


def test_places_that_cannot_be_written_to_are_told_with_a_cure(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "round").symlink_to("round")
    for name, cure in {
        "file/below/a": "parents are folders",
        ".": "not a folder",
        "x" * 300: "a shorter name",
        "round/a": "parents are folders",
        "round/below/a": "",
    }.items():
        with pytest.raises(BadInput, match=f"cannot be written .*{cure}") as caught:
            write_to(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path))
    with pytest.raises(BadInput, match="cannot be written"):
        write_to("/proc/a.txt") if os.geteuid() else write_to("/sys/a.txt")
    assert everything(tmp_path) == ["file", "round"]


# Folders


def test_a_folder_appears_whole_and_replaces_an_old_one_of_ours(tmp_path):
    path = tmp_path / "new" / "out"
    for text in ("one", "two"):
        with whole_folder(path, ours=ours) as temporary:
            fill(temporary, text)
            assert temporary.parent == path.parent
            assert not (path / "sub" / f"{text}.txt").exists()
        assert everything(path) == ["sub", f"sub/{text}.txt", "summary.json"]
        assert os.listdir(path.parent) == ["out"]


def test_an_empty_folder_may_be_taken(tmp_path):
    (tmp_path / "out").mkdir()
    with whole_folder(str(tmp_path / "out"), ours=never) as temporary:
        fill(temporary, "a")
    assert (tmp_path / "out" / "summary.json").read_text() == "a"


def take(path) -> None:
    with whole_folder(path, ours=ours):
        raise AssertionError("the block must not begin")


def test_what_is_not_ours_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("photos")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "here" / "below").mkdir(parents=True)
    before = everything(tmp_path)
    monkeypatch.chdir(tmp_path / "here" / "below")
    for place, reason in {
        "photos": "holds other files; choose an empty or a new folder",
        "file": "not a folder",
        "link": "not a folder",
        "dangling": "not a folder",
        "file/below": "parents are folders",
        "round/out": "parents are folders",
        "round": "not a folder",
        "here": "the folder you are in",
    }.items():
        with pytest.raises(BadInput, match=reason):
            take(tmp_path / place)
    for place in (".", "..", "../below"):
        with pytest.raises(BadInput, match="the folder you are in; choose a folder inside it"):
            take(place)
    assert everything(tmp_path) == before


# No space


@pytest.fixture
def tiny(tmp_path):
    """A disk of 64 KiB."""
    disk = tmp_path / "tiny"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here; the limit on file sizes is tested instead")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def large():
    return explanation(values=np.random.default_rng(0).normal(size=(3, 2, 100, 100)).astype(np.float32))


def test_a_full_disk(tiny):
    kept = explanation().save(tiny / "kept.npz")
    before = kept.read_bytes()
    for path in (kept, tiny / "large.npz"):
        with pytest.raises(BadInput, match=r"\.npz: cannot be written \(No space left on device\); free some space"):
            large().save(path)
    with pytest.raises(BadInput, match=r"out: cannot be written .*; free some space"):
        fill_at(tiny / "out", "long " * 20_000)
    assert everything(tiny) == ["kept.npz"]
    assert kept.read_bytes() == before


def test_a_disk_itself_cannot_be_replaced(tiny):
    with pytest.raises(BadInput, match=r"tiny: cannot be written .*; choose a folder inside it"):
        fill_at(tiny, "new")
    assert everything(tiny.parent) == ["tiny"]


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from core.test_files import large
from pellucid.core.errors import BadInput
value = large()
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    value.save(sys.argv[1])
except BadInput as error:
    print(error)
"""


def test_a_limit_on_file_sizes(tmp_path):
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        LIMITED,
        str(tmp_path / "large.npz"),
        os.path.dirname(os.path.dirname(__file__)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    reason = "cannot be written (File too large); raise the limit on file sizes, or choose another place"
    assert done.stdout == f"{tmp_path}/large.npz: {reason}\n"
    assert done.stderr == ""
    assert everything(tmp_path) == []
