"""Three columns of regions: one small network that learnt by contrast, that learnt with labels, and that did not learn.

Vehicles and apples, half of these cut open, of which each part is known; with the word ``full`` behind it more of
them, and Fashion-MNIST (its folder may be named after that word), of which only garment and background are known.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pellucid
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.masks import read_mask
from pellucid.features.grouping.overlap import matched, merged, overlap, tables
from pellucid.features.resampling import Interval
from pellucid.synth import truth
from pellucid.synth.dataset import Plan, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects
from pellucid.training.contrast_evaluated import as_it_began

FULL = sys.argv[1:2] == ["full"]
CLOTHES = sys.argv[2] if FULL and len(sys.argv) > 2 else "/usr/share/datasets/fashion-mnist"
MADE, EPOCHS, BATCH = (500, 25, 32) if FULL else (60, 2, 16)
LEARNT, ASKED, JUDGED, SHOWN, LEAST = 2500, 1500, 200, 4, 0.01
COLUMNS = {"contrast": "learnt by contrast", "labels": "learnt with labels", "nothing": "not learnt at all"}
HUES = np.array([[233, 236, 241], [68, 119, 170], [238, 102, 119], [34, 136, 51], [204, 187, 68], [102, 204, 238],
                 [170, 51, 119], [120, 120, 120]])  # fmt: skip
UNKNOWN = np.array([255, 255, 255])


def vehicles(folder):
    """Pictures of four types, and the parts of each."""
    wish = Wish((recipe_of(objects["vehicle"]),), count=MADE, seed=1, size=64, formats=())
    write_dataset(Path(folder), wish, Plan())
    data = pellucid.dataset(folder)
    names = json.loads((Path(folder) / "classes.json").read_text(encoding="utf-8"))
    return data, *large([read_mask(mask) for mask in data.masks], names)


def apples():
    """Pictures of three varieties, every other apple cut open, and the parts of each."""
    made = pellucid.generator("apple", seed=1)
    scenes = [made.generate() for _ in range(MADE)]
    kinds = tuple(dict.fromkeys(kind for scene in scenes for kind in scene.kinds))
    seen = [scene.render(64, supersample=2, cut=n % 2 and "along") for n, scene in enumerate(scenes)]
    varieties = {"variety": tuple(str(scene.labels["variety"]) for scene in scenes)}
    pictures = Stack.of(np.stack([picture.image for picture in seen]), "apples.npz")
    data = Dataset("apples", pictures, varieties, label="variety")
    return data, *large([truth.kind_mask(picture, kinds) for picture in seen], ("background", *kinds))


def large(masks, names):
    """Of all parts those that take more than a hundredth of all pixels, and their names."""
    shares = np.bincount(np.concatenate(masks, axis=None)) / np.concatenate(masks, axis=None).size
    kept = np.flatnonzero(shares > LEAST)
    return [merged(mask, kept) for mask in masks], [names[k] for k in kept]


def clothes():
    """Some of Fashion-MNIST; the garment is where the picture is not black."""
    every = pellucid.dataset(CLOTHES)
    split, generator = np.array(every.split), np.random.default_rng(0)
    draw = lambda name, count: generator.permutation(np.flatnonzero(split == name))[:count]  # noqa: E731
    data = every.take(np.sort(np.concatenate([draw("train", LEARNT), draw("test", ASKED)])))
    masks = [(data[i].array > 0).astype(np.int32) for i in range(len(data))]
    return data, masks, ["background", "garment"]


def learnt(data, name, size, views):
    """The three networks, and what a linear classifier makes of their features, on items that none has seen."""
    choices = {"model": "small_cnn:8", "size": size, "epochs": EPOCHS, "batch": BATCH, "overwrite": True}
    contrast = pellucid.train(
        data, out=f"runs/{name}-contrast", task="contrastive", options={"smallest": 0.5, "views": views}, **choices
    )
    labels = pellucid.train(data, out=f"runs/{name}-labels", **choices)
    networks = {"contrast": contrast.network, "labels": labels.network, "nothing": as_it_began(contrast)[0]}
    view = pellucid.evaluate(contrast, data)
    found = {row["space"]: row for row in view.table if row["method"] == "linear probe"}
    latent = pellucid.latent(labels, data, layer="flatten")
    named = next(r for r in latent.table if (r["method"], r["space"]) == ("logistic regression", "code"))
    probes = {"contrast": found["code"], "labels": named, "nothing": found["as it began"], "pixels": found["pixels"]}
    held = np.flatnonzero([contrast.split[item] == "test" for item in data.names()])
    gap = next(d for d in view.options["differences"] if (d["method"], d["over"]) == ("linear probe", "as it began"))
    return networks, probes, gap, held


def grouped(networks, data, masks, rows, layer, count):
    """By network its regions of these pictures, and how often each meets each true one."""
    samples, true = [data[int(i)] for i in rows], [masks[int(i)] for i in rows]
    found = {}
    for name, network in networks.items():
        view = pellucid.regions(network, samples, layer, count, masks=true, painted=len(rows))
        labels = view[f"labels/{layer}"]
        found[name] = labels, tables(labels, np.stack(true)), view.table[0]["rgb_mean_iou"]
    return found


def told(interval):
    """``0.412 (0.398 to 0.425)``."""
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def less(one, other):
    """What one is better by, on the same drawn pictures."""
    return told(Interval(one.value - other.value, one.draws - other.draws))


def compared(title, data, masks, names, size, layers, views="crop,flip,colour,grey,blur"):
    """Print every figure; give the middle layer's regions to be drawn."""
    networks, probes, gap, held = learnt(data, title, size, views)
    rows = np.sort(np.random.default_rng(0).permutation(held)[:JUDGED])
    print(f"\n{title}: {len(rows)} pictures that nobody learnt from, {len(names)} regions: {', '.join(names)}")
    for name, row in probes.items():
        print(f"  linear probe, {COLUMNS.get(name, name):20} {row['value']:.3f} "
              f"({row['value_low']:.3f} to {row['value_high']:.3f}), {row['items']} items")  # fmt: skip
    print(f"  by contrast over not at all: {gap['by']:+.3f} ({gap['by_low']:.3f} to {gap['by_high']:.3f})")
    drawn = None
    for layer in layers:
        found = grouped(networks, data, masks, rows, layer, len(names))
        scores = {name: overlap(counted) for name, (_, counted, _) in found.items()}
        print(f"  {layer}: mean IoU " + ", ".join(f"{COLUMNS[n]} {told(s)}" for n, s in scores.items())
              + f", raw colours {found['contrast'][2]:.3f}")  # fmt: skip
        for other in ("labels", "nothing"):
            print(f"    by contrast less {COLUMNS[other]}: {less(scores['contrast'], scores[other])}")
        drawn = (rows, found, scores, layer) if layer == layers[len(layers) // 2] else drawn
    return title, data, masks, probes, drawn


def draw(sheets):
    """A row a picture: itself, its true regions, and those of the three networks in the colours of the true ones."""
    figure = Figure(figsize=(10.4, 2.02 * SHOWN * len(sheets) + 0.9 * len(sheets)), layout="compressed")
    grid = figure.subplots(SHOWN * len(sheets), 5, squeeze=False)
    for place, (title, data, masks, probes, (rows, found, scores, _)) in enumerate(sheets):
        chosen = np.linspace(0, len(rows) - 1, SHOWN).round().astype(int)
        for line, i in zip(grid[place * SHOWN :], chosen, strict=False):
            panels = [data[int(rows[i])].array, painted(masks[int(rows[i])])]
            panels += [painted(matched(counted)[labels[i]]) for labels, counted, _ in found.values()]
            for axes, panel in zip(line, panels, strict=True):
                axes.imshow(panel, cmap="gray", interpolation="nearest")
                axes.set_axis_off()
        heads = [title, "true regions", *(f"{COLUMNS[n]}\nIoU {scores[n].value:.2f}, probe {probes[n]['value']:.2f}"
                                          for n in found)]  # fmt: skip
        for axes, head in zip(grid[place * SHOWN], heads, strict=True):
            axes.set_title(head, fontsize=9.5)
    figure.savefig("contrastive-regions.png", dpi=100)


def painted(regions):
    """Regions in colours; white where they are of none."""
    return np.where(regions[..., None] < 0, UNKNOWN, HUES[regions % len(HUES)]).astype(np.uint8)


with tempfile.TemporaryDirectory() as folder:
    sheets = [compared("vehicles", *vehicles(folder), (64, 64), ["stage2", "stage3", "stage4"])]
    sheets.append(compared("apples", *apples(), (64, 64), ["stage2", "stage3", "stage4"]))
    if FULL:
        sheets.append(
            compared("Fashion-MNIST", *clothes(), (28, 28), ["stage1", "stage2", "stage3"], "crop,flip,colour")
        )
    draw(sheets)
