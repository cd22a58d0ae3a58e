"""Some of everything that can be made, and apples cut open."""

import numpy as np
from PIL import Image

import pellucid
from pellucid.synth.sheet import sheet

OBJECTS = ("apple", "coin", "knife", "vehicle", "fruit-bowl", "landmark-plate")

pictures = []
for name in OBJECTS:
    made = pellucid.generator(name, seed=11)
    scenes = [made.generate() for _ in range(6)]
    pictures += [s.render(132, supersample=2).image for s in scenes]
    if name == "apple":
        pictures += [s.render(132, supersample=2, cut=c).image for s in scenes[:3] for c in ("along", "across")]
Image.fromarray(np.asarray(sheet(pictures, columns=6))).save("make.png", optimize=True)
