"""What was made and how it is looked at: parts, landmarks, labels, camera, light, backdrop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth.mesh import Mesh, joined, unit

if TYPE_CHECKING:
    from pellucid.synth.render import Rendered

Colour = tuple[int, int, int]
Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Part:
    """A closed mesh with a name of its own ("seed 3") and a kind that several may share ("seed").

    inside: the colour of its section; None for the mean of its surface. gloss: the strength of its highlights, 0 to 1.
    """

    name: str
    mesh: Mesh
    kind: str = ""
    inside: Colour | None = None
    gloss: float = 0.0

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", self.name)


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from. field: the angle of view in degrees, 0 for an orthographic picture.

    height: millimetres from the upper to the lower edge of an orthographic picture.
    """

    eye: Place
    target: Place = (0.0, 0.0, 0.0)
    up: Place = (0.0, 0.0, 1.0)
    field: float = 30.0
    height: float = 0.0

    @cached_property
    def axes(self) -> np.ndarray:
        """Unit vectors to the right, upwards and forward, one a row."""
        forward = unit(np.subtract(self.target, self.eye))
        right = unit(np.cross(forward, self.up))
        if not right.any():
            raise BadInput("the camera looks along its own upward direction", cure="give another up=")
        return np.stack([right, np.cross(right, forward), forward])


@dataclass(frozen=True)
class Light:
    """towards: the direction to it. ambient, direct: how bright without and with it. shadows: need Embree."""

    towards: Place = (-0.4, -0.5, 0.8)
    ambient: float = 0.42
    direct: float = 0.68
    shadows: bool = False


@dataclass(frozen=True)
class Cut:
    """A plane: what lies on the side that ``normal`` points to is taken away, and the section is seen."""

    at: Place
    normal: Place


@dataclass(frozen=True, eq=False)
class Scene:
    """An object, or several, with all that is known of it.

    parts: where one contains another the inner one comes later. labels: what a picture of it is to be called.
    landmarks: points on the surface by name. parameters: what was drawn. measured: what was found of it afterwards.
    sections: planes by name along which it may be cut open.
    """

    name: str
    parts: tuple[Part, ...]
    labels: Mapping[str, Any] = field(default_factory=dict)
    landmarks: Mapping[str, Place] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    camera: Camera = Camera((0.0, -200.0, 80.0))
    light: Light = Light()
    backdrop: str = "grey"
    sections: Mapping[str, Cut] = field(default_factory=dict)
    seed: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        names = [p.name for p in self.parts]
        if not names:
            raise BadInput("there is nothing in it", where=self.name, cure="give it a part")
        if len(set(names)) < len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise BadInput(f"two parts are called {twice!r}", where=self.name, cure="give each part its own name")

    def __getitem__(self, name: str) -> Part:
        return self.parts[[p.name for p in self.parts].index(self.named(name)[0])]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the parts, each once, in the order of the parts."""
        return tuple(dict.fromkeys(p.kind for p in self.parts))

    def named(self, pattern: str) -> list[str]:
        """The names of the parts that a name, a kind or a glob means."""
        found = [p.name for p in self.parts if fnmatchcase(p.name, pattern) or p.kind == pattern]
        if not found:
            known = dict.fromkeys([*(p.name for p in self.parts), *self.kinds])
            raise BadInput(f"no part is called {pattern!r}", where=self.name, cure=near(pattern, known))
        return found

    @cached_property
    def whole(self) -> Mesh:
        """All parts as one mesh."""
        return joined(*(p.mesh for p in self.parts))

    @cached_property
    def part_of_face(self) -> np.ndarray:
        """The part's index for each face of ``whole``: int16."""
        return np.repeat(np.arange(len(self.parts), dtype=np.int16), [len(p.mesh.faces) for p in self.parts])

    @cached_property
    def corner_normals(self) -> np.ndarray:
        """The normals at the corners of the faces of ``whole``: float32 [m, 3, 3]."""
        return np.concatenate([p.mesh.corner_normals for p in self.parts]).astype(np.float32)

    def replace(self, **changes: Any) -> Scene:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)

    def render(self, size: int | tuple[int, int] = 224, **options: Any) -> Rendered:
        """Its picture with everything that is known of each pixel; see ``pellucid.synth.render.render``."""
        from pellucid.synth.render import render

        return render(self, size, **options)

    def save(self, path: str | Path) -> Path:
        """Write the meshes as .glb, .obj, .ply or .stl, and what is known of them as .json beside."""
        from pellucid.synth.export import save

        return save(self, path)

    def facts(self) -> dict[str, Any]:
        """What is known of it as plain values: parameters, seed, labels, and each part's size."""
        return {
            "schema": "pellucid.object/1",
            "object": self.name,
            "seed": self.seed,
            "number": self.number,
            "parameters": dict(self.parameters),
            "labels": dict(self.labels),
            "measured": dict(self.measured),
            "units": "millimetres",
            "parts": [_part_facts(p) for p in self.parts],
            "landmarks": {n: [round(float(c), 6) for c in at] for n, at in self.landmarks.items()},
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{k} × {n}" if (n := sum(p.kind == k for p in self.parts)) > 1 else k for k in self.kinds)
        return f"Scene({self.name}, seed {self.seed}, number {self.number}: {counts})"


def facing(scene: Scene, cut: Cut) -> Scene:
    """The scene seen from the side that a cut takes away, a little aslant, with the light from the upper left."""
    x, y, z = unit(np.array(cut.normal, np.float64))
    turn, elevation = np.degrees(np.arctan2(x, -y)), np.degrees(np.arcsin(z))
    camera = around(scene.parts, turn=turn + 12, elevation=float(np.clip(elevation, 12, 62)), zoom=0.9)
    right, up, forward = camera.axes
    towards = tuple(-0.35 * right + 0.5 * up - 0.8 * forward)
    return scene.replace(camera=camera, light=dataclasses.replace(scene.light, towards=towards))


def _part_facts(part: Part) -> dict[str, Any]:
    m = part.mesh
    return {
        "name": part.name,
        "kind": part.kind,
        "vertices": len(m.vertices),
        "faces": len(m.faces),
        "area": round(m.area, 6),
        "volume": round(m.volume, 6),
        "low": np.round(m.vertices.min(0), 6).tolist(),
        "high": np.round(m.vertices.max(0), 6).tolist(),
    }


def around(
    parts: tuple[Part, ...],
    *,
    turn: float,
    elevation: float,
    zoom: float,
    field: float = 30.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    """A camera that has all the parts in view, in the middle of a square picture.

    turn, elevation: degrees. zoom: 1 fills the picture. shift: to the right and down, in widths of the picture.
    """
    points = np.concatenate([p.mesh.vertices for p in parts])
    middle = (points.min(0) + points.max(0)) / 2
    t, e = np.radians(turn), np.radians(elevation)
    back = np.array([np.sin(t) * np.cos(e), -np.cos(t) * np.cos(e), np.sin(e)])
    up = np.array([-np.sin(t) * np.sin(e), np.cos(t) * np.sin(e), np.cos(e)])
    right = np.cross(up, back)
    x, y, forward = np.stack([right, up, -back]) @ (points - middle).T
    # Each side of the view is a plane; the farthest that a point asks it to be moved out is how far it must be.
    slope = np.tan(np.radians(field / 2)) * zoom if field else 0.0
    reach = np.array([(side - slope * forward).max() for side in (x, -x, y, -y)])
    half = max(reach[0] + reach[1], reach[2] + reach[3]) / 2
    far = half / slope if field else 4 * float(np.ptp(points, axis=0).max())
    wide = 2 * half / zoom
    sideways = (reach[0] - reach[1]) / 2 - shift[0] * wide, (reach[2] - reach[3]) / 2 + shift[1] * wide
    target = middle + sideways[0] * right + sideways[1] * up
    return Camera(tuple(target + far * back), tuple(target), tuple(up), field, 0.0 if field else wide)
