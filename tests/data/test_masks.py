"""Label masks: numbers as they are, found by name, and what is no mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.data.masks import masks_in, read_mask

NUMBERS = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "pgm"])
def test_numbers_are_read_as_they_are(ending: str, tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).save(tmp_path / f"m.{ending}")
    found = read_mask(tmp_path / f"m.{ending}")
    np.testing.assert_array_equal(found, NUMBERS)
    assert found.dtype == np.int32


def test_a_palette_picture_gives_the_places_in_the_palette(tmp_path: Path) -> None:
    image = Image.fromarray(NUMBERS, "L").convert("P")
    image.putpalette([255 - i // 3 for i in range(768)])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), NUMBERS)


def test_sixteen_and_one_bits(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS.astype(np.uint16) * 1000).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "deep.png"), NUMBERS.astype(int) * 1000)
    Image.fromarray(NUMBERS > 5).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "bits.png"), NUMBERS > 5)


def test_colours_are_no_numbers(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3), "red").save(tmp_path / "m.png")
    with pytest.raises(BadInput, match=r"m.png: its pixels are colours \(mode RGB\), not numbers; save it with one"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_greys_that_were_written_as_colours_are_numbers(mode: str, tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).convert(mode).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), NUMBERS)
    if mode != "RGB":
        image = Image.fromarray(NUMBERS).convert(mode)
        image.putalpha(128)
        image.save(tmp_path / "m.png")
        with pytest.raises(BadInput, match="its pixels are colours"):
            read_mask(tmp_path / "m.png")


def test_fractions_are_no_numbers(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS.astype(np.float32)).save(tmp_path / "m.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), NUMBERS)
    for wrong in (0.5, np.nan, np.inf, 1e20):
        Image.fromarray(np.full((2, 2), wrong, np.float32)).save(tmp_path / "m.tif")
        with pytest.raises(BadInput, match=r"m.tif: its pixels are fractions, not whole numbers; save the numbers of"):
            read_mask(tmp_path / "m.tif")


@pytest.mark.parametrize("content", [b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_damaged_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"m.png: this is no mask in a known format, or it is damaged"):
        read_mask(tmp_path / "m.png")
    with pytest.raises(BadInput, match="there is no such file"):
        read_mask(tmp_path / "absent.png")


def test_masks_are_found_by_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.tif", "c.png", ".a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [p.name for p in masks_in(tmp_path, ["photos/b.jpg", "a.jpg"])] == ["b.tif", "a.png"]
    with pytest.raises(BadInput, match=r"1 of 2 pictures have no mask, first 'cc.jpg'"):
        masks_in(tmp_path, ["a.jpg", "cc.jpg"])
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(BadInput, match="picture 'a' has 2 masks"):
        masks_in(tmp_path, ["a.jpg"])
    with pytest.raises(BadInput, match="there is no such folder"):
        masks_in(tmp_path / "absent", ["a.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="put one there for each picture"):
        masks_in(tmp_path / "empty", ["a.jpg"])
