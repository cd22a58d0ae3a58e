"""Small labelled sets for trainings that take a moment."""

from __future__ import annotations

import numpy as np

from pellucid.data.dataset import Dataset, Stack


def bars(count: int = 90, *, noise: float = 40.0, seed: int = 0, grades: int = 3) -> Dataset:
    """Grey 8 × 8 pictures with a bright bar whose place is the grade, under noise; and columns made of the grade."""
    generator = np.random.default_rng(seed)
    grade = np.arange(count) % grades
    pixels = generator.normal(100, noise, (count, 8, 8))
    for i, g in enumerate(grade):
        pixels[i, :, 2 * g : 2 * g + 2] += 70
    columns = {
        "grade": tuple(map(str, grade)),
        "low": tuple("yes" if g == 0 else "no" for g in grade),
        "side": tuple("left" if g < grades / 2 else "right" for g in grade),
        "tags": tuple(
            ";".join(["bar", *(["low"] if g == 0 else []), *(["high"] if g == grades - 1 else [])]) for g in grade
        ),
    }
    stack = Stack.of(np.clip(pixels, 0, 255).astype(np.uint8), "bars.npz")
    return Dataset("bars", stack, columns, label="grade")


def three_tags(count: int, *, dependent: bool, seed: int = 0) -> Dataset:
    """8 × 8 pictures of bars, without tags where they stand upright. Where they lie, each tag is there in two of three
    pictures: dependent, exactly two of the three are there, any two; independent, each for itself.
    """
    generator = np.random.default_rng(seed)
    lying = np.arange(count) % 2 == 1
    pixels = generator.normal(100, 20, (count, 8, 8))
    pixels[~lying, :, ::2] += 80
    pixels[lying, ::2] += 80
    tags = []
    for lies in lying:
        there = generator.permutation(3)[:2] if dependent else np.flatnonzero(generator.random(3) < 2 / 3)
        tags.append(";".join("abc"[t] for t in sorted(there)) if lies else "")
    stack = Stack.of(np.clip(pixels, 0, 255).astype(np.uint8), "tags.npz")
    return Dataset("tags", stack, {"tags": tuple(tags)}, label="tags")
