"""Train on scikit-learn's digits, evaluate on those that were kept apart, and look at the mistakes: train.png."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import pellucid
from pellucid.report.figures import as_png
from pellucid.report.looks.evaluation import mistakes_figure

digits = load_digits()
for i, (pixels, kind) in enumerate(zip(digits.images, digits.target, strict=True)):
    folder = Path("digits") / str(kind)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray((15 * pixels).astype(np.uint8)).save(folder / f"{i:04}.png")

run = pellucid.train("digits", out="runs/digits", model="small_cnn", epochs=15, lr=0.01, augment=("shift",))
view = pellucid.evaluate(run, "digits")
for row in view.table:
    print(f"{row['metric']}: {row['value']:.3f} ({row['value_low']:.3f} to {row['value_high']:.3f})")

figures = [run.show(), view.show(), mistakes_figure(view)]  # a network without a mistake has none to show
sheets = [Image.open(BytesIO(as_png(f))).convert("RGB") for f in figures if f is not None]
gap = 36
whole = Image.new("RGB", (max(s.width for s in sheets), sum(s.height + gap for s in sheets) - gap), "white")
for i, sheet in enumerate(sheets):
    whole.paste(sheet, (0, sum(s.height + gap for s in sheets[:i])))
whole.quantize(128).save("train.png")
