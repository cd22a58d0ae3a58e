"""What is true of a picture, from the pixels that are seen; and the same scene with something else in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.synth.render import Rendered
from pellucid.synth.scene import Scene

#: A part counts as seen from so many pixels on.
SEEN = 12


def without(scene: Scene, part: str) -> Scene:
    """The scene without a part (a name, a kind or a glob), all else and the camera as they were."""
    gone = set(scene.named(part))
    left = tuple(p for p in scene.parts if p.name not in gone)
    if not left:
        raise BadInput(f"without {part!r} nothing is left", where=scene.name, cure="leave a part standing")
    marks = {n: at for n, at in scene.landmarks.items() if n not in gone}
    return scene.replace(parts=left, landmarks=marks)


def recoloured(scene: Scene, part: str, colour: tuple[int, int, int]) -> Scene:
    """The scene with a part (a name, a kind or a glob) in one colour, inside too."""
    chosen = set(scene.named(part))
    change = lambda p: dataclasses.replace(p, mesh=p.mesh.coloured(colour), inside=colour)  # noqa: E731
    return scene.replace(parts=tuple(change(p) if p.name in chosen else p for p in scene.parts))


def mask(picture: Rendered, part: str) -> np.ndarray:
    """The pixels that see a part (a name, a kind or a glob): bool [h, w]."""
    chosen = set(picture.scene.named(part))
    return np.isin(picture.parts, [i for i, p in enumerate(picture.scene.parts) if p.name in chosen])


def kind_mask(picture: Rendered, kinds: tuple[str, ...] | None = None) -> np.ndarray:
    """A label image: uint8 [h, w], 0 for the backdrop, k + 1 for ``kinds[k]`` (the scene's own, in their order)."""
    known = kinds or picture.scene.kinds
    number = [0, *(known.index(p.kind) + 1 for p in picture.scene.parts)]
    return np.array(number, np.uint8)[picture.parts.astype(np.int64) + 1]


def pixels(picture: Rendered) -> np.ndarray:
    """How many pixels see each part: int64 [parts]."""
    return np.bincount(picture.parts.ravel() + 1, minlength=len(picture.scene.parts) + 1)[1:]


def boxes(picture: Rendered, least: int = SEEN) -> dict[str, tuple[int, int, int, int]]:
    """The box x0, y0, x1, y1 (the last ones behind) of each part of which ``least`` pixels are seen."""
    found = {}
    for i, count in enumerate(pixels(picture)):
        if count >= least:
            rows, columns = (np.flatnonzero((picture.parts == i).any(axis)) for axis in (1, 0))
            found[picture.scene.parts[i].name] = (
                int(columns[0]),
                int(rows[0]),
                int(columns[-1]) + 1,
                int(rows[-1]) + 1,
            )
    return found


def counts(picture: Rendered, least: int = SEEN) -> Mapping[str, int]:
    """How many parts of each kind are seen."""
    seen = pixels(picture) >= least
    return {
        k: sum(bool(s) for p, s in zip(picture.scene.parts, seen, strict=True) if p.kind == k)
        for k in picture.scene.kinds
    }


def points(picture: Rendered) -> np.ndarray:
    """The landmarks that are seen: float [k, 2], x and y in pixels."""
    return picture.points[picture.visible]


def as_sample(picture: Rendered) -> Sample:
    """The picture with its truth: labels, label image of the kinds, boxes of seen parts, points of seen landmarks."""
    found = np.array(list(boxes(picture).values()), np.float64).reshape(-1, 4)
    return Sample(
        picture.image,
        label=dict(picture.scene.labels),
        masks=kind_mask(picture),
        boxes=found,
        points=points(picture),
        source=f"{picture.scene.name}-{picture.scene.seed}-{picture.scene.number}",
    )
