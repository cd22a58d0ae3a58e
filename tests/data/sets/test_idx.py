from __future__ import annotations

import gzip
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.sets.numbers import empty

#: Where Debian's package puts it.
FASHION = Path("/usr/share/datasets/fashion-mnist")

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (5, 4, 3), np.uint8), "t10k": RNG.integers(0, 256, (2, 4, 3), np.uint8)}
LABELS = {"train": np.array([3, 0, 2, 1, 3], np.uint8), "t10k": np.array([1, 1], np.uint8)}


def idx(array: np.ndarray, kind: int = 0x08, shape: tuple[int, ...] | None = None) -> bytes:
    """Byte by byte as the format is described."""
    shape = array.shape if shape is None else shape
    head = bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)
    return head + array.tobytes()


def write(folder: Path, *, packed: bool = False, name: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for split in ("train", "t10k"):
        for what, rank, array in (("images", 3, IMAGES[split]), ("labels", 1, LABELS[split])):
            file = folder / f"{name}{split}-{what}-idx{rank}-ubyte"
            if packed:
                file.with_name(file.name + ".gz").write_bytes(gzip.compress(idx(array)))
            else:
                file.write_bytes(idx(array))
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_gives_both_splits(tmp_path: Path, packed: bool) -> None:
    data = pellucid.dataset(write(tmp_path, packed=packed))
    assert np.array_equal(data.items.array, np.concatenate([IMAGES["train"], IMAGES["t10k"]]))
    assert data.columns == {"label": tuple("3021311")}
    assert (data.label, data.split) == ("label", ("train",) * 5 + ("test",) * 2)
    assert data.row(6) == f"t10k-images-idx3-ubyte{'.gz' if packed else ''}[1]"


def test_a_file_gives_its_own_split_and_stays_on_the_disk(tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        data = pellucid.dataset(tmp_path / name)
        assert (data.columns["label"], data.split) == (("1", "1"), ("test", "test"))
        assert np.array_equal(data.items.array, IMAGES["t10k"])
        assert isinstance(data.items.whole.base, np.memmap) or isinstance(data.items.whole.base.base, np.memmap)


def test_names_beside_are_the_classes(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "labels.txt").write_text("coat\nshirt\n\nbag\nboot\n")
    assert pellucid.dataset(tmp_path).columns["label"][:4] == ("boot", "coat", "bag", "shirt")
    (tmp_path / "labels.txt").write_text("coat\nshirt\nbag\n")
    with pytest.raises(BadInput, match=r"class 3 of item 0 \(from 0\) is not among the 3 names"):
        pellucid.dataset(tmp_path)


def test_sets_of_several_names(tmp_path: Path) -> None:
    write(tmp_path, name="emnist-letters-")
    assert len(pellucid.dataset(tmp_path)) == 7
    write(tmp_path, name="emnist-digits-")
    with pytest.raises(BadInput, match=r"several sets lie in one folder \(emnist-digits-, emnist-letters-\)"):
        pellucid.dataset(tmp_path)
    assert len(pellucid.dataset(tmp_path / "emnist-letters-train-images-idx3-ubyte")) == 5


def test_other_types_are_big_endian(tmp_path: Path) -> None:
    write(tmp_path)
    x = np.arange(24, dtype=">f4").reshape(2, 4, 3)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(x, 0x0D))
    data = pellucid.dataset(tmp_path / "t10k-images-idx3-ubyte")
    assert np.array_equal(data.items.array, x)
    assert data.items.array.dtype.isnative
    with pytest.raises(BadInput, match=r"its items are >f4 \(4, 3\), those of train-images-idx3-ubyte uint8"):
        pellucid.dataset(tmp_path)


IMAGE = IMAGES["train"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\0\0\x08", "it is cut off within its head, after 3 bytes"),
        (idx(IMAGE)[:9], "it is cut off within its head, after 9 bytes"),
        (idx(IMAGE)[:-1], "its head speaks of 76 bytes, and only 75 are there; it is cut off"),
        (idx(IMAGE) + b"x", "its head speaks of 76 bytes, and 77 are there; it is damaged"),
        (idx(IMAGE, shape=(2**32 - 1,) * 3), "its head speaks of 79228162458924105385300197391 bytes"),
        (idx(IMAGE, kind=0x07), "it does not begin as an IDX file does"),
        (b"\x01" + idx(IMAGE)[1:], "it does not begin as an IDX file does"),
        (b"\0\0\x08\xff" + bytes(2000), "it does not begin as an IDX file does"),
        (idx(IMAGE[:0]), r"it is empty: its shape is \(0, 4, 3\)"),
        (idx(IMAGE.reshape(-1)), r"an array of shape \(60,\) holds no pictures"),
        (idx(IMAGE[:4]), "5 labels for 4 pictures; take both files from the same place"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_hostile_files(tmp_path: Path, content: bytes, said: str, packed: bool) -> None:
    write(tmp_path, packed=packed)
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(content) if packed else content)
    if packed and not content:
        said = "it is cut off within its head, after 0 bytes"
    if packed and "only 75" in said:
        said = "it is cut off: 60 bytes of numbers are wanted"
    if packed and " 77 " in said:
        said = "there is more in it than its head says"
    with pytest.raises(BadInput, match=said):
        pellucid.dataset(tmp_path)


def test_damaged_packing(tmp_path: Path) -> None:
    write(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for damaged in (whole[:-9], whole[:-4] + b"1234", b"no gzip", whole[:40] + bytes(9) + whole[49:]):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="it is damaged or cut off"):
            pellucid.dataset(tmp_path)


def test_missing_and_odd_labels(tmp_path: Path) -> None:
    write(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros((5, 2), np.uint8)))
    with pytest.raises(BadInput, match=r"labels of uint8 \(5, 2\) are no class numbers"):
        pellucid.dataset(tmp_path)
    labels.unlink()
    with pytest.raises(BadInput, match="the labels of train are missing; put train-labels-idx1-ubyte there"):
        pellucid.dataset(tmp_path)


@pytest.mark.skipif(not FASHION.exists(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_fashion_mnist_itself() -> None:
    data = pellucid.dataset(FASHION)
    assert (len(data), len(data.where("train")), data[0].array.shape) == (70_000, 60_000, (28, 28))
    assert set(Counter(data.columns["label"]).values()) == {7_000}
    assert data.columns["label"][:5] == tuple("90030")
    assert round(float(data.where("train").items.array.mean()), 2) == 72.94


def test_numbers_for_more_memory_than_there_is_are_refused() -> None:
    with pytest.raises(BadInput, match="GiB of memory, and this machine has"):
        empty((1 << 30, 1 << 20), np.dtype("u1"))
