"""The scenes behind the pictures of a folder that ``pellucid make --dataset`` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.synth.recipe import recipe
from pellucid.synth.scene import Scene
from pellucid.synth.table import objects

#: The file that holds a line an object.
FACTS = "objects.jsonl"

#: Samples along each side of a pixel that are tried; the folder does not say them.
_SAMPLES = (2, 1, 3, 4)


@dataclass(frozen=True)
class Again:
    """Pictures that can be rendered again, byte for byte, and why others cannot.

    scenes: by the picture's number. size, samples: of all of them, as ``Scene.render`` takes them. left_out: by number.
    """

    scenes: Mapping[int, Scene]
    size: int
    samples: int
    left_out: Mapping[int, BadInput]


def is_made(folder: str | Path) -> bool:
    """Whether a folder's pictures were rendered, and can be again: all of registered objects."""
    path = Path(folder) / FACTS
    return path.is_file() and all(told["object"] in objects for told in _facts(Path(folder)).values())


def scenes_of(folder: str | Path, pictures: Sequence[str | Path]) -> list[Scene]:
    """The scene of each picture (a path in the folder, or relative to it), made again from what was drawn.

    Raises BadInput for a picture that is not told of, and for objects of recipes of one's own.
    """
    facts = _facts(Path(folder))
    return [_scene(facts, Path(folder), picture) for picture in pictures]


def again(folder: str | Path, pictures: Sequence[str | Path]) -> Again:
    """Which pictures (paths) of a folder can be rendered again.

    A picture that the folder does not tell of, or that was changed since, costs the others nothing. Raises BadInput,
    the first one's, where none can be.
    """
    facts, scenes, left_out = _facts(Path(folder)), {}, {}
    known: tuple[int, int] | None = None
    for i, picture in enumerate(pictures):
        try:
            scene = _scene(facts, Path(folder), picture)
            own = samples_of(scene, picture, _SAMPLES if known is None else known[1:])
            if known is not None and own != known:
                raise BadInput(f"it has a side of {own[0]} pixels, where others have {known[0]}", where=picture)
        except BadInput as error:
            left_out[i] = error
        else:
            known, scenes[i] = own, scene
    if known is None:
        raise left_out[0]
    return Again(scenes, *known, left_out)


def _scene(facts: Mapping[str, dict[str, Any]], folder: Path, picture: str | Path) -> Scene:
    name = Path(picture).as_posix()
    if name not in facts and Path(picture).resolve().is_relative_to(folder.resolve()):
        name = Path(picture).resolve().relative_to(folder.resolve()).as_posix()
    if name not in facts:
        raise BadInput(f"{FACTS} does not tell of it", where=folder / name, cure="pass pictures of that folder")
    return scene_of(facts[name], where=folder / name)


def scene_of(facts: dict[str, Any], *, where: object = "") -> Scene:
    """A scene from its facts (``Scene.facts``)."""
    if facts["object"] not in objects:
        cure = "make the data of registered objects (pellucid make lists them)"
        raise BadInput(f"it is a {facts['object']}, whose recipe is not registered", where=where, cure=cure)
    return recipe(facts["object"]).made_of(facts["parameters"], facts["seed"], facts["number"])


def samples_of(scene: Scene, path: str | Path, tried: Sequence[int] = _SAMPLES) -> tuple[int, int]:
    """The size and the samples along each side of a pixel that give this picture of the scene, byte for byte."""
    image = np.asarray(Image.open(path).convert("RGB"))
    for samples in tried:
        if np.array_equal(scene.render(len(image), supersample=samples).image, image):
            return len(image), samples
    cure = "make the folder again (pellucid make … --dataset), without --shadows"
    raise BadInput("it is not the picture that its scene gives", where=path, cure=cure)


def _facts(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / FACTS
    if not path.is_file():
        cure = "pass a folder that pellucid make OBJECT --dataset has written"
        raise BadInput(f"there is no {FACTS}", where=folder, cure=cure)
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            told = json.loads(line)
            found[told["image"]] = {**told, "object": told["object"]}
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"line {number} tells of no object ({error})", where=path, cure="make the folder again"
            ) from None
    return found
