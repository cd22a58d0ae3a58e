"""Arrays as images that travel inside the page: sized, encoded, and as data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from pellucid.report import colours


def fitted(array: np.ndarray, most: int, resample: Image.Resampling = Image.Resampling.BOX) -> np.ndarray:
    """The array made smaller, never larger, so that its longer side is at most ``most`` pixels.

    array: uint8 [height, width, 3] or float [height, width] (averaged, so that a map keeps its sign).
    """
    height, width = array.shape[:2]
    if max(height, width) <= most:
        return array
    share = most / max(height, width)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    source = array if array.dtype == np.uint8 else array.astype(np.float32)
    return np.asarray(Image.fromarray(source).resize(size, resample))


def greys(numbers: np.ndarray) -> np.ndarray:
    """A matrix as a picture: uint8 [height, width, 3], from its lowest number (black) to its highest (white).

    numbers: [height, width], or [height, width, channel], whose channels are averaged.
    """
    plane = np.asarray(numbers, np.float64)
    plane = plane.mean(-1) if plane.ndim == 3 else plane
    low, high = float(plane.min()), float(plane.max())
    scaled = (plane / 2 - low / 2) / (high / 2 - low / 2) if high > low else np.full(plane.shape, 0.5)  # no overflow
    return np.repeat((255 * scaled).round().astype(np.uint8)[..., None], 3, axis=2)


def enlarged(picture: np.ndarray, least: int = 448) -> np.ndarray:
    """Each pixel as a square of pixels, so that the longer side has ``least`` or more."""
    times = max(1, -(-least // max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def photo_uri(picture: np.ndarray, most: int, *, quality: int = 82) -> str:
    """A photo as a lossy WebP data URI. picture: uint8 [height, width, 3]."""
    small = fitted(picture, most, Image.Resampling.LANCZOS)
    return _uri(Image.fromarray(small), "webp", quality=quality, method=4)


def exact_uri(pixels: np.ndarray) -> str:
    """Pixels as they are, a lossless WebP data URI. pixels: uint8 [height, width, 3 or 4].

    Lossy formats share colour between neighbouring pixels, which would blur the signs of a map.
    """
    return _uri(Image.fromarray(np.ascontiguousarray(pixels)), "webp", lossless=True, quality=60, method=4)


def heat_uri(values: np.ndarray, scale: float, most: int, *, opaque: bool) -> str:
    """A map's colours as a data URI. values: [height, width]; opaque where no photo lies below."""
    small = fitted(values, most)
    return exact_uri(colours.heat_rgb(small, scale) if opaque else colours.heat_rgba(small, scale))


def png_uri(data: bytes) -> str:
    """An encoded PNG as a data URI."""
    return data_uri(data, "image/png")


def data_uri(data: bytes, form: str) -> str:
    """A file's bytes as a data URI. form: its media type."""
    return f"data:{form};base64," + base64.b64encode(data).decode()


def overlay(picture: np.ndarray | None, values: np.ndarray, scale: float, *, least: int = 448) -> Image.Image:
    """A map over its picture (or on its own), enlarged by a whole number until ``least`` pixels wide or high.

    picture: uint8 [height, width, 3] or None; values: [height, width]. The map's pixels stay crisp:
    smoothing them would show an accuracy that they do not have.
    """
    height, width = values.shape
    times = max(1, -(-least // max(height, width)))
    size = (width * times, height * times)
    if picture is None:
        return Image.fromarray(colours.heat_rgb(values, scale)).resize(size, Image.Resampling.NEAREST)
    ground = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
    heat = colours.heat_rgba(values, scale).repeat(times, axis=0).repeat(times, axis=1)
    return Image.fromarray(colours.lay_over(ground, heat))


def _uri(image: Image.Image, form: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return data_uri(buffer.getvalue(), f"image/{form}")
