"""What hangs together, and what a watershed cuts: discs that touch, what is long, what has necks of its own."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from pellucid.tasks.painting.objects import COMPONENTS, WATERSHED, Objects

SIDE = 120
COLOURS = ["#f4f4f2", "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#000000"]
WAYS = [Objects(COMPONENTS), Objects(WATERSHED, 4), Objects(WATERSHED, 20)]
rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2


def discs(distance, radius=20):
    """Two whose middles are so far apart."""
    return np.minimum.reduce([np.hypot(columns - x, rows) for x in (-distance / 2, distance / 2)]) <= radius


def turned(slant):
    """Places along and across a line that rises by ``slant`` a pixel."""
    length = np.hypot(1, slant)
    return (columns + slant * rows) / length, (rows - slant * columns) / length


def ellipse(slant, width=80, height=24):
    along, across = turned(slant)
    return (2 * along / width) ** 2 + (2 * across / height) ** 2 <= 1


def bar(slant, width=90, height=12):
    along, across = turned(slant)
    return (abs(along) <= width / 2) & (abs(across) <= height / 2)


MASKS = {
    "two discs": discs(36),
    "large and small": (np.hypot(columns + 12, rows) <= 24) | (np.hypot(columns - 18, rows) <= 11),
    "an ellipse": ellipse(0.3),
    "a slanted bar": bar(0.1),
    "a ring": abs(np.hypot(columns, rows) - 40) <= 5,
    "a wave": abs(rows - 20 * np.sin(columns / 15)) <= 5,
    "a dumbbell": discs(60, 14) | ((abs(columns) <= 30) & (abs(rows) <= 4)),
    "two squares": (abs(columns) <= 30) & (abs(rows) <= 15),
}
TOLD = ["components", "watershed,\n--apart 4", "watershed,\n--apart 20"]

figure = Figure(figsize=(12, 5.2), layout="constrained")
grid = figure.subplots(len(WAYS), len(MASKS))
for line, way, told in zip(grid, WAYS, TOLD, strict=True):
    line[0].set_ylabel(told, fontsize=10)
    for axes, (name, mask) in zip(line, MASKS.items(), strict=True):
        numbers = way.numbered(mask)
        count = int(numbers.max())
        shown = np.where(numbers > 0, (numbers - 1) % (len(COLOURS) - 1) + 1, 0)
        axes.imshow(shown, cmap=ListedColormap(COLOURS), vmin=0, vmax=len(COLOURS) - 1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_xlabel(f"{count} {'object' if count == 1 else 'objects'}", fontsize=9)
        if way is WAYS[0]:
            axes.set_title(name, fontsize=9)
figure.savefig("cut-at-the-necks.png", dpi=100)

WIDTHS, SLANTS = (3, 5, 8, 12, 16, 24), np.linspace(0, 1, 41)
print(f"cut to pieces, of {len(SLANTS)} slants from 0 to 1, by --apart 4")
for name, make in (("bars of 90", bar), ("ellipses of 90", ellipse)):
    cut = [sum(int(WAYS[1].numbered(make(s, 90, w)).max() > 1) for s in SLANTS) for w in WIDTHS]
    print(f"{name}: " + ", ".join(f"{c} ({w} wide)" for c, w in zip(cut, WIDTHS, strict=True)))
print("discs of radius 8, 12 and 20 are two from a distance of")
for radius in (8, 12, 20):
    apart = [int(WAYS[1].numbered(discs(d, radius)).max()) == 2 for d in range(2 * radius + 1)]
    least = max(d for d, two in enumerate(apart) if not two) + 1
    print(f"  {least} pixels at radius {radius} ({least / radius:.2f} radii)")
