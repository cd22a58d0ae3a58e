"""A training: how loss and score went, and whether what came out can be trusted."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pellucid.core.types import View
from pellucid.report.figures import GREY, Picture, printable, title
from pellucid.report.layer_curves import BLUE, ORANGE, OWN, quiet
from pellucid.report.scores import (
    CELLS,
    NOTHING,
    alike,
    beats,
    interval_of,
    interval_words,
    metric_name,
    perfect_words,
    short,
)
from pellucid.report.words import Sentence, number, percent, quoted, whole

__all__ = ["CELLS"]  # told as scores are

TITLE = "What was learnt, and how far it can be trusted"

COLUMNS = {
    "split": "Split",
    "metric": "Metric",
    "value": "Value",
    "value_low": "95 % from",
    "value_high": "to",
    "baseline": "Constant answer",
    "items": "Items",
}

#: From this share on of what was learnt that does not carry over to other items, a network has learnt by heart.
BY_HEART = 0.1

#: A loss that over the last fifth of the epochs is lower by this share than over the fifth before still falls.
FALLING = 0.05

#: On fewer items a score is a rough guess: a share of one half has then an interval of ±0.1.
FEW = 100

#: In fewer steps hardly any network learns, and its running statistics are still those of its beginning. A batch
#: below this makes them rougher instead.
MOST_FEW_STEPS, SMALL_BATCH = 100, 8

#: A test split of which a larger share was learnt from shows nothing.
MOST_LEAKS = 0.02

#: Points are marked where there are no more than this many.
_MARKED = 40

#: So many letters are as wide as a panel.
_TITLE = 64


# -- the figure -----------------------------------------------------------------------------------


def figure(view: View) -> Figure:
    """Loss to the left, the score that counts to the right, the learning rate in a strip below."""
    drawn = Picture(figsize=(11, 4.8), layout="constrained")
    grid = drawn.add_gridspec(2, 2, height_ratios=[7, 1])
    shown = view.options.get("shown", view.options["primary"])
    what = view.options["words"].get(shown, "a linear classifier on the features")
    panels = {
        "Loss": ("loss", "val_loss"),
        f"{metric_name(shown)}: {what}": (f"train_{shown}", f"val_{shown}"),
    }
    for place, (text, curves) in enumerate(panels.items()):
        axes = drawn.add_subplot(grid[0, place])
        _draw_curves(axes, view, *curves)
        _mark_best(axes, view, words=place == 0)
        _finish(axes, view)
        axes.tick_params(labelbottom=False)
        title(axes, "\n".join(textwrap.wrap(printable(text, 120), _TITLE)))
        _draw_rate(drawn.add_subplot(grid[1, place], sharex=axes), view)
    _draw_legend(drawn.axes[0])
    return drawn


def _draw_legend(axes: Axes) -> None:
    """Beside the heading, over the frame: within it there are curves, and where they leave room is not known."""
    axes.legend(
        fontsize=8.5,
        frameon=False,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        borderaxespad=0,
        borderpad=0.3,
    )


def _draw_curves(axes: Axes, view: View, train: str, val: str) -> None:
    mark = "o" if len(view["epoch"]) <= _MARKED else None
    for name, label, colour in ((train, "on what it learns from", BLUE), (val, "on validation", OWN)):
        if name in view.arrays:
            axes.plot(view["epoch"], view[name], color=colour, label=label, linewidth=1.8, marker=mark, markersize=3.5)
    values = np.concatenate([view[n] for n in (train, val) if n in view.arrays] or [np.zeros(1)])
    falls = values[: len(view["epoch"])][-1] < values[0]  # what rises from nearly nothing is no matter of powers of ten
    if falls and values.min() > 0 and values.max() > 30 * values.min():
        axes.set_yscale("log")


def _mark_best(axes: Axes, view: View, *, words: bool) -> None:
    best = view.options["best_epoch"]
    axes.axvline(best, color=ORANGE, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
    if words:
        right = best > 0.75 * len(view["epoch"])
        axes.annotate(
            f"best: epoch {best}",
            (best, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if right else 4, -3),
            textcoords="offset points",
            fontsize=8.5,
            color="#b45309",
            ha="right" if right else "left",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _finish(axes: Axes, view: View) -> None:
    quiet(axes)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.7)
    last = int(view["epoch"][-1])
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


def _draw_rate(axes: Axes, view: View) -> None:
    """The learning rate as a thin strip."""
    rates = view["lr"]
    axes.fill_between(view["epoch"], rates, color="#cbd5e1", linewidth=0)
    axes.plot(view["epoch"], rates, color="#94a3b8", linewidth=1)
    quiet(axes)
    axes.set_ylim(0, 1.15 * float(rates.max()))
    axes.set_yticks([float(rates.max())], [number(float(f"{rates.max():.2g}"))])
    axes.set_xlabel("epoch", fontsize=8.5, color=GREY)
    axes.text(0.995, 0.92, "learning rate", transform=axes.transAxes, fontsize=7.5, color=GREY, ha="right", va="top")


# -- the words ------------------------------------------------------------------------------------


def words(view: View) -> list[Sentence]:
    """What it scores, whether that is learnt by heart, whether more training would help, what learnt."""
    return [
        *_score_words(view),
        *_cover_words(view),
        *_probe_words(view),
        *_component_words(view),
        *_heart_words(view),
        *_ending_words(view),
        *_steps_words(view),
        *_few_words(view),
        *_layer_words(view),
    ]


def _row(view: View, split: str, metric: str) -> Mapping[str, Any] | None:
    return next((row for row in view.table if (row["split"], row["metric"]) == (split, metric)), None)


def _score_words(view: View) -> Iterator[Sentence]:
    primary = view.options["primary"]
    unseen = "" if view.options.get("leaks", {}).get("test", 0) else ", which nothing was chosen by"
    said = {"test": f"the test items{unseen}", "val": "the validation items"}
    for split, whose in said.items():
        row = _row(view, split, primary)
        if row is None:
            continue
        text, base = f"{metric_name(primary)} on {whose}: {interval_words(row)}", row["baseline"]
        text += f", {whole(row['items'])} items"
        text += f"; a constant answer gets {short(base)}." if base is not None else "."
        yield Sentence("fact", text + perfect_words(row))
        if base is not None and not beats(row):
            text = "It is not shown to be better than an answer that does not look at the picture: the interval "
            yield Sentence("warning", f"{text}includes it. More pictures, more epochs, or another network may help.")
        if split == "val":
            text = "The best epoch was chosen by these very items, so the score flatters a little: keep a test split."
            yield Sentence("fact", text)
        return
    yield Sentence("warning", "No item was kept apart: what it scores on new pictures is not known. See --shares.")


def _cover_words(view: View) -> Iterator[Sentence]:
    """What the score is not about: classes without an item, and pictures that something was learnt from."""
    others = {"test": "train or val", "val": "train"}
    split = _held_out(view)
    count = view.options.get("leaks", {}).get(split, 0)
    named = "validation" if split == "val" else split
    lacking = view.options.get("lacking", {}).get(split, [])
    if lacking:
        every = view.options["classes"]
        told = f"The {named} score covers {every - len(lacking)} of {every} classes"
        yield Sentence("warning", f"{told}: no {named} item is {_some(lacking)}.")
    if count:
        items = view.options["items"][split]
        told = f"{whole(count)} of {whole(items)} {named} pictures are also in {others.get(split, 'another split')}"
        end = "is no proof" if count > MOST_LEAKS * items else "flatters a little"
        yield Sentence("warning", f"{told}: the {named} score {end}. Leave them out, or give both one group.")


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" or {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + more


def _held_out(view: View) -> str:
    """The split whose score is told."""
    return "test" if _row(view, "test", view.options["primary"]) is not None else "val"


def _probe_words(view: View) -> Iterator[Sentence]:
    """Of what learns without labels: what a classifier on it knows of them."""
    if "val_probe_accuracy" in view.arrays:
        own = view["val_probe_accuracy"][view.options["best_epoch"] - 1]
        first = view["val_probe_accuracy"][0]
        text = f"A linear classifier on its features is right about {percent(float(own))} of the validation items"
        yield Sentence("fact", f"{text}, {percent(float(first))} after the first epoch. No label was learnt from.")


def _component_words(view: View) -> Iterator[Sentence]:
    """Of reconstructions: what principal components would have missed."""
    split = next((s for s in ("test", "val", "train") if _row(view, s, "error_over_pca")), None)
    if split is None:
        return
    own, ratio = _row(view, split, "pca_mse"), _row(view, split, "error_over_pca")
    if ratio["value"] > NOTHING:
        text = "PCA with as many components misses nothing: a code of so many numbers has nothing to leave out. "
        yield Sentence("warning", f"{text}Take one of fewer, such as --model autoencoder:conv-32-8.")
        return
    text = f"PCA with as many components misses {interval_words(own)}; the error over PCA's is {interval_words(ratio)}"
    yield Sentence("fact", f"{text}, where below 1 the network does better.")
    if ratio["value_low"] >= 1:
        text = "PCA does better than this network: train it longer or with a larger learning rate, or take PCA."
        yield Sentence("warning", text)


def _heart_words(view: View) -> Iterator[Sentence]:
    found, primary = view.options["gap"], view.options["primary"]
    train = _row(view, "train", primary)
    if found is None or train is None or not np.isfinite(found["value"]):
        return
    other = _row(view, found["split"], primary)
    where = {"val": "validation", "test": "the test items"}[found["split"]]
    learnt, new = alike(train["value"], other["value"])
    begin = f"On the very items it learnt from it has {learnt}, on {where} {new}"
    between = interval_words(found)
    if view.options.get("leaks", {}).get(found["split"], 0) > MOST_LEAKS * other["items"]:
        return  # both are what it learnt from, and their gap says nothing
    if found["value_high"] < 0:
        by = interval_of(-found["value"], -found["value_high"], -found["value_low"])
        text = f"better where it did not learn, by {by}"
        yield Sentence("fact", f"{begin}: {text}. Those items may be easier; nothing shows that it learnt by heart.")
        return
    if not found["value_low"] > 0:
        yield Sentence(
            "fact", f"{begin}: a gap of {between}, which may be chance. Nothing shows that it learnt by heart."
        )
        return
    gained = abs(train["value"] - train["baseline"]) if train["baseline"] is not None else 0.0
    lost = found["value"] / gained if gained > 0 else 0.0
    if lost < BY_HEART:
        text = f"a gap of {between}, small beside what it gained over a constant answer ({percent(lost)} of it)"
        yield Sentence("fact", f"{begin}: {text}. It hardly learnt by heart.")
        return
    cures = [
        "more pictures",
        "--augment with what leaves the answer as it is" if not view.options["augment"] else "more augmentation",
        "fewer layers that learn" if len(view.options["learns"]["layers"]) > 1 else "a larger --weight-decay",
    ]
    text = f"a gap of {between}. {percent(min(lost, 1.0))} of what it gained over a constant answer does not carry over"
    yield Sentence("warning", f"{begin}: {text}: it learnt by heart. What helps: {', '.join(cures)}.")


def _steps_words(view: View) -> Iterator[Sentence]:
    items, done = view.options["items"].get("train", 0), len(view["loss"])
    steps = done * -(-items // view.options["batch"])
    if steps < MOST_FEW_STEPS and view.options["batch"] > SMALL_BATCH:
        text = f"The {whole(items)} items were learnt from in {whole(steps)} steps in all, which is few"
        if view.options["task"] == "contrastive":  # whose loss lives of many others in a batch
            yield Sentence("fact", f"{text}: more --epochs give more of them.")
            return
        batch = max(SMALL_BATCH, min(view.options["batch"] // 2, items // 16))
        yield Sentence("fact", f"{text}: --batch {batch} takes more of them in an epoch.")


def _ending_words(view: View) -> Iterator[Sentence]:
    options = view.options
    name = "val_loss" if "val_loss" in view.arrays else "loss"
    loss = view[name]
    done, best = len(loss), options["best_epoch"]
    patience = options["patience"]
    if patience is not None and options["stopped"] != "all epochs are done":
        yield Sentence("fact", f"Stopped after epoch {done}: {options['stopped']}. The best one is {best}.")
        return
    yield Sentence("fact", f"The best of {done} epochs is {best}, and its weights were kept." if done > 1 else
                   "It was trained for one epoch.")  # fmt: skip
    fifth = max(1, done // 5)
    before, after = loss[-2 * fifth : -fifth], loss[-fifth:]
    if done < 2 or not len(before):
        return
    fall = 1 - float(after.mean()) / float(before.mean()) if before.mean() > 0 else 0.0
    if fall > FALLING and best > done - fifth:
        span = (
            f"the last {fifth} epochs, and the best epoch is among them"
            if fifth > 1
            else "the last epoch, the best one"
        )
        which = "validation loss" if name == "val_loss" else "loss"
        text = f"The {which} still fell by {percent(fall)} over {span}"
        yield Sentence("fact", f"{text}: it may not be done. Try --epochs {2 * done}.")


def _few_words(view: View) -> Iterator[Sentence]:
    items = view.options["items"]
    small = {s: items[s] for s in ("val", "test") if 0 < items.get(s, 0) < FEW}
    if small:
        told = " and ".join(f"{count} {'validation' if split == 'val' else split}" for split, count in small.items())
        yield Sentence(
            "fact", f"With {told} items, differences within the intervals say nothing; more items narrow them."
        )


def _layer_words(view: View) -> Iterator[Sentence]:
    learns = view.options["learns"]
    share = learns["parameters"] / max(1, learns["of"])
    many = f"{whole(learns['parameters'])} of {whole(learns['of'])} parameters ({percent(share)})"
    if learns["from"] == "head":
        yield Sentence("fact", f"The last layer alone learnt, {quoted(learns['head'])}: {many}; all else is as it was.")
    elif learns["from"] == "all":
        count = len(learns["layers"])
        which = "The only layer" if count == 1 else f"All {count} layers"
        yield Sentence("fact", f"{which} with parameters learnt: {many}.")
    else:
        count = len(learns["layers"])
        layers = f"{count} {'layer' if count == 1 else 'layers'} from {quoted(learns['from'])} on learnt"
        yield Sentence("fact", f"{layers}: {many}; what runs before is as it was, bit for bit.")
