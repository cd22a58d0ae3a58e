"""What is known of each pixel: parts, depth, normals; and the same bowl without its fruit, and with another colour."""

import numpy as np
from PIL import Image

import pellucid
from pellucid.synth import truth
from pellucid.synth.sheet import sheet

scene = pellucid.generator("fruit-bowl", seed=4).set_between("fruits", 6, 6).generate()
r = scene.render(224, supersample=2)
hues = np.random.default_rng(1).integers(60, 255, (len(scene.parts) + 1, 3))
hues[0] = 255
near, far = r.depth[r.parts >= 0].min(), r.depth[r.parts >= 0].max()
depth = np.where(r.parts >= 0, 255 - 200 * (r.depth.clip(near, far) - near) / (far - near), 255)
fruit = scene.parts[1 + int(truth.pixels(r)[1:].argmax())].name
pictures = [
    r.image,
    hues[r.parts + 1],
    np.repeat(depth[..., None], 3, 2),
    127.5 * (r.normals + 1),
    truth.without(scene, fruit).render(224, supersample=2).image,
    truth.recoloured(scene, fruit, (60, 90, 200)).render(224, supersample=2).image,
]
print(truth.boxes(r), truth.counts(r))
Image.fromarray(sheet([p.astype(np.uint8) for p in pictures], columns=3)).save("truth.png")
