"""Pictures of which it is known what tells the label: the truth of the data, kept apart from that of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import SPLITS, Dataset, Stack

#: Pixels a side, and grey.
SIZE, GREY = 32, 128


@dataclass(frozen=True, eq=False)
class Planted:
    """A planted set.

    pictures: uint8 [n, H, W, 3]. labels: int64 [n]. classes: their names. masks: bool [n, H, W], the pixels that tell
    the label, by themselves or together. regions: bool [n, H, W] by name, what was put in; without: uint8 as
    ``pictures`` by the same names, the same pictures with it taken away and all else, the noise too, as it was. told:
    what is true of the data, whatever a network makes of it.
    """

    name: str
    pictures: np.ndarray
    labels: np.ndarray
    classes: tuple[str, str]
    masks: np.ndarray
    regions: Mapping[str, np.ndarray]
    without: Mapping[str, np.ndarray]
    told: str

    def __len__(self) -> int:
        return len(self.pictures)

    def dataset(self, shares: tuple[float, float, float] = (0.7, 0.15, 0.15)) -> Dataset:
        """To train from: the first pictures are for training, the next for validation, the last for the test."""
        ends = np.cumsum(np.round(np.array(shares) * len(self)).astype(int))
        split = tuple(SPLITS[min(int(np.searchsorted(ends, i, "right")), 2)] for i in range(len(self)))
        label = tuple(self.classes[k] for k in self.labels)
        return Dataset(self.name, Stack.of(self.pictures, self.name), {"label": label}, "label", split)


def planted(name: str, count: int = 600, *, seed: int = 0) -> Planted:
    """One of the planted sets, the same for the same seed: distractor, xor, suppressor or background."""
    from pellucid.evaluation.truth.background import background
    from pellucid.evaluation.truth.distractor import distractor
    from pellucid.evaluation.truth.suppressor import suppressor
    from pellucid.evaluation.truth.xor import xor

    sets: dict[str, Callable[..., Planted]] = {f.__name__: f for f in (distractor, xor, suppressor, background)}
    if name not in sets:
        raise BadInput(f"there is no planted set {name!r}", cure=near(name, sets))
    if count < 1 or seed < 0:
        raise BadInput(f"{count} pictures of seed {seed}", cure="pass at least 1 picture, and a seed of 0 or more")
    return sets[name](count, np.random.default_rng([seed, len(name)]))


def balanced(count: int, rng: np.random.Generator) -> np.ndarray:
    """0 and 1 equally often (but for one) in a drawn order: int64 [count]."""
    return rng.permutation(np.arange(count) % 2)


def noise(count: int, rng: np.random.Generator, size: float = 12.0) -> np.ndarray:
    """White noise, the same in all channels: float64 [count, SIZE, SIZE, 1]."""
    return rng.normal(0, size, (count, SIZE, SIZE, 1))


def picture(values: np.ndarray) -> np.ndarray:
    """Values [n, H, W, 1 or 3] around grey as uint8 [n, H, W, 3]."""
    pixels = np.clip(np.rint(GREY + values), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def patch(top: int, left: int, height: int, width: int) -> np.ndarray:
    """A rectangle: bool [SIZE, SIZE]."""
    found = np.zeros((SIZE, SIZE), bool)
    found[top : top + height, left : left + width] = True
    return found


def everywhere(mask: np.ndarray, count: int) -> np.ndarray:
    """The same mask [H, W] for each picture: bool [count, H, W]."""
    return np.repeat(mask[None], count, axis=0)
