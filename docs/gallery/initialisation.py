"""What equal initialisation does: the same small network learns scikit-learn's digits, begun in four ways."""

import tempfile

import numpy as np
from matplotlib.figure import Figure
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch import nn

import pellucid

FILTERS, EPOCHS = 12, 25
COLOURS = {"zero": "#9a9a9a", "constant": "#d1495b", "xavier": "#2e86ab", "he": "#1b3a4b"}
digits = load_digits()
pixels = ((digits.images - digits.images.mean()) / digits.images.std()).astype(np.float32)
data = pellucid.dataset({"images": pixels, "digit": digits.target.astype(str)}, label="digit")


def network():
    """Two convolutions with rectifiers, and a linear layer."""
    layers = [nn.Conv2d(1, FILTERS, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(FILTERS, 24, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 10))


def opened(module):
    """The module with what it is fed: 8 × 8 numbers."""
    return pellucid.open(module, input=pellucid.InputSpec.matrix(8, 8))


def look(module):
    """Its first filters as pictures, and how many of them differ from all before."""
    view = pellucid.filters(opened(module), layers="0")
    row = view.table[0]
    return view, row["filters"] - row["duplicates"] - row["zero"]


def strip(view):
    """The filters side by side, each in a frame."""
    tiles = view["filters"].repeat(12, 1).repeat(12, 2)
    framed = np.pad(tiles, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=60)
    return np.concatenate(list(np.pad(framed, ((0, 0), (4, 4), (5, 5), (0, 0)), constant_values=255)), axis=1)


figure = Figure(figsize=(13, 4), layout="constrained")
grid = figure.add_gridspec(4, 3, width_ratios=(1, 1, 0.8))
curves = figure.add_subplot(grid[:, 2])
for line, (scheme, colour) in enumerate(COLOURS.items()):
    before, _ = look(pellucid.initialise(network(), scheme, seed=0))
    with tempfile.TemporaryDirectory() as folder:
        run = pellucid.train(data, model=opened(network()), init=scheme, lr=3e-3, epochs=EPOCHS, out=f"{folder}/run")
        trained = network()
        trained.load_state_dict(load_file(run.folder / "last.safetensors"))
        right = next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "accuracy"))
    after, different = look(trained)
    told = f"{different} of {FILTERS} filters differ; {right['value']:.1%} of held-out digits right"
    for column, (view, text) in enumerate([(before, f"{scheme}: at the start"), (after, f"trained: {told}")]):
        axes = figure.add_subplot(grid[line, column])
        axes.imshow(strip(view), interpolation="antialiased")
        axes.set_title(text, loc="left", fontsize=10)
        axes.set_axis_off()
    curves.plot([row["epoch"] for row in run.rows], [row["loss"] for row in run.rows], color=colour, label=scheme, lw=2)
    print(f"{scheme:10} {told} [{right['value_low']:.1%}, {right['value_high']:.1%}]")
curves.set(xlabel="epoch", ylabel="loss in training", title="what they learn")
curves.axhline(np.log(10), color="#bbbbbb", lw=1, ls=":")
curves.annotate("guessing: ln 10", (EPOCHS, np.log(10)), ha="right", va="bottom", fontsize=9, color="#777777")
curves.legend(frameon=False)
curves.spines[["top", "right"]].set_visible(False)
figure.savefig("initialisation.png", dpi=90)
