"""Nuclei in a fluorescence picture: which pixels are of one, and how many there are, with intervals by tiles.

The picture and its masks come with stardist (``pip download stardist==0.9.2 --no-deps``): one of the Data Science Bowl
2018 (Caicedo et al. 2019), 512 × 512, in which 125 nuclei were drawn one by one. Each half is asked of a network that
learnt from the other half alone.
"""

from __future__ import annotations

import io
import math
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

from pellucid.data.dataset import Dataset, Stack
from pellucid.features.resampling import Interval, weights
from pellucid.report.painted import painted
from pellucid.tasks.painting.objects import APART, BLUR, COMPONENTS, NECK, WATERSHED, Objects
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare
from pellucid.training.train import fit

PAGE = Path(__file__).with_name("NUCLEI.md")
PICTURE = PAGE.parents[1] / "docs" / "images" / "nuclei.png"

#: Sides of what is learnt from and of what is scored, in pixels; how wide the edge of a nucleus is.
LEARNT, SCORED, EDGE = 64, 128, 1

#: How near two seeds may be, in pixels.
DISTANCES = (1, 3, 4, 6, 8, 14, 20)

NAMES = {0: "background", 1: "inside", 2: "edge"}
CHOICES: dict[str, Any] = {
    "task": "segmentation",
    "model": "unet:8x4",
    "epochs": 60,
    "batch": 7,
    "lr": 0.01,
    "backbone_lr": 1.0,
    "augment": ("flip", "rotate", "zoom", "light"),
    "options": {"loss": "ce_dice"},
}


def read(wheel: str) -> tuple[np.ndarray, np.ndarray]:
    """The picture, uint8, and the number of each pixel's nucleus."""
    with zipfile.ZipFile(wheel) as packed:
        image, mask = (
            np.array(Image.open(io.BytesIO(packed.read(f"stardist/data/images/{n}2d.tif")))) for n in ("img", "mask")
        )
    return image.astype(np.uint8), mask.astype(np.int64)


def classes_of(nuclei: np.ndarray) -> np.ndarray:
    """Inside 1, edge 2: where a nucleus' own pixels end, at another one's as well."""
    inside = np.zeros(nuclei.shape, bool)
    for number in np.unique(nuclei)[1:]:
        inside |= ndimage.binary_erosion(nuclei == number, np.ones((3, 3)), iterations=EDGE, border_value=1)
    return np.where(inside, 1, np.where(nuclei > 0, 2, 0)).astype(np.uint8)


def squares(array: np.ndarray) -> list[np.ndarray]:
    """Squares that fill a half."""
    rows, columns = (range(0, side, LEARNT) for side in array.shape)
    return [array[y : y + LEARNT, x : x + LEARNT] for y in rows for x in columns]


def tiles(image: np.ndarray, mask: np.ndarray, folder: Path) -> Dataset:
    """Squares of a half, every seventh for validation."""
    folder.mkdir()
    paths = []
    for i, tile in enumerate(squares(mask)):
        paths.append(str(folder / f"{i}.png"))
        Image.fromarray(tile).save(paths[-1])
    split = tuple("val" if i % 7 == 3 else "train" for i in range(len(paths)))
    pixels = np.stack(squares(image))
    return Dataset("nuclei", Stack.of(pixels, "nuclei.npz"), split=split, masks=tuple(paths), mask_names=NAMES)


@torch.no_grad()
def asked(image: np.ndarray, nuclei: np.ndarray, half: slice, other: slice, folder: Path, seed: int) -> np.ndarray:
    """The classes of one half, from a network that learnt from the other."""
    data = tiles(image[other], classes_of(nuclei[other]), folder)
    with torch.enable_grad():
        network = fit(prepare(data, Plan.of({**CHOICES, "seed": seed}), check=False)).network
    x = network.input.normalise(torch.from_numpy(image[half].astype(np.float32))[None, None])
    return network.module.eval()(x).argmax(1)[0].numpy()


def counted(objects: np.ndarray, number: int) -> np.ndarray:
    """How many objects have their middle in each scored tile, [tiles]."""
    found = np.zeros(tuple(n // SCORED for n in objects.shape), np.int64)
    for y, x in ndimage.center_of_mass(objects > 0, objects, range(1, number + 1)):
        found[int(y) // SCORED, int(x) // SCORED] += 1
    return found.ravel()


def by_tile(mask: np.ndarray) -> np.ndarray:
    """Pixels of each scored tile, [tiles]."""
    height, width = (n // SCORED for n in mask.shape)
    return mask.reshape(height, SCORED, width, SCORED).sum((1, 3)).ravel()


def matched(said: np.ndarray, nuclei: np.ndarray) -> np.ndarray:
    """For each nucleus whether some object has an IoU above ½ with it, by its tile: rows (tile, found)."""
    rows = []
    for own in np.unique(nuclei)[1:]:
        mask = nuclei == own
        touched = np.unique(said[mask])
        best = max((float((mask & (said == k)).sum() / (mask | (said == k)).sum()) for k in touched if k), default=0.0)
        y, x = ndimage.center_of_mass(mask)
        rows.append((int(y) // SCORED * (nuclei.shape[1] // SCORED) + int(x) // SCORED, best > 0.5))
    return np.array(rows)


def parted(said: np.ndarray) -> dict[str, np.ndarray]:
    """Ways to make objects of a mask, each with a number a pixel."""
    mask = said > 0
    inner = Objects(COMPONENTS).numbered(said == 1)
    grown = np.where(inner > 0, inner, ndimage.grey_dilation(inner, size=(2 * EDGE + 1,) * 2)) * mask
    found = {
        "parts that hang together": Objects(COMPONENTS).numbered(mask),
        "the same, cut at their necks": Objects(WATERSHED).numbered(mask),
    }
    return found if (said == 1).sum() == mask.sum() else {**found, "parts of the inside that hang together": grown}


def figures(said: np.ndarray, nuclei: np.ndarray) -> dict[str, str]:
    """What is told of a whole picture's classes, each with its 95 % interval over tiles."""
    there, mask = nuclei > 0, said > 0
    parts = len(by_tile(there))
    drawn = weights(np.arange(parts), seed=0)
    both, either = by_tile(there & mask), by_tile(there | mask)
    truth = np.unique(nuclei, return_inverse=True)[1].reshape(nuclei.shape)  # numbered without gaps
    true = counted(truth, int(truth.max()))
    rows = {"IoU of all pixels": _told(Interval(both.sum() / either.sum(), (drawn @ both) / (drawn @ either)))}
    for name, objects in parted(said).items():
        own = counted(objects, int(objects.max()))
        error = Interval(float(own.sum() - true.sum()), drawn @ (own - true).astype(np.float64))
        rows[f"counted: {name}"] = f"{own.sum()}; off by {_told(error, '+.0f')}"
        found = matched(objects, nuclei)
        hit, every = (np.bincount(found[:, 0], w, parts) for w in (found[:, 1], np.ones(len(found))))
        share = Interval(hit.sum() / every.sum(), (drawn @ hit) / np.maximum(drawn @ every, 1))
        rows[f"found with an IoU above ½: {name}"] = _told(share)
    return rows


def by_distance(mask: np.ndarray, nuclei: np.ndarray) -> list[str]:
    """Lines of a table: at each distance of seeds the objects of either half, and the share of nuclei found."""
    half = mask.shape[0] // 2
    halves = [slice(0, half), slice(half, None)]
    true = [len(np.unique(nuclei[own])) - 1 for own in halves]
    area = float(np.median(np.bincount(nuclei.ravel())[1:][np.unique(nuclei)[1:] - 1]))
    lines = [
        f"| seeds more than … pixels apart | objects | upper half, of {true[0]} | lower half, of {true[1]} | found |",
        "|---|---|---|---|---|",
    ]
    for apart in DISTANCES:
        way = Objects(WATERSHED, apart)
        whole, *parts = (int(way.numbered(each).max()) for each in (mask, *(mask[own] for own in halves)))
        share = matched(way.numbered(mask), nuclei)[:, 1].mean()
        lines.append(f"| {apart} | {whole} | {parts[0]} | {parts[1]} | {share:.3f} |")
    told = f"The median nucleus has {area:.0f} pixels, a radius of {math.sqrt(area / math.pi):.1f}. What lies across"
    return [*lines, "", f"{told} the halves counts in both."]


def _told(interval: Interval, form: str = ".3f") -> str:
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"


def main() -> None:
    torch.set_num_threads(1)
    image, nuclei = read(sys.argv[1])
    upper, lower = slice(0, image.shape[0] // 2), slice(image.shape[0] // 2, image.shape[0])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        said = np.concatenate([
            asked(image, nuclei, upper, lower, place / "lower", 0),
            asked(image, nuclei, lower, upper, place / "upper", 1),
        ])  # fmt: skip
    smooth = ndimage.gaussian_filter(image.astype(np.float64), 1)
    ways = figures(said, nuclei), figures((smooth > threshold_otsu(smooth)).astype(int), nuclei)
    lines = [
        "# Nuclei: which pixels, and how many",
        "",
        "Written by `python -m benchmarks.nuclei stardist-0.9.2-….whl`.",
        (__doc__ or "").split("\n\n")[1].strip(),
        "",
        f"| of {len(np.unique(nuclei)) - 1} nuclei | by the network | by Otsu's threshold, after a blur of 1 pixel |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {own} | {ways[1].get(name, '')} |" for name, own in ways[0].items()]
    told = "Intervals: 95 %, bootstrap over 16 tiles of 128 × 128. Necks: as `predict --instances watershed` cuts them;"
    seeds = f"seeds are peaks of the distance to the edge, blurred by {BLUR} pixels, between which it falls by {NECK}"
    more = [seeds, f"pixels or more, and which are more than {APART} pixels apart.", "", *by_distance(said > 0, nuclei)]
    PAGE.write_text("\n".join([*lines, "", told, *more, ""]), encoding="utf-8")
    _picture(image, nuclei, said)


def _picture(image: np.ndarray, nuclei: np.ndarray, said: np.ndarray) -> None:
    bright = np.clip(image.astype(np.float32) * (255 / np.percentile(image, 99.5)), 0, 255).astype(np.uint8)
    pictures = [np.repeat(bright[..., None], 3, 2)]
    for classes in (classes_of(nuclei), said):
        pictures.append(painted(pictures[0], np.stack([classes == 1, classes == 2])))
    side = pictures[1].shape[0]
    pictures[0] = np.asarray(Image.fromarray(pictures[0]).resize((side, side)))
    Image.fromarray(np.concatenate(pictures, 1)).save(PICTURE)


if __name__ == "__main__":
    main()
