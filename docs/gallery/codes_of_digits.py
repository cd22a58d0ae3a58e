"""An autoencoder with a code of two units: digits at the places that it gives them, and what these are good for."""

import tempfile

import numpy as np
from sklearn.datasets import load_digits

import pellucid

digits = load_digits()
with tempfile.TemporaryDirectory() as folder:
    np.savez(f"{folder}/digits.npz", images=(255 / 16 * digits.images).round().astype(np.uint8), labels=digits.target)
    run = pellucid.train(
        f"{folder}/digits.npz",
        task="autoencoder",
        model="autoencoder:dense-64-2",
        epochs=60,
        batch=64,
        lr=0.003,
        out=f"{folder}/run",
    )
    view = pellucid.latent(run)
view.show().savefig("codes.png", dpi=80)
for row in view.table:
    print(f"{row['method']} on {row['space']}: {row['metric']} {row['value']:.3f}")
