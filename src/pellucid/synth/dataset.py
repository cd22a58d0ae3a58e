"""A folder to train from: pictures in class folders, a table of labels, label images, COCO, YOLO."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.synth import export, truth
from pellucid.synth.folder import Glance, Wish
from pellucid.synth.outlines import area, outlines
from pellucid.synth.recipe import Recipe, stream
from pellucid.synth.render import Rendered
from pellucid.synth.scene import Scene

#: A label image has one byte a pixel.
MOST_KINDS = 255


@dataclass(frozen=True)
class Plan:
    """splits: the share of each. held_out: combinations of labels that go into a split of that name alone."""

    splits: Mapping[str, float] = field(default_factory=lambda: {"train": 0.7, "val": 0.15, "test": 0.15})
    held_out: tuple[Mapping[str, str], ...] = ()
    yolo: bool = False

    def check(self, recipes: tuple[Recipe, ...]) -> None:
        """A combination names labels that can come up, or an error says so."""
        known = {n for r in recipes for n in (*r.make().labels, *r.ranges)}
        for combination in self.held_out:
            for name in combination:
                if name not in known:
                    raise BadInput(f"there is no label {name!r} to hold out", cure=near(name, known))

    def split(self, scene: Scene) -> str:
        """Which split a scene goes into, by its object, seed and number alone."""
        known = {**scene.parameters, **scene.labels}
        for combination in self.held_out:
            if all(str(known.get(n)) == wanted for n, wanted in combination.items()):
                return "held_out"
        place, reached = stream(scene.seed, scene.number, f"{scene.name}/split").random(), 0.0
        for name, share in self.splits.items():
            reached += share
            if place < reached:
                return name
        return list(self.splits)[-1]


class _Lines:
    """A list of plain values that grows in a file, since there may be millions; it goes away with the block."""

    def __init__(self, path: Path):
        self._path, self._count = path, 0
        self._file = path.open("w", encoding="utf-8")

    def append(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        self._file.flush()
        with self._path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._path.unlink()


@dataclass
class _Growing:
    """What becomes known on the way: the kinds of parts with their numbers, columns, rows, annotations."""

    rows: _Lines
    annotations: _Lines
    kinds: list[str] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)

    def know(self, scene: Scene) -> None:
        self.kinds += [k for k in scene.kinds if k not in self.kinds]
        if len(self.kinds) > MOST_KINDS:
            what = f"there are more than {MOST_KINDS} kinds of parts, which a label image cannot tell apart"
            raise BadInput(what, cure="give parts that are alike the same kind")


def write_dataset(folder: Path, wish: Wish, plan: Plan) -> dict[str, Any]:
    """Fill a folder with pictures and all that is known of them; gives a summary."""
    plan.check(wish.recipes)
    with _Lines(folder / ".rows") as rows, _Lines(folder / ".annotations") as annotations:
        told = _Growing(rows, annotations)
        shown = _write_pictures(folder, wish, plan, told)
        _write_table(folder / "labels.csv", told)
        _write_coco(folder / "coco.json", told, wish.size)
        (folder / "classes.json").write_text(json.dumps(["background", *told.kinds]), encoding="utf-8")
        splits = Counter(r["split"] for r in rows)
        if plan.yolo:
            _write_yolo(folder, told, list(splits))
        return {
            "images": len(rows),
            "shown": shown,
            "splits": dict(splits),
            "classes": dict(Counter(r["path"].split("/")[1] for r in rows)),
            "kinds": told.kinds,
            "boxes": len(annotations),
            "points": sum(len(json.loads(r["points"])) for r in rows),
        }


def _write_pictures(folder: Path, wish: Wish, plan: Plan, told: _Growing) -> int:
    """The pictures with their models; gives how many are on the sheet."""
    sorted_by = {r.name: r.label for r in wish.recipes}
    digits = max(5, len(str(wish.count - 1)))
    glance = Glance(wish.recipes)
    with (folder / "objects.jsonl").open("w", encoding="utf-8") as lines:
        for scene in track(wish.scenes(), "make", wish.total):
            told.know(scene)
            group = str(scene.labels[sorted_by[scene.name]]) if len(sorted_by) == 1 else scene.name
            stem = f"{scene.name}-{scene.number:0{digits}d}"
            picture = scene.render(wish.size, supersample=wish.supersample)
            row = _row(picture, plan, f"images/{group}/{stem}.png", f"masks/{stem}.png")
            _write(folder, picture, told, row, plan)
            for kind in wish.formats:
                _placed(folder / "models" / f"{stem}.{kind}").write_bytes(export.encoded(scene, kind))
            lines.write(json.dumps({**scene.facts(), "image": row["path"]}, ensure_ascii=False) + "\n")
            if glance.has_place(scene):
                glance.add(scene, [picture.image])
    glance.write(folder / "sheet.png")
    return glance.objects


def _row(picture: Rendered, plan: Plan, image: str, mask: str) -> dict[str, Any]:
    """A line of the table. What is counted is what is seen; labels are what was made."""
    scene = picture.scene
    kind = {p.name: p.kind for p in scene.parts}
    found = truth.boxes(picture)
    seen = {f"seen_{k.replace(' ', '_')}": n for k, n in truth.counts(picture).items()}
    return {
        "image": Path(image).name,
        "path": image,
        "split": plan.split(scene),
        "mask": mask,
        **scene.labels,
        "backdrop": scene.backdrop,
        **seen,
        "tags": ";".join(dict.fromkeys(kind[n] for n in found)),
        "boxes": json.dumps([[kind[n], *box] for n, box in found.items()]),
        "points": json.dumps(np.round(truth.points(picture), 3).tolist()),
    }


def _write(folder: Path, picture: Rendered, told: _Growing, row: Mapping[str, Any], plan: Plan) -> None:
    Image.fromarray(picture.image).save(_placed(folder / row["path"]))
    labels = truth.kind_mask(picture, tuple(told.kinds))
    Image.fromarray(labels).save(_placed(folder / row["mask"]))
    height, width = labels.shape
    told.rows.append(row)
    told.columns.update(dict.fromkeys(row))
    boxes = truth.boxes(picture)
    for i, part in enumerate(picture.scene.parts):
        if part.name in boxes:
            told.annotations.append(_annotation(picture.parts == i, boxes[part.name], part.kind, told))
    if plan.yolo:
        text = Path(row["path"].replace("images/", "labels/", 1)).with_suffix(".txt")
        lines = [_yolo_line(told.kinds.index(picture.scene[n].kind), b, width, height) for n, b in boxes.items()]
        _placed(folder / text).write_text("".join(lines), encoding="utf-8")


def _annotation(mask: np.ndarray, box: tuple[int, int, int, int], kind: str, told: _Growing) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    lines = [[(x + x0, y + y0) for x, y in line] for line in outlines(mask[y0:y1, x0:x1])]
    # Polygons cannot have holes; COCO's run lengths can.
    whole = all(area(line) > 0 for line in lines)
    return {
        "id": len(told.annotations) + 1,
        "image_id": len(told.rows),
        "category_id": told.kinds.index(kind) + 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(mask.sum()),
        "segmentation": [[c for corner in line for c in corner] for line in lines] if whole else run_lengths(mask),
        "iscrowd": 0,
    }


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's uncompressed run lengths: how many pixels off, on, off, …, column by column."""
    flat = np.asarray(mask, bool).T.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return {"counts": counts.tolist(), "size": list(mask.shape)}


def _yolo_line(kind: int, box: tuple[int, int, int, int], width: int, height: int) -> str:
    x0, y0, x1, y1 = box
    middle = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height
    return f"{kind} {middle[0]:.6f} {middle[1]:.6f} {(x1 - x0) / width:.6f} {(y1 - y0) / height:.6f}\n"


def _placed(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_table(path: Path, told: _Growing) -> None:
    """All columns that any row has, in the order in which they came up; what a picture has not is 0 seen, or empty."""
    last = ("tags", "boxes", "points")
    names = [n for n in told.columns if n not in last]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*names, *last])
        for row in told.rows:
            table.writerow([row.get(n, 0 if n.startswith("seen_") else "") for n in (*names, *last)])


def _write_coco(path: Path, told: _Growing, size: int) -> None:
    images = (
        {"id": k, "file_name": row["path"], "width": size, "height": size} for k, row in enumerate(told.rows, start=1)
    )
    head = {
        "info": {"description": "made by pellucid make: boxes and outlines of what is seen"},
        "categories": [{"id": k + 1, "name": n} for k, n in enumerate(told.kinds)],
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1])
        for name, values in (("images", images), ("annotations", iter(told.annotations))):
            file.write(f', "{name}": [')
            for k, value in enumerate(values):
                file.write((", " if k else "") + json.dumps(value))
            file.write("]")
        file.write("}")


def _write_yolo(folder: Path, told: _Growing, splits: list[str]) -> None:
    """The lists of pictures by split and the file that names them, beside the labels/ that mirror images/."""
    for split in splits:
        with (folder / f"{split}.txt").open("w", encoding="utf-8") as file:
            file.writelines(f"./{r['path']}\n" for r in told.rows if r["split"] == split)
    lines = ["path: .", *(f"{s}: {s}.txt" for s in splits), "names:"]
    lines += [f"  {k}: {json.dumps(n)}" for k, n in enumerate(told.kinds)]
    (folder / "data.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
