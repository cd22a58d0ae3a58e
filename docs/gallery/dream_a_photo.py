"""A photo as two layers dream it, and what a layer, a channel and a class look like when drawn from nothing."""

import numpy as np
from matplotlib.figure import Figure

import pellucid

net = pellucid.open("efficientnet_lite0")
photo = {"size": 420, "steps": 16, "image": "example:cat"}
views = [pellucid.dream(net, layer=layer, **photo) for layer in ("blocks.2", "blocks.4")]
views += [pellucid.dream(net, steps=160, **asked) for asked in ({}, {"unit": "blocks.4:20"}, {"channel": "zebra"})]
pictures = {"the photo": views[0]["start"]}
for view in views:
    name = f"{view.options['target']}{' in the photo' if view.options['source'] else ''}"
    pictures[name] = np.asarray(view.pictures)[0]
    print(name, view.table[1])
figure = Figure(figsize=(10.8, 6.2), layout="constrained")
for axes, (name, picture) in zip(figure.subplots(2, 3, height_ratios=[2, 3]).flat, pictures.items(), strict=True):
    axes.imshow(picture)
    axes.set_axis_off()
    axes.set_title(name, fontsize=10)
figure.savefig("dream.png", dpi=80)
