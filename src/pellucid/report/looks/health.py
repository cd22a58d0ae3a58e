"""Whether a network can be trained as it is: scales along its layers beside those of usual initial weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.types import View
from pellucid.report.figures import Picture
from pellucid.report.layer_curves import (
    BLUE,
    ORANGE,
    OWN,
    PURPLE,
    draw_curve,
    draw_losses,
    draw_range,
    finish_layers,
    mark_layers,
)
from pellucid.report.words import Sentence, number

TITLE = "Can it be trained?"

COLUMNS = {
    "layer": "Layer",
    "type": "Type",
    "problem": "Problem",
    "activation": "Activation (mean square)",
    "activation_he": "with He’s weights",
    "gradient": "Gradient (mean square)",
    "gradient_he": "with He’s weights",
    "varies": "Differs between inputs",
    "dead": "Dead units",
    "units": "of",
    "weight": "Weights (rms)",
    "step": "Step / weights",
}

#: How the references are called, and drawn.
_REFERENCES = {
    "he": ("He’s initial weights", BLUE),
    "xavier": ("Xavier’s", ORANGE),
    "default": ("torch’s own", PURPLE),
}
_SCHEMES = {
    "he": "He’s initial weights",
    "xavier": "Xavier’s initial weights",
    "default": "torch’s own initial weights",
    "small_last": "He’s initial weights with a small last layer",
}
#: A range so wide, in powers of ten, is worth a word.
_WIDE = 3.0
#: From fewer gradients nobody can say which stand out.
_ENOUGH = 4
_OPTIMIZERS = {"sgd": "SGD with momentum 0.9", "adam": "Adam", "adamw": "AdamW"}


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Activations above, gradients below, a value a layer; to the right what was tried."""
    layers = [str(row["layer"]) for row in view.table]
    right = [kind for kind in ("trial/as_is", "lr_range/lr") if kind in view.arrays]
    drawn = Picture(figsize=(12.5 if right else 9.5, 6.6), layout="constrained")
    grid = drawn.add_gridspec(2, 2 if right else 1, width_ratios=[2.3, 1] if right else [1])
    for row, (kind, text) in enumerate(_PANELS.items()):
        axes = drawn.add_subplot(grid[row, 0])
        for name, (label, colour) in _REFERENCES.items():
            draw_curve(axes, view[f"{kind}/{name}"], label, colour)
        draw_curve(axes, view[kind], "this network", OWN, bold=True)
        finish_layers(axes, layers, text, names=row == 1)
        mark_layers(axes, layers, _marks(view, kind), view[kind])
        if row == 0:
            axes.legend(fontsize=8, ncols=4, frameon=False, loc="upper right", bbox_to_anchor=(1.0, 1.14))
    for i, kind in enumerate(right):
        axes = drawn.add_subplot(grid[i if len(right) > 1 else slice(None), 1])
        if kind == "trial/as_is":
            _draw_trial(axes, view)
        else:
            whose = "advised weights" if view.options["lr_scheme"] else "weights as they are"
            draw_range(axes, view["lr_range/lr"], view["lr_range/loss"], view.options["lr_suggested"], whose)
    return drawn


_PANELS = {
    "activation": "Mean square of each layer’s output",
    "gradient": "Mean square of its gradient",
}


def _marks(view: View, panel: str) -> dict[str, str]:
    """What is wrong, at its layer; what concerns gradients alone stands in their panel."""
    marks: dict[str, str] = {}
    for problem in view.options["problems"]:
        about = "gradient" if problem["kind"].startswith("gradient") else "activation"
        if problem["grave"] and about == panel:
            before = marks.get(problem["layer"], "")
            marks[problem["layer"]] = f"{before}, {problem['kind']}" if before else problem["kind"]
    return marks


def _draw_trial(axes: Any, view: View) -> None:
    trial = view.options["trial"]
    empty = np.array([])
    curves = {
        f"as it is, rate {number(trial['rate'])}": (view.arrays.get("trial/as_is", empty), OWN),
        f"as advised, rate {number(_rate(trial))}": (view.arrays.get("trial/advised", empty), BLUE),
    }
    draw_losses(axes, curves, "Loss, trained for a moment")


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What stands in the way, why, and the lines of Python that help; what was tried; loss, clipping, rate."""
    return [*_problem_words(view), *_trial_words(view), *_loss_words(view), *_clip_words(view), *_rate_words(view)]


def _problem_words(view: View) -> Iterator[Sentence]:
    problems = view.options["problems"]
    if not any(p["grave"] for p in problems):
        whole = " as a whole" if problems else ""
        spans = [f"{kind}s’ between {_span(view[kind])}" for kind in _PANELS if (view[kind] > 0).any()]
        text = f"Nothing stands in the way of training{whole}"
        yield Sentence("fact", f"{text}. Mean squares: the {', the '.join(spans)}." if spans else f"{text}.")
        for kind in _PANELS:
            yield from _width_words(view, kind)
    for problem in problems:
        cure = f" Cure: {problem['cure']}" if problem["cure"] else ""
        rest = "" if problem["grave"] else " The rest of the network can be trained all the same."
        yield Sentence("warning" if problem["grave"] else "fact", f"{problem['text']}{cure}{rest}")


def _span(sizes: np.ndarray) -> str:
    some = sizes[sizes > 0]
    return f"{number(some.min())} and {number(some.max())}"


def _width_words(view: View, kind: str) -> Iterator[Sentence]:
    """Why a wide range may be right, or that the weights make it wide."""
    own, he = view[kind], view[f"{kind}/he"]
    width, usual = _decades(own), _decades(he)
    if width < _WIDE:
        return
    begin = f"The {kind}s’ range is wide, {width:.1f} powers of ten; with He’s initial weights it is {usual:.1f}"
    if width - usual >= _WIDE:
        yield Sentence("warning", f"{begin}: look at the layers with the smallest, they may hardly learn.")
    elif usual >= _WIDE - 1:
        text = f"{begin}, so most of it is the architecture’s."
        if kind == "gradient":
            text += " An average over places, for one, hands each of N places 1/N of its gradient, in squares 1/N²."
        yield Sentence("fact", text)
    else:
        yield Sentence("fact", f"{begin}: some of it is the weights’ own.")


def _decades(sizes: np.ndarray) -> float:
    some = sizes[sizes > 0]
    return float(np.log10(some.max() / some.min())) if len(some) else 0.0


def _trial_words(view: View) -> Iterator[Sentence]:
    trial = view.options["trial"]
    if trial is None:
        return
    start, end = trial["as_is"]
    steps = trial["as_is_steps"]
    before = (
        f"Tried with SGD with momentum {trial['momentum']:g}: as it is, at a learning rate of {number(trial['rate'])} "
        f"and without clipping, the loss goes from {_loss(start)} to {_loss(end)} in {steps} steps"
    )
    start, end = trial["advised"]
    after = (
        f"with {_SCHEMES[trial['scheme']]}, a rate of {number(_rate(trial))} and clipping it goes from {_loss(start)} "
        f"to {_loss(end)} in {trial['steps']} steps."
    )
    verdict = "" if trial["helps"] else " The advice does not help here."
    yield Sentence("fact" if trial["helps"] else "warning", f"{before}; {after}{verdict}")
    lines = [f"pellucid.initialise(model, {trial['scheme']!r})", f"optimizer = {trial['optimizer_python']}"]
    lines += [trial["clip_python"]] if trial["clip_python"] else []
    yield Sentence("fact", f"In Python: {'; '.join(lines)}")


def _rate(trial: Mapping[str, Any]) -> float:
    return float(trial["advised_rate"] or trial["rate"])


def _loss(value: float | None) -> str:
    return "NaN" if value is None else number(value)


def _loss_words(view: View) -> Iterator[Sentence]:
    options = view.options
    chance, loss = options["loss_of_chance"], options["loss"]
    count, available = options["count"], options["available"]
    of = "" if available is None or count == available else f" of {available}"
    what = f"{count}{of} input{'s' * ((available or count) != 1)}{' of noise' * (options['inputs'] == 'noise')}"
    what += " (drawn with the seed; count takes more)" if of else ""
    held = options["labels"] if options["labels"].startswith("held") else f"labels {options['labels']}"
    said = f"On {what}, {held}, the {options['loss_name']} is {_loss(loss)}"
    if chance is None:
        yield Sentence("fact", f"{said}.")
        return
    name = f"ln {options['classes']}" if options["loss_name"].startswith("cross entropy") else "ln 2"
    yield Sentence("fact", f"{said}; a network that knows nothing and says so has {name} = {number(chance)}.")
    grave = any(p["grave"] for p in options["problems"])
    if loss is not None and loss > 2 * chance and not grave:
        already = " After training such a loss on labels that are not the right ones is usual."
        text = (
            "If it is still to be trained, its last layer begins too large: pellucid.initialise(model, 'small_last') "
            f"begins at {name}."
        )
        yield Sentence("fact", text + (already if options["labels"] == "drawn at random" else ""))


def _clip_words(view: View) -> Iterator[Sentence]:
    norms = view.options["gradient_norms"]
    if not norms or view.options["trial"]:  # which has told it
        return
    mended = any(p["trains"] for p in view.options["problems"])
    whose = "With the advised weights the gradients" if mended else "The gradients"
    span = f"from {number(min(norms))} to {number(max(norms))}" if len(norms) > 1 else f"of {number(norms[0])}"
    parts = f"{len(norms)} parts of the batch have norms" if len(norms) > 1 else "the batch have a norm"
    advice = f"Clip those that stand out: {view.options['clip_python']}"
    if len(norms) < _ENOUGH:
        advice = f"Which stand out, to be clipped, takes at least {_ENOUGH} parts of 2 inputs to tell."
    yield Sentence("fact", f"{whose} of {parts} {span}. {advice}")


def _rate_words(view: View) -> Iterator[Sentence]:
    if "lr_range/lr" not in view.arrays:
        return
    options = view.options
    found = options["lr_suggested"], options["lr_diverged"]
    yield from range_words(view["lr_range/loss"], *found, "sgd", options["lr_scheme"])


def range_words(
    loss: np.ndarray, suggested: float | None, diverged: float | None, optimizer: str, scheme: str | None = None
) -> Iterator[Sentence]:
    """What a learning-rate range test with an optimizer found. scheme: of the new weights, if any."""
    if suggested is None:
        yield Sentence(
            "warning", "At no learning rate does the loss fall by more than its noise: something else is wrong."
        )
        return
    end = f", and diverges at {number(diverged)}" if diverged is not None else ""
    whose = f"With {_SCHEMES[scheme]} the loss" if scheme else "The loss"
    lowest = number(10 * suggested)
    begin = f"begin with a tenth of it, {number(suggested)}, with {_OPTIMIZERS[optimizer]}"
    fall = f"falls from {number(loss[0])} to {number(loss.min())}"
    text = f"{whose} {fall}, lowest at a learning rate of {lowest}{end}: {begin}."
    yield Sentence("fact", text)
