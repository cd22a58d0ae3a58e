"""Faces and other pictures of 25 × 25: simple learners beside each other, and the pixels that tell them apart."""

import numpy as np
from skimage.data import lfw_subset

import pellucid

pictures = (255 * lfw_subset()).round().astype(np.uint8)  # 100 faces, then 100 that are none
faces = {"x": pictures, "y": np.array(["face"] * 100 + ["no face"] * 100)}
v = pellucid.baselines(faces, only=["pixels", "perceptron", "codes_linear"], quick=True)
for row in v.table:
    score = f"{row['score']:.1%} ({row['score_low']:.1%} to {row['score_high']:.1%})" if "score" in row else row["why"]
    print(f"{row['title']:<45} {score}")
v.show().savefig("faces.png", dpi=90)
