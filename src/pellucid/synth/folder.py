"""A folder of made objects: models, pictures, sections, what is known of each, and a sheet of them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.core.progress import track
from pellucid.synth import export
from pellucid.synth.recipe import Recipe
from pellucid.synth.scene import Scene
from pellucid.synth.sheet import sheet

#: So many pictures are shown on the sheet, shared between the recipes, at so many pixels a side.
SHOWN, THUMB = 36, 192


@dataclass(frozen=True)
class Wish:
    """What is to be made. formats: of the models. size: of the pictures, 0 for none. cut: with their sections."""

    recipes: tuple[Recipe, ...]
    count: int = 1
    seed: int = 0
    formats: tuple[str, ...] = ("glb",)
    size: int = 224
    supersample: int = 2
    cut: bool = False
    shadows: bool = False

    def scenes(self) -> Iterator[Scene]:
        """``count`` scenes of each recipe."""
        for recipe in self.recipes:
            for number in range(self.count):
                yield self.lit(recipe.make(self.seed, number))

    def lit(self, scene: Scene) -> Scene:
        """The scene with shadows, where they are wanted."""
        return scene.replace(light=dataclasses.replace(scene.light, shadows=True)) if self.shadows else scene

    @property
    def total(self) -> int:
        """How many objects that makes."""
        return self.count * len(self.recipes)


class Glance:
    """The sheet of what was made: the first objects of each recipe, which share its places."""

    def __init__(self, recipes: Sequence[Recipe]):
        each, more = divmod(SHOWN, len(recipes))
        self._left = {r.name: max(1, each + (k < more)) for k, r in enumerate(recipes)}
        self._pictures: list[np.ndarray] = []
        self.objects = 0

    def has_place(self, scene: Scene) -> bool:
        """Whether the object is still to be shown."""
        return self._left[scene.name] > 0

    def add(self, scene: Scene, pictures: Sequence[np.ndarray]) -> None:
        """Show the object in these pictures."""
        self._pictures += [thumb(p) for p in pictures]
        self._left[scene.name] -= len(pictures)
        self.objects += 1

    def write(self, path: Path) -> None:
        """The sheet as a file."""
        Image.fromarray(sheet(self._pictures)).save(path)


def write_objects(folder: Path, wish: Wish) -> dict[str, Any]:
    """Fill a folder; gives the facts of each object with the names of its files, and how many the sheet shows."""
    digits = max(3, len(str(wish.count - 1)))
    made, glance = [], Glance(wish.recipes)
    for scene in track(wish.scenes(), "make", wish.total):
        stem = f"{scene.name}-{scene.number:0{digits}d}"
        pictures = _pictures(scene, wish)
        models = [f"{stem}.{kind}" for kind in wish.formats]
        for model in models:
            (folder / model).write_bytes(export.encoded(scene, model.rpartition(".")[2]))
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{stem}{name}.png")
        facts = {**scene.facts(), "files": [*models, *(f"{stem}{n}.png" for n in pictures)]}
        export.write_facts(scene, folder / f"{stem}.json")
        made.append({**facts, "files": [*facts["files"], f"{stem}.json"]})
        if glance.has_place(scene):
            glance.add(scene, list(pictures.values()) or [scene.render(THUMB, supersample=2).image])
    glance.write(folder / "sheet.png")
    return {"objects": made, "shown": glance.objects}


def _pictures(scene: Scene, wish: Wish) -> dict[str, np.ndarray]:
    """The picture, and those of its sections, by what is added to the file's name."""
    if not wish.size:
        return {}
    cuts = {f"-{name}": plane for name, plane in scene.sections.items()} if wish.cut else {}
    views = {"": False, **cuts}
    return {name: scene.render(wish.size, supersample=wish.supersample, cut=cut).image for name, cut in views.items()}


def thumb(picture: np.ndarray) -> np.ndarray:
    """The picture at the sheet's size."""
    return np.asarray(Image.fromarray(picture).resize((THUMB, THUMB), Image.Resampling.LANCZOS))
