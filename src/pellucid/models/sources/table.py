"""The registry of sources, and opening by name through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.core.errors import BadInput, near
from pellucid.core.registry import Registry
from pellucid.models.inputs import InputSpec

if TYPE_CHECKING:
    from pellucid.models.network import Network


@dataclass(frozen=True)
class Request:
    """What is asked of a source: ``name`` is the part behind its prefix; the rest as in ``pellucid.open``.

    outputs: make the last layer this wide (random weights only).
    """

    name: str
    weights: str = "default"
    outputs: int | None = None
    architecture: str | None = None
    classes: tuple[str, ...] | None = None
    input: InputSpec | None = None
    trust: bool = False


@dataclass(frozen=True)
class SourceFacts:
    """names: lists what the source can open without a file (the part behind the prefix).

    alone: its own name is a model too, for which nothing stands behind the prefix. maps: gives a map of the input's
    size for each of as many outputs as are asked for.
    """

    names: Callable[[], Sequence[str]]
    alone: bool = False
    maps: bool = False


sources: Registry[SourceFacts] = Registry(
    "source", facts=SourceFacts, folder="pellucid.models.sources", group="pellucid.sources"
)

#: The source whose names stand without a prefix.
BARE = "builtin"


def open_named(request: Request) -> Network:
    """Open ``prefix:rest`` through the source of that prefix, a bare name through the built-in one."""
    prefix, colon, rest = request.name.partition(":")
    if not colon and not (prefix in sources and sources[prefix].facts.alone):
        prefix, rest = BARE, request.name
    elif prefix == BARE or prefix not in sources:
        known = ", ".join(f"{s}:" for s in sources if s != BARE)
        raise BadInput(f"unknown source {prefix + ':'!r} in model {request.name!r}", cure=f"known are {known}")
    return sources[prefix].function(Request(**{**vars(request), "name": rest}))


def listed() -> list[str]:
    """Every name that can be opened without a file, the built-in ones first."""
    names = list(sources[BARE].facts.names())
    for entry in sources.entries():
        if entry.name != BARE:
            names += [entry.name] if entry.facts.alone else []
            names += [f"{entry.name}:{n}" for n in entry.facts.names()]
    return names


def unknown(name: str) -> BadInput:
    """The error for a bare name that nothing opens: the near ones from every source."""
    if Path(name).exists():
        cure = f"pass file:{name} with architecture= (--architecture)"
        return BadInput("this is a file, not a model's name", where=name, cure=cure)
    return BadInput(f"unknown model {name!r}", cure=near(name, listed()))
