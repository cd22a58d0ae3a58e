"""Naming a unit: ``LAYER:CHANNEL`` or ``LAYER:CHANNEL@ROW,COLUMN``, the same wherever one is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pellucid.core.errors import BadInput
from pellucid.models.network import Network


@dataclass(frozen=True)
class Unit:
    """layer: a pattern that picks one layer. at: (row, column), or (token,); None for all places."""

    layer: str
    channel: int
    at: tuple[int, ...] | None


def parse_unit(text: str) -> Unit:
    """``"blocks.4:17@3,5"`` in its parts."""
    match = re.fullmatch(r"(?P<layer>.+):(?P<channel>\d+)(?:@(?P<at>\d+(?:,\d+)*))?", text)
    if not match:
        raise BadInput(f"{text!r} is no unit", cure="as LAYER:CHANNEL or LAYER:CHANNEL@ROW,COLUMN")
    at = tuple(map(int, match["at"].split(","))) if match["at"] else None
    return Unit(match["layer"], int(match["channel"]), at)


def one_layer(network: Network, pattern: str) -> str:
    """The single layer that a pattern picks."""
    found = network.layers(pattern)
    if len(found) > 1:
        cure = "choose one of them"
        raise BadInput(f"{pattern!r} picks {len(found)} layers ({', '.join(found[:4])}, …)", cure=cure)
    return found[0]
