"""Meshes into the established formats, with what is known of them as JSON beside. It needs ``pellucid[mesh]``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.files import whole_file
from pellucid.synth.scene import Scene

#: What each format keeps.
FORMATS = {
    "glb": "parts, names, colours",
    "obj": "parts, names, colours (a vertex's, behind its place)",
    "ply": "colours; all parts are one mesh",
    "stl": "the surface alone; all parts are one mesh",
}


def save(scene: Scene, path: str | Path) -> Path:
    """Write a scene's meshes in the format of the path's ending, and its facts as JSON beside; gives the path back."""
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    data = encoded(scene, kind)
    with whole_file(path) as file:
        file.write_bytes(data)
    write_facts(scene, path.with_suffix(".json"))
    return path


def write_facts(scene: Scene, path: Path) -> None:
    """What is known of a scene, as JSON."""
    with whole_file(path) as file:
        file.write_text(json.dumps(scene.facts(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def encoded(scene: Scene, kind: str) -> bytes:
    """The meshes in one of FORMATS, in millimetres (in GLB, whose unit is the metre and whose y is up, as that)."""
    if kind not in FORMATS:
        raise BadInput(f"there is no format {kind!r} for meshes", cure=near(kind, FORMATS))
    trimesh = _trimesh()
    if kind in ("ply", "stl"):
        return _bytes(_meshes(trimesh, scene.whole).export(file_type=kind))
    whole = trimesh.Scene()
    for part in scene.parts:
        mesh = _meshes(trimesh, part.mesh)
        if kind == "glb":
            mesh.apply_transform(TO_GLTF)
        whole.add_geometry(mesh, node_name=part.name, geom_name=part.name)
    return _bytes(whole.export(file_type=kind))


#: glTF 2.0 §3.4: metres, y up, the front towards +z.
TO_GLTF = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1000]]) / 1000


def _trimesh() -> Any:
    try:
        import trimesh
    except ImportError as error:
        cure = "pip install 'pellucid[mesh]', or leave the models out with --format none"
        raise BadInput("writing 3-D models needs trimesh, which is not installed", cure=cure) from error
    return trimesh


def _meshes(trimesh: Any, mesh: Any) -> Any:
    opaque = np.c_[mesh.colours, np.full(len(mesh.colours), 255, np.uint8)]
    return trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=opaque, process=False)


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else data
