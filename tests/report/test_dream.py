"""A dream as a figure and in words."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.core.types import View
from pellucid.report.animation import write_animation
from pellucid.report.figures import as_png
from pellucid.report.looks import dream

RNG = np.random.default_rng(0)
START = {"picture": "start", "score": 1.0, "percentile": 40.0, "rank": 9, "unusual_rank": 8, "deviations": 0.1}
END = {"picture": "dream", "score": 50.0, "percentile": 100.0, "rank": 1, "unusual_rank": 2, "deviations": 12.5}
END |= {"steps_per_second": 7.5, "change": 12.0, "saturated": 0.01}


def view(channels: int = 3, *, photo: bool = True, unit: bool = True, end: dict[str, Any] | None = None) -> View:
    picture = RNG.integers(0, 256, (30, 44, channels), np.uint8)
    shown = picture if channels == 3 else np.repeat(np.concatenate([*np.moveaxis(picture, 2, 0)], 1)[..., None], 3, 2)
    arrays = {"picture": picture, "start": picture, "climb": RNG.random(8).astype(np.float32)}
    arrays["natural"] = RNG.normal(size=130).astype(np.float32)
    axes = {"picture": ("height", "width", "channel"), "start": ("height", "width", "channel")}
    axes |= {"climb": ("step",), "natural": ("sample",)}
    if unit:
        arrays["patches"] = RNG.integers(0, 256, (7, 20, 20, 3), np.uint8)
        arrays["patch_activations"] = np.arange(7, 0, -1).astype(np.float32)
        axes |= {"patches": ("sample", "height", "width", "channel"), "patch_activations": ("sample",)}
    options = {"target": "channel 7 of conv2" if unit else "conv2", "channel": 7 if unit else None, "at": None}
    options |= {"places": (6, 6), "channels": 16, "before_activation": unit, "source": "cat" if photo else None}
    options |= {"mode": "octaves", "octaves": 2, "steps": 4, "natural": 130, "natural_pictures": 10}
    rows = (START, END | (end or {}))
    keys = rows if unit else tuple({k: v for k, v in r.items() if "rank" not in k} for r in rows)
    return View("dream", arrays, axes, keys, options, pictures=shown[None])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("photo", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_every_kind_of_dream_is_drawn(channels: int, photo: bool, unit: bool) -> None:
    with Image.open(io.BytesIO(as_png(view(channels, photo=photo, unit=unit).show(), dpi=50))) as drawn:
        assert drawn.width > 300
        assert np.asarray(drawn.convert("L")).std() > 10


def test_what_was_held_against_nothing_is_drawn_and_told() -> None:
    made = view(unit=False)
    kept = {n: a for n, a in made.arrays.items() if n != "natural"}
    rows = tuple({k: v for k, v in row.items() if k != "percentile"} for row in made.table)
    made = dataclasses.replace(made, arrays=kept, axes={n: made.axes[n] for n in kept}, table=rows)
    assert as_png(made.show(), dpi=50)
    assert not any("natural" in s.text for s in dream.words(made))


def test_the_words() -> None:
    told = " ".join(s.text for s in dream.words(view()))
    assert "went from 1 to 50 in 8 steps (7.5 a second)" in told
    assert "more than any of 130 crops of 10 natural pictures" in told
    assert "16 channels it is number 1 in the drawing, and number 2 by how unusual" in told
    assert "before the layer’s activation" in told
    assert "92 ± 2 %" in told
    assert "82 ± 4 %" in told
    assert "half the mean squared activation" in " ".join(s.text for s in dream.words(view(unit=False)))


@pytest.mark.parametrize(
    ("end", "word"),
    [({"change": 0.0}, "no slope"), ({"percentile": 60.0}, "take more steps"), ({"saturated": 0.5}, "fully dark")],
)
def test_warnings(end: dict[str, Any], word: str) -> None:
    (warning,) = [s.text for s in dream.words(view(end=end)) if s.level == "warning"]
    assert word in warning
    assert not [s for s in dream.words(view()) if s.level == "warning"]


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_a_film_has_every_frame(ending: str, tmp_path) -> None:
    frames = np.stack([np.full((20, 30, 3), 20 * i, np.uint8) for i in range(6)])
    write_animation(tmp_path / f"a{ending}", frames)
    with Image.open(tmp_path / f"a{ending}") as moving:
        assert (moving.n_frames, moving.size, moving.info.get("loop")) == (6, (30, 20), 0)
        for i in range(6):
            moving.seek(i)
            assert abs(np.asarray(moving.convert("RGB")).astype(int).mean() - 20 * i) < 4


def test_pictures_that_excite_it_more_are_not_called_about_the_same() -> None:
    (warning,) = [s.text for s in dream.words(view(end={"percentile": 31.0})) if s.level == "warning"]
    assert "69 % of 130 crops of 10 natural pictures excite it more than the drawing does (percentile 31)" in warning


def test_pictures_that_do_not_excite_it_are_told() -> None:
    warned = [s.text for s in dream.words(view(end={"score": 71.0})) if s.level == "warning"]
    assert len(warned) == 1
    assert "None of the natural pictures excites it: their best patches reach 1 to 7, the drawing 71." in warned[0]
    assert "best place alone" in " ".join(s.text for s in dream.words(view()))


def test_the_panels_say_what_they_measure() -> None:
    made = view()
    made["patches"][0][0] = 255
    drawn = made.show()
    texts = [t.get_text() for part in drawn.subfigs[0].subfigs for t in part.texts]
    assert any("at its best place" in t and "white: beyond the picture’s edge" in t for t in texts)
    assert drawn.subfigs[1].axes[-1].get_ylabel() == "mean activation of\nall places"
