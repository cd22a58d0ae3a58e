"""Which file draws and tells which kind of view."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from matplotlib.figure import Figure

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.report.words import Sentence


class Look(Protocol):
    """What a file in ``looks`` has; its name is the kind of view.

    TITLE: a headline. COLUMNS: headings by the table's keys, in their order; other keys are left to summary.json.
    figure: everything at a glance. words: the answer, warnings first.
    """

    TITLE: str
    COLUMNS: Mapping[str, str]
    figure: Callable[[View], Figure]
    words: Callable[[View], Sequence[Sentence]]


def look_of(kind: str) -> Look:
    """The file that draws and tells views of this kind."""
    name = f"pellucid.report.looks.{kind}"
    if not kind.isidentifier() or importlib.util.find_spec(name) is None:
        raise BadInput(f"nobody knows how to draw a view of the kind {kind!r}")
    return cast(Look, importlib.import_module(name))


def figure_of(view: View) -> Figure:
    """The view as a figure."""
    return look_of(view.kind).figure(view)
