"""Codes drawn and told, from values alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.core.types import View
from pellucid.report.figures import as_png
from pellucid.report.looks import latent as look


def row(part: str, method: str, space: str, metric: str, value: float, kind: str = "") -> dict[str, Any]:
    told = {"part": part, "method": method, "space": space, "metric": metric, "kind": kind, "chance": 0.1, "items": 60}
    return {**told, "value": value, "value_low": value - 0.02, "value_high": value + 0.02}


def gap(part: str, method: str, metric: str, over: str, by: float, over_method: str = "") -> dict[str, Any]:
    told = {"part": part, "method": method, "metric": metric, "over": over, "over_method": over_method or method}
    return {**told, "by": by, "by_low": by - 0.01, "by_high": by + 0.01, "items": 60}


def view(
    *, units: int = 3, classes: int = 3, strange: bool = False, seen: bool = False, best: float = 0.9, many: int = 60
) -> View:
    generator = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {
        "place": generator.normal(size=(many, 2)).astype(np.float32),
        "code": generator.normal(size=(many, units)).astype(np.float32),
        "group": np.arange(many) % 4,
        "class": np.arange(many) % classes if classes else np.full(many, -1),
        "rebuilt/original": generator.integers(0, 255, (5, 6, 6, 3), dtype=np.uint8),
        "rebuilt/answer": generator.integers(0, 255, (5, 6, 6, 3), dtype=np.uint8),
        "rebuilt/error": np.linspace(0.001, 0.1, 5, dtype=np.float32),
    }
    axes: dict[str, tuple[str, ...]] = {"place": ("sample", "unit"), "code": ("sample", "unit")}
    axes |= {"group": ("sample",), "class": ("sample",), "rebuilt/error": ("step",)}
    axes |= dict.fromkeys(("rebuilt/original", "rebuilt/answer"), ("step", "height", "width", "channel"))
    if units == 2:
        arrays["plane/place"] = np.stack(np.meshgrid(np.arange(4), np.arange(4)[::-1]), -1).reshape(-1, 2)
        arrays["plane/pictures"] = generator.integers(0, 255, (16, 6, 6, 3), dtype=np.uint8)
        axes |= {"plane/place": ("step", "unit"), "plane/pictures": ("step", "height", "width", "channel")}
    table = [row("reconstruction", "e", "code", "MSE", 0.03), row("reconstruction", "e", "PCA", "MSE", 0.06)]
    gaps = [gap("reconstruction", "e", "MSE", "PCA", 0.03)]
    if classes:
        for space, value in (("code", 0.5), ("pixels", 0.7), ("PCA", 0.5)):
            table += [row("groups", "k-means, 3 groups", space, "ARI", value)]
            table += [row("classes", "logistic regression", space, "accuracy", value)]
        for part, method, metric in (
            ("groups", "k-means, 3 groups", "ARI"),
            ("classes", "logistic regression", "accuracy"),
        ):
            gaps += [gap(part, method, metric, "pixels", -0.2), gap(part, method, metric, "PCA", 0.0)]
    if strange:
        arrays["normal"], axes["normal"] = np.arange(many) % 3 > 0, ("sample",)
        table += [
            row("outliers", "reconstruction error", "code", "AUROC", best, "network"),
            row("outliers", "reconstruction error", "PCA", "AUROC", 0.8, "plain"),
            row("outliers", "mean of its values", "brightness", "AUROC", 0.7, "trivial"),
        ]
        over = best - 0.7
        gaps += [gap("outliers", "reconstruction error", "AUROC", "brightness", over, "mean of its values")]
    options = {"layer": "code", "units": units, "values": 36, "column": "digit" if classes else None}
    options |= {"classes": list("abcdefghijklmnopqrstuvwxyz"[:classes]), "clusters": 3, "learnt": 100, "held": many}
    options |= {"strange": 20 if strange else None, "unseen": not seen, "shown_variance": 0.6, "differences": gaps}
    pictures = generator.integers(0, 255, (many, 12, 12, 3), dtype=np.uint8)
    return View("latent", arrays, axes, tuple(table), options, pictures=pictures)


@pytest.mark.parametrize(
    "options",
    [{"units": 1, "strange": True}, {"classes": 0}, {"classes": 20}, {"many": 3, "units": 2}],
)
def test_it_is_drawn_without_a_warning(options: dict[str, Any]) -> None:
    assert as_png(look.figure(view(**options)), dpi=40)[:4] == b"\x89PNG"


def text(**options: Any) -> str:
    return "\n".join(f"{s.level}: {s.text}" for s in look.words(view(**options)))


def test_differences_are_told_as_they_are() -> None:
    said = text()
    assert "the code misses 50 % less" in said
    assert "worse than pixels by 0.200 (0.190 to 0.210)" in said
    assert "not to be told apart from components" in said
    assert "The plane shows 60 % of the variance of the 3 units" in said
    assert "warning" not in said


def test_of_outliers_brightness_and_no_network_are_told() -> None:
    assert "20 of 60 pictures are not normal" in text(strange=True)
    assert "No network is needed" not in text(strange=True)
    assert "warning: No network is needed here: reconstruction error on as many components" in text(
        strange=True, best=0.75
    )
    assert "not shown that the network sees more than brightness" in text(strange=True, best=0.705)


def test_what_flatters_and_what_is_few_is_warned_of() -> None:
    assert "warning: The network has learnt from all of these" in text(seen=True)
    assert "warning: Only 20 pictures were asked" in text(many=20)
    assert "No classes are known" in text(classes=0)


def test_pictures_do_not_hide_each_other() -> None:
    spots = np.random.default_rng(0).random((500, 2)) * [6, 4]
    taken = look._apart(spots, np.array([6.0, 4.0]))
    assert len(taken) > 40
    away = np.abs(spots[taken][:, None] - spots[taken][None]).max(2)
    assert away[~np.eye(len(taken), dtype=bool)].min() > look._THUMB
