"""A folder of made objects: models, pictures, sections, what is known of each, and a sheet of them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
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

#: So many pictures are shown on the sheet, at so many pixels a side.
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


def write_objects(folder: Path, wish: Wish) -> list[dict[str, Any]]:
    """Fill a folder; gives the facts of each object with the names of its files."""
    digits = max(3, len(str(wish.count - 1)))
    made, shown = [], []
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
        if len(shown) < SHOWN:
            shown += [thumb(p) for p in (pictures or {"": scene.render(THUMB, supersample=2).image}).values()]
    Image.fromarray(sheet(shown)).save(folder / "sheet.png")
    return made


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
