"""Simple learners beside each other: dots with intervals by family, the pixels kept, the perceptrons' sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, number, quoted, whole

TITLE = "What do simple learners make of it?"

COLUMNS = {
    "title": "Who",
    "group": "Family",
    "score": "Score",
    "score_low": "from",
    "score_high": "to",
    "learnt": "On what it learnt",
    "behind": "To the best",
    "behind_low": "from",
    "behind_high": "to",
    "chosen": "Chosen inside",
    "seconds": "Seconds",
    "why": "Not there, for",
}

#: Families in the order in which they are drawn; Paul Tol's bright colours, which tell apart for every kind of eye.
_FAMILIES = {
    "codes": ("A pretrained network’s codes", "#aa3377"),
    "networks": ("Networks from nothing", "#228833"),
    "pixels": ("Pixels", "#4477aa"),
    "trivial": ("Without a look", "#777777"),
}

#: Metrics that are shares, told in per cent and points; those that end at 1, told to three decimals.
_SHARES, _OF_ONE = ("accuracy", "balanced_accuracy", "f1", "macro_f1"), ("r2", "qwk")
_NAMES = {"r2": "R²", "mae": "mean error", "mse": "mean squared error", "qwk": "quadratic weighted kappa"}

#: Where shares reach beyond this, near 100 % is drawn wider: by log-odds.
_HIGH = 0.85
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)

#: With fewer items asked intervals are too wide for most questions; a gap worth a word, in shares.
ENOUGH, _GAP = 100, 0.1

#: Maps of pixels.
_MAPS = ("kept/best_pixels", "kept/best_pixels_information")

#: So many columns of a table may be named.
_NAMED = 40


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Everybody's score to the left; to the right which pixels were kept, and how large perceptrons should be."""
    maps = [name for name in _MAPS if name in view.arrays]
    right = bool(maps) or "sweep/score" in view.arrays
    rows = sum("why" not in row for row in view.table)
    high = max(4.2, 0.31 * rows + 2.6)
    engine = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    drawn = Picture(figsize=(15 if right else 10.5, high), layout=engine)
    if not right:
        _draw_scores(drawn.subplots(), view)
        return drawn
    left, side = drawn.subfigures(1, 2, width_ratios=[1.85, 1])
    _draw_scores(left.subplots(), view)
    if not maps or "sweep/score" not in view.arrays:
        _draw_maps(side, view, maps) if maps else _draw_sweep(side, view)
        return drawn
    above, below = side.subfigures(2, 1, height_ratios=[1, 1.05])
    _draw_maps(above, view, maps)
    _draw_sweep(below, view)
    return drawn


def _draw_scores(axes: Axes, view: View) -> None:
    """A row each: a dot with its interval, a ring for what was learnt from, the figure in words at the right."""
    place, labels = _Places(view), []
    y = 0.0
    for family, (text, colour) in _FAMILIES.items():
        some = [row for row in view.table if row["group"] == family and "why" not in row]
        if not some:
            continue
        text = _what(view).capitalize() if family == "pixels" else text
        axes.text(-0.012, y, text, transform=axes.get_yaxis_transform(), **_HEADING, color=colour)
        for row in some:
            y += 1
            _draw_row(axes, view, row, y, colour, place)
            labels.append((y, row["title"]))
        y += 1.35
    _draw_shuffled(axes, view, {t: y for y, t in labels}, place)
    _draw_chance(axes, view, place)
    axes.set_ylim(y - 0.6, -0.9)
    axes.set_yticks([y for y, _ in labels], [printable(text, 48) for _, text in labels], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8.5, colors=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color="#ececec")
    axes.set_axisbelow(True)
    place.finish(axes)
    title(axes, f"{_named(view)[0].upper()}{_named(view)[1:]} on {_items(view)} that nobody had learnt from")


_HEADING: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 9.5, "fontweight": "bold"}


def _draw_row(axes: Axes, view: View, row: Mapping[str, Any], y: float, colour: str, place: _Places) -> None:
    x, low, high, learnt = (place(row[key]) for key in ("score", "score_low", "score_high", "learnt"))
    best = row["rival"] == view.options["best"]
    if np.isfinite(learnt):
        axes.plot([x, learnt], [y, y], color="#bbbbbb", linewidth=0.8, zorder=1)
        axes.plot([learnt], [y], "o", markersize=4.5, markerfacecolor="white", markeredgecolor="#888888", zorder=2)
    axes.plot([low, high], [y, y], color=colour, linewidth=2.6, alpha=0.55, solid_capstyle="butt", zorder=3)
    axes.plot([x], [y], "o", markersize=7, color=colour, zorder=4)
    how = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9}
    text = _value(view, row["score"])
    axes.text(1.02, y, text, color="#222222", fontweight="bold" if best else "normal", **how)


def _draw_shuffled(axes: Axes, view: View, rows: Mapping[str, float], place: _Places) -> None:
    """The winner on shuffled labels, in its own row."""
    check = view.options["shuffled"]
    name = next(row["title"] for row in view.table if row["rival"] == check["rival"])
    axes.plot(
        [place(check["score"])], [rows[name]], "x", color="#222222", markersize=6.5, markeredgewidth=1.4, zorder=5
    )
    handles = [
        axes.plot([], [], "o", color=GREY, markersize=7, label="asked, with 95 % interval")[0],
        axes.plot([], [], "o", markerfacecolor="white", markeredgecolor="#888888", label="what it learnt from")[0],
        axes.plot([], [], "x", color="#222222", label="the best, its labels shuffled")[0],
    ]
    how = {"fontsize": 8.5, "frameon": False, "ncols": 3, "loc": "upper center", "bbox_to_anchor": (0.5, -0.05)}
    axes.legend(handles=handles, **how)


def _draw_chance(axes: Axes, view: View, place: _Places) -> None:
    constant = next((row for row in view.table if row["rival"] == "most_frequent"), None)
    if constant is None:
        return
    x = place(constant["score"])
    axes.axvline(x, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    how = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 8.5, "color": GREY}
    axes.annotate("always the same", (x, 1), (4, -3), va="top", **how)


class _Places:
    """Where a score is drawn: as it is, or by its log-odds where shares come near 100 %."""

    def __init__(self, view: View):
        rows = [row for row in view.table if "why" not in row]
        finest = 0.5 / max(1, view.options["asked"])
        self.shares = view.options["primary"] in _SHARES
        self.odds = self.shares and max(row["score"] for row in rows) > _HIGH
        self.least, self.most = max(finest, 1e-4), 1 - max(finest, 1e-4)
        ends = [v for row in rows for v in (row["score_low"], row["score_high"], row["learnt"]) if np.isfinite(v)]
        self.ends = min(ends), max(ends)

    def __call__(self, score: float) -> float:
        if not self.odds:
            return float(score)
        share = min(max(score, self.least), self.most)
        return float(np.log(share / (1 - share)))

    def finish(self, axes: Axes) -> None:
        """Ticks in the score's own unit, and room at both ends."""
        low, high = (self(end) for end in self.ends)
        room = 0.04 * (high - low) or 0.1
        axes.set_xlim(low - room, high + room)
        if self.odds:
            shown = _apart([t for t in _TICKS if low - room <= self(t) <= high + room], self, (high - low) / 14)
            axes.xaxis.set_major_locator(FixedLocator([self(t) for t in shown]))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xticklabels([f"{100 * t:g} %" for t in shown])
        elif self.shares:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _apart(ticks: Sequence[float], place: _Places, least: float) -> list[float]:
    """Those ticks whose labels do not touch, from 90 % outwards, where one looks first."""
    kept: list[float] = []
    for tick in sorted(ticks, key=lambda t: (t not in (0.1, 0.5, 0.9), abs(t - 0.9))):
        if all(abs(place(tick) - place(k)) >= least for k in kept):
            kept.append(tick)
    return sorted(kept)


def _draw_maps(side: Any, view: View, maps: Sequence[str]) -> None:
    """The mean picture, and in how many fits each pixel was kept; bars for the columns of a table."""
    if _what(view) == "columns":
        _draw_bars(side, view, maps)
        return
    panels = np.atleast_1d(side.subplots(1, 1 + len(maps)))
    _draw_mean(panels[0], view["mean"])
    for axes, name in zip(panels[1:], maps, strict=True):
        kept = view[name].mean(0)
        shown = axes.imshow(kept, cmap="magma", vmin=0, vmax=1, interpolation="nearest", aspect=_aspect(kept))
        bare(axes)
        title(axes, f"{_what(view).capitalize()} kept by\n{_maps(view)[name]}")
        axes.set_xlabel(f"{view[name].sum():.0f} of {view[name].size}", fontsize=8.5, color=GREY)
    bar = side.colorbar(shown, ax=list(panels[1:]), shrink=0.7, aspect=18)
    bar.ax.tick_params(labelsize=8, colors=GREY)
    bar.ax.set_ylabel("share of the fits", fontsize=8.5, color=GREY)
    bar.outline.set_visible(False)


def _draw_bars(side: Any, view: View, maps: Sequence[str]) -> None:
    panels = np.atleast_1d(side.subplots(1, len(maps), sharey=True))
    count = view[maps[0]].size
    names = list(view.options["features"])[:_NAMED] if len(view.options["features"]) == count else []
    for axes, name in zip(panels, maps, strict=True):
        kept = view[name].ravel()
        axes.barh(np.arange(count), kept, color=_FAMILIES["pixels"][1], height=0.8)
        axes.set_xlim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=GREY)
        axes.set_xlabel("share of the fits", fontsize=8.5, color=GREY)
        title(axes, f"Columns kept by {_maps(view)[name]}")
    panels[0].invert_yaxis()
    if names and count <= _NAMED:
        panels[0].set_yticks(range(count), [printable(n, 18) for n in names])


def _draw_mean(axes: Axes, mean: np.ndarray) -> None:
    picture = np.moveaxis(mean, 0, -1) if mean.shape[0] == 3 else mean.mean(0)
    low, high = float(picture.min()), float(picture.max())
    shown = (picture - low) / ((high - low) or 1)
    axes.imshow(shown, cmap="gray", interpolation="nearest", aspect=_aspect(picture))
    bare(axes)
    title(axes, "The mean\npicture")


def _aspect(map_: np.ndarray) -> str:
    return "auto" if max(map_.shape[:2]) > 4 * min(map_.shape[:2]) else "equal"


def _draw_sweep(side: Any, view: View) -> None:
    """Scores on validation items by hidden layers and width; what was chosen is framed."""
    axes = side.subplots()
    swept, score = view.options["sweep"], view["sweep/score"]
    axes.imshow(score, cmap="viridis" if view.options["higher"] else "viridis_r", aspect="auto")
    middle = (float(score.min()) + float(score.max())) / 2
    for i, j in np.ndindex(score.shape):
        dark = (score[i, j] < middle) == view.options["higher"]
        how = {"ha": "center", "va": "center", "color": "white" if dark else "#111111"}
        axes.text(j, i - 0.1, _value(view, score[i, j]), fontsize=10, **how)
        ends = f"{_short(view, view['sweep/low'][i, j])} – {_short(view, view['sweep/high'][i, j])}"
        axes.text(j, i + 0.2, ends, fontsize=7.5, **how)
    for (i, j), folds in _frames(view).items():
        axes.add_patch(
            Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, fill=False, edgecolor="#ee6677", linewidth=1.2 + folds)
        )
    axes.set_xticks(range(score.shape[1]), [str(u) for u in swept["units"]], fontsize=9)
    axes.set_yticks(range(score.shape[0]), [str(l) for l in swept["layers"]], fontsize=9)
    axes.set_xlabel("units a hidden layer", fontsize=9, color=GREY)
    axes.set_ylabel("hidden layers", fontsize=9, color=GREY)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=GREY)
    title(axes, "Perceptrons on validation items\n(framed: the smallest within luck of the best)")


def _frames(view: View) -> dict[tuple[int, int], float]:
    """The cells that were chosen, and in what share of the folds."""
    swept = view.options["sweep"]
    return {
        (swept["layers"].index(depth), swept["units"].index(width)): share for depth, width, share in swept["chosen"]
    }


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Who is best and by how much; whether to drop pixels; how large a perceptron; whether any of it is luck."""
    parts = (_cautions, _best_words, _family_words, _pixel_words, _size_words, _fit_words, _absent_words)
    return [sentence for part in parts for sentence in part(view)]


def _cautions(view: View) -> Iterator[Sentence]:
    check, asked = view.options["shuffled"], view.options["asked"]
    if asked < ENOUGH:
        yield Sentence(
            "warning", f"Only {_items(view)} were asked: the intervals are wide, and few differences are real."
        )
    if not check["on_chance"]:
        text = (
            f"On shuffled labels {quoted(_row(view, check['rival'])['title'])} scores {_value(view, check['score'])}, "
            f"where chance gives {_value(view, check['chance'])} and beats {_value(view, check['chance_best'])} once "
            f"in a hundred times; {check['shuffles']} shufflings agree. Something that is asked leaks into what is "
            "learnt: believe no figure here before that is found."
        )
        yield Sentence("warning", text)


def _best_words(view: View) -> Iterator[Sentence]:
    o, rows = view.options, _there(view)
    best, constant = _row(view, o["best"]), _row(view, "most_frequent")
    asked = f"{_items(view)} in {o['folds']} folds" if o["folds"] > 1 else _items(view)
    yield Sentence(
        "fact",
        f"Best is {quoted(best['title'])} ({_family(best)}): {_named(view)} {_value(view, best['score'])} "
        f"({_span(view, best, 'score')}) on {asked}; {constant['title']} gives {_value(view, constant['score'])}.",
    )
    equal = [r for r in rows if r["rival"] != o["best"] and _unclear(r, "behind") and r["group"] != "trivial"]
    told = ", ".join(f"{quoted(r['title'])} ({_points(view, r['behind'])})" for r in equal)
    text = f"Not to be told from it by these items: {told}." if equal else "All others are behind by more than luck."
    count = len([r for r in rows if r["group"] != "trivial"])
    yield Sentence(
        "fact", f"{text} The best of {count} was chosen by the same items, so its own figure flatters a little."
    )


def _family_words(view: View) -> Iterator[Sentence]:
    families = {f["group"]: f for f in view.options["families"]}
    if "pixels" not in families:
        return
    pixels = _row(view, families["pixels"]["rival"])
    for group, what in (("codes", "What transfer is worth"), ("networks", "What a network from nothing is worth")):
        if group in families:
            own = _row(view, families[group]["rival"])
            text = f"{what}: {quoted(own['title'])} against the best on pixels, {quoted(pixels['title'])}: "
            yield Sentence("fact", f"{text}{_difference(view, families[group])}.")
    for pair in _pairs(view, "codes_linear", "codes_stacked", "codes_one_vs_rest", "fine_tune", "probe_then_fine_tune"):
        first, second = (_row(view, pair[key])["title"] for key in ("first", "second"))
        yield Sentence("fact", f"{quoted(first)} against {quoted(second)}: {_difference(view, pair)}.")


def _pixel_words(view: View) -> Iterator[Sentence]:
    """Whether to drop pixels first, and which."""
    selected, what = _pairs(view, "best_pixels", "best_pixels_information"), _what(view)
    for pair in selected:
        first, second = (_row(view, pair[key])["title"] for key in ("first", "second"))
        asks = f"Should {what} be dropped first?" if pair is selected[0] else f"And by another choice of {what}?"
        text = f"{asks} {quoted(first)} against {quoted(second)} on all of them: {_difference(view, pair)}."
        yield Sentence("fact", f"{text} {_advice(view, pair)}")
    name = "kept/best_pixels"
    if name in view.arrays:
        kept = view[name]
        always, never = int((kept == 1).sum()), int((kept == 0).sum())
        text = f"Which? Of {whole(kept.size)} {what} every fit kept {whole(always)}, and none kept {whole(never)} "
        chosen = f"by {_maps(view)[name]}, each fit with the number that did best inside"
        yield Sentence("fact", f"{text}({chosen}).{_features_kept(view, kept)}")
    for pair in _pairs(view, "pca", "smaller"):
        row = _row(view, pair["first"])
        chosen = row["chosen"].split(",")[0]
        yield Sentence("fact", f"{quoted(row['title'])} instead of all {what} ({chosen}): {_difference(view, pair)}.")


def _advice(view: View, pair: Mapping[str, Any]) -> str:
    if _unclear(pair, "difference"):
        return "So there is no need to drop them."
    return "So drop them." if _gains(view, pair) else "So keep them: the penalty on weights does better than dropping."


def _size_words(view: View) -> Iterator[Sentence]:
    if "sweep" not in view.options:
        return
    swept, score = view.options["sweep"], view["sweep/score"]
    best = np.unravel_index((score if view.options["higher"] else -score).argmax(), score.shape)
    depth, width, share = max(swept["chosen"], key=lambda each: each[2])
    low, high = (view[f"sweep/{end}"][best] for end in ("low", "high"))
    text = (
        f"How many hidden units and layers? On validation items {_layers(swept, *best)} does best, "
        f"{_value(view, score[best])} ({_short(view, low)} to {_value(view, high)}); "
    )
    small = f"the smallest within its standard error is {_perceptron(depth, width)}"
    often = "" if share == 1 else f" (in {100 * share:.0f} % of the folds)"
    yield Sentence("fact", f"{text}{small}{often}, and that was asked.")
    for pair in _pairs(view, "perceptron", "small_cnn"):
        first, second = (_row(view, pair[key])["title"] for key in ("first", "second"))
        what = "Are hidden layers needed" if pair["first"] == "perceptron" else "And convolutions"
        yield Sentence("fact", f"{what}? {quoted(first)} against {quoted(second)}: {_difference(view, pair)}.")


def _layers(swept: Mapping[str, Any], i: int, j: int) -> str:
    return _perceptron(swept["layers"][i], swept["units"][j])


def _perceptron(depth: int, width: int) -> str:
    return f"{depth} × {width} units" if depth > 1 else f"one layer of {width} units"


def _fit_words(view: View) -> Iterator[Sentence]:
    """Over-fitting: what was learnt from beside what was asked, and shuffled labels."""
    best, check = _row(view, view.options["best"]), view.options["shuffled"]
    text = f"Over-fitting? On what it learnt from {quoted(best['title'])} has {_value(view, best['learnt'])}, asked "
    yield Sentence("fact", f"{text}{_value(view, best['score'])}.{_wide_gaps(view)}")
    if check["on_chance"]:
        yield Sentence(
            "fact",
            f"With its labels shuffled it falls to {_value(view, check['score'])}; chance gives "
            f"{_value(view, check['chance'])}, and {_value(view, check['chance_best'])} once in a hundred times. So "
            "nothing leaks from what is asked into what is learnt.",
        )


def _wide_gaps(view: View) -> str:
    if view.options["primary"] not in _SHARES:
        return ""
    wide = [r for r in _there(view) if r["learnt"] - r["score"] > _GAP and r["group"] != "trivial"]
    if not wide:
        return ""
    told = ", ".join(f"{quoted(r['title'])} ({_points(view, r['score'] - r['learnt'])})" for r in wide)
    return f" These know by heart what they cannot use: {told}."


def _absent_words(view: View) -> Iterator[Sentence]:
    reasons: dict[str, list[str]] = {}
    for row in view.table:
        if "why" in row:
            reasons.setdefault(row["why"], []).append(quoted(row["title"]))
    for why, titles in reasons.items():
        yield Sentence("fact", f"Not there: {', '.join(titles)}, for {why}.")


# -- small parts ----------------------------------------------------------------------------------


def _there(view: View) -> list[Mapping[str, Any]]:
    return [row for row in view.table if "why" not in row]


def _row(view: View, rival: str) -> Mapping[str, Any]:
    return next(row for row in view.table if row["rival"] == rival)


def _pairs(view: View, *firsts: str) -> list[Mapping[str, Any]]:
    return [pair for pair in view.options["pairs"] if pair["first"] in firsts]


def _what(view: View) -> str:
    """What is dropped: pixels, or the columns of a table of numbers."""
    return "pixels" if view.options["shape"][1] > 1 else "columns"


def _maps(view: View) -> dict[str, str]:
    """By what the pixels of each map were chosen."""
    linear = "ANOVA" if view.options["classes"] else "correlation"
    return dict(zip(_MAPS, (linear, "information"), strict=True))


def _features_kept(view: View, kept: np.ndarray) -> str:
    """Which columns of a table every fit kept, by name."""
    names = [n for n, share in zip(view.options["features"], kept.ravel(), strict=False) if share == 1]
    return f" Kept: {', '.join(map(quoted, names))}." if 0 < len(names) <= _NAMED else ""


def _family(row: Mapping[str, Any]) -> str:
    return _FAMILIES[row["group"]][0].lower()


def _named(view: View) -> str:
    primary = view.options["primary"]
    return _NAMES.get(primary, primary.replace("_", " "))


def _items(view: View) -> str:
    return f"{whole(view.options['asked'])} items"


def _unclear(row: Mapping[str, Any], key: str) -> bool:
    """Whether the interval of a difference holds 0."""
    return bool(row[f"{key}_low"] <= 0 <= row[f"{key}_high"])


def _gains(view: View, row: Mapping[str, Any]) -> bool:
    return bool((row["difference"] > 0) == view.options["higher"])


def _difference(view: View, row: Mapping[str, Any]) -> str:
    """``+0.8 points (−0.4 to +2.0), no difference that these items can tell``."""
    ends = f"{_change(view, row['difference_low'])} to {_change(view, row['difference_high'])}"
    verdict = "it gains" if _gains(view, row) else "it loses"
    verdict = "no difference that these items can tell" if _unclear(row, "difference") else verdict
    return f"{_points(view, row['difference'])} ({ends}), {verdict}"


def _points(view: View, value: float) -> str:
    return f"{_change(view, value)}{' points' if view.options['primary'] in _SHARES else ''}"


def _change(view: View, value: float) -> str:
    """A difference with its sign: points of shares, else in the metric's own unit."""
    text = f"{abs(100 * value):.1f}" if view.options["primary"] in _SHARES else _value(view, abs(value))
    return f"{'−' if value < 0 and text.strip('0.') else '+' if text.strip('0.') else ''}{text}"


def _value(view: View, value: float) -> str:
    if view.options["primary"] in _SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:.3f}".replace("-", "−") if view.options["primary"] in _OF_ONE else number(float(value))


def _short(view: View, value: float) -> str:
    return _value(view, value).removesuffix(" %")


def _span(view: View, row: Mapping[str, Any], key: str) -> str:
    return f"{_short(view, row[f'{key}_low'])} to {_value(view, row[f'{key}_high'])}"
