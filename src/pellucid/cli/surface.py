"""``pellucid surface``: points in, a closed mesh and its picture out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.models import Json
from pellucid.core.errors import BadInput, near
from pellucid.core.files import whole_file

if TYPE_CHECKING:
    from pellucid.surfaces import Surface
    from pellucid.synth.scene import Scene

FORMATS = ("glb", "obj", "ply", "stl")

#: By how much the axes turn so that the last one is this.
_UP = {"x": 2, "y": 1, "z": 0}

_COLOUR = (176, 190, 208)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(surface)


def surface(
    points: Annotated[
        str,
        typer.Argument(metavar="POINTS", help=".ply, .npy, .csv or .parquet: x, y, z, and a normal if there is one."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The mesh to write: .glb, .obj, .ply or .stl.")] = Path(
        "surface.glb"
    ),
    normals: Annotated[
        str | None, typer.Option(help="'given' or 'estimate'. \\[default: given where the file has them]")
    ] = None,
    kernel: Annotated[str, typer.Option(help="cubic or wendland.")] = "cubic",
    method: Annotated[
        str, typer.Option(help="'hermite': normals are gradients; 'offsurface': two more points at each.")
    ] = "hermite",
    smooth: Annotated[float, typer.Option(help="How far the surface may leave the points: 0, or 0.001 to 0.1.")] = 0.0,
    resolution: Annotated[
        int | None, typer.Option(help="Cells along the longest side, 8 to 512. \\[default: by the points' spacing]")
    ] = None,
    up: Annotated[str, typer.Option(help="The axis that points up in the picture: x, y or z.")] = "z",
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    as_json: Json = False,
) -> None:
    """A point cloud becomes a closed surface: the zero level of a sum of radial basis functions.

    Beside the mesh: its figures as .json, and a picture from four sides as .png.
    """
    began = time.perf_counter()
    kind = out.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise BadInput(
            f"--out {out}: there is no format {kind!r} for meshes", cure=f"end it in one of {', '.join(FORMATS)}"
        )
    if normals not in (None, "given", "estimate"):
        raise BadInput(f"--normals {normals}", cure=near(normals, ("given", "estimate")))
    if up not in _UP:
        raise BadInput(f"--up {up}", cure=near(up, _UP))
    from pellucid.data.points import read_points
    from pellucid.surfaces import reconstruct

    read = read_points(points)
    if normals == "given" and read.normals is None:
        raise BadInput("it has no normals", where=points, cure="leave --normals away to have them estimated")
    own = None if normals == "estimate" else read.normals
    try:
        made = reconstruct(
            read.places,
            own,
            kernel=kernel,
            method=method,
            smooth=smooth,
            resolution=resolution,
            seed=seed,  # type: ignore[arg-type]  # it checks
        )
    except BadInput as error:
        raise error.at(points) from error
    files = _write(made, out, kind, points, up)
    told = {**made.figures, "seconds": time.perf_counter() - began}
    if as_json:
        print(json.dumps({"schema": "pellucid.surface/1", **told, "notes": made.notes, "files": files}))
    else:
        _tell(told, made.notes, files)


def _write(made: Surface, out: Path, kind: str, points: str, up: str) -> dict[str, str]:
    """The mesh, its figures, and a picture from four sides."""
    from PIL import Image

    from pellucid.synth.export import encoded, write_facts
    from pellucid.synth.render import render
    from pellucid.synth.sheet import sheet

    scene = _scene(made, points)
    data = encoded(scene, kind)
    sides = [render(scene.replace(**side), 360, supersample=2).image for side in _sides(made, up)]
    with whole_file(out) as file:
        file.write_bytes(data)
    write_facts(scene, out.with_suffix(".json"))
    with whole_file(out.with_suffix(".png")) as file:
        Image.fromarray(sheet(sides, 4)).save(file, "png")
    return {
        name: str(out.with_suffix(s).resolve())
        for name, s in (("mesh", out.suffix), ("facts", ".json"), ("picture", ".png"))
    }


def _scene(made: Surface, points: str) -> Scene:
    import numpy as np

    from pellucid.synth.mesh import Mesh
    from pellucid.synth.scene import Part, Scene

    colours = np.tile(np.array(_COLOUR, np.uint8), (len(made.vertices), 1))
    mesh = Mesh(made.vertices, made.faces.astype(np.int32), colours)
    return Scene(
        "surface", (Part("surface", mesh),), parameters={"points": points}, measured=made.figures, backdrop="white"
    )


def _sides(made: Surface, up: str) -> list[dict[str, Any]]:
    """Cameras at the front, the right, behind and above that see all of it, each with a light at its shoulder."""
    import numpy as np

    from pellucid.synth.scene import Camera, Light

    low, high = made.vertices.min(0), made.vertices.max(0)
    middle, reach = (low + high) / 2, float(np.linalg.norm(high - low))
    found = []
    right, ahead, above = np.roll(np.eye(3), _UP[up], axis=0)
    for across, towards, over in ((0.25, -1, 0.25), (1, -0.25, 0.25), (-0.25, 1, 0.25), (0.05, -0.3, 1)):
        away = across * right + towards * ahead + over * above
        away /= np.linalg.norm(away)
        camera = Camera(tuple(middle + 1.7 * reach * away), tuple(middle), up=tuple(above))
        shoulder = away + 0.5 * camera.axes[1] - 0.4 * camera.axes[0]
        found.append({"camera": camera, "light": Light(tuple(shoulder / np.linalg.norm(shoulder)))})
    return found


def _tell(figures: dict[str, Any], notes: tuple[str, ...], files: dict[str, str]) -> None:
    closed = "watertight" if figures["watertight"] else "NOT closed"
    pieces = f"{figures['components']} piece{'' if figures['components'] == 1 else 's'}"
    print(
        f"{figures['points']} points, normals {figures['normals']} → {figures['faces']} triangles, {closed}, {pieces}"
    )
    print(f"volume {figures['volume']:.6g}, area {figures['area']:.6g} (in the points' unit, cubed and squared)")
    usual, most = figures["distance_rms"], figures["distance_most"]
    print(f"the points lie {usual:.2g} from it (root mean square), {most:.2g} at most")
    for note in notes:
        print(note, file=sys.stderr)
    print(f"\nmesh: {files['mesh']}\npicture: {files['picture']}")
