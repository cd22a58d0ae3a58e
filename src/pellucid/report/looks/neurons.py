"""Neurons: the units ranked, the loss against units kept, the spectra, and what the top units do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec, SubplotSpec
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, number, percent, quoted, whole

TITLE = "Which units matter"

COLUMNS = {
    "unit": "Unit",
    "delta": "Lost without it",
    "delta_low": "from",
    "delta_high": "to",
    "share": "Share",
    "unique": "Known to it alone",
    "unique_low": "from",
    "unique_high": "to",
    "accuracy_drop": "Accuracy lost",
    "changed": "Answers changed",
    "variance": "Variance",
    "active": "Active",
    "predicted": "Told by the others (R²)",
    "most_like": "Goes with unit",
    "correlation": "Correlation",
    "factor": "Tells most of",
    "factor_share": "of its entropy",
    "factor_share_chance": "by chance",
}

#: Units that the bars show, and below how many tests a person is warned.
_BARS, _FEW = 20, 30

#: Pictures along a sweep, and units from which on they are drawn in two columns.
_STEPS, _WIDE = 7, 4

#: A unit is spare where the others supply all but this share of what is lost without it.
_SPARE = 0.1

#: Of units that do not matter, the share whose 95 % interval lies above 0.
_CHANCE = 0.025

#: An order is worse than another from this share of what is lost without any unit on.
_WORSE = 0.02

_MEAN, _OWN, _VARIANCE = "#2c6ecb", "#e07b00", "#8a5a9e"

#: Of the outputs along a sweep.
_LINES = (_MEAN, _OWN, _VARIANCE, "#2a9d6f", "#c8324b", "#7a5230", "#e377c2", "#6b6b6b", "#a8a41f", "#17a2b8")
_DASHES = ("-", "--", ":", "-.")


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """Which units matter, what an eigenvalue says and does not say, and what to beware of."""
    return [*_warnings(view), *_important(view), *_spare(view), *_eigenvalues(view), *_more(view)]


def headline(view: View) -> str:
    """The answer in one line."""
    found, layer = view.options["found"], quoted(view.options["layer"])
    if found["enough"] is None:
        return f"{layer}: without any of its {whole(found['units'])} units nothing is lost"
    if _none_matters(view):
        return (
            f"{layer}: none of its {whole(found['units'])} units is missed beyond chance on "
            f"{whole(found['tests'])} samples; their order is a guess"
        )
    top = ", ".join(str(row["unit"]) for row in view.table[:5])
    first = f"Of the {whole(found['units'])} units of {layer} the most important are {top}"
    return f"{first}. {_enough(found)}"


def _can_gain(found: Mapping[str, Any]) -> bool:
    """Whether the loss may fall without a unit; a change of the own answer is never below 0."""
    return bool(found["labelled"]) or found["kind"] == "reconstruction"


def _above(view: View) -> int:
    """Of how many units the interval of what is lost lies above 0."""
    return sum(row["delta_low"] > 0 for row in view.table)


def _none_matters(view: View) -> bool:
    """No more intervals lie above 0 than would if no unit mattered, give or take two standard deviations."""
    usual = _CHANCE * len(view.table)
    return _can_gain(view.options["found"]) and _above(view) <= usual + 2 * np.sqrt(usual * (1 - _CHANCE))


def _enough(found: Mapping[str, Any]) -> str:
    """How many units it takes, as finely as was tried."""
    fewest, most = found["enough"]
    count = whole(most) if fewest == most else f"{whole(fewest)} to {whole(most)}"
    return f"The first {count} bring back 90 % of what is lost without any"


def _important(view: View) -> Iterator[Sentence]:
    found, best = view.options["found"], view.table[0]
    from_to = f"{number(best['delta_low'])} to {number(best['delta_high'])}"
    yield Sentence(
        "fact",
        f"{_ranked(view)}. Without unit {best['unit']} (at its mean) the {found['loss']} "
        f"rises by {number(best['delta'])} (95 % interval {from_to}, {whole(found['tests'])} samples), from "
        f"{number(found['untouched'])}. {_unchosen(found)}",
    )
    if found["enough"] is not None:
        text = f"{_enough(found)}: with all of them at their mean the {found['loss']} is {number(found['none'])}."
        yield Sentence("fact", text)


def _unchosen(found: Mapping[str, Any]) -> str:
    """What is lost without the top unit where the samples had no say in which it is."""
    top = found["top"]
    why = "Those samples also made it the first of all, so luck tends to raise figure and interval"
    if top is None:
        return f"{why}; the samples are too few to choose on some and measure on others."
    return (
        f"{why}: chosen on every other sample, the first is unit {top['unit']}, and the {whole(top['tests'])} samples "
        f"that did not choose it lose {number(top['delta'])} (95 % interval {number(top['low'])} to "
        f"{number(top['high'])})."
    )


def _ranked(view: View) -> str:
    top = ", ".join(str(row["unit"]) for row in view.table[:5])
    best = f"The most important units of {quoted(view.options['layer'])} are {top}"
    if not _can_gain(view.options["found"]):
        return best
    if _none_matters(view):
        best = f"No unit of {quoted(view.options['layer'])} is missed beyond chance"
    above, units = _above(view), len(view.table)
    chance = f"{number(_CHANCE * units)} would if none mattered, {percent(_CHANCE)} of them"
    return f"{best}; the interval of what is lost lies above 0 for {whole(above)} of {whole(units)} units ({chance})"


def _spare(view: View) -> Iterator[Sentence]:
    """Units that are missed when they go, though the others know all that they know."""
    worth = 0.2 / len(view.table)  # a fifth of an even share: below, there is little to supply
    spare = [r for r in view.table if r["share"] > worth and r["unique_high"] < _SPARE * r["delta"]]
    if spare:
        first = spare[0]
        pair = "" if first["most_like"] is None else f" (it goes with unit {first['most_like']}, "
        pair += f"correlation {number(first['correlation'])})" if pair else ""
        yield Sentence(
            "fact",
            f"Of {whole(len(spare))} units that are missed, the other units can supply more than 90 % of what is lost, "
            f"first unit {first['unit']}{pair}: such a unit is not the only one that knows what it knows.",
        )


def _eigenvalues(view: View) -> Iterator[Sentence]:
    found = view.options["found"]
    r = found["variance_rank_correlation"]
    order = "" if r is None else f" The rank correlation of variance and importance over the units is {r:.2f}."
    yield Sentence(
        "fact",
        "Does a positive eigenvalue of the covariance mean an important neuron? No. It means that the codes vary along "
        "a direction, which is a mix of all units; whether anything behind the layer listens to it, it does not say. "
        "A covariance has no negative eigenvalues but by rounding: here "
        f"{whole(found['eigenvalues_positive'])} of {whole(found['units'])} are positive, the smallest is "
        f"{number(found['eigenvalue_smallest'])}. The unit that varies most, {found['most_varied']}, is number "
        f"{whole(found['most_varied_rank'])} by importance.{order}",
    )
    error = found["answer_total_error"]
    give_or_take = "" if error is None else f", ± {percent(error)}"
    yield Sentence(
        "fact",
        "Look at the loss without the unit instead, and for directions at the spectrum of C½GC½ (C the covariance, G "
        "the mean of JᵀJ, J the Jacobian of what is behind the layer): no change of coordinates that the next layer "
        f"undoes can alter it. Counted as (Σλ)²/Σλ², {found['answer_directions']:.1f} directions reach the answer; "
        f"the covariance has {found['eigenvalue_directions']:.1f}. The spectrum adds up to "
        f"{number(found['answer_total'])}{give_or_take} (from {whole(found['answer_samples'])} samples, by "
        f"{found['answer_how']}).",
    )


def _more(view: View) -> Iterator[Sentence]:
    found = view.options["found"]
    if found["accuracy"] is not None and found["labelled"]:
        yield Sentence("fact", f"The untouched network names {percent(found['accuracy'])} of the labels.")
    if found["kind"] != "reconstruction" and not found["labelled"]:
        text = "No labels were given: what counts as lost is how far the answers move from the network's own."
        yield Sentence("fact", text)
        if found.get("is_answer"):
            text = f"Nothing runs behind {quoted(view.options['layer'])}: it is the answer itself, so a unit is worth "
            yield Sentence("warning", f"{text}as much as it varies. Train a head on it, and ask what that one needs.")
    if "active" in found:
        yield Sentence(
            "fact",
            f"{whole(found['active'])} of {whole(found['units'])} units of the variational code are active: their "
            "means vary by more than 0.01.",
        )
    if found["still"]:
        yield Sentence("fact", f"{whole(found['still'])} units never vary: they say nothing on these samples.")
    if found["places"] > 1:
        text = (
            f"The layer has {whole(found['places'])} places: a unit is a whole channel, its mean is each place's own, "
            "and the spectrum of C½GC½ is that of shifting channels at all places alike."
        )
        yield Sentence("fact", text)
    yield from _factors(found)


def _factors(found: Mapping[str, Any]) -> Iterator[Sentence]:
    if "mig" not in found:
        return
    d = found["disentanglement"]
    apart = "cannot be said of a single factor"
    if d is not None:
        apart = f"is {_beside(d, found['disentanglement_chance'])}"
    each = "; ".join(
        f"{quoted(f['factor'])} gap {number(f['mig'])}, completeness "
        f"{_beside(f['completeness'], f['completeness_chance'])}, told on unseen samples "
        f"{_beside(f['informativeness'], f['informativeness_chance'])}"
        for f in found["factors"]
    )
    yield Sentence(
        "fact",
        f"Of the known factors: the mutual information gap is {number(found['mig'])} (1: each has a unit of its own; "
        f"with shuffled factors {number(found['mig_chance'])}). DCI by {found['dci_model']}: disentanglement {apart}, "
        f"completeness {_beside(found['completeness'], found['completeness_chance'])}, informativeness "
        f"{_beside(found['informativeness'], found['informativeness_chance'])} (balanced accuracy, or R² of numbers). "
        f"{each}.",
    )


def _beside(figure: float | None, chance: float | None) -> str:
    """A figure with what chance gives; the two are missing together where nothing can be said."""
    if figure is None:
        return "not known"
    return number(figure) if chance is None else f"{number(figure)} (by chance {number(chance)})"


def _warnings(view: View) -> Iterator[Sentence]:
    found = view.options["found"]
    if found["tests"] < _FEW:
        sure = "" if _none_matters(view) or not _can_gain(found) else " of all but those whose interval lies above 0"
        text = f"Only {found['tests']} samples: the intervals are wide, and the ranking{sure} is a guess."
        yield Sentence("warning", text)
    yield from _order_warning(view)
    if found["samples"] * found["places"] <= found["units"]:
        yield Sentence(
            "warning",
            f"{whole(found['samples'])} samples for {whole(found['units'])} units: the covariance has at most "
            f"{whole(found['samples'] - 1)} directions, and what the others can supply is underestimated.",
        )
    if found["kind"] == "reconstruction" and found["untouched"] > found["input_variance"]:
        yield Sentence(
            "warning",
            f"The reconstruction is worse than one grey mean picture ({number(found['untouched'])} against "
            f"{number(found['input_variance'])}): is the network fed the values, and does it give the values, that it "
            "was trained with? See InputSpec's mean and std.",
        )
    if found["enough"] is None:
        yield Sentence("warning", "Without any unit nothing is lost: what is behind the layer does not need it.")


def _order_warning(view: View) -> Iterator[Sentence]:
    """That variance puts the units into a better order than importance does."""
    found = view.options["found"]
    ours, theirs = (float(view[f"curve/{order}"].mean()) for order in ("importance", "variance"))
    if found["enough"] is not None and ours - theirs > _WORSE * (found["none"] - found["untouched"]):
        text = (
            "Kept with the most important first, the units do worse than with the largest variance first (on average "
            f"over the numbers of units tried a {found['loss']} of {number(ours)} against {number(theirs)}): do not "
            "trust the order by importance here, and give more samples."
        )
        yield Sentence("warning", text)


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Above the ranking, the loss against units kept, and the spectra; below what the top units do."""
    height = _below(view)
    drawn = Picture(figsize=(14, 5.6 + height), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.09, h_pad=0.07)
    drawn.suptitle(printable(headline(view), 160), fontsize=12.5, x=0.01, ha="left", parse_math=False)
    rows = drawn.add_gridspec(2 if height else 1, 1, height_ratios=[5.2, height] if height else [1])
    above = GridSpecFromSubplotSpec(1, 3, rows[0], width_ratios=[1.25, 1, 1])
    _draw_ranking(drawn.add_subplot(above[0]), view)
    _draw_curve(drawn.add_subplot(above[1]), view)
    _draw_spectra(drawn.add_subplot(above[2]), view)
    if height:
        draw = _draw_images if "traversal/images" in view.arrays else _draw_outputs
        draw(drawn, rows[1], view)
    return drawn


def _below(view: View) -> float:
    """Inches for the sweeps."""
    if "traversal/units" not in view.arrays:
        return 0.0
    units = len(view["traversal/units"])
    if "traversal/images" not in view.arrays:
        return 2.7 * -(-units // 3)
    height, width = view["traversal/images"].shape[2:4]
    blocks = _blocks(units)
    across = 11.5 / len(blocks) / _STEPS  # inches of one picture
    return float(np.clip(len(blocks[0]) * across * height / width, 1.4, 12)) + 0.6


def _draw_ranking(axes: Axes, view: View) -> None:
    rows = view.table[:_BARS]
    places = np.arange(len(rows))
    values = np.array([r["delta"] for r in rows])
    axes.barh(places, values, color=_MEAN, height=0.62, label="at its mean: what is lost", zorder=2)
    _whiskers(axes, places, rows, "delta", "#123c7a")
    own = np.array([r["unique"] for r in rows])
    axes.plot(
        own, places, "D", color=_OWN, markersize=5, zorder=4, label="as the others predict it: what only it knows"
    )
    _whiskers(axes, places, rows, "unique", _OWN)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(places, [f"unit {r['unit']}" for r in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4 + 0.13 * len(rows) + 0.2, -0.6)  # room for the legend
    axes.legend(loc="lower right", fontsize=8, frameon=True, edgecolor="none")
    axes.set_xlabel(f"rise of the {view.options['found']['loss']}", fontsize=9, color=GREY)
    more = f", the first {len(rows)} of {len(view.table)}" if len(view.table) > len(rows) else ""
    title(
        axes, f"What is lost without each unit{more}\n(lines: 95 % intervals, {view.options['found']['tests']} samples)"
    )
    _plain(axes)


def _whiskers(axes: Axes, places: np.ndarray, rows: Sequence[Mapping[str, Any]], name: str, colour: str) -> None:
    low, high = ([r[f"{name}_{end}"] for r in rows] for end in ("low", "high"))
    axes.hlines(places, low, high, color=colour, linewidth=1.4, zorder=3)


def _draw_curve(axes: Axes, view: View) -> None:
    found, kept = view.options["found"], view["curve/kept"]
    low, high = view["curve/random_low"], view["curve/random_high"]
    axes.fill_between(
        kept, low, high, color="#bbbbbb", alpha=0.5, linewidth=0, label="random orders, lowest to highest"
    )
    axes.plot(kept, view["curve/random"], color="#888888", linewidth=1.4)
    axes.plot(kept, view["curve/variance"], "--", color=_VARIANCE, linewidth=1.8, label="largest variance first")
    axes.plot(
        kept, view["curve/importance"], "-o", color=_MEAN, linewidth=2, markersize=4, label="most important first"
    )
    axes.axhline(found["untouched"], color=GREY, linewidth=0.9, linestyle=":")
    axes.set_xscale("symlog", linthresh=1)
    ticks = [k for i, k in enumerate(kept) if k < 2 or i % 2 == len(kept) % 2 or k == kept[-1]]
    axes.set_xticks(_apart(ticks), [str(t) for t in _apart(ticks)], fontsize=8)
    axes.minorticks_off()
    axes.set_xlabel("units kept, the others at their mean (dotted: untouched)", fontsize=9, color=GREY)
    axes.set_ylim(
        *_limits([view["curve/importance"], view["curve/variance"], view["curve/random"]], found["untouched"])
    )
    axes.legend(loc="upper right", fontsize=8, frameon=True, edgecolor="none")
    title(axes, f"{found['loss'].capitalize()} against units kept\n(no sample chose its own order)")
    _plain(axes)


def _apart(ticks: Sequence[int]) -> list[int]:
    """Ticks that do not run into each other on the logarithmic axis; the last one stays."""
    chosen: list[int] = []
    for t in reversed(list(ticks)):
        if not chosen or t < min(2, 0.45 * chosen[-1]) or t < 0.45 * chosen[-1]:
            chosen.append(int(t))
    return sorted(set(chosen))


def _limits(curves: Sequence[np.ndarray], floor: float) -> tuple[float, float]:
    """From the floor to the highest curve, with room for the legend."""
    top = max(float(c.max()) for c in curves)
    floor = min(floor, *(float(c.min()) for c in curves))
    span = max(top - floor, 1e-12)
    return floor - 0.05 * span, top + 0.28 * span


def _draw_spectra(axes: Axes, view: View) -> None:
    units = view.options["found"]["units"]
    marks: dict[str, Any] = {"markersize": 4, "marker": "o"} if units <= 40 else {}
    for name, colour, style, label in (
        ("spectrum/covariance", _VARIANCE, "--", "covariance of the code: where it varies"),
        ("spectrum/answer", _MEAN, "-", "C½GC½: what of that reaches the answer"),
    ):
        values = view[name]
        shares = values / max(float(values.sum()), 1e-300)
        shown = shares > 1e-8
        axes.semilogy(np.arange(1, units + 1)[shown], shares[shown], style, color=colour, label=label, **marks)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if _decades(view) < 2.5 else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %" if share <= 1 else ""))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda share, _: ""))
    axes.set_xlabel("direction (a mix of all units), strongest first", fontsize=9, color=GREY)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.25)
    axes.legend(loc="upper right", fontsize=8, frameon=True, edgecolor="none")
    title(
        axes,
        "Spectra, as shares of their sums\n(positive: something varies; not: it matters)",
    )
    _plain(axes)


def _decades(view: View) -> float:
    """How far the spectra reach down from their sums, in powers of ten."""
    shares = [
        view[n][view[n] > 1e-8 * view[n].sum()] / view[n].sum() for n in ("spectrum/covariance", "spectrum/answer")
    ]
    return max((float(-np.log10(s.min())) for s in shares if len(s)), default=0.0)


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)


# -- what the top units do ------------------------------------------------------------------------


def _draw_images(drawn: Figure, place: SubplotSpec, view: View) -> None:
    """A row a unit: the reconstruction while it goes through its values; beside them the picture that it is of."""
    images = view["traversal/images"]
    blocks = _blocks(len(images))
    grid = GridSpecFromSubplotSpec(1, 1 + len(blocks), place, width_ratios=[1.1, *[_STEPS] * len(blocks)])
    left = GridSpecFromSubplotSpec(2, 1, grid[0])
    for spot, name, text in ((left[0], "input", view.names[0]), (left[1], "untouched", "its reconstruction")):
        axes = drawn.add_subplot(spot)
        axes.imshow(_shown(view[f"traversal/{name}"], images), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        title(axes, printable(text, 24))
        bare(axes)
    for block, rows in enumerate(blocks):
        _draw_block(drawn.add_subplot(grid[1 + block]), view, rows)
        if block == 0:
            title(drawn.axes[-1], "What the top units do: each goes through the values that it takes, the others stay")


def _blocks(units: int) -> list[range]:
    """The units in two columns where they are many."""
    half = units if units < _WIDE else -(-units // 2)
    return [range(i, min(i + half, units)) for i in range(0, units, half)]


def _draw_block(axes: Axes, view: View, rows: range) -> None:
    images = view["traversal/images"]
    shown = _mosaic(_shown(images[rows.start : rows.stop], images))
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    height, width = images.shape[2:4]
    gap = _gap(height, width)
    labels = [f"unit {view['traversal/units'][i]}" for i in rows]
    axes.set_yticks([i * (height + gap) + height / 2 for i in range(len(rows))], labels, fontsize=8)
    steps = images.shape[1]
    middle = ["median" if i == steps // 2 else "" for i in range(1, steps - 1)]
    axes.set_xticks(
        [i * (width + gap) + width / 2 for i in range(steps)], ["lowest 1 %", *middle, "highest 1 %"], fontsize=8
    )
    axes.tick_params(length=0, colors=GREY)
    axes.spines[:].set_visible(False)


def _shown(images: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Pictures 0 to 1; matrices by the range of ``scale``, their channels averaged."""
    if images.dtype == np.uint8:
        return images / 255
    low, high = float(scale.min()), float(scale.max())
    return (images.mean(-1) - low) / max(high - low, 1e-12)


def _gap(height: int, width: int) -> int:
    return max(1, round(0.04 * max(height, width)))


def _mosaic(images: np.ndarray) -> np.ndarray:
    """[units, steps, height, width(, 3)] side by side, with white between."""
    gap = _gap(*images.shape[2:4])
    around = [(0, 0), (0, 0), (0, gap), (0, gap)] + [(0, 0)] * (images.ndim - 4)
    padded = np.pad(images, around, constant_values=1.0)
    units, steps, height, width = padded.shape[:4]
    joined = np.moveaxis(padded, 1, 2).reshape(units * height, steps * width, *padded.shape[4:])
    return joined[: joined.shape[0] - gap, : joined.shape[1] - gap]


def _draw_outputs(drawn: Figure, place: SubplotSpec, view: View) -> None:
    """A small plot a unit: the outputs that change most while it goes through its values."""
    units = len(view["traversal/units"])
    grid = GridSpecFromSubplotSpec(-(-units // 3), 3, place)
    what = "probability" if view.options["found"]["kind"] == "classes" else "value"
    styles = _styles(view.options["found"]["followed"])
    for i in range(units):
        axes = drawn.add_subplot(grid[i])
        for line, name in enumerate(view.options["found"]["followed"][i]):
            colour, style = styles[name]
            outputs = view["traversal/outputs"][i, :, line]
            label = "\n".join(textwrap.wrap(printable(name, 40), 24))
            axes.plot(view["traversal/values"][i], outputs, style, marker="o", color=colour, markersize=3, label=label)
        axes.legend(fontsize=7.5, frameon=True, edgecolor="none", loc="best")
        axes.set_xlabel(
            f"unit {view['traversal/units'][i]}, from its lowest to its highest 1 %", fontsize=8, color=GREY
        )
        title(axes, f"Unit {view['traversal/units'][i]}: {what} on {printable(view.names[0], 24)}")
        _plain(axes)


def _styles(followed: Sequence[Sequence[str]]) -> dict[str, tuple[str, str]]:
    """A colour and a dash for each output, the same in all panels."""
    names = dict.fromkeys(name for panel in followed for name in panel)
    count = len(_LINES)
    return {name: (_LINES[i % count], _DASHES[i // count % len(_DASHES)]) for i, name in enumerate(names)}
