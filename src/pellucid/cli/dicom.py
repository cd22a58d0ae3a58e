"""``pellucid dicom``: a series and its contours in, pairs of slices and masks out."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.models import Json
from pellucid.cli.results import is_report
from pellucid.core.errors import BadInput, near
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.data.dicom import Masks, Pair, Volume

FORMATS = ("png", "npz", "nifti")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dicom)


def dicom(
    series: Annotated[str, typer.Argument(metavar="SERIES", help="The folder with the slices of a CT or MR series.")],
    rtstruct: Annotated[
        str | None, typer.Option(help="The RTSTRUCT file with the contours. \\[default: the one in SERIES]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")] = Path("pellucid-dicom"),
    window: Annotated[
        str | None, typer.Option(help="LEVEL,WIDTH of the greys. \\[default: 40,400 for CT, else 1 % to 99 %]")
    ] = None,
    roi: Annotated[list[str] | None, typer.Option(help="Only this region; repeatable. \\[default: all]")] = None,
    rule: Annotated[
        str, typer.Option(help="What several contours of a slice mean: nested (holes), xor or union.")
    ] = "nested",
    between: Annotated[
        str, typer.Option(help="Slices between contours: 'nearest' leaves them empty, 'interpolate' fills them.")
    ] = "nearest",
    form: Annotated[str, typer.Option("--format", help="png, npz or nifti.")] = "png",
    empty: Annotated[bool, typer.Option("--empty", help="Also slices without any region.")] = False,
    uid: Annotated[str | None, typer.Option("--series", help="The SeriesInstanceUID, where there are several.")] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="A file with a secret: then a patient has the same pseudonym in every folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Contours of an RTSTRUCT become masks on the slices, as pairs that a segmentation network is trained on."""
    began = time.perf_counter()
    if form not in FORMATS:
        raise BadInput(f"--format {form}", cure=near(form, FORMATS))
    greys, secret = _window(window), _secret(key)
    with whole_folder(out, ours=is_report) as folder:
        from pellucid.data import dicom as reading
        from pellucid.data.dicom.export import write_pairs

        volume = reading.read_series(series, series=uid)
        contours = reading.read_contours(rtstruct or reading.find_rtstruct(series))
        masks = reading.masks_of(volume, contours, roi, rule=rule, between=between)  # type: ignore[arg-type]  # it checks
        pairs = list(reading.pairs_of(volume, masks, window=greys, empty=empty))
        if not pairs:
            cure = "check that the RTSTRUCT belongs to this series, or pass --empty"
            raise BadInput(f"no slice has a region: {'; '.join(masks.notes[:3])}", where=series, cure=cure)
        files = write_pairs(folder, volume, masks, pairs, form, secret)  # type: ignore[arg-type]  # checked above
        _draw(folder, volume, masks, pairs)
        summary = _summary(volume, masks, pairs, files, began)
        (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps({**summary, "folder": str(out.resolve())}, ensure_ascii=False))
    else:
        _tell(summary, out)


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        level, width = map(float, text.split(","))
    except ValueError as error:
        raise BadInput(f"--window {text}", cure="pass LEVEL,WIDTH, for example 40,400") from error
    return level, width


def _secret(key: Path | None) -> bytes | None:
    if key is None:
        return None
    try:
        secret = key.read_bytes().strip()
    except OSError as error:
        raise BadInput(f"it cannot be read ({error.strerror})", where=key, cure="name a file with a secret") from error
    if len(secret) < 8:
        raise BadInput("the secret is shorter than 8 characters", where=key, cure="write a longer one into it")
    return secret


def _draw(folder: Path, volume: Volume, masks: Masks, pairs: list[Pair]) -> None:
    """A picture a slice with the outlines, and one of all."""
    from PIL import Image

    from pellucid.core.progress import track
    from pellucid.report.figures import as_png
    from pellucid.report.overlays import outlined, sheet

    (folder / "overlays").mkdir()
    shown = {}
    for pair in track(pairs, "drawing slices"):
        outlines = [mask[pair.index] for mask in masks.values.values()]
        picture = outlined(pair.image, outlines, volume.spacing[1:])
        Image.fromarray(picture).save(folder / "overlays" / f"{pair.index:04}.png")
        shown[f"slice {pair.index}, {pair.height:.1f} mm"] = picture
    headline = f"{volume.modality} of {_counted(len(volume.values), 'slice')}, {len(pairs)} of them with a mask"
    (folder / "sheet.png").write_bytes(as_png(sheet(shown, list(masks.values), headline)))


def _summary(volume: Volume, masks: Masks, pairs: list[Pair], files: list[str], began: float) -> dict[str, Any]:
    voxel = float(volume.spacing[0] * volume.spacing[1] * volume.spacing[2])
    regions = [
        {"label": i, "name": name, "voxels": int(mask.sum()), "millilitres": round(int(mask.sum()) * voxel / 1000, 3)}
        for i, (name, mask) in enumerate(masks.values.items(), start=1)
    ]
    told = [*files, "overlays", "sheet.png", "summary.json"]
    return {
        "schema": "pellucid.dicom/1",
        "command": shlex.join(["pellucid", *sys.argv[1:]]),
        "modality": volume.modality,
        "shape": list(volume.values.shape),
        "spacing_mm": list(volume.spacing),
        "slices": len(volume.values),
        "pairs": len(pairs),
        "regions": regions,
        "notes": [*masks.notes, *masks.covered()],
        "files": {"sheet": "sheet.png", "all": sorted(told)},
        "seconds": time.perf_counter() - began,
    }


def _tell(summary: dict[str, Any], out: Path) -> None:
    from pellucid.report.words import visible

    slices, rows, columns = summary["shape"]
    spacing = " × ".join(f"{s:.4g}" for s in summary["spacing_mm"])
    print(f"{summary['modality']}: {_counted(slices, 'slice')} of {rows} × {columns}, {spacing} mm")
    width = max(len(visible(r["name"])) for r in summary["regions"])
    for region in summary["regions"]:
        print(f"  {region['label']:>3}  {visible(region['name']):<{width}}  {region['millilitres']:>10.2f} ml")
    for note in summary["notes"]:
        print(visible(note), file=sys.stderr)
    volumes = "index.csv" not in summary["files"]["all"]
    written = f"one volume of {_counted(slices, 'slice')}" if volumes else _counted(summary["pairs"], "pair")
    print(f"\n{written}: {out.resolve()}\nall at a glance: {(out / 'sheet.png').resolve()}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
