"""Anchors among their boxes, as rectangles, and how much each more of them brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.words import Sentence, percent, whole

TITLE = "Anchors for these boxes"

COLUMNS = {
    "anchor": "Anchor",
    "level": "Level",
    "width": "Width",
    "height": "Height",
    "boxes": "Boxes nearest to it",
    "share": "Share",
    "iou": "Their mean IoU",
}

#: So many anchors the task detection has.
_TRAINED = 9

#: Points that are drawn; boxes an anchor, and recall by ratio, below which a person is warned.
_POINTS, _BOXES, _RECALL = 5000, 20, 0.98

#: A level each, which tell apart for the usual colour-vision deficiencies too.
_LEVELS = ("#2563eb", "#d97706", "#7c3aed", "#0f766e", "#be123c", "#374151")
_CURVE = "#111827"


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """How well they fit, the lists to paste, what others reach, and how many are worth it."""
    return [
        *_warnings(view),
        Sentence("fact", _fit(view)),
        Sentence("fact", _recalls(view)),
        Sentence("fact", _lists(view)),
        *(Sentence("fact", text) for text in _for_training(view)),
        *(Sentence("fact", text) for text in _others(view)),
        Sentence("fact", _bend(view)),
    ]


def headline(view: View) -> str:
    """The answer in one line."""
    figures = view.options["figures"]
    out = f", {_figure(figures['held_out_iou']['value'])} on other {_things(view)}" if "held_out_iou" in figures else ""
    count = view.options["k"]
    return f"{count} anchor{'s' * (count > 1)}: average IoU {_ends(figures['average_iou'])}{out}"


def _figure(value: float) -> str:
    return f"{value:.3f}"


def _ends(mean: Mapping[str, Any]) -> str:
    """``0.667 (0.661 to 0.672)``; the number alone where there is no interval."""
    if mean["low"] is None:
        return _figure(mean["value"])
    return f"{_figure(mean['value'])} ({_figure(mean['low'])} to {_figure(mean['high'])})"


def _things(view: View) -> str:
    """What was left out in turn."""
    return "pictures" if view.options["pictures"] else "boxes"


def _boxes(view: View) -> str:
    options = view.options
    of = f" in {whole(options['pictures'])} pictures" if options["pictures"] else ""
    return f"{whole(options['boxes'])} boxes{of}"


def _fit(view: View) -> str:
    figures, unit = view.options["figures"], printable(view.options["unit"], 100)
    text = f"On average a box overlaps its best anchor with an IoU of {_ends(figures['average_iou'])}: {_boxes(view)}"
    out = figures.get("held_out_iou")
    told = f" On {_things(view)} that they were not fitted to, they reach {_ends(out)}." if out else ""
    return f"{text}, in {unit}.{told}"


def _recalls(view: View) -> str:
    figures = view.options["figures"]
    ratio, overlap = figures["recall_by_ratio"], figures["recall_by_iou"]
    return (
        f"Best possible recall: {_percents(ratio)} of the boxes have an anchor whose sides are each less than 4 times "
        f"too large or too small; {_percents(overlap)} have one with an IoU above 0.5."
    )


def _percents(mean: Mapping[str, Any]) -> str:
    if mean["low"] is None:
        return percent(mean["value"])
    return f"{percent(mean['value'])} ({percent(mean['low'])} to {percent(mean['high'])})"


def _lists(view: View) -> str:
    """Ready to paste: width, height, width, height …, a list a level."""
    told = [f"[{_pairs(numbers)}]" for numbers in view.options["paste"]]
    return f"Smallest level first, as width,height: {', '.join(told)}"


def _for_training(view: View) -> Iterator[str]:
    """What ``pellucid train`` takes: nine sizes as shares of the picture, which it squeezes to its input."""
    shares = view.options.get("shares") or ()
    if len(shares) == _TRAINED:
        told = ",".join(f"{w:.4g}x{h:.4g}" for w, h in shares)
        yield f"The same for pellucid train --task detection: --anchors {told}"


def _pairs(numbers: Sequence[float]) -> str:
    return ", ".join(f"{w:g},{h:g}" for w, h in zip(numbers[::2], numbers[1::2], strict=True))


def _others(view: View) -> Iterator[str]:
    """What each rival reaches, and whether these are really better."""
    for name, other in view.options["rivals"].items():
        better = other["better_by"]
        scaled = ", at the scale that suits these boxes best," if "COCO" in name else ""
        count = f"{other['k']} by {name}" if "means" in name else f"{name} ({other['k']}){scaled}"
        reach = "reaches" if other["k"] == 1 else "reach"
        label = "One anchor for all" if other["k"] == 1 else count
        verdict = f"these are better by {_ends(better)}"
        if better["low"] is not None and better["low"] <= 0:
            verdict = "these are not really better" if better["high"] > 0 else f"these are worse by {_minus(better)}"
        yield f"{label} {reach} {_figure(other['value'])}: {verdict}."


def _minus(mean: Mapping[str, Any]) -> str:
    return f"{_figure(-mean['value'])} ({_figure(-mean['high'])} to {_figure(-mean['low'])})"


def _bend(view: View) -> str:
    curve, k, knee = view["curve"], view.options["k"], view.options["knee"]
    text = f"From 1 to {len(curve)} anchors the average IoU grows from {_figure(curve[0])} to {_figure(curve[-1])}"
    bend = f", and bends most at {knee} (which depends on how far the curve goes)" if len(curve) > 2 else ""
    more = f"; one more than {k} would add {_figure(curve[k] - curve[k - 1])}" if k < len(curve) else ""
    return f"{text}{bend}{more}."


def _warnings(view: View) -> Iterator[Sentence]:
    options = view.options
    if options["boxes"] < _BOXES * options["k"]:
        text = f"Only {whole(options['boxes'])} boxes for {options['k']} anchors: other pictures would give other ones."
        yield Sentence("warning", text)
    recall = options["figures"]["recall_by_ratio"]["value"]
    if recall < _RECALL:
        text = (
            f"{percent(1 - recall)} of the boxes have no anchor within 4 times their sides, so a detector that assigns "
            "by this ratio never learns them: take more anchors, or look whether these boxes are meant."
        )
        yield Sentence("warning", text)
    copied = next((o for n, o in options["rivals"].items() if "COCO" in n and o["k"] == options["k"]), None)
    if copied is not None and copied["better_by"]["high"] is not None and copied["better_by"]["high"] < 0.01:
        text = (
            "Anchors of your own bring next to nothing here: YOLOv3’s for COCO, at the scale that suits these boxes, "
            "do as well."
        )
        yield Sentence("warning", text)


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Boxes by width and height with their anchors; the anchors to scale; the average IoU over their number."""
    drawn = Picture(figsize=(14.0, 5.0), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.1)
    drawn.suptitle(printable(headline(view), 150), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    left, middle, right = drawn.subplots(1, 3, gridspec_kw={"width_ratios": [1.2, 1, 1.15]})
    _draw_boxes(left, view)
    _draw_rectangles(middle, view)
    _draw_curve(right, view)
    return drawn


def _colours(view: View) -> list[str]:
    """Each anchor's level's."""
    return [_LEVELS[(row["level"] - 1) % len(_LEVELS)] for row in view.table]


def _draw_boxes(axes: Axes, view: View) -> None:
    boxes, anchors = view["boxes"], view["anchors"]
    some = boxes[:: -(-len(boxes) // _POINTS)]
    axes.scatter(*some.T, s=7, color="#9ca3af", alpha=0.45, linewidth=0, zorder=1)
    for place, (anchor, colour) in enumerate(zip(anchors, _colours(view), strict=True), start=1):
        axes.plot(*anchor, "s", color=colour, markersize=13, markeredgecolor="white", zorder=2)
        axes.text(*anchor, str(place), color="white", fontsize=8, ha="center", va="center_baseline", zorder=3)
    for scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("width", fontsize=9, color=GREY)
    axes.set_ylabel("height", fontsize=9, color=GREY)
    axes.set_aspect("equal", adjustable="datalim")
    _quiet(axes)
    drawn = f" ({whole(len(some))} drawn)" if len(some) < len(boxes) else ""
    title(axes, f"{_boxes(view)}{drawn}, and the anchors among them")


def _draw_rectangles(axes: Axes, view: View) -> None:
    """All centred on one point, the largest behind; each numbered at its upper right corner."""
    anchors = view["anchors"]
    for j in range(len(anchors) - 1, -1, -1):
        width, height = anchors[j]
        colour = _colours(view)[j]
        box = {"edgecolor": colour, "facecolor": (*_rgb(colour), 0.07), "linewidth": 1.6}
        axes.add_patch(Rectangle((-width / 2, -height / 2), width, height, **box))
    reach = 1.08 * anchors.max() / 2
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    levels = sorted({row["level"] for row in view.table})
    lines = [Line2D([], [], color=_LEVELS[(n - 1) % len(_LEVELS)], linewidth=2, label=_range(view, n)) for n in levels]
    axes.legend(handles=lines, fontsize=8.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 0.0))
    title(axes, "The anchors, to scale")


def _range(view: View, level: int) -> str:
    numbers = view.options["paste"][level - 1]
    each = [f"{w:g} × {h:g}" for w, h in zip(numbers[::2], numbers[1::2], strict=True)]
    return f"level {level}:  {',  '.join(each if len(each) < 4 else [each[0], '…', each[-1]])}"


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def _draw_curve(axes: Axes, view: View) -> None:
    curve, k, knee = view["curve"], view.options["k"], view.options["knee"]
    counts = np.arange(1, len(curve) + 1)
    axes.plot(counts, curve, color=_CURVE, linewidth=1.8, marker="o", markersize=4, zorder=2)
    mean = view.options["figures"]["average_iou"]
    if mean["low"] is not None:
        axes.plot([k, k], [mean["low"], mean["high"]], color=_LEVELS[0], linewidth=2.5, zorder=3)
    axes.plot(k, mean["value"], "o", color=_LEVELS[0], markersize=8, zorder=4)
    _note(axes, (k, mean["value"]), f"these {k}", _LEVELS[0], (0, 11), "center")
    if len(curve) > 2 and knee != k:
        axes.plot(knee, curve[knee - 1], "o", color="white", markeredgecolor=_CURVE, markersize=8, zorder=4)
        _note(axes, (knee, curve[knee - 1]), "bends most", GREY, (10, -6), "left")
    rivals = {n: o for n, o in view.options["rivals"].items() if 1 < o["k"] <= len(curve)}
    for place, name in enumerate(sorted(rivals, key=lambda n: -rivals[n]["value"])):
        spot, colour = (rivals[name]["k"], rivals[name]["value"]), _LEVELS[1 + place]
        axes.plot(*spot, "D", color=colour, markersize=6, zorder=3)
        _note(axes, spot, name, colour, (9, 4 - 8 * place), "left")
    axes.set_xlabel("anchors", fontsize=9, color=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(top=min(1.02, float(max(curve.max(), mean["value"])) + 0.09))
    _quiet(axes)
    title(axes, "Average IoU, by the number of anchors")


def _note(axes: Axes, place: tuple[float, float], text: str, colour: str, away: tuple[int, int], side: str) -> None:
    told = {"textcoords": "offset points", "fontsize": 8.5, "color": colour, "ha": side, "parse_math": False}
    axes.annotate(printable(text, 40), place, away, va="center", zorder=5, **told)


def _quiet(axes: Axes) -> None:
    axes.tick_params(which="both", labelsize=8.5, colors=GREY)
    axes.grid(color="#e5e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#d1d5db")
