"""What is saved comes back equal, and what is not ours is refused."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest

from core.test_types import explanation, view
from pellucid.core import archive
from pellucid.core.errors import BadInput
from pellucid.core.types import Explanation, Receipt

BARE = Explanation(np.zeros((1, 2), np.float32), ("sample", "unit"), ("0",), "gradient")
MAKE = {
    "explanation": explanation,
    "view": view,
    "bare": lambda: BARE,
    "a gap without an end": lambda: explanation(receipt=Receipt(relative_gap=float("inf"))),
}


@pytest.mark.parametrize("kind", MAKE)
def test_loads_back_equal(tmp_path, kind):
    value = MAKE[kind]()
    path = value.save(tmp_path / "value.npz")
    back = archive.load(path)
    assert type(back) is type(value)
    assert back == value
    assert repr(back) == repr(value)
    assert path == tmp_path / "value.npz"


def test_several_by_name(tmp_path):
    values = {"a/b": explanation(), "a": view(), "grüße ✓": explanation(values=-explanation().values)}
    back = archive.load(archive.save(str(tmp_path / "many.npz"), values))
    assert back == values
    assert list(back) == list(values)
    assert archive.load(archive.save(tmp_path / "none.npz", {})) == {}


@pytest.mark.parametrize(("given", "written"), [("cat", "cat.npz"), ("cat.v2", "cat.v2.npz"), ("deep/er/cat.npz",) * 2])
def test_the_ending_is_added_and_folders_are_made(tmp_path, given, written):
    assert BARE.save(tmp_path / given) == tmp_path / written
    assert archive.load(tmp_path / written) == BARE


def test_anyone_can_read_the_arrays_without_pellucid(tmp_path):
    with np.load(explanation().save(tmp_path / "cat.npz"), allow_pickle=False) as stored:
        assert np.array_equal(stored["values"], explanation().values)
        assert json.loads(stored["json"].tobytes())["pellucid"] == archive.FORMAT


class Runs:
    """A pickle that would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def npz(path, head, **more):
    np.savez(path, json=np.frombuffer(json.dumps(head).encode(), np.uint8), **more)


def test_what_is_not_ours_is_refused_in_one_line_and_runs_nothing(tmp_path):
    trap = np.empty(1, object)
    trap[0] = Runs(tmp_path / "it ran")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Runs(tmp_path / "it ran")))
    np.savez(tmp_path / "objects.npz", json=trap)
    np.savez(tmp_path / "more.npz", values=trap, json=np.zeros(1, np.uint8))
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "zip.npz").write_bytes(b"PK\3\4" + bytes(100))
    npz(tmp_path / "list.npz", [1])
    for name, values in {
        "unknown kind": {"": {"kind": "os.system", "fields": {}}},
        "no fields": {"": {"kind": "explanation", "fields": {}}},
        "lost array": {"": {"array": "gone"}},
        "no value": {},
    }.items():
        npz(tmp_path / f"{name}.npz", {"pellucid": 1, "single": True, "values": values})
    np.savez(tmp_path / "deep.npz", json=np.frombuffer(b"[" * 200_000, np.uint8))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(BadInput, match="not a file that pellucid saved, or it is damaged") as caught:
            archive.load(path)
        assert str(caught.value).startswith(str(path))
    assert not (tmp_path / "it ran").exists()


def test_missing_files_folders_and_newer_formats(tmp_path):
    for path in (tmp_path / "gone.npz", tmp_path):
        with pytest.raises(BadInput, match="there is no such file; check the path"):
            archive.load(path)
    npz(tmp_path / "newer.npz", {"pellucid": archive.FORMAT + 1, "single": True, "values": {}})
    with pytest.raises(BadInput, match=r"newer\.npz: written by a newer pellucid; upgrade pellucid"):
        archive.load(tmp_path / "newer.npz")


def test_any_damage_gives_an_equal_value_or_one_line(tmp_path):
    dice, whole, refused = random.Random(0), explanation().save(tmp_path / "whole.npz").read_bytes(), 0
    for _ in range(300):
        data = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.3 else whole)
        for place in dice.choices(range(len(data)), k=3) if data else ():
            data[place] ^= 1 << dice.randrange(8)
        (tmp_path / "altered.npz").write_bytes(data)
        try:
            archive.load(tmp_path / "altered.npz")
        except BadInput:
            refused += 1
    assert refused > 200


def test_a_value_that_could_not_be_made_is_not_loaded(tmp_path):
    with np.load(BARE.save(tmp_path / "good.npz")) as stored:
        np.savez(tmp_path / "nan.npz", **{**stored, "values": np.full((1, 2), np.nan, np.float32)})
    with pytest.raises(BadInput, match=r"nan\.npz: 2 of 2 values are NaN"):
        archive.load(tmp_path / "nan.npz")


def test_nothing_is_half_written_when_saving_fails(tmp_path):
    path = BARE.save(tmp_path / "cat.npz")
    before = path.read_bytes()
    with pytest.raises(TypeError, match="a set cannot be stored"):
        explanation(options={"a": {1}}).save(path)
    assert path.read_bytes() == before
    with pytest.raises(TypeError, match=r"options\.a"):
        explanation(options={"a": object()}).save(tmp_path / "dog.npz")
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_value_gives_the_same_bytes(tmp_path):
    first, second = (explanation().save(tmp_path / f"{i}.npz").read_bytes() for i in (1, 2))
    assert first == second
