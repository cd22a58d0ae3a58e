"""Values as matplotlib figures. No pyplot: nothing global is touched, and no window opens."""

from __future__ import annotations

import functools
import html
import io
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from pellucid.core.types import Explanation
from pellucid.report import colours, pictures
from pellucid.report.planes import axes_of, plane_of
from pellucid.report.words import Sentence, readable, words_of

#: The colours of what is said beside a picture, and of what must not be overlooked.
GREY = "#555555"
WARNING = "#9a3412"


class Picture(Figure):
    """A figure that every notebook shows, also where matplotlib's inline backend is not switched on."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def as_png(figure: Figure, dpi: int = 110) -> bytes:
    """The figure as an encoded PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def as_html(figure: Figure, text: str) -> str:
    """The figure as an ``<img>`` element with the picture inside it and ``text`` as its alternative."""
    return f'<img alt="{html.escape(readable(text))}" src="{pictures.png_uri(as_png(figure))}">'


# ── explanations ──────────────────────────────────────────────────────────────────────────────────


def explanation_figure(explanation: Explanation) -> Figure:
    """A row a sample: what the network saw, the heatmap over it, the colour bar, and the receipt in words.

    Works without pictures (matrices) and for any axes; a map summed to one axis is drawn as bars.
    """
    count, seen = len(explanation), explanation.pictures is not None
    widths = [*([3.0] if seen else []), 3.0, 0.14, 3.4]
    figure = Picture(figsize=(sum(widths) + 1.4, 3.5 * max(count, 1)), layout="constrained")
    if not count:
        return figure
    grid = figure.subplots(count, len(widths), squeeze=False, gridspec_kw={"width_ratios": widths})
    for i, row in enumerate(grid):
        if seen:
            _draw_seen(row[0], explanation, i)
        _draw_map(row[-3], row[-2], explanation, i)
        _write(row[-1], words_of(explanation, i))
    return figure


def _draw_seen(axes: Axes, explanation: Explanation, i: int) -> None:
    axes.imshow(np.asarray(explanation.pictures)[i])
    bare(axes)
    name = explanation.names[i] if i < len(explanation.names) else ""
    title(axes, f"What the network saw\n{printable(name, 40)}" if name else "What the network saw\n")


def _draw_map(axes: Axes, bar: Axes, explanation: Explanation, i: int) -> None:
    values = plane_of(explanation, i)
    scale = colours.scale_of(values)
    if values.ndim < 2:
        _draw_bars(axes, np.atleast_1d(values), axes_of(explanation))
        bar.set_axis_off()
    else:
        _draw_heat(axes, values, scale, None if explanation.pictures is None else explanation.pictures[i])
        _draw_colour_bar(bar, scale)
    flat = " (flat)" if colours.is_flat(values) else ""
    title(axes, f"{printable(explanation.method, 40)}{flat}\nfor {printable(explanation.target[i], 40)}")


def _draw_heat(axes: Axes, values: np.ndarray, scale: float, picture: np.ndarray | None) -> None:
    aspect: Literal["equal", "auto"] = (
        "auto" if picture is None and max(values.shape) > 4 * min(values.shape) else "equal"
    )
    axes.imshow(heat_over(values, scale, picture), aspect=aspect, interpolation="nearest")
    if picture is None:
        axes.tick_params(labelsize=8, colors=GREY)
        axes.spines[:].set_visible(False)
    else:
        bare(axes)


def heat_over(values: np.ndarray, scale: float, picture: np.ndarray | None) -> np.ndarray:
    """A map over its picture where both have the same size, else on its own: uint8 [height, width, 3]."""
    if picture is None or picture.shape[:2] != values.shape:
        return colours.heat_rgb(values, scale)
    return colours.lay_over(picture, colours.heat_rgba(values, scale))


def _draw_bars(axes: Axes, values: np.ndarray, names: Sequence[str]) -> None:
    table = colours.opaque_table()
    fill = np.where((values >= 0)[:, None], table[-30], table[30]) / 255
    axes.bar(np.arange(len(values)), values, width=1.0, color=fill)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(names[0] if names else "", fontsize=9, color=GREY)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_colour_bar(axes: Axes, scale: float) -> None:
    limit = scale or 1.0
    mappable = ScalarMappable(Normalize(-limit, limit), ListedColormap(colours.opaque_table() / 255))
    bar = axes.figure.colorbar(mappable, cax=axes, ticks=[-limit, 0, limit])
    ends = (f"−{scale:.2g}\nagainst", "0", f"+{scale:.2g}\nfor") if scale else ("", "0", "")
    bar.ax.set_yticklabels(ends, fontsize=8, color=GREY)
    bar.outline.set_visible(False)


def _write(axes: Axes, sentences: Sequence[Sentence]) -> None:
    """Sentences from the top down in a column of their own; warnings in colour and marked."""
    axes.set_axis_off()
    top = 1.0
    for level, text, _ in sentences:
        mark, colour = ("! ", WARNING) if level == "warning" else ("", "#333333")
        lines = textwrap.wrap(mark + printable(text, 400), 46)
        axes.text(0, top, "\n".join(lines), va="top", fontsize=9, color=colour, parse_math=False, **_in(axes))
        top -= 0.058 * len(lines) + 0.035


# ── small parts ───────────────────────────────────────────────────────────────────────────────────


def _in(axes: Axes) -> dict[str, Any]:
    return {"transform": axes.transAxes, "linespacing": 1.35}


def bare(axes: Axes) -> None:
    """No ticks and no frame: what a picture needs."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def title(axes: Axes, text: str) -> None:
    """A small heading over the left edge."""
    axes.set_title(text, fontsize=9.5, loc="left", color="#222222", parse_math=False)


@functools.cache
def _drawable() -> frozenset[int]:
    """The characters that the figure's font has; matplotlib warns of every other one."""
    path = font_manager.findfont(font_manager.FontProperties(family=mpl.rcParams["font.family"]))
    return frozenset(font_manager.get_font(path).get_charmap())


def printable(text: str, most: int) -> str:
    """Text that the font can draw; what it lacks becomes a box."""
    return "".join(c if ord(c) in _drawable() else "□" for c in readable(text, most=most))
