"""A style transfer: the two pictures, what came of them, and how its losses fell."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, percent, quoted

TITLE = "One picture in the style of another"

COLUMNS = {
    "layer": "Layer",
    "role": "Role",
    "before": "Loss at the start",
    "after": "Loss of the result",
}

# Paul Tol's bright blue, and reds to yellows from fine to coarse layers.
_CONTENT = "#4477aa"
_NOTHING = 1e-6
_STYLES = ("#aa3377", "#ee6677", "#ee8866", "#ccbb44", "#bbbbbb")


def figure(view: View) -> Figure:
    """The result, large; beside it content and style, and the losses of all layers step by step."""
    height, width = view["result"].shape[:2]
    tall = float(np.clip(6.6 * height / width, 4.0, 9.0))
    drawn = Picture(figsize=(11.5, tall + 0.3), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    grid = drawn.add_gridspec(2, 3, width_ratios=[4.2, 1.4, 1.4])
    result = drawn.add_subplot(grid[:, 0])
    _show(result, view["result"], f"{view.names[0]} in the style of {view.names[1]}")
    _show(drawn.add_subplot(grid[0, 1]), view["content"], f"content\n{printable(view.names[0], 22)}")
    _show(drawn.add_subplot(grid[0, 2]), view["style"], f"style\n{printable(view.names[1], 22)}")
    _draw_losses(drawn.add_subplot(grid[1, 1:]), view)
    return drawn


def _show(axes: Axes, picture: np.ndarray, text: str) -> None:
    axes.imshow(picture)
    bare(axes)
    title(axes, "\n".join(printable(line, 60) for line in text.split("\n")))


def _draw_losses(axes: Axes, view: View) -> None:
    steps, drawn = np.arange(view["losses"].shape[1]), 0
    for row, losses in zip(view.table, view["losses"], strict=True):
        styled = row["role"] == "style"
        colour = _STYLES[drawn % len(_STYLES)] if styled else _CONTENT
        drawn += styled
        seen = np.where(losses > _NOTHING, losses, np.nan)  # as the content's at the start, which is nothing
        label = f"{row['role']} {printable(row['layer'], 20)}"
        axes.plot(steps, seen, color=colour, linewidth=1.6, linestyle="-" if styled else "--", label=label)
    axes.set_yscale("log")
    shown = view["losses"][view["losses"] > _NOTHING]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.1, 1.0)
    axes.set_ylim(low / 2, 40 * high)  # room for the legend above the curves
    axes.set_xlabel("step", fontsize=9, color=GREY)
    title(axes, "Relative loss, step by step")
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    for text in axes.legend(fontsize=7.5, frameon=False, ncols=2, loc="upper right").get_texts():
        text.set_parse_math(False)


def words(view: View) -> list[Sentence]:
    """What was approached and what it cost."""
    style = [row for row in view.table if row["role"] == "style"]
    content = [row for row in view.table if row["role"] == "content"]
    mean = lambda rows, key: float(np.mean([row[key] for row in rows]))  # noqa: E731
    before, after = mean(style, "before"), mean(style, "after")
    named = lambda rows: ", ".join(quoted(row["layer"]) for row in rows)  # noqa: E731
    said = [
        Sentence(
            "fact",
            f"The style’s statistics at {named(style)} came {percent(1 - after / before if before else 0)} nearer; the "
            f"features at {named(content)} moved by {percent(mean(content, 'after'))} of their own size (squared).",
        )
    ]
    if not after < before:
        text = "The result is no nearer to the style than the content was: take more steps, or a greater strength."
        said.append(Sentence("warning", text))
    return said
