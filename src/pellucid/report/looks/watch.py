"""A watched training: scales along the layers at its start and its end, and gradients over its steps."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pellucid.core.types import View
from pellucid.report.figures import GREY, WARNING, Picture, title
from pellucid.report.layer_curves import BLUE, OWN, draw_curve, finish_layers, mark_layers, quiet
from pellucid.report.words import Sentence, number, readable

TITLE = "A training, watched"

COLUMNS = {
    "layer": "Layer",
    "type": "Type",
    "activation": "Activation (mean square)",
    "gradient": "Gradient (mean square, last backward pass)",
    "made_nonfinite": "Made NaN or Inf",
    "near_limit": "Near the type’s limit",
}


def figure(view: View) -> Figure:
    """Activations and gradients a layer, at the first and the last step; the gradients' norm over the steps."""
    layers = [str(row["layer"]) for row in view.table]
    marks = {str(row["layer"]): "made NaN or Inf" for row in view.table if row["made_nonfinite"]}
    drawn = Picture(figsize=(12.5, 6.6), layout="constrained")
    grid = drawn.add_gridspec(2, 2, width_ratios=[2.3, 1])
    steps = view["step"]
    for row, (kind, text) in enumerate(_PANELS.items()):
        axes = drawn.add_subplot(grid[row, 0])
        draw_curve(axes, view[kind][0], f"step {steps[0]}", BLUE)
        draw_curve(axes, view[kind][-1], f"step {steps[-1]}", OWN, bold=True)
        finish_layers(axes, layers, text, names=row == 1)
        mark_layers(axes, layers, marks, view[kind][-1])
        if row == 0:
            axes.legend(fontsize=8, ncols=2, frameon=False, loc="upper right", bbox_to_anchor=(1.0, 1.14))
    axes = drawn.add_subplot(grid[:, 1])
    norms = np.where(view["gradient_norm"] > 0, view["gradient_norm"], np.nan)
    axes.plot(steps, norms, color=OWN, linewidth=1.6, marker="o" if len(steps) < 40 else None, markersize=3)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step", fontsize=8.5, color=GREY)
    quiet(axes)
    title(axes, "Norm of all gradients, before clipping")
    if any(row["made_nonfinite"] for row in view.table):
        axes.axvline(steps[-1], color=WARNING, linewidth=1.2, linestyle=":")
    return drawn


_PANELS = {
    "activation": "Mean square of each layer’s output",
    "gradient": "Mean square of its gradient (a step’s last backward pass)",
}


def words(view: View) -> list[Sentence]:
    """What was not finite, and how large gradients were."""
    said = [Sentence("warning", readable(note)) for note in view.notes]
    norms = view["gradient_norm"][view["gradient_norm"] > 0]
    steps = view.options["steps"]
    if not said:
        said.append(Sentence("fact", f"Everything was finite in {steps} steps."))
    if len(norms):
        span = f"from {number(norms.min())} to {number(norms.max())}, mostly {number(float(np.median(norms)))}"
        said.append(Sentence("fact", f"The norm of all gradients together went {span}."))
    return said
