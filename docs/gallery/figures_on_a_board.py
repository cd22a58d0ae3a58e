"""Small figures scattered over a board: found by a grid detector, with anchors of three kinds and with none.

And what more training boards are worth beside more figures labelled on each. With the words ``full learn``, ``full
anchors`` or ``full howmany`` behind it one part, on more pictures and for longer.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pellucid
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.report.framed import framed
from pellucid.report.look import look_of
from pellucid.report.painted import colour_of
from pellucid.synth.boards import KINDS, boards
from pellucid.training.train import train

FULL = sys.argv[1:2] == ["full"]
PARTS = (FULL and sys.argv[2:]) or ["learn", "anchors", "howmany"]
COUNT, EPOCHS, FEWER, SEEDS = (2400, 24, 400, 4) if FULL else (60, 2, 20, 2)
LEARNT, VAL, TEST, TIMES, REPEATS = (300, 20, 200, 8, 5) if FULL else (16, 6, 10, 1, 3)
COMMON = {"task": "detection", "model": "grid:8", "lr": 0.005, "batch": 8, "augment": ("flip",)}
WAYS = {
    "K-means on these boxes": {"anchors": "kmeans"},
    "three sizes, three shapes": {"anchors": "fixed"},
    "YOLOv3's for COCO": {"anchors": "coco"},
    "none": {"anchors": "none"},
}


def data_of(own, splits=None):
    pictures = Stack.of(np.stack([b.picture for b in own]), "boards")
    boxes = tuple(Boxes(b.corners, b.kinds) for b in own)
    return Dataset("boards", pictures, boxes=boxes, split=None if splits is None else tuple(splits))


def learn(folder):
    """Train, evaluate, and draw what is found on boards that nobody trained on."""
    data = data_of(boards(COUNT, seed=1))
    run = train(data, out=Path(folder) / "run", epochs=EPOCHS, shares=(0.8, 0.1, 0.1), **COMMON)
    view = pellucid.evaluate(run, data)
    for row in view.table:
        print(f"{row['metric']}: {row['value']:.3f} ({row['value_low']:.3f} to {row['value_high']:.3f})")
    for row in view.options["levels"]:
        lost = f"{row['lost']:.3f} ({row['lost_low']:.3f} to {row['lost_high']:.3f})"
        print(f"{row['level']}: finds {row['share']:.0%}; alone mAP50 {row['alone']:.3f}; without it {lost} is lost")
    for sentence in look_of(view.kind).words(view):
        print(sentence.text)
    view.show().savefig("figures_on_a_board_levels.png", dpi=110)
    new = data_of(boards(6, seed=2))
    found = pellucid.predict(run, new)
    figure = Figure(figsize=(11, 2.3), layout="constrained")
    for i, axes in enumerate(figure.subplots(1, 6)):
        true = [[KINDS.index(k), *c] for k, c in zip(new.boxes[i].kinds, new.boxes[i].corners, strict=True)]
        rows = [r for r in found.table if r["name"] == found.names[i]]
        kinds = found.options["kinds"]
        true = [[kinds.index(KINDS[k]), *c] for k, *c in true]
        said = [[kinds.index(r["kind"]), r["x0"], r["y0"], r["x1"], r["y1"]] for r in rows]
        axes.imshow(framed(new[i].array, true, said))
        axes.set_axis_off()
    for place, name in enumerate(found.options["kinds"]):
        figure.text(0.01 + 0.07 * place, 0.97, name, color=np.array(colour_of(place)) / 255, va="top", weight="bold")
    figure.text(0.24, 0.97, "solid: found; dashed: true", color="#555555", va="top")
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.88))
    figure.savefig("figures_on_a_board.png", dpi=110)


def anchors():
    """Anchors by K-means, by hand, from COCO, and none: the same splits, orders and initial weights."""
    data = data_of(boards(FEWER, seed=3))
    view = pellucid.compare_tasks(data, WAYS, seeds=SEEDS, epochs=EPOCHS // 2, metrics=("map50", "map"), **COMMON)
    for row in view.table:
        print(
            f"{row['metric']} {row['alternative']}: {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})", end=""
        )
        print(f"  {row['standing']}")
    view.show().savefig("figures_on_a_board_anchors.png", dpi=110)


def howmany():
    """More boards, or more figures labelled on each? All judged on the same boards with all that stands on them."""
    data = data_of(boards(LEARNT + VAL + TEST, seed=5), ["train"] * LEARNT + ["val"] * VAL + ["test"] * TEST)
    view = pellucid.howmany(data, instances=True, epochs=TIMES, repeats=REPEATS, **COMMON)
    for row in view.table:
        ends = f"{row['score']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        print(f"{row['pictures']} boards, {row['each']} figures asked for on each: {ends}")
    for sentence in look_of(view.kind).words(view):
        print(sentence.text)
    view.show().savefig("figures_on_a_board_howmany.png", dpi=110)


with tempfile.TemporaryDirectory() as place:
    if "learn" in PARTS:
        learn(place)
    if "anchors" in PARTS:
        anchors()
    if "howmany" in PARTS:
        howmany()
