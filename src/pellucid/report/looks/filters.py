"""Filters at a glance: the first layer's as pictures, a bar a layer, and the patches that excite deeper units."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, percent, quoted, whole

TITLE = "What the filters look for, and which ones are of no use"

COLUMNS = {
    "layer": "Layer",
    "type": "Kernel",
    "filters": "Filters",
    "activation": "Activation",
    "dead": "Dead",
    "bound": "3/N",
    "saturated": "Saturated",
    "duplicates": "Duplicates",
    "confirmed": "confirmed",
    "negatives": "Negatives",
    "mirrored": "Mirrored",
    "highest": "|cos|",
    "chance": "by chance",
    "symmetry": "Symmetry",
    "symmetry_chance": "by chance",
}

#: What a unit is called, in the order in which the first that fits takes its place in the bar (colours: Okabe & Ito).
STATES = {
    "dead": "#111111",
    "saturated": "#E69F00",
    "duplicate": "#D55E00",
    "negative": "#0072B2",
    "mirrored": "#009E73",
}

#: Above this bound too few pictures were seen to call a unit dead.
FEW = 0.05

_MOST_BARS, _MOST_TILES, _NUMBERED = 30, 256, 100
_OUTSIDE = (236, 236, 236)
_TILE, _GAP = 30, 5  # pixels of a filter on the sheet, and between two


def figure(view: View) -> Figure:
    """The sheet of the first layer and a bar a layer side by side; below, the patches of some units of some layers."""
    layers = [name.removeprefix("patches/") for name in view.arrays if name.startswith("patches/")]
    bars = _bars(view)
    sheet = "filters" in view.arrays
    top = max(3.4, 0.24 * len(bars) + 1.3, 5.2 if sheet and len(view["filters"]) > 64 else 0)
    blocks = [layers[i : i + 2] for i in range(0, len(layers), 2)]
    heights = [top, *(max(_height(view, name) for name in pair) for pair in blocks)]
    drawn = Picture(figsize=(13.4, sum(heights)), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    parts = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    row = parts[0].subplots(1, 2 if sheet else 1, squeeze=False)[0]
    if sheet:
        _draw_sheet(row[0], view)
    _draw_bars(row[-1], bars, len(view.table))
    for part, pair in zip(parts[1:], blocks, strict=True):
        for axes, layer in zip(part.subplots(1, 2, squeeze=False)[0], [*pair, None][:2], strict=True):
            if layer is None:
                axes.set_axis_off()
            else:
                _draw_patches(axes, view, layer)
    return drawn


# -- the sheet ------------------------------------------------------------------------------------


def _draw_sheet(axes: Axes, view: View) -> None:
    said, order = view.options["sheet"], view["order"][:_MOST_TILES]
    pictures = view["filters"]
    factor = max(1, round(_TILE / max(pictures.shape[1:3])))
    height, width = pictures.shape[1] * factor, pictures.shape[2] * factor
    columns = max(1, min(len(order), round(np.sqrt(1.25 * len(order) * (height + _GAP) / (width + _GAP)))))
    rows = -(-len(order) // columns)
    mosaic = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8)
    corners = {}
    for place, unit in enumerate(order):
        top, left = _GAP + place // columns * (height + _GAP), _GAP + place % columns * (width + _GAP)
        tile = pictures[unit].repeat(factor, 0).repeat(factor, 1)
        mosaic[top : top + height, left : left + width] = tile
        corners[int(unit)] = left, top
    axes.imshow(mosaic, interpolation="nearest")
    axes.set_anchor("NW")
    bare(axes)
    row = next(r for r in view.table if r["layer"] == said["layer"])
    for unit, (left, top) in corners.items():
        states = states_of(row, unit)
        if states:
            box = (left - 2.5, top - 2.5), width + 4, height + 4
            axes.add_patch(Rectangle(*box, fill=False, edgecolor=STATES[states[0]], linewidth=1.8))
        if states or len(order) <= _NUMBERED:
            ink = {"fontsize": 5.5, "color": "#222222", "ha": "left", "va": "top", "clip_on": False}
            box = {"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 0.4}
            axes.text(left, top, str(unit), bbox=box, **ink)
    for pair in row["pairs"]:
        _link(axes, corners, pair, (width / 2, height / 2))
    title(axes, _sheet_title(said, len(pictures), len(order)))


def _link(
    axes: Axes, corners: Mapping[int, tuple[int, int]], pair: Mapping[str, Any], middle: tuple[float, float]
) -> None:
    """A line between the two filters of a pair."""
    ends = [corners.get(pair[which]) for which in ("unit", "other")]
    if None not in ends:
        x, y = zip(*((left + middle[0], top + middle[1]) for left, top in ends), strict=True)  # type: ignore[misc]
        colour = STATES[_state(pair["kind"])]
        axes.plot(x, y, color=colour, linewidth=1.2, marker="o", markersize=2.5, solid_capstyle="round")


def _sheet_title(said: Mapping[str, Any], count: int, drawn: int) -> str:
    ways = {
        "colour": "in colour",
        "grey": "in grey",
        "strip": f"their {said['channels']} input channels side by side",
    }
    components = f"the first three components of their {said['channels']} input channels"
    way = ways.get(said["how"]) or f"{components} ({percent(said['explained'] or 0)} of their squares)"
    some = "" if drawn == count else f" (the {drawn} largest)"
    name = printable(quoted(said["layer"]), 40)
    first = f"The {count} filters of {name}{some}, {way}"
    second = f"one scale: grey is 0, the brightest ±{said['scale']:.2g}; ordered by size, the alike together"
    return "\n".join([*textwrap.wrap(first, 84), *textwrap.wrap(second, 84)])


# -- bars -----------------------------------------------------------------------------------------


def _state(kind: str) -> str:
    return kind.partition(" ")[0]


def states_of(row: Mapping[str, Any], unit: int) -> list[str]:
    """What is to say of a unit, in the order of ``STATES``; both of a pair are named."""
    found = {_state(p["kind"]) for p in row["pairs"] if unit in (p["unit"], p["other"])}
    found |= {state for state in ("dead", "saturated") if unit in row[f"{state}_units"]}
    return [state for state in STATES if state in found]


def counts_of(row: Mapping[str, Any]) -> dict[str, int]:
    """How many of a layer's units take each state in its bar; of a pair the later one."""
    taken = dict.fromkeys(STATES, 0)
    mine: dict[int, str] = {}
    for state in ("dead", "saturated"):
        for unit in row[f"{state}_units"]:
            mine.setdefault(unit, state)
    rank = list(STATES)
    for pair in sorted(row["pairs"], key=lambda p: rank.index(_state(p["kind"]))):
        mine.setdefault(pair["unit"], _state(pair["kind"]))
    for state in mine.values():
        taken[state] += 1
    return taken


def _bars(view: View) -> list[tuple[Mapping[str, Any], dict[str, int]]]:
    """The layers that get a bar: all, or where there are many those with most to say, in their order."""
    rows = [(row, counts_of(row)) for row in view.table]
    if len(rows) <= _MOST_BARS:
        return rows
    share = lambda pair: sum(pair[1].values()) / pair[0]["filters"]  # noqa: E731
    chosen = sorted((i for i, r in enumerate(rows) if share(r)), key=lambda i: -share(rows[i]))[:_MOST_BARS]
    return [rows[i] for i in sorted(chosen)]


def _draw_bars(axes: Axes, bars: Sequence[tuple[Mapping[str, Any], dict[str, int]]], layers: int) -> None:
    if not bars:
        axes.set_axis_off()
        axes.text(0, 0.9, f"Nothing to say of any filter in {layers} layers.", fontsize=9.5, color=GREY)
        return
    names = [printable(row["layer"], 30) for row, _ in bars]
    widest = 0.0
    for place, (row, counts) in enumerate(bars):
        start = 0.0
        for state, count in counts.items():
            axes.barh(place, count / row["filters"], left=start, color=STATES[state], height=0.72)
            start += count / row["filters"]
        widest = max(widest, start)
        total = sum(counts.values())
        text = f" {whole(total)} of {whole(row['filters'])}" if total else f" none of {whole(row['filters'])}"
        axes.text(start, place, text, va="center", fontsize=7.5, color="#222222" if total else "#888888")
    axes.set_yticks(range(len(bars)), names, fontsize=7.5, parse_math=False)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, min(1.25, max(0.02, 1.3 * widest)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
    axes.tick_params(axis="x", labelsize=8, colors=GREY)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#d1d5db")
    handles = [Patch(color=colour, label=state) for state, colour in STATES.items()]
    axes.legend(handles=handles, ncols=5, fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0),
                borderaxespad=0.1, handlelength=1.1, columnspacing=1.2)  # fmt: skip
    left_out = layers - len(bars)
    more = f"; of {left_out} more layers there is {'nothing' if len(bars) < _MOST_BARS else 'less'} to say"
    axes.set_xlabel(
        f"share of a layer's filters, each counted once{more if left_out else ''}", fontsize=8.5, color=GREY
    )


# -- patches --------------------------------------------------------------------------------------


def _height(view: View, layer: str) -> float:
    return 0.62 + _patch_side(view, layer) * len(view[f"units/{layer}"])


def _patch_side(view: View, layer: str) -> float:
    """Inches of a patch: as many columns as there are must fit into half of the figure."""
    columns = view[f"patches/{layer}"].shape[1] + (f"synthetic/{layer}" in view.arrays)
    height, width = view[f"patches/{layer}"].shape[2:4]
    return min(0.9, 5.6 / columns * height / width)


def _draw_patches(axes: Axes, view: View, layer: str) -> None:
    """A row a unit; what lies beyond the picture's edge is light grey."""
    patches, inside = view[f"patches/{layer}"], view[f"inside/{layer}"]
    height, width = patches.shape[2:4]
    scale = max(1, round(48 / max(height, width)))
    tiles = np.where(inside[..., None], patches, np.uint8(_OUTSIDE)).repeat(scale, 2).repeat(scale, 3)
    gap = max(2, tiles.shape[2] // 24)
    made = np.pad(tiles, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=255)
    units, count, h, w, _ = made.shape
    mosaic = made.transpose(0, 2, 1, 3, 4).reshape(units * h, count * w, 3)
    if f"synthetic/{layer}" in view.arrays:
        mosaic = np.concatenate([_synthetic_column(view[f"synthetic/{layer}"], h, w, gap), mosaic], axis=1)
    axes.imshow(mosaic, interpolation="antialiased")
    axes.set_anchor("NW")
    bare(axes)
    row = next(r for r in view.table if r["layer"] == layer)
    numbers = view[f"units/{layer}"]
    labels = [f"{unit}" for unit in numbers]
    axes.set_yticks([h * (i + 0.5) for i in range(units)], labels, fontsize=8)
    for label, unit in zip(axes.get_yticklabels(), numbers, strict=True):
        states = states_of(row, int(unit))
        label.set_color(STATES[states[0]] if states else "#222222")
        label.set_fontweight("bold" if states else "normal")
    axes.tick_params(axis="y", length=0)
    drawn = "left, drawn: what would excite it most; " if f"synthetic/{layer}" in view.arrays else ""
    first = f"{printable(quoted(layer), 50)}: the patches that excite a unit most, {height} × {width} pixels each"
    title(
        axes, "\n".join([*textwrap.wrap(first, 84), *textwrap.wrap(f"{drawn}a row a unit, its number at the left", 84)])
    )


def _synthetic_column(pictures: np.ndarray, height: int, width: int, gap: int) -> np.ndarray:
    """The drawn pictures in squares of the patches' size (nearest pixels), with a wide gap behind them."""
    down = np.arange(height - gap) * pictures.shape[1] // (height - gap)
    across = np.arange(width - gap) * pictures.shape[2] // (width - gap)
    tiles = pictures[:, down][:, :, across]
    padded = np.pad(tiles, ((0, 0), (0, gap), (0, 3 * gap), (0, 0)), constant_values=255)
    return padded.reshape(-1, *padded.shape[2:])


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Whether filters are duplicates, dead or stuck, and how sure that is."""
    return [*_duplicate_words(view), *_dead_words(view), *_other_words(view)]


def _total(view: View, key: str) -> int:
    return sum(row[key] or 0 for row in view.table)


def _duplicate_words(view: View) -> Iterator[Sentence]:
    filters, layers = _total(view, "filters"), len(view.table)
    duplicates, confirmed = _total(view, "duplicates"), _total(view, "confirmed")
    start = f"Of {whole(filters)} filters in {_layers(layers)} "
    rule = "closer than |cos| = 0.95 and than what chance brings about in one of a hundred layers of random filters"
    if not duplicates:
        yield Sentence("fact", f"{start}none repeats another one of its layer ({rule}).")
    else:
        if view.options["pictures"] is None:
            also = "Whether they also answer alike takes pictures to tell"
        else:
            also = f"{_verb(confirmed, 'of them answers', 'of them answer')} alike on the pictures too (r above 0.95) "
            also += "and can be merged; the others point the same way but do not say the same"
        said = _verb(duplicates, "repeats", "repeat")
        yield Sentence("fact", f"{start}{said} another one of its layer ({rule}). {also}.")
        yield _most_alike(view)
    same = [r["layer"] for r in view.table if r["filters"] > 2 and (r["duplicates"] or 0) >= 0.9 * r["filters"] - 1]
    for layer in same[:3]:
        text = f"The filters of {quoted(layer)} are all the same: equal starts stay equal, for equal filters get equal "
        yield Sentence("warning", text + "gradients. Begin with random weights.")


def _most_alike(view: View) -> Sentence:
    """The best of the duplicates, by what the pictures say of it and by its cosine."""
    found = [(r, p) for r in view.table for p in r["pairs"] if p["kind"] == "duplicate"]
    row, pair = max(found, key=lambda rp: (bool(rp[1]["confirmed"]), rp[1]["cosine"]))
    r = "" if pair["correlation"] is None else f", and r = {pair['correlation']:.3f} on the pictures"
    return Sentence(
        "fact",
        f"The two most alike are {pair['other']} and {pair['unit']} of {quoted(row['layer'])}: cos = "
        f"{pair['cosine']:.3f}, where the most alike of as many random filters reach {pair['chance']:.2f}{r}.",
    )


def _dead_words(view: View) -> Iterator[Sentence]:
    pictures = view.options["pictures"]
    if pictures is None:
        text = "Dead and saturated units were not looked for: without pictures only the weights are known."
        yield Sentence("fact", text)
        return
    rows = [r for r in view.table if r["dead"] is not None]
    if not rows:
        return
    dead, units, bound = _total(view, "dead"), sum(r["filters"] for r in rows), rows[0]["bound"]
    seen = "the picture" if pictures == 1 else f"the {whole(pictures)} pictures"
    if not dead:
        yield Sentence("fact", f"Each of the {whole(units)} units spoke up on {seen}: none is dead.")
        return
    worst = max(rows, key=lambda r: r["dead"] / r["filters"])
    where = f"the largest share at {quoted(worst['layer'])} ({whole(worst['dead'])} of {whole(worst['filters'])})"
    text = f"{whole(dead)} of {whole(units)} units never spoke up on {seen}, {where}. "
    if bound < 1:
        text += f"With 95 % confidence such a unit does on less than {percent(bound)} of pictures like these (3/N)."
    yield Sentence("fact", text.strip())
    if bound > FEW:
        few = "1 picture is" if pictures == 1 else f"{whole(pictures)} pictures are"
        text = f"{few} too few to call a unit dead: what is silent here may answer to something else. "
        yield Sentence("warning", f"{text}Pass some hundreds.")


def _other_words(view: View) -> Iterator[Sentence]:
    saturated, negatives, mirrored = (_total(view, k) for k in ("saturated", "negatives", "mirrored"))
    if saturated:
        rows = [r for r in view.table if r["saturated"]]
        worst = max(rows, key=lambda r: r["saturated"] / r["filters"])
        text = f"{_verb(saturated, 'unit sits', 'units sit')} at a bound of the activation at more than 95 % of all "
        where = f"{quoted(worst['layer'])} ({whole(worst['saturated'])} of {whole(worst['filters'])})"
        yield Sentence("fact", f"{text}places, the largest share at {where}.")
    if negatives or mirrored:
        text = (
            f"{_verb(negatives, 'filter is', 'filters are')} the negative of another one, {whole(mirrored)} a mirror "
        )
        yield Sentence(
            "fact", text + "image. These are not duplicates: a rectifier keeps the signs apart, and left is not right."
        )
    unclear = [r["layer"] for r in view.table if (r["threshold"] or 0) > 1 - 1e-4]
    if unclear:
        text = f"In {_layers(len(unclear))} filters have so few weights that chance alone makes two alike: nothing is "
        yield Sentence("fact", f"{text}called a duplicate there ({', '.join(map(quoted, unclear[:3]))}).")
    broken = _total(view, "not_finite")
    if broken:
        said = _verb(broken, "filter holds", "filters hold")
        yield Sentence("warning", f"{said} NaN or infinite weights: see pellucid health.")


def _verb(count: int, one: str, many: str) -> str:
    return f"{whole(count)} {one if count == 1 else many}"


def _layers(count: int) -> str:
    return "one layer" if count == 1 else f"{whole(count)} layers"
