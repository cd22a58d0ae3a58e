"""Codes of pictures: a plane with classes, and with pictures at its points; what is rebuilt; what codes are worth."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.layer_curves import BLUE, ORANGE, quiet
from pellucid.report.scores import NOTHING, short
from pellucid.report.words import Sentence, number, percent, quoted, whole

TITLE = "What the codes of pictures are good for"

COLUMNS = {
    "part": "Part",
    "method": "By",
    "space": "On",
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "chance": "By chance",
    "items": "Items",
}

#: Of classes; the first ten tell apart for the usual colour-vision deficiencies by lightness too.
CLASSES = (
    *("#2563eb", "#d97706", "#047857", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#65a30d", "#475569", "#a16207"),
    *("#60a5fa", "#fbbf24", "#34d399", "#f87171", "#c4b5fd", "#67e8f9", "#f9a8d4", "#bef264", "#94a3b8", "#d6b370"),
)
NORMAL, STRANGE, UNKNOWN = "#64748b", "#dc2626", "#94a3b8"

#: What is looked at, and its colour: the code, and what it is held against.
SPACES = {"code": BLUE, "pixels": "#64748b", "PCA": ORANGE, "brightness": "#a8a29e"}

#: Classes with a legend; of more the names are written where they lie. Inches of a picture at a point.
_LEGEND, _WRITTEN, _THUMB = 12, 40, 0.36

#: Held items below which a person is warned.
_FEW = 50

#: From here on one says how many times as much.
_TIMES = 2


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Above the plane, twice or three times; then pictures as they are and rebuilt; below what codes are worth."""
    wide, rebuilt, bars = _wide(view), "rebuilt/original" in view.arrays, _bars(view)
    rows = [5.6, *([2.5] if rebuilt else []), *([0.42 * max(map(len, bars.values())) + 1.5] if bars else [])]
    drawn = Picture(figsize=(15 if wide == 3 else 13, sum(rows) + 0.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    drawn.suptitle(printable(headline(view), 150), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    grid = drawn.add_gridspec(len(rows), 1, height_ratios=rows)
    above = grid[0].subgridspec(1, wide)
    _draw_points(drawn.add_subplot(above[0]), view)
    _draw_pictures(drawn.add_subplot(above[1]), view, (drawn.get_figwidth() / wide - 0.6, rows[0] - 0.8))
    if wide == 3:
        _draw_plane(drawn.add_subplot(above[2]), view)
    if rebuilt:
        _draw_rebuilt(drawn, grid[1], view)
    if bars:
        below = grid[len(rows) - 1].subgridspec(1, len(bars))
        for place, (part, found) in enumerate(bars.items()):
            _draw_bars(drawn.add_subplot(below[place]), found, part)
    return drawn


def headline(view: View) -> str:
    """The answer in one line."""
    units, values = view.options["units"], view.options["values"]
    begin = f"{whole(view.options['held'])} pictures as {whole(units)} number{'s' * (units > 1)} each instead of "
    found = [_row(view, part, metric) for part, metric in (("outliers", "AUROC"), ("groups", "ARI"))]
    told = [f"{row['metric']} {short(row['value'])} ({row['method']})" for row in found if row]
    return f"{begin}{whole(values)}" + (f": {', '.join(told)}" if told else "")


def _wide(view: View) -> int:
    return 3 if "plane/pictures" in view.arrays else 2


def _point_colours(view: View) -> tuple[list[str], dict[str, str]]:
    """Each point's colour, and the legend."""
    if "normal" in view.arrays:
        normal = view["normal"]
        many = {"normal": int(normal.sum()), "not normal": int((~normal).sum())}
        names = {f"{name} ({whole(n)})": c for (name, n), c in zip(many.items(), (NORMAL, STRANGE), strict=True) if n}
        return [NORMAL if n else STRANGE for n in normal], names
    names = view.options["classes"]
    if names:
        own = [UNKNOWN if c < 0 else CLASSES[c % len(CLASSES)] for c in view["class"]]
        return own, {printable(n, 24): CLASSES[i % len(CLASSES)] for i, n in enumerate(names)}
    groups = view["group"]
    return [CLASSES[g % len(CLASSES)] for g in groups], {
        f"group {g}": CLASSES[g % len(CLASSES)] for g in np.unique(groups)
    }


def _draw_points(axes: Axes, view: View) -> None:
    own, names = _point_colours(view)
    where = view["place"]
    size = float(np.clip(6000 / len(where), 8, 34))
    order = np.argsort([c == NORMAL for c in own], kind="stable")  # what is not normal lies below, so neither hides
    axes.scatter(*where[order].T, c=np.array(own)[order], s=size, alpha=0.75, linewidth=0)
    _limits(axes, where)
    if len(names) <= _LEGEND:
        marks = [axes.scatter([], [], c=colour, s=34, label=name) for name, colour in names.items()]
        axes.legend(handles=marks, fontsize=8, frameon=True, framealpha=0.85, edgecolor="none", loc="best", ncols=2)
    elif len(names) <= _WRITTEN:
        for number_, name in enumerate(names):
            there = where[view["class"] == number_]
            if len(there):
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1}
                axes.text(*np.median(there, 0), name, fontsize=8, ha="center", va="center", bbox=box, parse_math=False)
    what = view.options["column"] or "group"
    by = "normal or not" if "normal" in view.arrays else printable(str(what), 30)
    title(axes, f"Pictures that were not learnt from, by their code; colours: {by}")
    _name_axes(axes, view)


def _name_axes(axes: Axes, view: View) -> None:
    units, share = view.options["units"], view.options["shown_variance"]
    names = ("unit 0", "unit 1") if units <= 2 else ("first main direction of the code", "second")
    if units == 1:
        names = ("unit 0", "")
    axes.set_xlabel(names[0], fontsize=8.5, color=GREY)
    axes.set_ylabel(names[1] if units <= 2 else f"second ({percent(share)} by both)", fontsize=8.5, color=GREY)
    quiet(axes)


def _limits(axes: Axes, where: np.ndarray) -> None:
    """All but the outermost half per cent on each side, and a little room."""
    low, high = np.percentile(where, [0.5, 99.5], axis=0)
    pad = 0.06 * np.maximum(high - low, 1e-6)
    axes.set_xlim(low[0] - pad[0], high[0] + pad[0])
    axes.set_ylim(low[1] - pad[1], high[1] + pad[1])


def _draw_pictures(axes: Axes, view: View, inches: tuple[float, float]) -> None:
    """As many pictures at their points as do not hide each other."""
    own, _ = _point_colours(view)
    where = view["place"]
    _limits(axes, where)
    axes.scatter(*where.T, c="#e2e8f0", s=5, linewidth=0)
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    spots = (where - low) / (high - low) * np.array(inches)
    for i in _apart(spots, np.array(inches)):
        picture = np.asarray(view.pictures)[i]
        image = OffsetImage(picture, zoom=_THUMB * 72 / picture.shape[0], interpolation="nearest")
        frame = {"edgecolor": own[i], "linewidth": 1.3, "boxstyle": "square,pad=0.06"}
        box = AnnotationBbox(image, where[i], pad=0, bboxprops=frame)
        box.set_in_layout(False)
        axes.add_artist(box)
    title(axes, "The same, with pictures at the points")
    _name_axes(axes, view)


def _apart(spots: np.ndarray, inches: np.ndarray) -> list[int]:
    """Numbers of points, in their order, each farther than a picture's side from all before, and inside the axes."""
    taken: list[int] = []
    room = 1.22 * _THUMB
    for i in np.random.default_rng(0).permutation(len(spots)):
        inside = (spots[i] > room / 2).all() and (spots[i] < inches - room / 2).all()
        if inside and (not taken or (np.abs(spots[taken] - spots[i]).max(1) > room).all()):
            taken.append(int(i))
    return taken


def _draw_plane(axes: Axes, view: View) -> None:
    """What the decoder makes of points all over the plane."""
    pictures, where = view["plane/pictures"], view["plane/place"]
    side = int(np.sqrt(len(pictures)))
    _, height, width, channels = pictures.shape
    line = max(1, round(0.06 * max(height, width)))  # between two pictures
    pictures = np.pad(pictures, ((0, 0), (0, line), (0, line), (0, 0)), constant_values=255)
    height, width = height + line, width + line
    sheet = pictures.reshape(side, side, height, width, channels).swapaxes(1, 2)
    low, high = where.min(0), where.max(0)
    half = (high - low) / (side - 1) / 2
    extent = (low[0] - half[0], high[0] + half[0], low[1] - half[1], high[1] + half[1])
    axes.imshow(
        sheet.reshape(side * height, side * width, channels), extent=extent, aspect="auto", interpolation="nearest"
    )
    title(axes, "What each place of the plane is decoded to")
    _name_axes(axes, view)


def _draw_rebuilt(drawn: Figure, spot: SubplotSpec, view: View) -> None:
    original, answer, error = (view[f"rebuilt/{name}"] for name in ("original", "answer", "error"))
    grid = spot.subgridspec(2, len(original), hspace=0.02, wspace=0.03)
    for i in range(len(original)):
        for row, picture in enumerate((original[i], answer[i])):
            axes = drawn.add_subplot(grid[row, i])
            axes.imshow(picture, interpolation="nearest")
            bare(axes)
            if i == 0:
                axes.set_ylabel(("as it is", "rebuilt")[row], fontsize=9, color=GREY)
            if row == 0:
                told = number(float(f"{error[i]:.2g}"))
                axes.set_title(told if i else f"squared error {told}", fontsize=8.5, color=GREY)


# -- what codes are worth -------------------------------------------------------------------------

Bars = dict[str, list[list[Mapping[str, Any]]]]


def _bars(view: View) -> Bars:
    """The rows that are drawn: by panel, and within it by method."""
    found: Bars = {}
    for row in view.table:
        panel = {"groups": "groups", "classes": "groups", "outliers": "outliers"}.get(row["part"])
        if panel is None:
            continue
        lines = found.setdefault(panel, [])
        same = [line for line in lines if (line[0]["method"], line[0]["metric"]) == (row["method"], row["metric"])]
        if same:
            same[0].append(row)
        else:
            lines.append([row])
    return found


def _draw_bars(axes: Axes, lines: Sequence[Sequence[Mapping[str, Any]]], part: str) -> None:
    """A line a method, a dot with its interval a space."""
    named: set[str] = set()
    for y, line in enumerate(lines):
        for place, row in enumerate(line):
            at = y + (place - (len(line) - 1) / 2) * 0.22
            colour = SPACES[row["space"]]
            label = None if row["space"] in named else _space(row["space"])
            named.add(row["space"])
            axes.hlines(at, row["value_low"], row["value_high"], color=colour, linewidth=2, alpha=0.5)
            axes.plot(row["value"], at, "o", color=colour, markersize=5.5, label=label)
        chance = line[0]["chance"]
        if chance is not None:
            axes.vlines(chance, y - 0.38, y + 0.38, color="#111827", linewidth=1, linestyle=(0, (2, 2)))
    names = [_line_name(line[0]) for line in lines]
    axes.set_yticks(range(len(lines)), names, fontsize=8.5, parse_math=False)
    axes.set_ylim(len(lines) - 0.45, -0.55)
    lowest = min(min(row["value_low"] for row in line) for line in lines)
    axes.set_xlim(min(-0.02, lowest - 0.02), 1.02)
    quiet(axes)
    axes.tick_params(axis="y", length=0, colors="#222222")
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=4, bbox_to_anchor=(-0.02, -0.06 - 0.3 / len(lines)))
    what = {
        "groups": "Groups that k-means finds, and classes that are told (dashed: by chance)",
        "outliers": "What is not normal above what is: area under the ROC curve",
    }
    title(axes, what[part])


def _space(space: str) -> str:
    return {"code": "on codes", "pixels": "on pixels", "PCA": "on as many components"}.get(space, f"on {space}")


def _line_name(row: Mapping[str, Any]) -> str:
    return row["method"] if row["part"] == "outliers" else f"{row['method']}: {row['metric']}"


def write_csv(path: Path, view: View) -> None:
    """A row a drawn picture, the strangest by the network's first score first."""
    scores = [name for name in view.arrays if name.startswith("score/")]
    known, names = "normal" in view.arrays, view.options["classes"]
    order = np.argsort(-view[scores[0]], kind="stable") if scores else np.arange(len(view.names))
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        said = ["class", *(["normal"] if known else []), "group"]
        table.writerow(["picture", *said, *(name.removeprefix("score/") for name in scores)])
        for i in order:
            kind = names[view["class"][i]] if view["class"][i] >= 0 else ""
            normal = ["yes" if view["normal"][i] else "no"] if known else []
            row = [view.names[i], kind, *normal, int(view["group"][i])]
            table.writerow([*row, *(f"{view[name][i]:.6g}" for name in scores)])


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What a code loses, whether classes lie together in it, whether it tells them, whether it finds outliers."""
    return [
        *_warnings(view),
        *_lost(view),
        *_compared(view, "groups", "ARI", "k-means, which never sees a class, agrees with the classes by an ARI of"),
        *_told(view),
        *_outlier_words(view),
        *_plane_words(view),
    ]


def _warnings(view: View) -> Iterator[Sentence]:
    if not view.options["unseen"]:
        text = "The network has learnt from all of these pictures: what is said of new ones flatters."
        yield Sentence("warning", text)
    if view.options["held"] < _FEW:
        yield Sentence("warning", f"Only {view.options['held']} pictures were asked: the intervals are wide.")


def _row(view: View, part: str, metric: str, space: str = "code") -> Mapping[str, Any] | None:
    """The best row on a space."""
    rows = [r for r in view.table if (r["part"], r["metric"], r["space"]) == (part, metric, space)]
    return max(rows, key=lambda r: r["value"], default=None)


def _ends(row: Mapping[str, Any], name: str = "value", form: Any = short) -> str:
    return f"{form(row[name])} ({form(row[f'{name}_low'])} to {form(row[f'{name}_high'])})"


def _lost(view: View) -> Iterator[Sentence]:
    row, other = _row(view, "reconstruction", "MSE"), _row(view, "reconstruction", "MSE", "PCA")
    if row is None or other is None:
        return
    units, ratio = view.options["units"], row["value"] / max(other["value"], 1e-300)
    told = f"{percent(abs(1 - ratio))} {'less' if ratio < 1 else 'more'}"
    if ratio > _TIMES:
        told = f"{number(ratio)} times as much" if ratio < NOTHING else "more, for so many components lose nothing"
    text = (
        f"{whole(units)} number{'s' * (units > 1)} a picture miss {_ends(row, form=number)} a value, squared, on "
        f"{whole(row['items'])} pictures; PCA with as many components {_ends(other, form=number)}"
    )
    gap = next(d for d in view.options["differences"] if d["part"] == "reconstruction")
    sure = "" if gap["by_low"] > 0 or gap["by_high"] < 0 else ", which may be chance"
    yield Sentence("fact", f"{text}: the code misses {told}{sure}.")


def _compared(view: View, part: str, metric: str, begin: str) -> Iterator[Sentence]:
    """A figure on codes, beside pixels and components, and whether the differences are real."""
    row = _row(view, part, metric)
    if row is None:
        return
    others = [(space, _row(view, part, metric, space)) for space in ("pixels", "PCA")]
    told = ", ".join(f"{_ends(other)} {_space(space)}" for space, other in others if other is not None)
    yield Sentence("fact", f"{begin} {_ends(row)} on codes, {told}. {_differences(view, part, metric, row['method'])}")


def _differences(view: View, part: str, metric: str, method: str) -> str:
    said = []
    for gap in view.options["differences"]:
        if (gap["part"], gap["metric"], gap["method"]) != (part, metric, method) or gap["over_method"] != method:
            continue
        over = {"pixels": "pixels", "PCA": "components"}[gap["over"]]
        if gap["by_low"] > 0:
            said.append(f"better than {over} by {_ends(gap, 'by')}")
        elif gap["by_high"] < 0:
            said.append(f"worse than {over} by {_ends(_turned(gap), 'by')}")
        else:
            said.append(f"not to be told apart from {over}")
    return f"Codes are {' and '.join(said)}." if said else ""


def _turned(gap: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": -gap["by"], "by_low": -gap["by_high"], "by_high": -gap["by_low"]}


def _told(view: View) -> Iterator[Sentence]:
    methods = list(dict.fromkeys(r["method"] for r in view.table if r["part"] == "classes"))
    for method in methods:
        rows = {r["space"]: r for r in view.table if (r["part"], r["method"]) == ("classes", method)}
        told = ", ".join(f"{_ends(rows[space])} {_space(space)}" for space in ("code", "pixels", "PCA"))
        begin = f"The share of pictures whose class {method} name{'s' * (not method.endswith('s'))} right: {told}"
        chance = f"always naming the commonest one {short(rows['code']['chance'])}"
        yield Sentence("fact", f"{begin}; {chance}. {_differences(view, 'classes', 'accuracy', method)}")


def _outlier_words(view: View) -> Iterator[Sentence]:
    row = _row(view, "outliers", "AUROC")
    if row is None:
        return
    plain = max((r for r in view.table if r.get("kind") == "plain"), key=lambda r: r["value"])
    trivial = max((r for r in view.table if r.get("kind") == "trivial"), key=lambda r: r["value"])
    strange, held = view.options["strange"], view.options["held"]
    yield Sentence(
        "fact",
        f"{whole(strange)} of {whole(held)} pictures are not normal. The network's best score, {row['method']}, puts "
        f"one of them above a normal one in {_ends(row)} of all pairs (the AUROC; ½ is chance). Without a network, "
        f"{plain['method']} {_space(plain['space'])} does so in {_ends(plain)}, and brightness alone, "
        f"{trivial['method']}, in {_ends(trivial)}.",
    )
    if plain["value"] >= row["value"]:
        text = f"No network is needed here: {plain['method']} {_space(plain['space'])} does as well or better."
        yield Sentence("warning", text)
    gap = next(
        d
        for d in view.options["differences"]
        if d["part"] == "outliers" and d["method"] == row["method"] and d["over"] == "brightness"
    )
    if gap["by_low"] <= 0:
        text = (
            f"It is not shown that the network sees more than brightness: its lead over {trivial['method']} is "
            f"{_ends(gap, 'by')}."
        )
        yield Sentence("warning", text)


def _plane_words(view: View) -> Iterator[Sentence]:
    units, share = view.options["units"], view.options["shown_variance"]
    if units > 2:
        layer = quoted(view.options["layer"])
        text = (
            f"The plane shows {percent(share)} of the variance of the {units} units of {layer}: what lies together on "
        )
        yield Sentence("fact", f"{text}it may lie apart in the code.")
    if not view.options["classes"]:
        yield Sentence(
            "fact", "No classes are known: colours are the groups that k-means finds, and nothing judges them."
        )
