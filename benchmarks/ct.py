"""From CT series and RTSTRUCT files to a trained run: Dice of each region, by what was kept apart.

The CTs of two patients come with pyradiomics (``pip download pyradiomics==3.0.1 --no-deps --no-binary :all:``). Their
contours of body, right and left lung are drawn by a rule (tests/data/real_ct.py), for no organ is contoured there: what
is learnt is that rule, which leaves windpipe and stomach gas to the body, and no physician's judgement.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tests.data.real_ct import written

import pellucid
from pellucid.core.types import View
from pellucid.report.painted import painted

PAGE = Path(__file__).with_name("CT.md")
PICTURE = PAGE.parents[1] / "docs" / "images" / "ct-lungs.png"

#: Neighbouring slices that are drawn together for the intervals.
BLOCK = 4

CHOICES: dict[str, Any] = {
    "task": "segmentation",
    "model": "unet:8x5",
    "size": (128, 128),
    "epochs": 30,
    "batch": 4,
    "lr": 0.003,
    "augment": ("shift", "zoom", "rotate", "light"),
}

#: Patient, number of the slice, number of slices → its split.
Parting = Callable[[str, int, int], str]


def pairs(sdist: Path, patient: str, folder: Path) -> Path:
    """What ``pellucid dicom`` makes of a patient's folder."""
    written(sdist, patient, folder / patient)
    out = folder / f"{patient}-pairs"
    told = ["dicom", str(folder / patient), "--window", "-400,1400", "--out", str(out)]
    subprocess.run([Path(sys.executable).with_name("pellucid"), *told], check=True, capture_output=True)
    return out


def table(folders: dict[str, Path], parting: Parting, path: Path) -> Path:
    """One table of several patients' pairs, each block of neighbouring slices a group; the regions' names beside it."""
    (path.parent / "labels.json").write_bytes((next(iter(folders.values())) / "labels.json").read_bytes())
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "mask", "split", "group"))
        for patient, folder in folders.items():
            told = list(csv.DictReader((folder / "index.csv").read_text("utf-8").splitlines()))
            for i, row in enumerate(told):
                split = parting(patient, i, len(told))
                if split:
                    places = (folder / row["image"], folder / row["mask"])
                    rows.writerow((*places, split, f"{patient} {split} {i // BLOCK}"))
    return path


def another_patient(learnt: str) -> Parting:
    """All slices of one patient to learn from, but for every fourth block; all of the other to test on."""

    def split(patient: str, i: int, _: int) -> str:
        if patient != learnt:
            return "test"
        return "val" if i // BLOCK % 4 == 1 else "train"

    return split


def slices_at_random(patient: str, i: int, count: int) -> str:
    """As one should not: slices of one patient, each of them between two that were learnt from."""
    order = np.random.default_rng(0).permutation(count)
    return "test" if order[i] < count // 4 else "val" if order[i] < count // 2 else "train"


def asked(sdist: Path, folder: Path) -> Iterator[tuple[str, str, View]]:
    """What was learnt from, what was asked, and the evaluation."""
    folders = {patient: pairs(sdist, patient, folder) for patient in ("lung1", "lung2")}
    for (own, place), other in zip(folders.items(), ("lung2", "lung1"), strict=True):
        random = table({own: place}, slices_at_random, folder / f"{own}-random.csv")
        yield f"half of {own}'s slices, at random", f"a quarter of {own}'s", trained(random, folder / f"{own}-random")
        apart = table(folders, another_patient(own), folder / f"{own}-apart.csv")
        yield f"three quarters of {own}, in blocks", f"all of {other}", trained(apart, folder / f"{own}-apart")


def trained(data: Path, out: Path) -> View:
    return pellucid.evaluate(pellucid.train(data, out=out, **CHOICES), split="test", cases=3)


def main() -> None:
    torch.set_num_threads(1)
    lines = [
        "# From contours to a trained network: CTs of two patients",
        "",
        "Written by `PYTHONPATH=tests python -m benchmarks.ct pyradiomics-3.0.1.tar.gz`.",
        (__doc__ or "").split("\n\n")[1].strip(),
        "",
        "| learnt from | asked of | slices | body | right lung | left lung | the average mask, mean |",
        "|---|---|---|---|---|---|---|",
    ]
    shown: View | None = None
    with tempfile.TemporaryDirectory() as place:
        for learnt, question, view in asked(Path(sys.argv[1]), Path(place)):
            of = {row["class"]: row for row in view.options["classes"]}
            cells = [_told(of[name]) for name in ("body", "right lung", "left lung")]
            mean = next(row for row in view.table if row["metric"] == "dice")
            lines.append(
                f"| {learnt} | {question} | {len(view['dice'])} | {' | '.join(cells)} | {mean['baseline']:.3f} |"
            )
            shown = view if "all of" in question and shown is None else shown
    told = (
        f"Dice a slice, the mean over slices; intervals: 95 %, bootstrap over blocks of {BLOCK} neighbouring slices of"
    )
    PAGE.write_text("\n".join([*lines, "", told, "one patient, so they say nothing of a third.", ""]), encoding="utf-8")
    if shown is not None:
        _picture(shown)


def _told(row: dict[str, Any]) -> str:
    return f"{row['dice']:.3f} ({row['dice_low']:.3f} to {row['dice_high']:.3f})"


def _picture(view: View) -> None:
    """The worst slices: what was contoured above what was said."""
    both = [
        np.concatenate([painted(picture, mask) for picture, mask in zip(view.pictures, view[name], strict=True)], 1)
        for name in ("truth", "said")
    ]
    Image.fromarray(np.concatenate(both)).save(PICTURE)


if __name__ == "__main__":
    main()
