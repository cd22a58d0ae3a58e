"""A picture file → Sample.

The file is not trusted: it is looked at before it is opened, and measured before it is decoded.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from pellucid.core.errors import BadInput, near
from pellucid.core.types import Sample
from pellucid.data.opening import opened, user_path

#: What may be opened. Pillow knows more, but a reader that nobody needs is only a way to attack.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

#: More are refused before decoding: at this many, reading takes about 1 GB. Below Pillow's own limit.
MAX_PIXELS = 80_000_000

#: A longer file is refused before opening, for some formats are read whole. No picture of MAX_PIXELS needs so much.
MAX_BYTES = 1 << 30

_SKIMAGE, _SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")

#: Pictures that installed packages carry, by name: read("example:cat").
EXAMPLES = {
    "astronaut": (*_SKIMAGE, "astronaut.png"),
    "brick": (*_SKIMAGE, "brick.png"),
    "camera": (*_SKIMAGE, "camera.png"),
    "cat": (*_SKIMAGE, "chelsea.png"),
    "china": (*_SKLEARN, "china.jpg"),
    "coffee": (*_SKIMAGE, "coffee.png"),
    "coins": (*_SKIMAGE, "coins.png"),
    "flower": (*_SKLEARN, "flower.jpg"),
    "grass": (*_SKIMAGE, "grass.png"),
    "gravel": (*_SKIMAGE, "gravel.png"),
    "retina": (*_SKIMAGE, "retina.jpg"),
    "rocket": (*_SKIMAGE, "rocket.jpg"),
}

# The tags of EXIF and TIFF that matter here.
_BITS, _PHOTOMETRIC, _ORIENTATION = 258, 262, 274
_WHITE_IS_ZERO = 0

#: From what the orientation tag says to upright, for arrays [height, width, channel].
_UPRIGHT: dict[object, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}

T = TypeVar("T")

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()  # the filters of warnings belong to the process, not to the thread


def read(source: str | os.PathLike[str]) -> Sample:
    """Read a picture file, or ``example:NAME`` from ``EXAMPLES``.

    The array is uint8 [height, width, 3] in RGB, or [height, width, 1] for greys: upright (EXIF
    applied), transparent parts on white, of an animation or a multi-page file the first frame, 16
    bits a channel scaled to 8. Colour profiles are not applied. Raises BadInput, which says the
    cause and the cure, for what is not a whole picture in one of FORMATS within MAX_PIXELS.
    """
    path = _locate(source)
    try:
        with opened(path, MAX_BYTES) as file, _warnings_told(path):
            array = _told_by(file, _decoded)
    except BadInput as error:
        raise error.at(path) from error.__cause__
    return Sample(array, source=os.fspath(source))


def size_of(source: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width of a picture as ``read`` gives it, from the file's head alone. Raises BadInput as it does."""
    path = _locate(source)
    try:
        with opened(path, MAX_BYTES) as file, _warnings_told(path):
            return _told_by(file, _size)
    except BadInput as error:
        raise error.at(path) from error.__cause__


def _locate(source: str | os.PathLike[str]) -> Path:
    text = os.fspath(source)
    if not text.startswith("example:"):
        return user_path(text)
    name = text.removeprefix("example:")
    if name not in EXAMPLES:
        raise BadInput(f"there is no example {name!r}", cure=near(name, EXAMPLES))
    package, folder, file = EXAMPLES[name]
    found = importlib.util.find_spec(package)  # finds the folder without importing the package, which takes long
    if found is None or found.origin is None:
        raise BadInput(f"the package {package} is not installed", where=text, cure=f"pip install {package}")
    return Path(found.origin).parent / folder / file


@contextmanager
def _warnings_told(path: Path) -> Iterator[None]:
    """Pass what Pillow warns of (metadata that it skipped) to the log, with the file's name.

    Its warning of a decompression bomb never gets so far: the picture is refused by then.
    """
    with _one_at_a_time, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        _log.warning("%s: %s", path, warning.message)


def _decoded(image: Image.Image) -> np.ndarray:
    """The first frame as uint8 [height, width, 3 or 1]."""
    image.load()
    return np.ascontiguousarray(_upright(image)(_array(image)))


def _size(image: Image.Image) -> tuple[int, int]:
    if image.format == "PNG" and not _mentions_exif(image.fp):  # asked for it, Pillow decodes the whole PNG
        return image.height, image.width
    if image.format == "TIFF":  # which Pillow turns while it loads
        return _decoded(image).shape[:2]
    height, width, _ = _upright(image)(np.broadcast_to(np.uint8(0), (image.height, image.width, 1))).shape
    return height, width


def _mentions_exif(file: IO[bytes]) -> bool:
    """Whether a PNG may hold EXIF data: as a chunk, or as a text as ImageMagick writes it."""
    place = file.tell()
    file.seek(0)
    told = file.read()
    file.seek(place)
    return b"eXIf" in told or b"Raw profile type exif" in told


def _told_by(file: BinaryIO, ask: Callable[[Image.Image], T]) -> T:
    """What ``ask`` finds in an opened picture."""
    try:
        image = Image.open(file, formats=FORMATS)
        _check_head(image)
        return ask(image)
    except BadInput:
        raise
    except UnidentifiedImageError as error:
        cure = f"save it as JPEG or PNG (known are {', '.join(FORMATS)})"
        raise BadInput("this is not a picture in a known format, or its beginning is damaged", cure=cure) from error
    except Image.DecompressionBombError as error:
        raise _too_many() from error
    except MemoryError as error:
        raise BadInput("there is not enough memory for this picture", cure="make it smaller first") from error
    except Exception as error:  # for damaged files Pillow's readers raise a dozen kinds, from KeyError to struct.error
        what = f"the picture is damaged or cut off ({str(error) or type(error).__name__})"
        raise BadInput(what, cure="get it again from where it came") from error


def _check_head(image: Image.Image) -> None:
    """Refuse, before decoding, what is too large, empty or of an unknown range of values."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_many()
    if width * height == 0:
        raise BadInput(f"the picture has no pixels ({width} × {height})", cure="get it again from where it came")
    # A PNG or PPM of 16 bits may come in Pillow's 32-bit mode; from a TIFF that mode has no known white.
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        cure = "save it with 8 or 16 bits a channel, or pass it as a matrix"
        raise BadInput(f"its pixels are numbers (mode {image.mode}) without a known black and white", cure=cure)


def _too_many() -> BadInput:
    limit = f"{MAX_PIXELS // 1_000_000} million"
    return BadInput(f"the picture has more than {limit} pixels and was not decoded", cure="make it smaller first")


def _upright(image: Image.Image) -> Callable[[np.ndarray], np.ndarray]:
    """What turns the array of this picture upright (nothing for a TIFF, which Pillow has turned already)."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION), np.asarray)
    except Exception as error:  # as many kinds as above, but what surrounds the pixels does not make them worse
        warnings.warn(f"its EXIF data cannot be read, so it is taken as upright ({error})", stacklevel=1)
        return np.asarray


def _array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        return _from_deep(image)
    mode = "L" if _is_grey(image) else "RGB"
    array = np.array(_on_white(image, mode) if image.has_transparency_data else image.convert(mode))
    return array[:, :, None] if mode == "L" else array


def _is_grey(image: Image.Image) -> bool:
    """Whether there are only greys, also as a palette of greys (which is how a GIF stores them)."""
    if image.mode != "P":
        return image.mode in ("1", "L", "LA")
    palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    clear = image.convert("RGBA")
    page = Image.new(mode, image.size, "white")
    page.paste(clear.convert(mode), mask=clear.getchannel("A"))
    return page


def _from_deep(image: Image.Image) -> np.ndarray:
    """Greys of up to 16 bits, scaled so that their white becomes 255."""
    deep = np.array(image).astype(np.uint32)
    tags = getattr(image, "tag_v2", {})  # a TIFF's, whose 12 bits and negatives Pillow leaves as they are
    white = 2 ** tags.get(_BITS, (16,))[0] - 1
    grey = ((deep * 255 + white // 2) // white).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    if "transparency" in image.info:
        grey[deep == image.info["transparency"]] = 255
    return grey[:, :, None]
