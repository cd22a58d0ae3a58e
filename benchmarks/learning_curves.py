"""Whether learning curves hold: planted laws within their intervals, and digits at three times the largest size that
the curve saw. Prints docs/howmany.md's figures. ``python -m benchmarks.learning_curves``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.datasets import load_digits

from pellucid.data.dataset import Dataset, Stack
from pellucid.tasks.metrics import EXCLUSIVE
from pellucid.training.ground import Ground
from pellucid.training.howmany import Curve
from pellucid.training.parts import learnt
from pellucid.training.plan import Plan
from pellucid.training.subsets import beginning, ordered_groups
from pellucid.training.versus import judged

LAWS = ((1.5, 0.5, 0.05), (1.2, 0.3, 0.05), (1.2, 0.4, 0.0), (4.0, 1.0, 0.08))
SIZES = np.round(np.geomspace(20, 1000, 7))
REPEATS, ITEMS, DRAWS = 5, 300, 300
ACCURACY = EXCLUSIVE["accuracy"]


def world(generator: np.random.Generator, a: float, b: float, c: float) -> Curve:
    """Five repeats on 300 items of different difficulty whose errors follow the law."""
    luck = np.exp(0.05 * (generator.standard_normal((REPEATS, 1)) + generator.standard_normal((REPEATS, len(SIZES)))))
    chance = np.clip((a * SIZES**-b + c) * luck, 0, 1)[..., None] * generator.gamma(10, 1 / 10, ITEMS)
    wrong = generator.random((REPEATS, len(SIZES), ITEMS)) < chance
    times = generator.multinomial(ITEMS, np.full(ITEMS, 1 / ITEMS), size=DRAWS) / ITEMS
    draws = 1 - np.einsum("di,rki->dkr", times, wrong)
    return Curve.of(SIZES, 1 - wrong.mean(2).T, draws, ACCURACY, seed=int(generator.integers(1 << 30)))


def planted(count: int = 120) -> None:
    generator, every = np.random.default_rng(7), []
    for a, b, c in LAWS:
        inside = []
        for _ in range(count):
            curve = world(generator, a, b, c)
            error = a * 2000.0**-b + c
            found = (curve.law.a, a), (curve.law.b, b), (curve.law.c, c), (curve.law(2000.0), error)
            ends = [(*np.percentile(own[1:], [2.5, 97.5]), true) for own, true in found]
            _, low, high = curve.needed(error)
            inside.append([lo - 1e-9 <= true <= hi + 1e-9 for lo, hi, true in ends] + [low <= 2000 <= high])
        print(f"a {a}, b {b}, c {c}: a, b, c, error at 2000, size for it:", np.mean(inside, 0).round(3))
        every += inside
    print(f"all {len(every)}:", np.mean(every, 0).round(3))


def digits() -> Dataset:
    found = load_digits()
    pixels = (found.images * 15.9).astype(np.uint8)
    return Dataset("digits", Stack.of(pixels, "digits"), {"digit": tuple(map(str, found.target))}, label="digit")


def beyond(sizes: tuple[int, ...] = (20, 40, 70, 130, 200, 300, 900)) -> None:
    """The curve through all sizes but the last, against what the last one really gives."""
    for model, rate in (("linear", 0.01), ("perceptron:64x1", 0.003)):
        for seed in range(6):
            ground = Ground(digits(), Plan(model=model, epochs=8, lr=rate, seed=seed, shares=(0.55, 0.15, 0.3)))
            rows = ground.split(seed)
            orders = [
                ordered_groups(ground.data, ground.labels, rows["train"], ground.groups, seed + r)
                for r in range(REPEATS)
            ]
            outcomes = learnt(ground, rows, [[beginning(o, size) for size in sizes] for o in orders], "steps")
            judge = dataclasses.replace(ground.judge, metrics={"accuracy": ACCURACY})
            own = judged(judge, ground.truth, outcomes, ground.groups, seed=seed, draws=500)["accuracy"]
            curve = Curve.of(np.array(sizes[:-1], float), own.values[:-1], own.draws[:, :-1], ACCURACY, seed=seed)
            error, low, high = curve.interval(float(sizes[-1]))
            actual = 1 - own.values[-1].mean()
            told = f"{model} {seed}: predicted {error:.3f} ({low:.3f} to {high:.3f}), in fact {actual:.3f}"
            print(told, "inside" if low <= actual <= high else "OUTSIDE", flush=True)


if __name__ == "__main__":
    planted()
    beyond()
