"""What a transform does to each layer: curves through the depth with their intervals, and where to cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, percent, quoted

TITLE = "Which layer still sees the difference?"

COLUMNS = {
    "layer": "Layer",
    "resolution": "Grid",
    "d_inv": "D_inv",
    "d_eq": "D_eq",
    "d_map": "D_map",
    "d_inv_pooled": "of average",
    "probe": "Probe",
    "probe_low": "from",
    "probe_high": "to",
    "probe_parts": "of parts",
    "probe_parts_low": "from",
    "probe_parts_high": "to",
    "cka": "CKA: same, not invariant",
    "parity_floor": "Grid alone",
}

#: Fewer pictures than this give wide intervals.
ENOUGH = 128

#: D_eq that the grid alone may cause before it has to be said.
_FLOOR = 1e-6


class _Curve(NamedTuple):
    key: str
    text: str
    colour: str
    style: str = "-"


# Paul Tol's bright colours, which tell apart for every kind of eye; grey for what is no invariance.
_CURVES = (
    _Curve("d_inv", "D_inv: the map changes", "#ee6677"),
    _Curve("d_eq", "D_eq: undone on the map", "#4477aa"),
    _Curve("d_map", "D_map: and channels mapped\n(1: no better than the mean)", "#228833"),
    _Curve("d_inv_pooled", "D_inv of the average", "#aa3377"),
    _Curve("cka", "CKA: same information,\nnot invariance", "#888888", ":"),
)
_PROBES = (
    _Curve("probe", "average of the whole map", "#aa3377"),
    _Curve("probe_parts", "{parts} apart", "#4477aa"),
)


def figure(view: View) -> Figure:
    """Above what the transform changes, below what a probe still tells; layers from left (first) to right (last)."""
    probed = view.options["probe"] is not None
    rows, count = 1 + probed, len(view.table)
    wide = float(np.clip(1.0 * count + 4, 7.5, 16))
    drawn = Picture(figsize=(wide + 2.6, 3.6 * rows + 0.9), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    left, right = drawn.subfigures(1, 2, width_ratios=[2.1, wide])
    _draw_example(left.subplots(2, 1), view)
    panels = np.atleast_1d(right.subplots(rows, 1, sharex=True))
    _draw_curves(panels[0], view, _CURVES, room=(-0.04, 1.08))
    panels[0].set_ylabel("share of another picture\n(0: no change)", fontsize=9, color=GREY)
    title(panels[0], f"How far each layer’s answer changes when a picture is {view.options['transform_in_words']}")
    if probed:
        _draw_probes(panels[1], view)
    _name_layers(panels[-1], view)
    return drawn


# -- panels ---------------------------------------------------------------------------------------


def _draw_example(axes: Sequence[Axes], view: View) -> None:
    shown = [] if view.pictures is None else [("a picture", view.pictures[0])]
    if "example" in view.arrays:
        shown.append((view.options["transform_in_words"], view["example"]))
    for each, (text, picture) in zip(axes, shown, strict=False):
        each.imshow(picture, interpolation="nearest" if picture.shape[0] < 64 else None)
        title(each, printable(text, 30))
    for each in axes:
        bare(each)


def _draw_curves(axes: Axes, view: View, curves: Sequence[_Curve], *, room: tuple[float, float]) -> None:
    """Each curve with its interval and its name at the right. room: what the axis shows at least."""
    x, ends = np.arange(len(view.table)), []
    for curve in curves:
        y, low, high = (_column(view, curve.key + end) for end in ("", "_low", "_high"))
        known = ~np.isnan(y)
        if not known.any():
            continue
        axes.fill_between(x[known], low[known], high[known], color=curve.colour, alpha=0.16, linewidth=0)
        axes.plot(x[known], y[known], curve.style, color=curve.colour, linewidth=1.9, marker="o", markersize=3.5)
        text = curve.text.format(parts=view.options["parts"])
        ends.append((float(y[known][-1]), text, curve.colour))
    axes.set_xlim(-0.35, len(x) - 0.65)
    axes.set_ylim(min(room[0], axes.get_ylim()[0]), max(room[1], axes.get_ylim()[1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    _label_ends(axes, ends)


def _label_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Each curve's name at its right end, moved apart where two would overlap."""
    low, high = axes.get_ylim()
    ends = sorted(ends)
    places = _apart([(y - low) / (high - low) for y, _, _ in ends], [0.03 * (1 + t.count("\n")) for _, t, _ in ends])
    for place, (_, text, colour) in zip(places, ends, strict=True):
        how = {"xycoords": "axes fraction", "va": "center", "fontsize": 8.5, "annotation_clip": False}
        axes.annotate(text, (1.01, place), color=colour, **how)


def _apart(places: list[float], halves: list[float]) -> list[float]:
    """Places in rising order, two neighbours pushed alike until none overlap. halves: of their heights."""
    for _ in range(100):
        for i, j in itertools.pairwise(range(len(places))):
            overlap = places[i] + halves[i] + halves[j] - places[j]
            if overlap > 0:
                places[i], places[j] = places[i] - overlap / 2, places[j] + overlap / 2
    return places


def _draw_probes(axes: Axes, view: View) -> None:
    chance = view.options["chance"]
    _draw_curves(axes, view, _PROBES, room=(chance - 0.16, 1.04))
    axes.axhline(chance, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    how = {"transform": axes.get_yaxis_transform(), "fontsize": 8, "color": GREY, "va": "bottom", "ha": "right"}
    axes.text(0.997, chance, "guessing", **how)
    axes.set_ylabel("probe's balanced accuracy", fontsize=9, color=GREY)
    told = " from ".join(map(quoted, view.options["classes"])) if len(view.options["classes"]) == 2 else "the labels"
    title(axes, printable(f"How well a linear probe tells {told}", 110))
    _mark_cut(axes, view)


def _mark_cut(axes: Axes, view: View) -> None:
    """A line behind the cut and what lies behind it shaded; a ring where only the pooling has to change."""
    cut, names = view.options["cut"], [row["layer"] for row in view.table]
    apart = view.options["pooled_apart"]
    if apart is not None:
        place, height = names.index(apart), _row(view, apart)["probe_parts"]
        axes.plot([place], [height], "o", markersize=11, fillstyle="none", color="#4477aa", markeredgewidth=1.6)
        _remark(axes, "here only the pooling\nhas to change", (place, height), 0.25, "#4477aa", names)
    if cut is None:
        return
    place = names.index(cut) + (0.5 if cut != names[-1] else 0.25)
    axes.axvline(place, color="#222222", linewidth=1.3)
    axes.axvspan(place, len(names) - 0.65, color="#ccbb44", alpha=0.13, linewidth=0)
    behind = view.options["unfreeze_from"]
    text = f"the cut: keep up to {cut},\nre-train from {behind}" if behind else f"the cut: keep all up to {cut}"
    _remark(axes, text, (place, None), 0.03, "#222222", names)


def _remark(
    axes: Axes, text: str, at: tuple[float, float | None], height: float, colour: str, names: Sequence[str]
) -> None:
    """Text beside a place, on the side where there is room, at a height of the panel; a thin line leads to it."""
    right = at[0] > (len(names) - 1) / 2
    if at[1] is not None:
        line = axes.get_ylim()[0] + (height + 0.06) * (axes.get_ylim()[1] - axes.get_ylim()[0])
        axes.plot([at[0], at[0]], [line, at[1]], color=colour, linewidth=0.8, linestyle=":")
    axes.annotate(
        _printable_lines(text),
        (at[0], height),
        (-6 if right else 6, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom",
        fontsize=8.5,
        color=colour,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
    )


def _printable_lines(text: str) -> str:
    """Each line as the font can draw it."""
    return "\n".join(printable(line, 60) for line in text.split("\n"))


def _name_layers(axes: Axes, view: View) -> None:
    many = len(view.table) > 9 or max(len(row["layer"]) for row in view.table) > 14
    grid = "" if len(view.table) > 16 else "\n{}"
    names = [printable(r["layer"], 26) + grid.format(r["resolution"].replace(" ", "")) for r in view.table]
    axes.set_xticks(range(len(names)), names, rotation=35 if many else 0, ha="right" if many else "center", fontsize=8)
    axes.set_xlabel("layers, from the first to the last", fontsize=9, color=GREY)


def _column(view: View, key: str) -> np.ndarray:
    return np.array([np.nan if row.get(key) is None else row[key] for row in view.table], np.float64)


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """The answer to 'at which layer does the invariance arise, and how do I break it?', and what to beware of."""
    o = view.options
    return [*_cautions(view), *_answer(view), *_grid_words(o), *_measure_words(view)]


def _cautions(view: View) -> Iterator[Sentence]:
    o = view.options
    if o["groups"] < ENOUGH:
        count = _count(o["pictures"], "picture") if o["groups"] == o["pictures"] else _count(o["groups"], "group")
        yield Sentence("warning", f"Only {count}: the intervals are wide, and take {ENOUGH} or more to be believed.")
    parity = o["parity"]
    if parity is None:
        return
    if parity["note"]:
        yield Sentence("warning", f"{parity['note'][0].upper()}{parity['note'][1:]}.")
    size = _size(o["size"])
    if parity["aligned"]:
        return
    worst = "" if parity["worst_here"] is None else f": D_eq of up to {parity['worst_here']:.2f} is the grid's own"
    if parity["culprits"]:
        text = f"At {size} the strides of {_listed(parity['culprits'])} do not reach both edges alike, so a "
        text += f"transformed picture gives another map even with perfectly symmetric kernels{worst}. "
        text += "Feed another size (--size), or none where the network takes one only."
        yield Sentence("warning", text)
    elif parity["worst_here"] is not None and parity["worst_here"] > _FLOOR:
        text = (
            "Parts of this network look at where something is (position embeddings, shifted windows): with symmetric "
        )
        text += f"kernels D_eq is still up to {parity['worst_here']:.2g}, at any size."
        yield Sentence("warning", text)


def _answer(view: View) -> Iterator[Sentence]:
    o = view.options
    if o["probe"] is None:
        return
    if o["cut"] is None:
        yield from _no_average(view)
        return
    if o.get("never_averaged"):
        yield from _never_averaged(view)
        return
    last = view.table[-1]["layer"]
    told, best = _told(o), _best(view, "probe")
    at = _row(view, o["cut"])
    text = f"{told} best at {quoted(best['layer'])} ({best['probe']:.2f}; guessing gives {o['chance']:.2f})"
    if o["cut"] == last:
        yield Sentence("fact", f"{text}, and the last layer that was looked at, {quoted(last)}, still does as well.")
        behind = f" (--unfreeze-from {o['unfreeze_from']})" if o["unfreeze_from"] else ""
        yield Sentence("fact", f"Nothing is lost up to there: a new classifier on its average is enough{behind}.")
        return
    end = view.table[-1]
    lost = f"{at['probe']:.2f} at {quoted(o['cut'])}, {end['probe']:.2f} at {quoted(end['layer'])}"
    yield Sentence("fact", f"{text}. Behind {quoted(o['cut'])} the average loses it: {lost}.")
    yield from _pooling_words(view)
    drop = " and leave this transform out of the augmentation" if o["probe"] != "labels" or _flips(o) else ""
    text = f"To break the invariance, keep everything up to {quoted(o['cut'])}, re-train from "
    yield Sentence("fact", f"{text}{quoted(o['unfreeze_from'])} (--unfreeze-from {o['unfreeze_from']}){drop}.")


def _never_averaged(view: View) -> Iterator[Sentence]:
    o = view.options
    best, parts = _best(view, "probe"), _best(view, "probe_parts")
    apart = f"{parts['probe_parts']:.2f} at {quoted(parts['layer'])}"
    average = f"{best['probe']:.2f} at {quoted(best['layer'])}, the best; guessing gives {o['chance']:.2f}"
    text = (
        f"{_told(o)} by the {o['parts']} pooled apart ({apart}), but by no layer’s average ({average}): it is in the "
    )
    yield Sentence("fact", f"{text}maps alone, and a new classifier on the average would be no help.")
    yield from _pooling_words(view)
    if o["unfreeze_from"]:
        drop = " and leave this transform out of the augmentation" if o["probe"] != "labels" or _flips(o) else ""
        text = f"To bring it into the average, keep everything up to {quoted(o['cut'])}, re-train from "
        yield Sentence("fact", f"{text}{quoted(o['unfreeze_from'])} (--unfreeze-from {o['unfreeze_from']}){drop}.")


def _no_average(view: View) -> Iterator[Sentence]:
    o = view.options
    if o["groups"] < o.get("groups_for_a_cut", 0):
        best = max((r for r in view.table if r["probe"] is not None), key=lambda r: r["probe"], default=None)
        if best is not None:
            text = f"{_told(o)} best at {quoted(best['layer'])}: {best['probe']:.2f} ({best['probe_low']:.2f} to "
            yield Sentence("fact", f"{text}{best['probe_high']:.2f}; guessing gives {o['chance']:.2f}).")
        text = f"No cut is advised from {_count(o['groups'], 'group')} of pictures: a probe of so few is right by luck "
        yield Sentence("warning", f"{text}too often. It takes {o['groups_for_a_cut']} or more.")
        return
    if o["pooled_apart"] is not None:
        yield Sentence("fact", f"No layer’s average over the whole map tells {_difference(o)}.")
        yield from _pooling_words(view)
        return
    text = f"No probe tells {_difference(o)} on these pictures: either they have no side to tell (most photos mean the "
    text += "same mirrored), or the first layers have lost it already. No cut can be advised: take pictures where the "
    yield Sentence("warning", f"{text}transform means something, or pass labels.")


def _pooling_words(view: View) -> Iterator[Sentence]:
    o = view.options
    if o["pooled_apart"] is None:
        return
    row = _row(view, o["pooled_apart"])
    average = "" if row["probe"] is None else f" instead of {row['probe']:.2f}"
    text = f"First change only the pooling: at {quoted(o['pooled_apart'])} the {o['parts']} pooled apart still tell it "
    yield Sentence("fact", f"{text}({row['probe_parts']:.2f}{average}), so nothing below has to be re-trained.")


def _grid_words(o: Mapping[str, Any]) -> Iterator[Sentence]:
    parity = o["parity"]
    if parity is None or not parity["resized"]:
        return
    worst = f"D_eq of up to {parity['worst']:.2f}"
    text = f"Measured at {_size(o['size'])}: at the network’s own size the strides of {_listed(parity['culprits'])} "
    text += f"are not aligned with the transform, and symmetric kernels would already show a {worst}; here it is 0. "
    yield Sentence("fact", text + "(--size overrides.)")


def _measure_words(view: View) -> Iterator[Sentence]:
    rows = [r for r in view.table if r["d_inv_pooled"] is not None]
    if rows:
        first, last = rows[0], rows[-1]
        text = f"Averaged over the whole map, the transform changes {quoted(last['layer'])} by "
        text += f"{percent(last['d_inv_pooled'])} of what another picture would"
        if first is not last:
            text += f" ({quoted(first['layer'])}: {percent(first['d_inv_pooled'])})"
        yield Sentence("fact", text + ".")
    known = [r for r in view.table if r["d_eq"] is not None and r["d_inv"]]
    kept = [r for r in known if r["d_eq"] < r["d_inv"]]
    if kept:
        best = min(kept, key=lambda r: r["d_eq"] / r["d_inv"])
        text = f"Place by place the map follows the picture best at {quoted(best['layer'])}: what changes by "
        yield Sentence("fact", f"{text}{best['d_inv']:.2f} is, with the transform undone, {best['d_eq']:.2f}.")


# -- small parts ----------------------------------------------------------------------------------


def _told(o: Mapping[str, Any]) -> str:
    if o["probe"] == "labels":
        return "The labels " + ", ".join(map(quoted, o["classes"][:4])) + " are told"
    return f"Whether a picture is {o['transform_in_words']} is told"


def _difference(o: Mapping[str, Any]) -> str:
    if o["probe"] == "labels":
        return "the labels " + ", ".join(map(quoted, o["classes"][:4])) + " apart"
    return f"whether a picture is {o['transform_in_words']}"


def _flips(o: Mapping[str, Any]) -> bool:
    return o["transform"] in ("hflip", "vflip")


def _best(view: View, key: str) -> Mapping[str, Any]:
    return max((r for r in view.table if r[key] is not None), key=lambda r: r[key])


def _row(view: View, layer: str) -> Mapping[str, Any]:
    return next(r for r in view.table if r["layer"] == layer)


def _size(size: Sequence[int]) -> str:
    return f"{size[0]} × {size[1]}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{quoted(names[0])}{more}" if names else "some layers"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
