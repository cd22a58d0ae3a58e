"""Pictures of every kind that Pillow can write, and of every kind that must be refused."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.images import EXAMPLES, FORMATS, MAX_BYTES, MAX_PIXELS, read

RNG = np.random.default_rng(7)
COLOURS = np.kron(RNG.integers(0, 256, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)  # 32 × 48, no side alike
GREYS = COLOURS[:, :, 0]
EXACT = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}  # as nearly as the format can
SLACK = {"JPEG": 4}


def encode(image: Image.Image | np.ndarray, format: str, **options) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, format, **options)
    return out.getvalue()


def read_bytes(folder: Path, data: bytes, name: str = "picture") -> Sample:
    path = folder / name
    path.write_bytes(data)
    return read(path)


def refusal(source) -> str:
    with pytest.raises(BadInput) as caught:
        read(source)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.cure
    return line


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + pixels + chunk(b"IEND", b"")


def tiff(width: int, height: int, bits: int, pixels: bytes, *, photometric: int = 1, signed: bool = False) -> bytes:
    """A TIFF of one grey strip, written by hand, for what Pillow does not write."""
    short, long = 3, 4
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (277, 1), (278, height)]
    entries = [(tag, short, value) for tag, value in tags] + [(279, long, len(pixels)), (339, short, 1 + signed)]
    entries = sorted([*entries, (273, long, 8 + 2 + 12 * (len(entries) + 1) + 4)])
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + pixels


# What is read


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_photos_read_as_pillow_reads_them(name):
    sample = read(f"example:{name}")
    assert sample.source == f"example:{name}"
    assert sample.axes == ("height", "width", "channel")
    assert sample.array.dtype == np.uint8
    assert min(sample.array.shape[:2]) >= 300
    assert sample.array.std() > 10
    package, folder, file = EXAMPLES[name]
    with Image.open(Path(sys.modules["numpy"].__path__[0]).parent / package / folder / file) as image:
        assert np.array_equal(sample.array.squeeze(), np.asarray(image))


def test_reading_an_example_imports_neither_torch_nor_the_package_that_carries_it():
    code = "import sys, pellucid; pellucid.read('example:cat'); pellucid.read('example:china'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "skimage", "sklearn", "scipy"} & set(loaded)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_in_colour_and_in_grey(tmp_path, format):
    colour = read_bytes(tmp_path, encode(COLOURS, format, **EXACT.get(format, {})))
    grey = read_bytes(tmp_path, encode(GREYS, format, **EXACT.get(format, {})))
    slack = SLACK.get(format, 0)
    assert colour.array.shape == (32, 48, 3)
    assert np.abs(colour.array.astype(int) - COLOURS).max() <= slack
    assert grey.array.shape == (32, 48, 3 if format == "WEBP" else 1)  # a WEBP knows no grey
    assert np.abs(grey.array.astype(int) - GREYS[:, :, None]).max() <= slack
    assert colour.array.flags.writeable  # torch.from_numpy wants that
    assert colour.array.flags.c_contiguous


def in_mode(mode: str) -> Image.Image:
    return Image.fromarray(COLOURS).convert(mode)


ALPHA = np.repeat(np.repeat(np.array([[255, 128, 0]], np.uint8), 16, axis=1), 32, axis=0)
ON_WHITE = np.round(COLOURS * (ALPHA / 255.0)[:, :, None] + 255 * (1 - ALPHA / 255.0)[:, :, None])
GREYS_ON_WHITE = np.round(GREYS * (ALPHA / 255.0) + 255 * (1 - ALPHA / 255.0))
TWO = np.array([[0, 1], [1, 0]], np.uint8)
DEEP = np.array([[0, 128, 129, 257], [1000, 32768, 65278, 65535]], np.uint16)
EIGHT = np.array([[0, 0, 1, 1], [4, 128, 254, 255]])
SKY = [(255, 0, 0), (0, 0, 255), (9, 9, 9)]


def palette(*colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(TWO).convert("P")
    image.putdata([0, 1, 1, 0])
    image.putpalette([v for c in colours for v in c])
    return image


KINDS = {
    "RGBA PNG": (encode(np.dstack([COLOURS, ALPHA]), "PNG"), ON_WHITE, 1),
    "RGBA WEBP": (encode(np.dstack([COLOURS, ALPHA]), "WEBP", lossless=True, exact=True), ON_WHITE, 1),
    "RGBA TIFF": (encode(np.dstack([COLOURS, ALPHA]), "TIFF"), ON_WHITE, 1),
    "LA PNG": (encode(Image.merge("LA", [Image.fromarray(a) for a in (GREYS, ALPHA)]), "PNG"), GREYS_ON_WHITE, 1),
    "1 bit PNG": (encode(Image.fromarray(TWO * 255).convert("1"), "PNG"), TWO * 255, 0),
    "1 bit TIFF": (encode(Image.fromarray(TWO * 255).convert("1"), "TIFF"), TWO * 255, 0),
    "4 bit PNG": (png(2, 1, 4, 0, b"\0\x0f"), [[0, 255]], 0),
    "palette PNG": (encode(palette(*SKY), "PNG"), np.array(SKY)[TWO], 0),
    "palette GIF": (encode(palette(*SKY), "GIF"), np.array(SKY)[TWO], 0),
    "palette BMP": (encode(palette(*SKY), "BMP"), np.array(SKY)[TWO], 0),
    "palette of greys": (encode(palette((7, 7, 7), (90, 90, 90)), "PNG"), np.array([7, 90])[TWO], 0),
    "palette, one clear": (encode(palette(*SKY), "PNG", transparency=0), np.array([(255,) * 3, SKY[1]])[TWO], 0),
    "palette, half clear": (
        encode(palette(*SKY), "PNG", transparency=b"\x80\xff"),
        np.array([(255, 127, 127), SKY[1]])[TWO],
        1,
    ),
    "GIF, one clear": (encode(palette(*SKY), "GIF", transparency=1), np.array([SKY[0], (255,) * 3])[TWO], 0),
    "RGB, one clear": (
        png(2, 1, 8, 2, bytes([0, 1, 2, 3, 4, 5, 6]), chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))),
        [[(255,) * 3, (4, 5, 6)]],
        0,
    ),
    "L, one clear": (png(2, 1, 8, 0, bytes([0, 10, 20]), chunk(b"tRNS", b"\0\x0a")), [[255, 20]], 0),
    "CMYK TIFF": (encode(in_mode("CMYK"), "TIFF"), COLOURS, 1),
    "CMYK JPEG": (encode(in_mode("CMYK"), "JPEG", **EXACT["JPEG"]), COLOURS, 6),
    "YCbCr TIFF": (encode(in_mode("YCbCr"), "TIFF"), COLOURS, 4),
    "LAB TIFF": (encode(Image.new("LAB", (3, 2), (255, 128, 128)), "TIFF"), np.full((2, 3, 3), 255), 1),
    "16 bit PNG": (encode(DEEP, "PNG"), EIGHT, 0),
    "16 bit TIFF": (encode(DEEP, "TIFF"), EIGHT, 0),
    "16 bit TIFF, big endian": (
        encode(Image.frombytes("I;16B", (4, 2), DEEP.astype(">u2").tobytes()), "TIFF"),
        EIGHT,
        0,
    ),
    "16 bit TIFF, white is 0": (tiff(4, 2, 16, DEEP.tobytes(), photometric=0), 255 - EIGHT, 0),
    "12 bit TIFF": (tiff(2, 1, 12, b"\xff\xf0\x00"), [[255, 0]], 0),
    "16 bit PGM": (b"P5\n4 2\n65535\n" + DEEP.astype(">u2").tobytes(), EIGHT, 0),
    "16 bit PNG, one clear": (
        png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 1000, 30000), chunk(b"tRNS", struct.pack(">H", 1000))),
        [[255, 117]],
        0,
    ),
    "16 bit RGB PNG": (png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 0, 65535, 257 * 9)), [[(0, 255, 9)]], 0),
    "one colour": (encode(np.full((5, 4, 3), 200, np.uint8), "PNG"), np.full((5, 4, 3), 200), 0),
    "one pixel": (encode(np.full((1, 1, 3), 9, np.uint8), "PNG"), [[(9, 9, 9)]], 0),
    "GIF of two frames": (
        encode(palette(*SKY), "GIF", save_all=True, append_images=[palette(*SKY[::-1])]),
        np.array(SKY)[TWO],
        0,
    ),
    "PNG of two frames": (encode(COLOURS, "PNG", save_all=True, append_images=[in_mode("L")]), COLOURS, 0),
    "TIFF of two pages": (encode(COLOURS, "TIFF", save_all=True, append_images=[in_mode("L")]), COLOURS, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_pixels(tmp_path, kind):
    data, expected, slack = KINDS[kind]
    expected = np.asarray(expected)
    expected = expected if expected.ndim == 3 else expected[:, :, None]
    array = read_bytes(tmp_path, data).array
    assert array.dtype == np.uint8
    assert array.shape == expected.shape
    assert np.abs(array.astype(int) - expected).max() <= slack


def test_cmyk_jpeg_of_adobe_is_inverted_as_pillow_does(tmp_path):
    data = encode(in_mode("CMYK"), "JPEG", **EXACT["JPEG"])
    assert b"Adobe" in data
    plain = data.replace(b"\xff\xee\x00\x0eAdobe", b"\xff\xec\x00\x0eOther")  # without the marker nothing is inverted
    assert np.abs(read_bytes(tmp_path, data).array.astype(int) - COLOURS).max() <= 6
    with Image.open(io.BytesIO(plain)) as image:
        assert np.array_equal(read_bytes(tmp_path, plain).array, np.asarray(image.convert("RGB")))


TO_STORED = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.swapaxes(0, 1)}
TO_STORED |= {6: np.rot90, 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TO_STORED)
def test_exif_orientation_gives_the_upright_picture(tmp_path, orientation, format):
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(TO_STORED[orientation](COLOURS))
    array = read_bytes(tmp_path, encode(stored, format, exif=exif, **EXACT.get(format, {}))).array
    assert array.shape == COLOURS.shape
    assert np.abs(array.astype(int) - COLOURS).max() <= SLACK.get(format, 0)
    assert array.flags.c_contiguous


def test_deep_greys_are_turned_too(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    array = read_bytes(tmp_path, encode(np.ascontiguousarray(np.rot90(DEEP)), "PNG", exif=exif)).array
    assert np.array_equal(array[:, :, 0], EIGHT)


CUT, JUNK = b"II*\0\xff\xff\xff\xff", b"junk that is not EXIF"


@pytest.mark.parametrize(
    ("format", "junk", "told"), [("JPEG", CUT, "orrupt"), ("PNG", CUT, "orrupt"), ("PNG", JUNK, "upright")]
)
def test_damaged_exif_does_not_cost_the_picture_and_is_told(tmp_path, caplog, format, junk, told):
    data = encode(COLOURS, format, exif=b"Exif\0\0" + junk, **EXACT.get(format, {}))
    array = read_bytes(tmp_path, data, "told.jpg").array
    assert np.abs(array.astype(int) - COLOURS).max() <= SLACK.get(format, 0)
    assert "told.jpg" in caplog.text
    assert told in caplog.text


def test_source_is_kept_as_given(tmp_path, monkeypatch):
    (tmp_path / "a b.png").write_bytes(encode(COLOURS, "PNG"))
    (tmp_path / "link").symlink_to("a b.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in ("~/a b.png", tmp_path / "a b.png", str(tmp_path / "link")):
        sample = read(source)
        assert sample.source == str(source)
        assert np.array_equal(sample.array, COLOURS)
    assert read(tmp_path / "a b.png").name == "a b"


# What is refused


def test_paths_that_lead_to_no_picture(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "round").symlink_to("trip")
    (tmp_path / "trip").symlink_to("round")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "empty.png").touch()
    (tmp_path / "huge.webp").write_bytes(b"RIFF\0\0\0\0WEBP")
    os.truncate(tmp_path / "huge.webp", MAX_BYTES + 1)  # a hole, which takes no space
    (tmp_path / "notes.txt").write_text("a picture in words")
    (tmp_path / "page.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "weird\nname.png").write_text("two\nlines")
    reasons = {
        "missing.jpg": "no such file",
        "notes.txt/a.jpg": "no such file",
        "gone": "no such file",
        "": "folder",
        "empty.png": "0 bytes",
        "notes.txt": "not a picture",
        "page.svg": "not a picture",
        "weird\nname.png": "not a picture",
        "fifo": "device or a pipe",
        "round": "circle",
        "x" * 300: "too long",
        "huge.webp": "1.0 GiB",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        line = refusal(path)
        assert reason in line, (name, line)
        assert " ".join(str(path).split()) in line
    for device in ("/dev/zero", "/dev/null"):
        assert "device" in refusal(device)
    assert "null character" in refusal("a\0b.png")
    assert "no such file" in refusal("~nobody-of-this-name/a.png")


def test_what_pillow_could_open_beyond_the_list_is_refused(tmp_path):
    for format in ("ICO", "TGA", "PCX", "JPEG2000"):
        (tmp_path / "other.png").write_bytes(encode(COLOURS, format))
        assert "not a picture in a known format" in refusal(tmp_path / "other.png")


@contextmanager
def another_user():
    """Without root's right to read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_files(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    for path in (tmp_path / "mine.png", locked / "inside.png"):
        path.write_bytes(encode(COLOURS, "PNG"))
    (tmp_path / "mine.png").chmod(0)
    locked.chmod(0)
    parents = [p for p in tmp_path.parents if p.stat().st_uid == os.geteuid() and str(p).startswith("/tmp/")]
    for folder in (tmp_path, *parents):
        folder.chmod(0o755)
    try:
        with another_user():
            for path in (tmp_path / "mine.png", locked / "inside.png"):
                assert "may not be read" in refusal(path)
    finally:
        locked.chmod(0o700)


@pytest.mark.parametrize("name", ["caat", "Coffe", "", "../../etc/passwd"])
def test_unknown_examples(name):
    line = refusal(f"example:{name}")
    assert {"caat": "'cat'", "Coffe": "'coffee'"}.get(name, "known") in line


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "PPM", "WEBP"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_truncated(tmp_path, format, part):
    photo = read("example:cat").array[:120, :160]
    data = encode(photo, format)
    (tmp_path / "cut").write_bytes(data[: int(len(data) * part)])
    line = refusal(tmp_path / "cut")
    assert ("damaged" in line) or ("cut off" in line)


NUMBERS = {
    "float TIFF": encode(RNG.random((3, 4)).astype(np.float32), "TIFF"),
    "int32 TIFF": encode(RNG.integers(0, 9, (3, 4)).astype(np.int32), "TIFF"),
    "signed TIFF": tiff(2, 1, 16, struct.pack("<2h", -5, 5), signed=True),
    "PFM": b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_without_a_known_range(tmp_path, kind):
    (tmp_path / "numbers").write_bytes(NUMBERS[kind])
    assert "pass it as a matrix" in refusal(tmp_path / "numbers")


def too_large(side: int) -> bytes:
    """A PNG that says it has ``side`` × ``side`` colours but holds one row: decoding it would call it damaged."""
    return png(side, side, 8, 2, bytes(1 + 3 * side))


@pytest.mark.parametrize("side", [9_000, 9_800, 14_000, 20_000, 200_000])  # around Pillow's warning and its error
def test_too_many_pixels_are_refused_before_decoding(tmp_path, side):
    assert side**2 > MAX_PIXELS
    (tmp_path / "large.png").write_bytes(too_large(side))
    line = refusal(tmp_path / "large.png")
    assert "more than 80 million pixels" in line
    assert "smaller" in line


def test_a_whole_bomb_of_one_colour_is_refused_before_decoding(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(20_000, 20_000, 1, 0, bytes(20_000 * 2_501)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "pixels" in refusal(tmp_path / "bomb.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB: it was not decoded


def test_a_photo_of_fifty_megapixels_is_read(tmp_path):
    sample = read_bytes(tmp_path, png(8_192, 6_144, 8, 0, bytes(6_144 * 8_193)))
    assert sample.array.shape == (6_144, 8_192, 1)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_bomb_in_a_text_chunk(tmp_path, kind):
    bomb = chunk(kind, b"name\0\0" + zlib.compress(bytes(30_000_000)))
    (tmp_path / "text.png").write_bytes(png(1, 1, 8, 0, b"\0\0", bomb))
    assert "ecompressed" in refusal(tmp_path / "text.png")


def originals() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[274], exif[270] = 6, "a photo"
    photo = Image.fromarray(read("example:cat").array[60:200, 100:300]).resize((40, 30))
    return {
        "jpeg": encode(photo, "JPEG", exif=exif),
        "progressive jpeg": encode(photo, "JPEG", progressive=True),
        "cmyk jpeg": encode(photo.convert("CMYK"), "JPEG"),
        "png": encode(photo, "PNG", exif=exif),
        "palette png": encode(photo.quantize(16), "PNG", transparency=3),
        "deep png": encode(DEEP, "PNG"),
        "gif": encode(photo, "GIF", save_all=True, append_images=[photo.rotate(90)]),
        "tiff": encode(photo, "TIFF"),
        "deep tiff": encode(DEEP, "TIFF"),
        "webp": encode(photo, "WEBP", exif=exif),
        "lossless webp": encode(photo.convert("RGBA"), "WEBP", lossless=True),
        "bmp": encode(photo, "BMP"),
        "ppm": encode(photo, "PPM"),
    }


@pytest.mark.parametrize("kind", originals())
def test_any_damage_gives_a_sample_or_one_line(tmp_path, kind):
    """Cut and altered at random, mostly near the head: never another exception, never a warning (those are errors)."""
    dice, whole, refusals = random.Random(kind), originals()[kind], []
    for _ in range(120):
        data = bytearray(whole[: dice.randrange(1, len(whole))] if dice.random() < 0.3 else whole)
        for _ in range(dice.choice([1, 1, 2, 5])):
            place = dice.randrange(len(data)) if dice.random() < 0.5 else int(dice.expovariate(1 / 40)) % len(data)
            data[place] ^= 1 << dice.randrange(8)
        (tmp_path / "altered").write_bytes(data)
        try:
            sample = read(tmp_path / "altered")
        except BadInput as error:
            refusals.append(str(error))
        else:
            assert sample.array.dtype == np.uint8
            assert sample.array.shape[2] in (1, 3)
    assert len(refusals) > 10  # the damage was real
    assert all(line.startswith(str(tmp_path / "altered")) and "\n" not in line for line in refusals)
