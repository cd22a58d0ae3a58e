"""A sheet of paper to lay text and pictures on in inches from its upper left corner; its height is known last."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure

from pellucid.report.figures import Picture, printable

LEADING = 1.32 / 72  # inches a line and point


@dataclass
class Paper:
    """What has been laid down so far: texts, pictures and rules."""

    texts: list[tuple[float, float, str, float, str]] = field(default_factory=list)
    images: list[tuple[np.ndarray, tuple[float, float, float, float]]] = field(default_factory=list)
    rules: list[tuple[float, float, float, str]] = field(default_factory=list)

    def write(self, x: float, y: float, lines: Sequence[str], points: float, colour: str) -> float:
        """Lines of text from ``y`` down; where they end."""
        for line in lines:
            self.texts.append((x, y, line, points, colour))
            y += points * LEADING
        return y

    def lay(self, image: np.ndarray, x: float, y: float, width: float, height: float) -> None:
        """A picture, uint8 [height, width, 3]."""
        self.images.append((image, (x, x + width, y + height, y)))

    def rule(self, x: float, y: float, width: float, colour: str) -> None:
        """A line across."""
        self.rules.append((x, y, width, colour))

    def figure(self, width: float, height: float, dpi: float) -> Figure:
        """All of it as a figure of this size in inches."""
        figure = Picture(figsize=(width, height), dpi=dpi, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_autoscale_on(False)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        for image, extent in self.images:
            axes.imshow(image, extent=extent, aspect="auto")
        for x, y, across, colour in self.rules:
            axes.plot([x, x + across], [y, y], color=colour, linewidth=1.2, solid_capstyle="butt")
        for x, y, text, points, colour in self.texts:
            axes.text(x, y, text, fontsize=points, color=colour, va="top", parse_math=False)
        return figure


def wrapped(text: str, width: float, points: float) -> list[str]:
    """Text in lines that fit into ``width`` inches; a word that does not fit is cut and marked so."""
    return packed(printable(text, 600).split(), " ", width, points)


def packed(parts: Sequence[str], between: str, width: float, points: float) -> list[str]:
    """Parts that stay whole where they can, as many a line as fit into ``width`` inches."""
    lines: list[str] = []
    for part in (_cut(p, width, points) for p in parts):
        longer = f"{lines[-1]}{between}{part}" if lines else part
        if lines and wide(longer, points) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


@functools.lru_cache(4096)
def wide(text: str, points: float) -> float:
    """The width of a line of text, in inches."""
    path = font_manager.findfont(font_manager.FontProperties(family=mpl.rcParams["font.family"]))
    font = font_manager.get_font(path)
    font.set_size(points, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64 / 72


def _cut(word: str, width: float, points: float) -> str:
    if wide(word, points) <= width:
        return word
    return next((f"{word[:n]}…" for n in range(len(word), 0, -1) if wide(f"{word[:n]}…", points) <= width), "…")
