"""A part's material in a recipe's file: one colour, two, a measured share, colours of its sides, spots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.synth.context import Context, only
from pellucid.synth.mesh import GREY, Mesh
from pellucid.synth.textures import Colour, between, grain, mixed, noise, spots, steered

WORDS = ("colour", "second", "noise", "share", "grain", "corners", "spots", "spot")


def base(told: Mapping[str, Any], context: Context) -> Colour:
    """The material's first colour."""
    return context.colour(told.get("colour", list(GREY)))


def painted(mesh: Mesh, told: Mapping[str, Any], context: Context) -> Mesh:
    """One colour, with noise towards another; a share of red and green that is kept; corners of their own colours."""
    colour = base(told, context)
    wide = max(float(np.ptp(mesh.vertices, axis=0).max()), 1e-9)
    field = noise(mesh.vertices / wide * context.number(told.get("noise", 4)), context.rng)
    if "share" in told:
        second = context.colour(told.get("second", [132, 168, 52]))
        if not (colour[0] > colour[1] and second[0] < second[1]):
            cure = "give a colour with more red than green, and a second with more green than red"
            raise BadInput("a share is measured where red outweighs green", where=context.where, cure=cure)
        soft = 0.5 * field.std() + 1e-12
        paint = lambda t: mesh.coloured(mixed(second, colour, 0.5 + (field - t) / soft))  # noqa: E731
        done = steered(paint, float(field.min()) - soft, float(field.max()) + soft, context.number(told["share"]))
    elif "second" in told:
        done = mesh.coloured(mixed(context.colour(told["second"]), colour, field))
    elif "corners" in told:
        chosen = _corners(mesh, told["corners"], context)
        done = mesh.coloured(between(mesh, list(chosen), list(chosen.values())))
    else:
        done = mesh.coloured(grain(mesh.vertices / wide * 8, context.rng, colour, context.number(told.get("grain", 0))))
    if "spots" in told:
        amount = spots(mesh, round(context.number(told["spots"])), 0.05 * wide, context.rng)
        done = done.coloured(mixed(done.colours, context.colour(told.get("spot", [70, 44, 24])), amount))
    return done


def _corners(mesh: Mesh, told: object, context: Context) -> dict[int, tuple[int, int, int]]:
    """``{ top = [255, 0, 0], left = … }``: the outermost vertex of each side, and its colour."""
    sides = {"right": (0, 1), "left": (0, -1), "back": (1, 1), "front": (1, -1), "top": (2, 1), "bottom": (2, -1)}
    if not isinstance(told, dict) or not told:
        raise BadInput("corners is no table", where=context.where, cure=f"write sides of {', '.join(sides)}")
    only(told, tuple(sides), context.where)
    return {
        int((mesh.vertices[:, sides[side][0]] * sides[side][1]).argmax()): context.colour(colour)
        for side, colour in told.items()
    }
