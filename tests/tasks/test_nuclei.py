"""Real nuclei: one half of a picture is learnt from, and the other one painted."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.data.dataset import Dataset, Stack

SIDE = 64


@pytest.mark.slow
def test_nuclei_of_the_half_that_was_not_learnt_from_are_found(tmp_path: Path) -> None:
    image, nuclei = _read(tmp_path)
    assert (image.shape, len(np.unique(nuclei)) - 1) == ((512, 512), 125)
    corners = [(y, x) for y in range(0, 512, SIDE) for x in range(0, 512, SIDE)]
    paths = [str(tmp_path / f"{y}-{x}.png") for y, x in corners]
    for (y, x), path in zip(corners, paths, strict=True):
        Image.fromarray((nuclei[y : y + SIDE, x : x + SIDE] > 0).astype(np.uint8)).save(path)
    tiles = np.stack([image[y : y + SIDE, x : x + SIDE] for y, x in corners])
    split = tuple("test" if y >= 256 else "val" if x % 256 == SIDE else "train" for y, x in corners)
    names = {0: "background", 1: "nucleus"}
    data = Dataset("nuclei", Stack.of(tiles, "nuclei"), split=split, masks=tuple(paths), mask_names=names)
    choices = {"model": "unet:8x3", "epochs": 25, "batch": 6, "lr": 0.01, "augment": ("flip", "rotate", "light")}
    run = pellucid.train(data, task="segmentation", out=tmp_path / "run", **choices)
    pooled = next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "iou_pooled"))
    assert pooled["items"] == 32
    assert pooled["value_low"] > 0.75
    assert pooled["baseline"] < 0.2


def _read(place: Path) -> tuple[np.ndarray, np.ndarray]:
    """The picture that stardist carries, and the number of each pixel's nucleus."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(place)]
    done = subprocess.run([*pip, "stardist==0.9.2"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-500:]
    with zipfile.ZipFile(next(place.glob("*.whl"))) as packed:
        found = [packed.read(f"stardist/data/images/{name}2d.tif") for name in ("img", "mask")]
    image, mask = (np.array(Image.open(io.BytesIO(each))) for each in found)
    return image.astype(np.uint8), mask.astype(np.int64)
