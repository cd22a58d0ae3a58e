from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.core.errors import BadInput

RNG = np.random.default_rng(0)

# -- CIFAR ----------------------------------------------------------------------------------------


def records(labels: list[tuple[int, ...]], pictures: np.ndarray) -> bytes:
    """Byte by byte as described: the labels, 1024 bytes of red by rows, 1024 of green, 1024 of blue."""
    planes = (b"".join(p[:, :, c].tobytes() for c in range(3)) for p in pictures)
    return b"".join(bytes(some) + plane for some, plane in zip(labels, planes, strict=True))


PICTURES = RNG.integers(0, 256, (6, 32, 32, 3), np.uint8)


def ten(folder: Path) -> Path:
    (folder / "data_batch_1.bin").write_bytes(records([(3,), (9,)], PICTURES[:2]))
    (folder / "data_batch_2.bin").write_bytes(records([(0,), (1,), (2,)], PICTURES[2:5]))
    (folder / "test_batch.bin").write_bytes(records([(9,)], PICTURES[5:]))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    return folder


def test_cifar_10(tmp_path: Path) -> None:
    data = pellucid.dataset(ten(tmp_path))
    assert np.array_equal(data.items.array, PICTURES)
    assert all(np.array_equal(s.array, p) for s, p in zip(data, PICTURES, strict=True))
    assert data.columns == {"label": ("cat", "truck", "airplane", "automobile", "bird", "truck")}
    assert (data.label, data.split) == ("label", ("train",) * 5 + ("test",))
    assert (data.row(3), data.row(5)) == ("data_batch_2.bin[1]", "test_batch.bin[0]")
    one = pellucid.dataset(tmp_path / "data_batch_2.bin")
    assert (len(one), set(one.split or ())) == (3, {"train"})
    (tmp_path / "batches.meta.txt").unlink()
    assert pellucid.dataset(tmp_path).columns["label"][:2] == ("3", "9")


def test_cifar_100(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(records([(19, 99), (0, 5)], PICTURES[:2]))
    (tmp_path / "test.bin").write_bytes(records([(7, 42)], PICTURES[2:3]))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine {i}" for i in range(100)))
    data = pellucid.dataset(tmp_path)
    assert data.columns == {"fine_label": ("fine 99", "fine 5", "fine 42"), "coarse_label": ("19", "0", "7")}
    assert (data.label, data.split) == ("fine_label", ("train", "train", "test"))
    assert np.array_equal(data.items.array, PICTURES[:3])


def test_hostile_cifar(tmp_path: Path) -> None:
    ten(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(records([(0,), (10,)], PICTURES[:2]))
    with pytest.raises(
        BadInput, match=r"data_batch_2\.bin: label of record 1 \(from 0\) is 10, and there are 10 classes"
    ):
        pellucid.dataset(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(bytes(3072))
    with pytest.raises(BadInput, match="its 3072 bytes are no whole number of records of 3073 bytes"):
        pellucid.dataset(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(b"")
    with pytest.raises(BadInput, match="its 0 bytes are no whole number"):
        pellucid.dataset(tmp_path)
    (tmp_path / "train.bin").write_bytes(bytes(3074))
    with pytest.raises(BadInput, match="CIFAR-10 and CIFAR-100 lie in one folder"):
        pellucid.dataset(tmp_path)


def test_pickled_cifar_is_refused_unopened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Bomb()))
    for source in (tmp_path, tmp_path / "data_batch_1"):
        with pytest.raises(BadInput, match=r"unpickling runs whatever code is in it; get the binary version"):
            pellucid.dataset(source)
    assert not (tmp_path / "ran").exists()
    hundred = tmp_path / "hundred"
    hundred.mkdir()
    for name in ("train", "test", "meta"):
        (hundred / name).write_bytes(pickle.dumps({}))
    with pytest.raises(BadInput, match="CIFAR's version for Python"):
        pellucid.dataset(hundred)


# -- NORB -----------------------------------------------------------------------------------------


def matrix(array: np.ndarray, magic: int) -> bytes:
    """Byte by byte as described: magic, rank, dimensions (three at least, ones behind), the numbers."""
    dimensions = (*array.shape, 1, 1)[: max(array.ndim, 3)]
    return struct.pack("<Ii", magic, array.ndim) + struct.pack(f"<{len(dimensions)}i", *dimensions) + array.tobytes()


PAIRS = RNG.integers(0, 256, (4, 2, 6, 5), np.uint8)
CATEGORIES = np.array([0, 4, 2, 2], "<i4")
INFO = np.array([[4, 8, 34, 5], [6, 0, 0, 0], [7, 1, 2, 3], [7, 2, 4, 1]], "<i4")


def norb(folder: Path, *, packed: bool = False) -> Path:
    for split, rows, toys in (("training", slice(0, 3), "46789"), ("testing", slice(3, 4), "01235")):
        stem = f"smallnorb-5x{toys}x9x18x6x2x96x96-{split}"
        for what, array, magic in (
            ("dat", PAIRS, 0x1E3D4C55),
            ("cat", CATEGORIES, 0x1E3D4C54),
            ("info", INFO, 0x1E3D4C54),
        ):
            data = matrix(array[rows], magic)
            (folder / f"{stem}-{what}.mat{'.gz' if packed else ''}").write_bytes(
                gzip.compress(data) if packed else data
            )
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_norb(tmp_path: Path, packed: bool) -> None:
    data = pellucid.dataset(norb(tmp_path, packed=packed))
    assert np.array_equal(data.items.array, PAIRS.reshape(8, 6, 5))
    assert data.columns == {
        "category": ("animal", "animal", "car", "car", "airplane", "airplane", "airplane", "airplane"),
        "instance": tuple("44667777"),
        "elevation": tuple("88001122"),
        "azimuth": ("34", "34", "0", "0", "2", "2", "4", "4"),
        "lighting": tuple("55003311"),
        "camera": ("left", "right") * 4,
    }
    assert (data.label, data.split) == ("category", ("train",) * 6 + ("test",) * 2)
    assert data.group == ("animal 4", "animal 4", "car 6", "car 6") + ("airplane 7",) * 4
    assert data.row(3).startswith("smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat")
    assert data.row(3).endswith("[1], right")


def test_norb_in_parts_with_clutter(tmp_path: Path) -> None:
    for part in ("01", "02"):
        stem = tmp_path / f"norb-5x46789x9x18x6x2x108x108-training-{part}"
        info = np.concatenate([INFO, np.full((4, 6), 9, "<i4")], axis=1)
        Path(f"{stem}-dat.mat").write_bytes(matrix(PAIRS, 0x1E3D4C55))
        Path(f"{stem}-cat.mat").write_bytes(matrix(CATEGORIES + 1, 0x1E3D4C54))
        Path(f"{stem}-info.mat").write_bytes(matrix(info, 0x1E3D4C54))
    data = pellucid.dataset(tmp_path)
    assert (len(data), data.columns["info10"][0], data.columns["category"][2]) == (16, "9", "blank")
    assert len(pellucid.dataset(Path(f"{stem}-cat.mat"))) == 8


@pytest.mark.parametrize(
    ("what", "content", "said"),
    [
        ("dat", matrix(PAIRS[:3], 0x1E3D4C55)[:-1], r"its head speaks of 204 bytes, and only 203 are there"),
        ("dat", matrix(PAIRS[:3], 0x1E3D4C52), "it does not begin as a NORB matrix does"),
        ("dat", struct.pack("<Ii4i", 0x1E3D4C55, 4, 2**31 - 1, 2**31 - 1, 2**31 - 1, 9), "its head speaks of"),
        ("dat", struct.pack("<Ii4i", 0x1E3D4C55, 4, -1, -1, 6, 5), "its shape is"),
        ("dat", struct.pack("<Ii", 0x1E3D4C55, 2**31 - 1) + bytes(99), "it does not begin as a NORB matrix does"),
        ("dat", b"\x55\x4c", "it is cut off within its head, after 2 bytes"),
        ("dat", matrix(PAIRS[:3, 0], 0x1E3D4C55), r"is not \[pair, camera, height, width\]"),
        ("cat", matrix(CATEGORIES[:2], 0x1E3D4C54), r"3 pairs, \(2,\) categories and \(3, 4\) infos"),
        ("cat", matrix(CATEGORIES[:3] + 5, 0x1E3D4C54), r"class 9 of item 2 \(from 0\) is not among the 6 names"),
        ("info", matrix(INFO[:3, :2], 0x1E3D4C54), r"\(3, 2\) is not \[pair, 4 or more\]"),
        ("info", matrix(np.full((3, 4), np.nan, "<f4"), 0x1E3D4C51), "it holds NaN or infinite numbers"),
        ("info", None, r"-info\.mat is missing"),
    ],
)
def test_hostile_norb(tmp_path: Path, what: str, content: bytes | None, said: str) -> None:
    norb(tmp_path)
    path = tmp_path / f"smallnorb-5x46789x9x18x6x2x96x96-training-{what}.mat"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(tmp_path)
