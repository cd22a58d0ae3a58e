"""Pairs of slices and masks as files: PNG or ``.npz`` a slice with an index, NIfTI for the whole volume."""

from __future__ import annotations

import csv
import hmac
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dicom.masks import Masks
from pellucid.data.dicom.pairs import Pair
from pellucid.data.dicom.series import Volume

Format = Literal["png", "npz", "nifti"]


def write_pairs(
    folder: Path, volume: Volume, masks: Masks, pairs: Sequence[Pair], form: Format, key: bytes | None = None
) -> list[str]:
    """Write the pairs into an existing folder, with ``index.csv`` and ``labels.json``; the files' names.

    png: images/NNNN.png (uint8, through the window) and masks/NNNN.png (uint8 labels). npz: pairs/NNNN.npz with image
    (float32, as rescaled), mask, spacing. nifti: image.nii.gz and mask.nii.gz, the whole volume. key: as for
    ``pseudonym``.
    """
    names = {"0": "outside", **{str(i): n for i, n in enumerate(masks.values, start=1)}}
    (folder / "labels.json").write_text(json.dumps(names, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if form == "nifti":
        return ["labels.json", *_write_nifti(folder, volume, masks)]
    rows = [_write_pair(folder, volume, pair, form) for pair in track(pairs, "writing pairs")]
    patient = pseudonym(volume.patient, key)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["image", "mask", "patient", "slice", "height_mm"])
        writer.writeheader()
        writer.writerows({**row, "patient": patient} for row in rows)
    return ["labels.json", "index.csv", *(("pairs",) if form == "npz" else ("images", "masks"))]


def pseudonym(patient: str, key: bytes | None = None) -> str:
    """A short name for a patient, by which splits keep a patient on one side.

    key: with the same secret the same patient gets the same name in every folder; without one a name drawn at random,
    from which nobody finds the number of a record. (A bare hash of a short number is found by trying all of them.)
    """
    digest = secrets.token_hex(16) if key is None else hmac.new(key, patient.encode(), "sha256").hexdigest()
    return "p" + digest[:12]


def _write_pair(folder: Path, volume: Volume, pair: Pair, form: Format) -> dict[str, object]:
    stem = f"{pair.index:04}"
    row: dict[str, object] = {"slice": pair.index, "height_mm": round(pair.height, 4)}
    if form == "npz":
        path = folder / "pairs" / f"{stem}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, image=pair.numbers, mask=pair.mask, spacing=np.array(volume.spacing[1:]))
        return {"image": f"pairs/{stem}.npz", "mask": f"pairs/{stem}.npz", **row}
    for kind, array in (("images", pair.image), ("masks", pair.mask)):
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(array).save(folder / kind / f"{stem}.png")
    return {"image": f"images/{stem}.png", "mask": f"masks/{stem}.png", **row}


def _write_nifti(folder: Path, volume: Volume, masks: Masks) -> list[str]:
    try:
        import nibabel
    except ImportError as error:
        cure = 'pip install "pellucid[dicom]"'
        raise BadInput("writing NIfTI needs nibabel, which is not installed", cure=cure) from error
    # NIfTI counts towards right, front and head, DICOM towards left, back and head.
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine()
    for name, array in (("image.nii.gz", volume.values), ("mask.nii.gz", masks.labels())):
        nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), folder / name)
    return ["image.nii.gz", "mask.nii.gz"]
