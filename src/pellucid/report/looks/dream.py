"""What the network drew: the picture, the natural patches that excite the same, and how far it is from natural."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, bare, printable, title
from pellucid.report.words import Sentence, number, percent, quoted, whole

TITLE = "What the network draws"

COLUMNS = {
    "picture": "Picture",
    "score": "Activation",
    "percentile": "Percentile",
    "rank": "Rank",
    "unusual_rank": "Rank, by how unusual",
    "deviations": "Deviations above usual",
    "saturated": "Fully dark or bright",
    "steps_per_second": "Steps/s",
}

#: Below this percentile many natural pictures excite the target more than what was drawn for it.
_WEAK = 95
#: Patches that reach less than this share of what the drawing does are of pictures that do not excite the target.
_FAINT = 0.1
#: The share of fully dark or bright numbers above which a picture counts as saturated.
_SATURATED = 0.25

_START, _DREAM, _NATURAL = "#2c6ecb", "#a50026", "#b9b9b9"


# -- figure ---------------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """The start beside what became of it, a channel's natural patches, and both on the scale of natural pictures."""
    dreamt = np.asarray(view.pictures)[0]
    start = _shown(view["start"], dreamt) if view.options["source"] is not None else None
    patches = view.arrays.get("patches")
    aspect = dreamt.shape[0] / dreamt.shape[1]
    widths = [*([1.0] if start is not None else []), 1.6, *([1.6 * min(aspect, 1.2)] if patches is not None else [])]
    inch = 12 / max(sum(widths), 2.6)
    tall = 1.6 * inch * min(aspect, 1.2)
    drawn = Picture(figsize=(sum(widths) * inch + 0.4, tall + 2.5), layout="constrained")
    above, below = drawn.subfigures(2, 1, height_ratios=[tall + 0.3, 2.2])
    columns = above.subfigures(1, len(widths), width_ratios=widths, squeeze=False)[0]
    if start is not None:
        _draw_picture(columns[0].subplots(), start, f"start: {view.options['source']}")
    _draw_picture(columns[len(widths) - 1 - (patches is not None)].subplots(), dreamt, _headline(view))
    if patches is not None:
        _draw_patches(columns[-1], patches, view["patch_activations"])
    sides = below.subplots(1, 2) if "natural" in view.arrays else [None, below.subplots()]
    if sides[0] is not None:
        _draw_scale(sides[0], view)
    _draw_climb(sides[1], view)
    return drawn


def _headline(view: View) -> str:
    height, width = view["picture"].shape[:2]
    return f"drawn for {view.options['target']}, {height} × {width}"


def _shown(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The start as the result is shown: uint8 [height, width, 3]."""
    if picture.dtype != np.uint8:
        low, high = float(picture.min()), float(picture.max())
        picture = (255 * (picture - low) / (high - low or 1.0)).round().astype(np.uint8)
    if picture.shape == like.shape:
        return picture
    greys = np.concatenate([picture[..., i] for i in range(picture.shape[2])], axis=1)
    return np.repeat(greys[..., None], 3, axis=2)


def _draw_picture(axes: Axes, picture: np.ndarray, text: str) -> None:
    axes.imshow(picture)
    axes.set_anchor("N")
    bare(axes)
    title(axes, "\n".join(textwrap.wrap(printable(text, 90), 46)))


def _draw_patches(part: Any, patches: np.ndarray, activations: np.ndarray) -> None:
    """A square of them, the strongest first."""
    side = int(np.ceil(np.sqrt(len(patches))))
    grid = np.asarray(part.subplots(-(-len(patches) // side), side, squeeze=False))
    text = "natural patches that excite it most,\neach with the activation at its best place"
    text += "\n(white: beyond the picture’s edge)" if _beyond(patches) else ""
    part.suptitle(text, fontsize=9.5, color="#222222")
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, patch, activation in zip(grid.flat, patches, activations, strict=False):
        axes.imshow(patch)
        axes.set_title(number(float(activation)), fontsize=8, color=GREY)


def _beyond(patches: np.ndarray) -> bool:
    """Whether a patch has a white side, which is how what lies beyond its picture is drawn."""
    sides = (patches[:, 0], patches[:, -1], patches[:, :, 0], patches[:, :, -1])
    return any(bool((side == 255).all(axis=(1, 2)).any()) for side in sides)


def _draw_scale(axes: Axes, view: View) -> None:
    """Where the start and the result stand among natural pictures."""
    natural, rows = view["natural"], _rows(view)
    axes.hist(natural, bins=24, color=_NATURAL)
    for name, colour in (("start", _START), ("dream", _DREAM)):
        axes.axvline(rows[name]["score"], color=colour, linewidth=2, label=f"{name} {number(rows[name]['score'])}")
    axes.set_xlabel(_measure(view).removeprefix("the "), fontsize=9, color=GREY)
    axes.legend(fontsize=8.5, frameon=False)
    _plain(axes, f"among {_natural_in_words(view)}")


def _draw_climb(axes: Axes, view: View) -> None:
    climb, sizes = view["climb"], view.options.get("octaves", 1)
    axes.plot(np.arange(1, len(climb) + 1), climb, color=_DREAM, linewidth=1.4)
    for k in range(1, sizes):
        axes.axvline(k * view.options["steps"] + 0.5, color="#dddddd", linewidth=1, zorder=0)
    axes.set_xlabel("step (a line where the next size begins)" if sizes > 1 else "step", fontsize=9, color=GREY)
    measure = textwrap.fill(_measure(view).removeprefix("the "), 20)
    axes.set_ylabel(measure, fontsize=9, color=GREY)
    _plain(axes, "the climb, on the picture as each step shifts or varies it")


def _plain(axes: Axes, text: str) -> None:
    title(axes, text)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)


# -- words ----------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """How far the climb went, what that is worth, and what to look at beside it."""
    start, end = _rows(view)["start"], _rows(view)["dream"]
    return [
        *_climb_words(view, start, end),
        *_rank_words(view, end),
        *_caution_words(view, end),
        *_patch_words(view, end),
    ]


def _climb_words(view: View, start: Mapping[str, Any], end: Mapping[str, Any]) -> Iterator[Sentence]:
    rose = f"For {quoted(view.options['target'])} {_measure(view)} went from {number(start['score'])} to"
    yield Sentence("fact", f"{rose} {number(end['score'])} in {whole(len(view['climb']))} steps{_speed(end)}.")
    if view.options["before_activation"]:
        yield Sentence("fact", "It is measured before the layer’s activation, where a silent unit still has a slope.")
    if "percentile" not in end:
        return
    natural = view["natural"]
    above = "more than any of" if end["percentile"] == 100 else f"more than {percent(end['percentile'] / 100)} of"
    yield Sentence(
        "fact",
        f"That is {above} {_natural_in_words(view)}, whose median is {number(float(np.median(natural)))} and whose "
        f"largest is {number(float(natural.max()))}; measured on the picture as it is saved, without jitter.",
    )


def _measure(view: View) -> str:
    """What the number is, in words."""
    options = view.options
    if options["channel"] is None:
        return "half the mean squared activation"
    several = options["at"] is None and max(options["places"]) > 1
    return "the mean activation of all places" if several else "the activation"


def _speed(end: Mapping[str, Any]) -> str:
    speed = end.get("steps_per_second")
    return f" ({number(speed)} a second)" if speed else ""


def _rank_words(view: View, end: Mapping[str, Any]) -> Iterator[Sentence]:
    if "rank" not in end:
        return
    told = f"Of the layer’s {whole(view.options['channels'])} channels it is number {whole(end['rank'])} in the drawing"
    if "unusual_rank" in end:
        told += (
            f", and number {whole(end['unusual_rank'])} by how unusual its activation is: {number(end['deviations'])} "
            "standard deviations above its mean over the natural pictures"
        )
    yield Sentence("fact", f"{told}.")


def _caution_words(view: View, end: Mapping[str, Any]) -> Iterator[Sentence]:
    steps = len(view["climb"])
    if steps and end["change"] == 0:
        text = "Nothing changed: the target has no slope anywhere at the start. Begin with a photo or another seed."
        yield Sentence("warning", text)
    elif steps and end.get("percentile", 100) < _WEAK:
        more = (
            f"{percent(1 - end['percentile'] / 100)} of {_natural_in_words(view)} excite it more than the drawing does"
        )
        text = f"{more} (percentile {number(end['percentile'])}): take more steps."
        yield Sentence("warning", text)
    if end["saturated"] > _SATURATED:
        share = percent(end["saturated"])
        text = f"{share} of the numbers are fully dark or bright: take fewer steps, or smaller ones."
        yield Sentence("warning", text)


def _patch_words(view: View, end: Mapping[str, Any]) -> Iterator[Sentence]:
    if view.options["channel"] is None:
        return
    if "patches" in view.arrays:
        best, least = (float(f(view["patch_activations"])) for f in (np.max, np.min))
        if best < _FAINT * end["score"]:
            text = (
                f"None of the natural pictures excites it: their best patches reach {number(least)} to {number(best)}, "
                f"the drawing {number(end['score'])}. The patches show what comes nearest, not what it responds to; "
                "give pictures that hold it."
            )
            yield Sentence("warning", text)
        elif view.options["at"] is None and max(view.options["places"]) > 1:
            text = "The patches’ numbers are of their best place alone, the others are means of all places."
            yield Sentence("fact", text)
    yield Sentence(
        "fact",
        "Look at natural patches beside it: from natural pictures people could tell what a unit responds to in "
        "92 ± 2 % of cases, from drawn ones in 82 ± 4 % (Borowski et al. 2021). A drawing shows what is enough to "
        "excite the unit; patches show what does so in the world.",
    )


def _rows(view: View) -> dict[str, Mapping[str, Any]]:
    return {row["picture"]: row for row in view.table}


def _natural_in_words(view: View) -> str:
    count, pictures = view.options["natural"], view.options["natural_pictures"]
    if count == pictures:
        return f"{whole(count)} natural pictures"
    return f"{whole(count)} crops of {whole(pictures)} natural picture{'s' * (pictures > 1)}"
