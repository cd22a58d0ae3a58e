"""Pictures of which it is known what tells the label: what a network makes of that, and what its maps mark.

A distractor, an exclusive or, a suppressor and a spurious background. With `full` the figures of the page (a minute or
two); without it networks that have hardly learnt.
"""

import sys

import torch
from matplotlib.figure import Figure

import pellucid
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.truth.heard import heard
from pellucid.evaluation.truth.intervened import fed, planted_bench
from pellucid.evaluation.truth.planted import planted
from pellucid.report.colours import scale_of
from pellucid.report.figures import heat_over
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare
from pellucid.training.train import fit

FULL = sys.argv[1:2] == ["full"]
COUNT, EPOCHS, TEST = (400, 8, 40) if FULL else (80, 1, 6)
SETS = ("distractor", "xor", "suppressor", "background")
METHODS = ["lrp", "gradient"] + (["input_times_gradient", "integrated_gradients", "occlusion"] if FULL else [])


def learnt(name):
    """A network trained on one planted set."""
    setup = prepare(
        planted(name, COUNT).dataset(), Plan(model="small_cnn:8", epochs=EPOCHS, size=(32, 32)), check=False
    )
    return fit(setup).network


def bench_of(network, pictures):
    """Other pictures of the same kind, each with the network's own answer and its truth; the share of right answers."""
    x = fed(network.input, pictures.pictures)
    with torch.no_grad():
        targets = network(x).argmax(1)
    right = [network.classes[k] == pictures.classes[label] for k, label in zip(targets, pictures.labels, strict=True)]
    names = tuple(f"{pictures.name} {i}" for i in range(len(x)))
    bench = Bench(network.prepared(), x, targets, names, pictures=pictures.pictures, original=network)
    return planted_bench(bench, pictures), sum(right) / len(right)


figure = Figure(figsize=(1.5 * (len(METHODS) + 1), 6.8), layout="constrained")
rows = figure.subplots(len(SETS), len(METHODS) + 1)
for axes, name in zip(rows, SETS, strict=True):
    network, pictures = learnt(name), planted(name, TEST, seed=1)
    bench, right = bench_of(network, pictures)
    falls = ", ".join(f"{h.part} {h.effect:.2f}" for h in heard(bench.parts))
    print(f"{name}: {right:.0%} right; without a part the answer moves by: {falls}")
    asked = {"scores": ["mass_within_mask"], "cache": False}
    for row in pellucid.evaluate_explanations(network, bench, METHODS, **asked).table:
        ends = f"({row['low']:.2f} to {row['high']:.2f})"
        print(f"  {row['method']:22}{row['value']:.2f} {ends}  {row['vs_random']}", flush=True)
    axes[0].imshow(pictures.pictures[0])
    axes[0].set_ylabel(name)
    axes[0].set_title("the picture" if name == SETS[0] else "", fontsize=8)
    for place, method in zip(axes[1:], METHODS, strict=True):
        found = pellucid.explain(network, pictures.pictures[0], method, int(bench.targets[0])).sum("channel").values[0]
        place.imshow(heat_over(found, scale_of(found), pictures.pictures[0]))
        place.set_title(method.replace("_", " ") if name == SETS[0] else "", fontsize=8)
for place in rows.flat:
    place.set(xticks=[], yticks=[])
figure.savefig("planted-truths.png", dpi=110)
