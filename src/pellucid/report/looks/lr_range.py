"""A learning-rate range test: the loss while the rate grows."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import Picture
from pellucid.report.layer_curves import draw_range
from pellucid.report.looks.health import range_words
from pellucid.report.words import Sentence

TITLE = "Learning rates at which the loss falls"

COLUMNS = {"suggested": "Begin with", "diverged": "Diverges at", "start": "Loss at first", "lowest": "Lowest"}


def figure(view: View) -> Figure:
    """The smoothed loss over the rate, and the rate to begin with."""
    drawn = Picture(figsize=(6.5, 4), layout="constrained")
    draw_range(drawn.subplots(), view["lr"], view["loss"], view.options["suggested"])
    return drawn


def words(view: View) -> list[Sentence]:
    """Which rate to take."""
    options = view.options
    return list(range_words(view["loss"], options["suggested"], options["diverged"], options["optimizer"]))
