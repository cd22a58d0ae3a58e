"""A table of small pictures that a linear layer learns in a moment."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image

from training.comparing import bars


def write_bars(folder: Path, count: int = 80) -> Path:
    """``bars.csv`` with its pictures: columns image, grade, low, side, tags, object (two pictures each)."""
    data = bars(count, noise=80)
    (folder / "pictures").mkdir(parents=True)
    names = list(data.columns)
    with (folder / "bars.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", *names])
        for i in range(count):
            Image.fromarray(data.items[i].array).save(folder / "pictures" / f"{i:03d}.png")
            table.writerow([f"pictures/{i:03d}.png", *(data.columns[n][i] for n in names)])
    return folder / "bars.csv"
