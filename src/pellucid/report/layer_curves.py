"""Figures along a network's layers: a curve a quantity, on a logarithmic scale, with the layers' names below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from pellucid.report.figures import GREY, WARNING, printable, title

#: How many layers' names fit below an axis.
NAMES = 14

#: What is looked at, and what it is held against; they tell apart for the usual colour-vision deficiencies too.
OWN, BLUE, ORANGE, PURPLE = "#111827", "#2563eb", "#d97706", "#8b5cf6"


def draw_curve(axes: Axes, values: np.ndarray, label: str, colour: str, *, bold: bool = False) -> None:
    """One value a layer; what is 0 was not there and leaves a gap."""
    shown = np.where(values > 0, values, np.nan)
    style = {"linewidth": 2.2, "zorder": 3} if bold else {"linewidth": 1.3, "linestyle": (0, (4, 2))}
    mark = "o" if len(values) <= 60 else None
    axes.plot(np.arange(len(values)), shown, color=colour, label=label, marker=mark, markersize=3, **style)


def finish_layers(axes: Axes, layers: Sequence[str], text: str, *, names: bool) -> None:
    """The logarithmic scale, the heading, and (at the lowest of several axes) the layers' names."""
    axes.set_yscale("log")
    axes.set_xlim(-0.6, max(len(layers) - 0.4, 0.6))
    quiet(axes)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.7)
    title(axes, text)
    shown = np.unique(np.linspace(0, len(layers) - 1, min(NAMES, len(layers))).round().astype(int)) if layers else []
    axes.xaxis.set_major_locator(FixedLocator([float(i) for i in shown]))
    labels = [printable(layers[i], 26) for i in shown] if names else [""] * len(shown)
    turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if any(len(l) > 4 for l in labels) else {}
    axes.set_xticklabels(labels, fontsize=8, parse_math=False, **turned)


def quiet(axes: Axes) -> None:
    """Thin grey lines, small numbers."""
    axes.tick_params(which="both", labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d1d5db")


def mark_layers(axes: Axes, layers: Sequence[str], marks: Mapping[str, str], values: np.ndarray) -> None:
    """A red line at each layer that something is said of, its words beside it, away from the curve of ``values``."""
    low, high = axes.get_ylim()
    for row, (layer, text) in enumerate(marks.items()):
        place = next((i for i, l in enumerate(layers) if l == layer or l.rpartition(":")[0] == layer), None)
        if place is None:
            continue
        axes.axvline(place, color=WARNING, linewidth=1.2, linestyle=":", zorder=1)
        right = place > 0.8 * len(layers)
        above = np.sqrt(low * high) < np.max(values[max(0, place - 3) : place + 4], initial=0.0)
        height = 0.03 + 0.075 * row if above else 0.97 - 0.075 * row
        axes.annotate(
            printable(text, 60),
            (place, height),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, 0),
            textcoords="offset points",
            fontsize=8,
            color=WARNING,
            ha="right" if right else "left",
            va="bottom" if above else "top",
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            zorder=4,
        )


def draw_losses(axes: Axes, curves: Mapping[str, tuple[np.ndarray, str]], text: str) -> None:
    """Losses over steps; a curve that ends early, at a NaN, ends in a cross."""
    longest = max(len(values) for values, _ in curves.values())
    for label, (values, colour) in curves.items():
        axes.plot(np.arange(len(values)), values, color=colour, label=label, linewidth=1.8)
        if len(values) < longest and len(values):
            axes.plot(len(values) - 1, values[-1], marker="X", markersize=9, color=colour)
            spot = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate("then NaN", (len(values) - 1, values[-1]), fontsize=8.5, color=WARNING, **spot)
    positive = all((values > 0).all() for values, _ in curves.values())
    axes.set_yscale("log" if positive else "linear")
    axes.set_xlabel("step", fontsize=8.5, color=GREY)
    quiet(axes)
    title(axes, text)
    axes.legend(fontsize=8, frameon=False)


def draw_range(axes: Axes, rates: np.ndarray, losses: np.ndarray, suggested: float | None, whose: str = "") -> None:
    """The loss over the learning rate, and the rate to begin with. whose: what was trained."""
    axes.plot(rates, losses, color=OWN, linewidth=1.8)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate", fontsize=8.5, color=GREY)
    quiet(axes)
    title(axes, "Loss while the learning rate grows" + (f", {whose}" if whose else ""))
    if suggested is not None:
        axes.axvline(suggested, color=BLUE, linewidth=1.2, linestyle=":")
        spot = (suggested, 0.03)
        label = f" {suggested:.2g}"
        axes.annotate(label, spot, xycoords=("data", "axes fraction"), fontsize=9, color=BLUE, va="bottom")
    low, high = float(losses.min()), float(losses[0])
    if losses.max() > high + 2 * (high - low):  # the end, where it diverges, would flatten all the rest
        axes.set_ylim(low - 0.1 * (high - low + 1e-12), high + 1.0 * (high - low + 1e-12))
