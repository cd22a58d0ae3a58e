"""More objects, or more pictures of each? Handwritten digits, each seen four times from nearly the same side."""

from pathlib import Path

import numpy as np
from scipy.ndimage import rotate, shift
from sklearn.datasets import load_digits

import pellucid

OBJECTS, EACH = 240, 4


def seen(digit: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An 8 × 8 digit turned by up to 10° and shifted by up to half a pixel, on 12 × 12."""
    turned = rotate(np.pad(digit, 2), generator.uniform(-10, 10), reshape=False, order=1)
    return np.clip(15.9 * shift(turned, generator.uniform(-0.5, 0.5, 2), order=1), 0, 255).astype(np.uint8)


digits, generator = load_digits(), np.random.default_rng(0)
chosen = np.repeat(generator.permutation(len(digits.images))[:OBJECTS], EACH)
pictures = np.stack([seen(digits.images[i], generator) for i in chosen])
np.savez("turned.npz", images=pictures, labels=digits.target[chosen], group=chosen)

view = pellucid.howmany("turned.npz", instances=True, model="linear", epochs=12, lr=0.01)
for row in view.table:
    print(f"{row['groups']:4} objects × {row['each']}  {row['score']:.3f} ({row['low']:.3f} to {row['high']:.3f})")
print(view.options["at_equal_total"])
print(view.options["doubling"])
view.show().savefig(Path("objects-or-pictures.png"), dpi=110)
