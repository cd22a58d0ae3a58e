"""Spans of rows and columns as a figure: the map, its profiles along both sides, the spans marked and told."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from pellucid.core.types import View
from pellucid.report import colours
from pellucid.report.figures import Picture, printable
from pellucid.report.words import percent

#: A span whose p is above this is drawn dashed and grey.
SIGNIFICANT = 0.05

_INK, _GREY, _BAND = "#1f2937", "#6b7280", "#fde68a"
_AREA, _SIDE, _TEXT = 16.0, 1.3, 3.6  # of the map (square inches), of a profile and of the words (inches)


def figure(view: View) -> Figure:
    """A row a sample: the heatmap, the profile of its rows at the right, of its columns above, and the words."""
    maps = view["map"]
    share = float(np.clip(maps.shape[1] / maps.shape[2], 0.4, 2.2))
    width, height = np.sqrt(_AREA / share), np.sqrt(_AREA * share)
    told = max((1.6 + 1.1 * len(rows_of(view, i)) for i in range(len(maps))), default=0)
    size = (width + _SIDE + _TEXT + 0.9, max(height + _SIDE + 0.7, told) * max(1, len(maps)))
    drawn = Picture(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    parts = drawn.subfigures(len(maps), 1, squeeze=False)[:, 0] if len(maps) else []
    for i, part in enumerate(parts):
        ratios = {"width_ratios": [width, _SIDE, _TEXT], "height_ratios": [_SIDE, height]}
        grid = part.add_gridspec(2, 3, **ratios)
        heat = part.add_subplot(grid[1, 0])
        beside = part.add_subplot(grid[1, 1], sharey=heat)
        above = part.add_subplot(grid[0, 0], sharex=heat)
        _draw_map(heat, maps[i])
        rows = rows_of(view, i)
        for axis, axes in (("row", beside), ("column", above)):
            _draw_profile(axes, view, axis, i)
            for row in (r for r in rows if r["axis"] == axis):
                _mark(heat, axes, row)
        _write(part.add_subplot(grid[:, 2]), view, i, rows)
    return drawn


def rows_of(view: View, i: int) -> list[Mapping[str, Any]]:
    """The table's rows of sample ``i``."""
    return [r for r in view.table if r["sample"] == i]


def _draw_map(axes: Axes, values: np.ndarray) -> None:
    axes.imshow(colours.heat_rgb(values, colours.scale_of(values)), aspect="auto", interpolation="nearest")
    axes.set_xlabel("column", fontsize=9, color=_GREY)
    axes.set_ylabel("row", fontsize=9, color=_GREY)
    axes.tick_params(labelsize=8, colors=_GREY)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[:].set_color("#d1d5db")


def _draw_profile(axes: Axes, view: View, axis: str, i: int) -> None:
    """The relevance of each row (to the right) or column (upwards)."""
    values, table = view[f"profile/{axis}"][i], colours.opaque_table() / 255
    edges, lying = np.arange(len(values) + 1) - 0.5, axis == "row"
    way = "horizontal" if lying else "vertical"
    for part, fill in ((np.maximum(values, 0), table[-30]), (np.minimum(values, 0), table[30])):
        axes.stairs(part, edges, orientation=way, fill=True, color=fill, linewidth=0)
    line = axes.axvline if lying else axes.axhline
    line(0, color=_GREY, linewidth=0.8)
    level = chance_level(view, axis, i)
    if level is not None:
        line(level, color=_INK, linewidth=0.9, linestyle=":")
    axes.tick_params(labelsize=8, colors=_GREY, labelleft=not lying, labelbottom=lying)
    (axes.xaxis if lying else axes.yaxis).set_major_locator(MaxNLocator(3))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d1d5db")


def chance_level(view: View, axis: str, i: int) -> float | None:
    """What a single row must show to be above the best one of 95 % of the shuffled inputs; None without any."""
    if f"chance/{axis}" not in view.arrays:
        return None
    even = np.maximum(view[f"profile/{axis}"][i], 0).mean()
    return float(even + np.quantile(view[f"chance/{axis}"][i], 0.95))


def _mark(heat: Axes, profile: Axes, row: Mapping[str, Any]) -> None:
    """A span: a band behind its profile, and lines across the map where it begins and ends."""
    lying, sure = row["axis"] == "row", row.get("p") is None or row["p"] <= SIGNIFICANT
    low, high = row["start"] - 0.5, row["stop"] - 0.5
    (profile.axhspan if lying else profile.axvspan)(
        low, high, color=_BAND if sure else "#e5e7eb", zorder=0, linewidth=0
    )
    for end in (low, high):
        draw = heat.axhline if lying else heat.axvline
        draw(end, color=_INK if sure else _GREY, linewidth=1.2, linestyle="-" if sure else (0, (4, 3)))


# -- words ----------------------------------------------------------------------------------------


def span_words(row: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A span's name, and what is known of it, in sentences."""
    last = row["stop"] - 1
    places = f"{row['start']}" if last == row["start"] else f"{row['start']}–{last}"
    title = f"{row['axis'].capitalize()}{'' if last == row['start'] else 's'} {places}"
    said = [f"{percent(row['share'])} of what speaks for it"]
    if row.get("p") is None:
        return title, [said[0] + "."]
    than = "more than by chance" if row["p"] <= SIGNIFICANT else "no more than by chance"
    said[0] += f", {than} (p = {row['p']:.2g})."
    if not row["compared"]:
        return title, [*said, f"Covered, the target falls by {_by(row['drop'])}; no other run is as long."]
    others = (
        f"for other runs of this length by {_by(row['expected_drop'])} on average, {_by(row['highest_drop'])} at most"
    )
    verdict = "Confirmed" if row["confirmed"] else "Not confirmed"
    return title, [*said, f"{verdict}: covered, the target falls by {_by(row['drop'])}; {others}."]


def _by(fall: float) -> str:
    return f"{fall:.3g}".replace("-", "−")


def _write(axes: Axes, view: View, i: int, rows: Iterable[Mapping[str, Any]]) -> None:
    axes.set_axis_off()
    target = view.options["target"][i]
    name = view.names[i] if i < len(view.names) else f"sample {i}"
    top = _line(axes, 1.0, [f"{printable(name, 60)}: what speaks for {printable(target, 60)}"], bold=True)
    top = _line(axes, top, [f"by {view.options['method']}; spans that carry {percent(view.options['share'])}"], space=1)
    for row in rows:
        title, said = span_words(row)
        top = _line(axes, top, [title], bold=True)
        top = _line(axes, top, said, space=1)
    legend = "Red speaks for it, blue against."
    if any(name.startswith("chance/") for name in view.arrays):
        legend += " Dotted: in 95 % of the shuffled inputs the best single row or column stays below."
    _line(axes, top, [legend], colour=_GREY)


def _line(
    axes: Axes, top: float, paragraphs: Iterable[str], *, bold: bool = False, colour: str = _INK, space: float = 0
) -> float:
    """Write from ``top`` downward; where the next text begins."""
    kept = [text.replace(" %", "\u00a0%") for text in paragraphs]
    lines = [line for text in kept for line in textwrap.wrap(text, 44)]
    style = {"fontsize": 9, "color": colour, "fontweight": "bold" if bold else "normal", "linespacing": 1.35}
    axes.text(0, top, "\n".join(lines), va="top", transform=axes.transAxes, parse_math=False, **style)
    inches = axes.figure.bbox.height / axes.figure.get_figure(root=True).dpi
    return top - (0.178 * (len(lines) + 0.6 * space)) / inches
