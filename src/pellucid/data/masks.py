"""Label masks: pictures whose pixels are numbers of regions, found beside the photos by their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pellucid.core.errors import BadInput, near
from pellucid.data import matrices
from pellucid.data.images import MAX_BYTES, MAX_PIXELS
from pellucid.data.opening import opened, user_path

#: Endings of files that keep numbers exactly.
ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm")

#: The number of a pixel that nobody judged, as in PASCAL VOC and Cityscapes.
UNJUDGED = 255

#: Pillow's modes in which a pixel is one number: a bit, a byte, a place in a palette, 16 or 32 bits.
_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")

#: Modes whose pixels are one number all the same where their channels are alike: how many channels are colours.
_COLOURS, _OPAQUE = {"RGB": 3, "RGBA": 3, "LA": 1}, 255


#: Below it float32 holds every whole number.
_WHOLE = 2**24


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """The numbers of a mask's pixels, int32 [height, width]; of a palette picture the places in the palette.

    A matrix file, or ``file.npz:NAME``, is a mask where its numbers are whole.
    """
    if matrices.is_matrix(path):
        return _from_matrix(path)
    place = user_path(os.fspath(path))
    try:
        with opened(place, MAX_BYTES, "mask") as file:
            image = Image.open(file, formats=("PNG", "TIFF", "BMP", "GIF", "PPM"))
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"the mask has more than {MAX_PIXELS // 1_000_000} million pixels")
            return _numbers(image)
    except BadInput as error:
        raise error.at(place) from error.__cause__
    except (UnidentifiedImageError, OSError, SyntaxError) as error:  # Pillow's readers call a broken PNG a SyntaxError
        cure = "save it as PNG"
        raise BadInput(
            f"this is no mask in a known format, or it is damaged ({error})", where=place, cure=cure
        ) from error


def _numbers(image: Image.Image) -> np.ndarray:
    """A number a pixel, int32 [height, width]; also of greys that were written as colours."""
    if image.mode in _MODES:
        return np.array(image).astype(np.int32)
    if image.mode == "F":
        values = np.array(image)
        if not (abs(values) < _WHOLE).all() or not np.array_equal(values, np.rint(values)):  # NaN is less than nothing
            raise BadInput("its pixels are fractions, not whole numbers", cure="save the numbers of regions")
        return values.astype(np.int32)
    if image.mode in _COLOURS:
        values, count = np.array(image), _COLOURS[image.mode]
        if (values[..., :count] == values[..., :1]).all() and (values[..., count:] == _OPAQUE).all():
            return values[..., 0].astype(np.int32)
    cure = "save it with one channel, whose numbers are the regions' (or as a palette picture)"
    raise BadInput(f"its pixels are colours (mode {image.mode}), not numbers", cure=cure)


def _from_matrix(path: str | os.PathLike[str]) -> np.ndarray:
    array = matrices.read(path).array
    if array.ndim != 2 or array.dtype.kind not in "iub":
        what = f"an array of {array.dtype} and shape {array.shape} is no mask"
        raise BadInput(what, where=path, cure="save whole numbers as [height, width], one for each region")
    return array.astype(np.int32)


def masks_in(folder: str | os.PathLike[str], sources: Sequence[str]) -> list[Path]:
    """For each picture the mask in ``folder`` of the same name, the ending apart; a missing or doubled one is told."""
    place = user_path(os.fspath(folder))
    if not place.is_dir():
        raise BadInput(
            "there is no such folder", where=place, cure="name the folder that holds a mask for each picture"
        )
    found: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    stems = [Path(s.removeprefix("example:")).stem for s in sources]
    for source, stem in zip(sources, stems, strict=True):
        if stem not in found:
            missing = sum(s not in found for s in stems)
            cure = near(stem, found) if found else f"put one there for each picture ({', '.join(ENDINGS[:2])} …)"
            raise BadInput(f"{missing} of {len(stems)} pictures have no mask, first {source!r}", where=place, cure=cure)
        if len(found[stem]) > 1:
            raise BadInput(f"picture {stem!r} has {len(found[stem])} masks", where=place, cure="leave one a picture")
    return [found[stem][0] for stem in stems]
