"""From DICOM files of two patients to a trained run: contours, pairs, masks, Dice of each region."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import pellucid
from cli.calling import Call
from data.real_ct import sdist, written

PATIENTS = ("lung1", "lung2")


@pytest.mark.slow
def test_lungs_of_one_patient_are_found_in_another(call: Call, tmp_path: Path) -> None:
    stored = sdist("pyradiomics==3.0.1", tmp_path)
    with (tmp_path / "both.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "mask", "split", "group"))
        for patient in PATIENTS:
            written(stored, patient, tmp_path / patient, step=2, side=4)
            pairs = tmp_path / f"{patient}-pairs"
            assert call("dicom", tmp_path / patient, "--window", "-400,1400", "--out", pairs)[0] == 0
            for i, row in enumerate(csv.DictReader((pairs / "index.csv").read_text("utf-8").splitlines())):
                split = "test" if patient == "lung2" else "val" if i // 3 % 4 == 1 else "train"
                rows.writerow((pairs / row["image"], pairs / row["mask"], split, f"{patient} {i // 3}"))
    (tmp_path / "labels.json").write_bytes((tmp_path / "lung1-pairs" / "labels.json").read_bytes())
    choices = ("--task", "segmentation", "--model", "unet:8x4", "--size", "64x64", "--epochs", "40", "--lr", "0.01")
    run = tmp_path / "run"
    more = ("--batch", "4", "--augment", "shift,zoom,rotate,light", "--out", run)
    assert call("train", tmp_path / "both.csv", *choices, *more)[0] == 0
    view = pellucid.evaluate(run, split="test")
    found = {row["class"]: row for row in view.options["classes"]}
    assert set(found) == {"body", "right lung", "left lung"}
    for name, row in found.items():
        assert row["dice_low"] <= row["dice"] <= row["dice_high"], name
        assert row["dice"] > 0.6, name
    mean = next(row for row in view.table if row["metric"] == "dice")
    assert mean["value_low"] > mean["baseline"]
    assert call("predict", run, tmp_path / "lung2-pairs" / "images", "--out", tmp_path / "said")[0] == 0
    assert len(list((tmp_path / "said" / "masks").glob("*.png"))) == len(view["dice"])
