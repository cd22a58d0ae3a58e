"""Pictures whose masks are known: squares and discs on noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.data.dataset import Dataset, Stack

NAMES = {0: "background", 1: "square", 2: "disc"}


def shapes(folder: Path, count: int = 48, *, side: int = 24, seed: int = 0) -> Dataset:
    """A bright square and a dark disc, somewhere; each is missing in every fifth picture."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    pixels = generator.integers(90, 150, (count, side, side), dtype=np.uint8)
    rows, columns = np.mgrid[:side, :side]
    paths = []
    for i in range(count):
        mask = np.zeros((side, side), np.uint8)
        y, x = generator.integers(2, side - 9, 2)
        if i % 5:
            mask[y : y + 7, x : x + 7] = 1
        y, x = generator.integers(5, side - 5, 2)
        if (i + 2) % 5:
            mask[(rows - y) ** 2 + (columns - x) ** 2 <= 16] = 2
        pixels[i][mask == 1] += 100
        pixels[i][mask == 2] -= 85
        paths.append(str(folder / f"{i:03}.png"))
        Image.fromarray(mask).save(paths[-1])
    return Dataset("shapes", Stack.of(pixels, "shapes.npz"), masks=tuple(paths), mask_names=NAMES)


def write(data: Dataset, folder: Path) -> Path:
    """The same as folders of images and masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(len(data)):
        Image.fromarray(data[i].array).save(folder / "images" / f"{i:03}.png")
        (folder / "masks" / f"{i:03}.png").write_bytes(Path((data.masks or ())[i] or "").read_bytes())
    (folder / "classes.txt").write_text("\n".join(NAMES.values()))
    return folder
