"""Content and style through the layers: a row a layer with its scores and intervals, the recommended ones marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, percent, quoted

TITLE = "Which layers carry content and which carry style?"

COLUMNS = {
    "layer": "Layer",
    "resolution": "Grid",
    "channels": "Channels",
    "content": "C (recoloured)",
    "place": "P (shuffled)",
    "both": "C·P content",
    "both_low": "from",
    "both_high": "to",
    "chosen": "Best of resamples",
    "style": "S style",
    "style_low": "from",
    "style_high": "to",
    "weight": "Weight 1/E‖G‖²",
    "role": "Role",
}

#: Fewer pictures give wide intervals.
ENOUGH = 30

#: The share of resamples in which a layer has to be the best one to be called it.
SURE = 0.8

#: From these values on a score is clear, and below the second of each it is weak. C is an AUC, ½ by chance; P is 0
#: where the arrangement does not matter, and 1 where it does as much as another picture.
CLEAR_C, WEAK_C = 0.9, 0.75
CLEAR_P, WEAK_P = 0.75, 0.4

# Paul Tol's bright blue and red, which tell apart for every kind of eye.
_CONTENT, _STYLE = "#4477aa", "#ee6677"

_SHOWN = ("a picture", "a crop of it", "recoloured", "shuffled")


def figure(view: View) -> Figure:
    """At the left what was done to the pictures; then content and style scores, first layers above."""
    height = max(4.2, 0.29 * len(view.table) + 1.7)
    drawn = Picture(figsize=(11.5, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    left, right = drawn.subfigures(1, 2, width_ratios=[1.35, 8])
    for i, text in enumerate(_SHOWN):
        axes = left.add_subplot(len(_SHOWN), 1, i + 1)
        bare(axes)
        if view.pictures is not None:
            axes.imshow(view.pictures[i])
            title(axes, text)
    content, style = right.subplots(1, 2, sharey=True)
    _draw(content, view, "both", "content", _CONTENT)
    title(content, "Content, C·P: knows its picture whatever the\ncolours, and minds where the parts are")
    _draw(style, view, "style", "style", _STYLE)
    title(style, "Style, S: knows a texture by its Gram matrix,\nwherever it is (½ is chance)")
    style.axvline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    _name_layers(content, view)
    return drawn


def _draw(axes: Axes, view: View, key: str, role: str, colour: str) -> None:
    for y, row in enumerate(view.table):
        chosen = role in row["role"].split(", ")
        shade = colour if chosen else "#9ca3af"
        axes.plot([row[f"{key}_low"], row[f"{key}_high"]], [y, y], color=shade, linewidth=2.6 if chosen else 1.4)
        axes.plot(row[key], y, "o", color=shade, markersize=8 if chosen else 4.5)
        if chosen:
            axes.axhspan(y - 0.5, y + 0.5, color=colour, alpha=0.12, linewidth=0)
    axes.tick_params(labelsize=8, colors=GREY, length=0)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set_xlim(right=max(1.02, *(row[f"{key}_high"] for row in view.table)))
    axes.set_xlabel(f"coloured: to be used for {role}; lines: 95 % intervals", fontsize=8.5, color=GREY)


def _name_layers(axes: Axes, view: View) -> None:
    names = [f"{printable(row['layer'], 34)}  {row['resolution']}" for row in view.table]
    axes.set_yticks(range(len(names)), names, fontsize=8.5, color="#222222", parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Which layers carry which, and how sure that is."""
    content = next(row for row in view.table if "content" in row["role"])
    styles = [row for row in view.table if "style" in row["role"]]
    said = [
        Sentence(
            "fact",
            f"Content: take {quoted(content['layer'])} ({content['resolution']}). It tells a recoloured picture from "
            f"others {percent(content['content'])} of the time, and moves {percent(content['place'])} as far as to "
            f"another picture when the patches change places: {_minds(content)}.",
        ),
        *([Sentence("fact", _style_words(styles))] if styles else []),
        *_doubts(view, content),
        *_style_doubts(view, styles),
    ]
    if not styles:
        said.append(Sentence("warning", "No layer gives anything for these pictures, so none carries style."))
    return said


def _minds(row: Mapping[str, Any]) -> str:
    """What the values of C and P say."""
    place = "clearly" if row["place"] >= CLEAR_P else "partly" if row["place"] >= WEAK_P else "hardly"
    colour = "hardly" if row["content"] >= CLEAR_C else "somewhat" if row["content"] >= WEAK_C else "much"
    joined = "but" if (place == "hardly") != (colour == "hardly") else "and"
    return f"it {place} minds what is where, {joined} {colour} its colour"


def _style_words(styles: Sequence[Mapping[str, Any]]) -> str:
    named = ", ".join(quoted(row["layer"]) for row in styles)
    low, high = min(row["style"] for row in styles), max(row["style"] for row in styles)
    span = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return (
        f"Style: take {named}, each with the weight in its row. By which channels are active together, and without "
        f"a word about where, they tell crops of one picture from other pictures’ with an AUC of {span} (chance is ½)."
    )


def _doubts(view: View, content: Mapping[str, Any]) -> list[Sentence]:
    said = []
    if content["content"] < WEAK_C or content["place"] < WEAK_P:
        text = f"Of these layers {quoted(content['layer'])} carries most content, but only weakly"
        said.append(Sentence("warning", f"{text} (C = {content['content']:.2f}, P = {content['place']:.2f})."))
    if content["chosen"] < SURE:
        others = sorted((r for r in view.table if r is not content), key=lambda r: -r["chosen"])
        rivals = ", ".join(quoted(r["layer"]) for r in others[:2] if r["chosen"] > 0)
        text = f"{quoted(content['layer'])} is the best in only {percent(content['chosen'])} of the resamples"
        said.append(Sentence("warning", f"{text}; {rivals} would do as well." if rivals else f"{text}."))
    if all(row["content"] == 1 for row in view.table):
        said.append(Sentence("fact", "Every layer knows each recoloured picture, so the arrangement alone decides."))
    count = view.options["pictures"]
    if count < ENOUGH:
        text = f"The scores come from {count} pictures, so the intervals are wide: more pictures, textures among them, "
        said.append(Sentence("fact", f"{text}make them narrower."))
    return said


def _style_doubts(view: View, styles: Sequence[Mapping[str, Any]]) -> list[Sentence]:
    """Layers that were not chosen, though each's interval reaches what a chosen one scores."""
    least = min((row["style"] for row in styles), default=None)
    rivals = [row for row in view.table if least is not None and row not in styles and row["style_high"] >= least]
    if not rivals:
        return []
    rivals.sort(key=lambda row: -row["style"])
    more = f" and {len(rivals) - 2} more" if len(rivals) > 2 else ""
    named = ", ".join(quoted(row["layer"]) for row in rivals[:2])
    text = f"By S the layers for style are not told from {named}{more}: the intervals overlap"
    return [Sentence("warning", f"{text}, so these may do as well.")]
