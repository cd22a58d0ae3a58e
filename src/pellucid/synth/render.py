"""A scene's picture, and what is true of each of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth import raster
from pellucid.synth.backdrop import backdrop
from pellucid.synth.mesh import unit
from pellucid.synth.raster import Screen
from pellucid.synth.scene import Camera, Cut, Scene, facing

#: What lies nearer to the camera than this share of its distance to the target is not drawn.
NEAR = 1e-3

#: How sharp highlights are (the exponent of Blinn and Phong).
SHINE = 40.0


@dataclass(frozen=True, eq=False)
class Rendered:
    """image: uint8 [h, w, 3]. parts: int16 [h, w], the index of the part that a pixel sees, −1 for the backdrop.

    depth: float32 [h, w], millimetres along the line of sight's axis, infinite behind everything. normals: float32
    [h, w, 3], outwards, zero on the backdrop. points: [k, 2], the landmarks' x and y in pixels (0, 0 is the upper
    left corner of the first pixel). visible: bool [k], whether a landmark is in the picture and nothing is before it.
    """

    scene: Scene
    image: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    normals: np.ndarray
    points: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the pixels that see something see. pixel: [k]. colours: [k, 3]. far: along the camera's axis."""

    pixel: np.ndarray
    part: np.ndarray
    far: np.ndarray
    normals: np.ndarray
    colours: np.ndarray


def render(
    scene: Scene,
    size: int | tuple[int, int] = 224,
    *,
    supersample: int = 1,
    cut: bool | str | Cut = False,
    camera: Camera | None = None,
) -> Rendered:
    """Draw a scene. size: pixels a side, or (height, width).

    supersample: n × n samples a pixel for the colours; parts, depth and normals are those at the pixel's centre.
    cut: the plane to cut it open along, or the name of one of the scene's own, or True for its first; the section
    shows each part's inside. Unless a camera is given, the picture is then taken from where the section is seen.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1 or supersample < 1:
        raise BadInput(f"a picture of {height} × {width} pixels", cure="give at least 1 × 1, and supersample=1")
    plane = _plane(scene, cut)
    view = scene if plane is None else facing(scene, plane)
    view = view if camera is None else view.replace(camera=camera)
    seen = _look(view, height, width, plane)
    if supersample == 1:
        image = _shaded(view, seen, height, width)
    else:
        tall, wide = height * supersample, width * supersample
        fine = _shaded(view, _look(view, tall, wide, plane), tall, wide)
        image = fine.reshape(height, supersample, width, supersample, 3).mean((1, 3))
    points, visible = _landmarks(view, seen, height, width, plane)
    return Rendered(
        view,
        np.clip(np.rint(image), 0, 255).astype(np.uint8),
        _plane_of(seen.part, seen.pixel, height, width, np.int16(-1)),
        _plane_of(seen.far.astype(np.float32), seen.pixel, height, width, np.float32(np.inf)),
        _plane_of(seen.normals.astype(np.float32), seen.pixel, height, width, np.float32(0)),
        points,
        visible,
    )


def _plane(scene: Scene, cut: bool | str | Cut) -> Cut | None:
    if isinstance(cut, Cut) or not cut:
        return cut or None
    name = next(iter(scene.sections), "") if cut is True else cut
    if name not in scene.sections:
        cure = near(name, scene.sections) if scene.sections else "pass cut=Cut(at, normal)"
        raise BadInput(f"it has no section {name!r}" if name else "it has no section", where=scene.name, cure=cure)
    return scene.sections[name]


def _plane_of(values: np.ndarray, pixel: np.ndarray, height: int, width: int, empty: np.generic) -> np.ndarray:
    out = np.full((height * width, *values.shape[1:]), empty, values.dtype)
    out[pixel] = values
    return out.reshape(height, width, *values.shape[1:])


# -- geometry -------------------------------------------------------------------------------------


def project(camera: Camera, points: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where points [n, 3] are on the screen: x, y in pixels, and how far along the camera's axis."""
    right, up, forward = camera.axes @ (points - np.array(camera.eye)).T
    if camera.field:
        # What is level with the camera has no place on the screen; it is left out later.
        scale = height / 2 / np.tan(np.radians(camera.field) / 2) / np.where(forward == 0, np.inf, forward)
    else:
        scale = np.full(len(points), height / camera.height)
    return width / 2 + right * scale, height / 2 - up * scale, forward


def rays(camera: Camera, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel's line of sight begins and its direction, both [h · w, 3]; its part along the axis is 1."""
    x = (np.arange(width) + 0.5 - width / 2) / (height / 2)
    y = (height / 2 - np.arange(height) - 0.5) / (height / 2)
    flat = np.stack([a.ravel() for a in np.meshgrid(x, y)], 1)
    right, up, forward = camera.axes
    if camera.field:
        reach = flat * np.tan(np.radians(camera.field) / 2)
        return np.broadcast_to(np.array(camera.eye), (len(flat), 3)), forward + reach @ np.stack([right, up])
    begin = np.array(camera.eye) + flat * camera.height / 2 @ np.stack([right, up])
    return begin, np.broadcast_to(forward, begin.shape)


def _look(scene: Scene, height: int, width: int, cut: Cut | None) -> _Seen:
    camera, whole = scene.camera, scene.whole
    x, y, far = project(camera, whole.vertices, height, width)
    least = NEAR * float(np.linalg.norm(np.subtract(camera.target, camera.eye)))
    near = 1 / np.maximum(far, least) if camera.field else -far
    screen = Screen(x, y, near, whole.faces)
    drawn = (far > least)[whole.faces].all(1) & ((screen.doubled < 0) if cut is None else (screen.doubled != 0))
    chosen = np.flatnonzero(drawn)
    screen = screen.subset(chosen)
    pixel, face = raster.fragments(screen, height, width)
    depth = raster.depth(screen, face, pixel % width + 0.5, pixel // width + 0.5)
    section = None
    if cut is not None:
        begin, along = rays(camera, height, width)
        kept, section = _opened(scene, screen, chosen, pixel, face, depth, (begin, along), cut)
        pixel, face, depth = pixel[kept], face[kept], depth[kept]
    seen = raster.nearest(pixel, depth, height * width)
    seen = seen[seen >= 0]
    pixel, face, depth = pixel[seen], face[seen], depth[seen]
    surface = _surface(scene, screen, chosen, pixel, face, depth, width)
    return surface if section is None else _with_section(surface, section)


def _surface(
    scene: Scene,
    screen: Screen,
    chosen: np.ndarray,
    pixel: np.ndarray,
    face: np.ndarray,
    depth: np.ndarray,
    width: int,
) -> _Seen:
    """Normals and colours between the corners of the faces that are seen."""
    weights = screen.weights(face, pixel % width + 0.5, pixel // width + 0.5)
    corner = screen.faces[face]
    if scene.camera.field:
        weights *= screen.near[corner]
        weights /= weights.sum(1, keepdims=True)
    which = chosen[face]
    w = weights.astype(np.float32)[:, None]
    normals = unit((w @ scene.corner_normals[which])[:, 0])
    colours = (w @ scene.whole.colours[corner].astype(np.float32))[:, 0]
    far = 1 / depth if scene.camera.field else -depth
    return _Seen(pixel, scene.part_of_face[which], far, normals, colours)


def _opened(
    scene: Scene,
    screen: Screen,
    chosen: np.ndarray,
    pixel: np.ndarray,
    face: np.ndarray,
    depth: np.ndarray,
    lines: tuple[np.ndarray, np.ndarray],
    cut: Cut,
) -> tuple[np.ndarray, _Seen]:
    """Which fragments the cut leaves, and the section.

    A line of sight that leaves a closed part once more often than it enters it, behind the plane, met the plane inside
    the part. So the section needs no mesh of its own, and of parts within parts the innermost, the last, is seen.
    """
    begin, along = lines
    normal = np.array(cut.normal, np.float64)
    far = 1 / depth if scene.camera.field else -depth
    height = (begin[pixel] + along[pixel] * far[:, None] - np.array(cut.at)) @ normal
    kept = height <= 0
    part = scene.part_of_face[chosen[face[kept]]].astype(np.int64)
    leaving = np.where(screen.doubled[face[kept]] > 0, 1, -1)
    count = np.bincount(pixel[kept] * len(scene.parts) + part, leaving, len(begin) * len(scene.parts))
    within = count.reshape(-1, len(scene.parts)) > 0.5
    met = np.flatnonzero(within.any(1))
    innermost = (len(scene.parts) - 1 - within[met, ::-1].argmax(1)).astype(np.int16)
    colours = np.array([p.inside or p.mesh.colours.mean(0) for p in scene.parts], np.float32)
    reach = ((np.array(cut.at) - begin[met]) @ normal) / (along[met] @ normal)
    facing = np.broadcast_to(unit(normal).astype(np.float32), (len(met), 3))
    return kept, _Seen(met, innermost, reach, facing, colours[innermost])


def _with_section(surface: _Seen, section: _Seen) -> _Seen:
    behind = ~np.isin(surface.pixel, section.pixel)
    both = lambda a, b: np.concatenate([a[behind], b])  # noqa: E731
    return _Seen(*(both(getattr(surface, n), getattr(section, n)) for n in surface.__dataclass_fields__))


# -- light ----------------------------------------------------------------------------------------


def _shaded(scene: Scene, seen: _Seen, height: int, width: int) -> np.ndarray:
    """Lambert's law with ambient light, and highlights: float [h, w, 3], 0 to 255 and above."""
    light, camera = scene.light, scene.camera
    towards = unit(np.array(light.towards, np.float64)).astype(np.float32)
    facing = np.maximum(seen.normals @ towards, 0)
    if light.shadows:
        from pellucid.synth.embree import shadowed  # its ray caster needs an extra

        facing = facing * ~shadowed(scene, seen.pixel, seen.far, height, width)
    gloss = np.array([p.gloss for p in scene.parts], np.float32)
    colours = seen.colours * (light.ambient + light.direct * facing)[:, None]
    if gloss.any():
        halfway = unit(towards - camera.axes[2]).astype(np.float32)
        colours += (255 * gloss[seen.part] * (facing > 0) * np.maximum(seen.normals @ halfway, 0) ** SHINE)[:, None]
    image = backdrop(scene.backdrop, height, width, scene.seed * 1_000_003 + scene.number).reshape(-1, 3)
    image[seen.pixel] = colours
    return image.reshape(height, width, 3)


def _landmarks(scene: Scene, seen: _Seen, height: int, width: int, cut: Cut | None) -> tuple[np.ndarray, np.ndarray]:
    """Where the landmarks are in the picture, and which of them are seen."""
    places = np.array(list(scene.landmarks.values()), np.float64).reshape(-1, 3)
    x, y, far = project(scene.camera, places, height, width)
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (far > 0)
    if cut is not None:
        within &= (places - np.array(cut.at)) @ np.array(cut.normal) <= 0
    depth = np.full(height * width, np.inf)
    depth[seen.pixel] = seen.far
    pixel = np.where(within, np.floor(np.where(within, y, 0)) * width + np.floor(np.where(within, x, 0)), 0)
    # The surface that a pixel's centre sees may lie a pixel's breadth before or behind the landmark beside it.
    breadth = 2 * np.tan(np.radians(scene.camera.field) / 2) * far if scene.camera.field else scene.camera.height
    slack = 3 * breadth / height
    return np.stack([x, y], 1), within & (np.abs(depth[pixel.astype(np.int64)] - far) <= slack)
