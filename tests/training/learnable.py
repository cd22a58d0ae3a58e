"""Data sets that a tiny network learns in a moment, of which the answer is known."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data.dataset import Dataset, Stack


def digits(count: int | None = None) -> Dataset:
    """scikit-learn's digits, 8 × 8, as bytes."""
    from sklearn.datasets import load_digits  # here, for others need it not

    found = load_digits()
    pixels = (found.images * 15.9).astype(np.uint8)[:count]
    columns = {"digit": tuple(map(str, found.target[:count]))}
    return Dataset("digits", Stack.of(pixels, "digits.npz"), columns, label="digit")


def stripes(count: int = 80, *, side: int = 8, seed: int = 0, shuffled: bool = False) -> Dataset:
    """Noise with a bright row or a bright column: separable without a doubt. shuffled: the labels mean nothing."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 60, (count, side, side), dtype=np.uint8)
    kinds = np.arange(count) % 2
    for i, place in enumerate(generator.integers(0, side, count)):
        if kinds[i]:
            pixels[i, :, place] = 220
        else:
            pixels[i, place] = 220
    told = generator.permutation(kinds) if shuffled else kinds
    columns = {"way": tuple(("row", "column")[k] for k in told)}
    return Dataset("stripes", Stack.of(pixels, "stripes.npz"), columns, label="way")


def write(data: Dataset, folder: Path) -> Path:
    """The same as class folders of PNG files."""
    cells = data.columns[data.label or ""]
    for i, cell in enumerate(cells):
        place = folder / cell
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data[i].array).save(place / f"{i:04}.png")
    return folder


@pytest.fixture(autouse=True, scope="module")
def undrawn() -> Iterator[None]:
    """Runs whose curves nobody looks at are not drawn, which would take longest of all; import it to have it."""
    blank = io.BytesIO()
    Image.new("L", (2, 2)).save(blank, "PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pellucid.report.run_page.as_png", lambda figure: blank.getvalue())
        yield
