"""One file of many matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.core.errors import BadInput
from pellucid.data.stacks import read_stack

MANY = np.random.default_rng(0).normal(size=(5, 4, 3))


def test_stacks_are_samples(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MANY)
    np.savez(tmp_path / "one.npz", MANY)
    np.savez(tmp_path / "b.npz", x=MANY, y=np.repeat(MANY[..., None], 2, 3))
    for name in ("a.npy", "one.npz", "b.npz:x"):
        found = read_stack(tmp_path / name)
        np.testing.assert_array_equal([s.array for s in found], MANY)
        assert found[2].axes == ("height", "width")
        assert found[2].name == name.replace(".npy", "").replace(".npz", "") + "[2]"
    assert read_stack(f"{tmp_path}/b.npz:y")[0].axes == ("height", "width", "channel")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("absent.npy", "no such file"),
        ("flat.npy", "no stack"),
        ("nan.npy", "1 samples hold NaN .* number 3"),
        ("text.npy", "not numbers"),
        ("objects.npy", "cannot be read|no array"),
        ("damaged.npz", "no array that can be read"),
        ("two.npz", "it holds 2 arrays"),
        ("two.npz:z", "no array 'z'"),
    ],
)
def test_bad_stacks(name: str, word: str, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", MANY[0])
    nan = MANY.copy()
    nan[3, 1] = np.nan
    np.save(tmp_path / "nan.npy", nan)
    np.save(tmp_path / "text.npy", np.full((2, 2, 2), "a"))
    np.save(tmp_path / "objects.npy", np.full((2, 2, 2), None), allow_pickle=True)
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 nothing")
    np.savez(tmp_path / "two.npz", x=MANY, y=MANY)
    with pytest.raises(BadInput, match=word):
        read_stack(f"{tmp_path}/{name}")
