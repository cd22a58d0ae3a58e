"""The renderer beside trimesh with Embree: the same pictures, in turn, in one process."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import embreex
import numpy as np
import trimesh

import pellucid
from benchmarks.pairs import Pair, compare
from pellucid.core.progress import quiet
from pellucid.synth.backdrop import backdrop
from pellucid.synth.embree import caster
from pellucid.synth.recipe import recipe
from pellucid.synth.render import rays
from pellucid.synth.scene import Scene

SIZE = 128
SCENES = 8  # of each object


class Peer:
    """Ray casting as one writes it with trimesh and Embree: first hits, smooth normals, Lambert's law."""

    def __init__(self, scene: Scene):
        self.scene, self.whole, self.cast = scene, scene.whole, caster(scene.whole)

    def picture(self) -> np.ndarray:
        scene, light = self.scene, self.scene.light
        begin, along = rays(scene.camera, SIZE, SIZE)
        places, ray, face = self.cast.intersects_location(begin, along, multiple_hits=False)
        corners = self.whole.vertices[self.whole.faces[face]]
        weights = trimesh.triangles.points_to_barycentric(corners, places)[:, :, None]
        normals = (scene.corner_normals[face] * weights).sum(1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        colours = (self.whole.colours[self.whole.faces[face]] * weights).sum(1)
        towards = np.array(light.towards) / np.linalg.norm(light.towards)
        image = backdrop(scene.backdrop, SIZE, SIZE).reshape(-1, 3)
        image[ray] = colours * (light.ambient + light.direct * np.maximum(normals @ towards, 0))[:, None]
        return np.clip(np.rint(image), 0, 255).astype(np.uint8).reshape(SIZE, SIZE, 3)


def matte(scene: Scene) -> Scene:
    """Without highlights, which the peer's lines leave out."""
    import dataclasses

    return scene.replace(parts=tuple(dataclasses.replace(p, gloss=0.0) for p in scene.parts), backdrop="grey")


def pairs() -> Iterator[Pair]:
    for name in ("apple", "coin", "knife", "vehicle", "fruit-bowl", "landmark-plate"):
        scenes = [matte(recipe(name).make(0, n)) for n in range(SCENES)]
        peers = [Peer(s) for s in scenes]
        faces = np.mean([len(s.whole.faces) for s in scenes])
        yield compare(
            f"{name}, {faces:.0f} triangles",
            lambda scenes=scenes: np.stack([s.render(SIZE).image for s in scenes]),
            lambda peers=peers: np.stack([p.picture() for p in peers]),
            rounds=9,
        )


def row(pair: Pair) -> str:
    """Milliseconds an image and images a second instead of seconds."""
    ours, theirs = (1000 * float(np.median(t)) / SCENES for t in (pair.ours, pair.theirs))
    r = pair.ratios
    spread = f"**{np.median(r):.1f}×** ({r[0]:.1f}–{r[-1]:.1f})"
    return f"| {pair.what} | {ours:.1f} | {theirs:.1f} | {1000 / ours:.0f} | {spread} | {pair.difference:.1e} |"


def main() -> None:
    with quiet():
        rows = [row(pair) for pair in pairs()]
    versions = f"pellucid {pellucid.__version__}, trimesh {trimesh.__version__}, embreex {embreex.__version__}"
    machine = f"{platform.machine()}, {os.cpu_count()} processors, no GPU"
    text = f"""# Rendering, side by side

Written by `python -m benchmarks.make`. One process, the two in turn after a warm-up; a ratio is the other's time over
ours in the same round, given as the median with the smallest and largest. {SCENES} scenes an object at {SIZE} × {SIZE},
one sample a pixel, Lambert's law. Ours also gives parts, depth and normals; the other casts one ray a pixel
(`intersects_location`) at a mesh whose tree is built beforehand. The difference is ‖ours − theirs‖ / ‖theirs‖ of the
pictures. {versions}, numpy {np.__version__}; {machine}.

| what | pellucid, ms an image | trimesh and Embree, ms | pellucid, images a second | ratio | difference |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Shadows need Embree here too: `render` casts one more ray a pixel that is seen.
"""
    Path(__file__).with_name("MAKE.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
