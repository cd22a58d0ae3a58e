"""What an RBF network's features are: bumps along the input, and their weighted sum."""

import numpy as np
from matplotlib.figure import Figure

import pellucid

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 6, 60))
y = np.sin(2 * x) * x / 4 + 0.15 * rng.standard_normal(60)
net = pellucid.surfaces.fit_rbf(x, y, count=12)
fine = np.linspace(0, 6, 400)

figure = Figure(figsize=(9, 5), layout="constrained")
above, below = figure.subplots(2, 1, sharex=True)
above.plot(fine, net.features(fine), color="#4477aa", linewidth=1)
above.set_title("the features: how high each bump is at this x", loc="left", fontsize=11)
below.plot(fine, net.features(fine) * net.weights[:, 0], color="#bbbbbb", linewidth=1)
below.plot(fine, net(fine), color="#ee6677", linewidth=2.5, label="their weighted sum")
below.plot(x, y, "o", color="#222222", markersize=4, label="the data")
below.set_title("the bumps times their weights, and the sum", loc="left", fontsize=11)
below.legend(frameon=False)
for axes in (above, below):
    axes.spines[["top", "right"]].set_visible(False)
print(f"ridge {net.ridge:g}, cross-validated error {net.gcv:.3f} (the noise's variance is {0.15**2:.3f})")
figure.savefig("rbf.png", dpi=110)
