"""Intel's ray caster, for shadows and as a referee of what pixels see. It needs ``pip install 'pellucid[mesh]'``."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.synth.mesh import Mesh, unit
from pellucid.synth.render import rays
from pellucid.synth.scene import Scene


def caster(mesh: Mesh) -> Any:
    """What casts rays at a mesh: ``intersects_first`` and ``intersects_any``."""
    try:
        import trimesh
        from trimesh.ray.ray_pyembree import RayMeshIntersector
    except ImportError as error:
        raise BadInput("shadows need Embree, which is not installed", cure="pip install 'pellucid[mesh]'") from error
    return RayMeshIntersector(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))


def faces_seen(scene: Scene, height: int, width: int) -> np.ndarray:
    """The face of ``scene.whole`` that each pixel's line of sight meets first, −1 for none: [h, w]."""
    begin, along = rays(scene.camera, height, width)
    return caster(scene.whole).intersects_first(begin, along).reshape(height, width)


def shadowed(scene: Scene, pixel: np.ndarray, far: np.ndarray, height: int, width: int) -> np.ndarray:
    """Whether something stands between what a pixel sees and the light: bool, one a pixel given."""
    begin, along = rays(scene.camera, height, width)
    towards = unit(np.array(scene.light.towards, np.float64))
    size = float(np.ptp(scene.whole.vertices, axis=0).max())
    # Off the surface, or each point would stand in its own light.
    places = begin[pixel] + along[pixel] * far[:, None] + 4e-3 * size * towards
    return caster(scene.whole).intersects_any(places, np.broadcast_to(towards, places.shape))
