"""LRP under six composites on two photos: calm and positive, signed and fine, and one that cancels itself."""

import numpy as np
from matplotlib.figure import Figure

import pellucid

COMPOSITES = ("epsilon_plus_flat", "epsilon_plus", "deep_taylor", "preset_b_flat", "epsilon_gamma_box", "epsilon")

net = pellucid.open("efficientnet_lite0")
photos = ["example:cat", "example:coffee"]
figure = Figure(figsize=(15, 5.6), layout="constrained")
grid = figure.subplots(2, len(COMPOSITES))
for column, composite in enumerate(COMPOSITES):
    e = pellucid.explain(net, photos, method="lrp", composite=composite)
    for row, axes in enumerate(grid[:, column]):
        plane = e.map(row)
        most = np.percentile(np.abs(plane), 99.5)
        axes.imshow(plane, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_axis_off()
    sizes = np.abs(e.values).sum((1, 2, 3)) / np.abs(e.receipt.expected)
    grid[0, column].set_title(f"{composite}\nΣ|R| / |ΣR| = {sizes.max():.{2 if sizes.max() < 10 else 0}f}", fontsize=11)
    print(composite, e.receipt.relative_gap, sizes, f"{e.receipt.seconds:.1f} s")
figure.savefig("relevance.png", dpi=80)
