"""Seven landmarks of seven types on a real photograph: the quokka that imgaug carries (MIT).

``pip download imgaug==0.4.0 --no-deps``, then ``python -m benchmarks.quokka imgaug-0.4.0-….whl``: six core-minutes. It
is one animal on one photograph: learnt from views that are turned by up to 15° to either side and asked of others that
are turned by 15° to 30°, so it shows that names, float places and pictures of a photograph come out right, and not that
quokkas are known.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.transform import SimilarityTransform, warp

import pellucid
from pellucid.report.spots import spotted
from pellucid.training.runs import Run

SIDE = 128
LEARNT, ASKED = 120, 24
RADIUS = 0.05


def opened(wheel: str) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    with zipfile.ZipFile(wheel) as packed:
        photo = np.array(Image.open(io.BytesIO(packed.read("imgaug/quokka.jpg"))).convert("RGB"))
        told = json.loads(packed.read("imgaug/quokka_annotations.json"))["keypoints"]
    sides = {"left": "left ", "right": "right "}  # "ear_tip_left" is the quokka's "left ear tip"
    names = [(k["label"].rpartition("_"), k) for k in told]
    return photo, [
        (sides[n[2]] + n[0].replace("_", " ") if n[2] in sides else k["label"], float(k["x"]), float(k["y"]))
        for n, k in names
    ]


def view(photo: np.ndarray, degrees: float, zoom: float, shift: np.ndarray) -> tuple[np.ndarray, SimilarityTransform]:
    """A square view of the animal, and the way from the photograph's places to its own."""
    scale = zoom * SIDE / 660
    centre = SimilarityTransform(translation=(-350, -330))
    turn = SimilarityTransform(scale=scale, rotation=math.radians(degrees))
    way = centre + turn + SimilarityTransform(translation=(SIDE / 2 + shift[0], SIDE / 2 + shift[1]))
    pixels = SimilarityTransform(translation=(0.5, 0.5))  # warp counts from the middles of pixels
    back = pixels + way.inverse + pixels.inverse
    small = warp(photo, back, output_shape=(SIDE, SIDE), order=1, mode="edge", preserve_range=True)
    return small.round().astype(np.uint8), way


def written(folder: Path, photo: np.ndarray, points: list[tuple[str, float, float]]) -> None:
    """The views as a folder with a table, as a user would have them."""
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "points", "split"])
        for i in range(LEARNT + ASKED):
            asked = i >= LEARNT
            degrees = rng.choice((-1, 1)) * rng.uniform(15, 30) if asked else rng.uniform(-15, 15)
            pixels, way = view(photo, degrees, rng.uniform(0.8, 1.1), rng.uniform(-8, 8, 2))
            Image.fromarray(pixels).save(folder / f"{i}.png")
            places = way(np.array([p[1:] for p in points]))
            there = ((places > 0) & (places < SIDE)).all(1)
            own = [[n, *map(float, place)] for (n, *_), place, t in zip(points, places, there, strict=True) if t]
            split = "test" if asked else "val" if i % 6 == 5 else "train"
            table.writerow([f"{i}.png", json.dumps(own), split])


def main(wheel: str) -> None:
    photo, points = opened(wheel)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "quokka"
        folder.mkdir()
        written(folder, photo, points)
        choices = {"model": "unet:8x4", "size": (64, 64), "epochs": 300, "batch": 8, "lr": 0.003, "backbone_lr": 1.0}
        options = {"radius": RADIUS, "sigma": 2.0}
        run = pellucid.train(folder, task="keypoints", out=Path(place) / "run", options=options, **choices)
        for row in pellucid.evaluate(run).table:
            print("{metric} {value:.3f} ({value_low:.3f} to {value_high:.3f}), {items} views".format(**row))
        drawn = [shown(folder, run, i) for i in range(LEARNT, LEARNT + 4)]
    Image.fromarray(np.hstack(drawn)).save("quokka.png")


def shown(folder: Path, run: Run, i: int) -> np.ndarray:
    """A view with rings where the landmarks are, and crosses where they were found."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        true = json.loads(list(csv.DictReader(file))[i]["points"])
    number = {name: kind for kind, name in enumerate(run.task.classes)}
    found = pellucid.predict(run, folder / f"{i}.png").table
    crosses = [(number[row["type"]], row["x"], row["y"]) for row in found]
    return spotted(np.asarray(Image.open(folder / f"{i}.png")), [(number[n], x, y) for n, x, y in true], crosses)


if __name__ == "__main__":
    main(sys.argv[1])
