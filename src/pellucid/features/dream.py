"""``pellucid.dream``: the network draws what excites a layer, a channel or a unit, into a photo or from noise."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.batches import Inputs, as_sample
from pellucid.data.stream import Stream
from pellucid.features.drawing.natural import Natural, natural
from pellucid.features.drawing.objectives import Size
from pellucid.features.drawing.plan import Mode, Plan, plan_of
from pellucid.features.table import views
from pellucid.features.units.exemplars import Exemplars, top_patches
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: The longer side of an animation's frames.
_FRAME = 480


@views.register(
    "dream", question="How do I make the network draw?", source="distill.pub/2017/feature-visualization; DeepDream"
)
def dream(
    network: Network,
    image: Any = None,
    layer: str | None = None,
    *,
    channel: int | str | None = None,
    unit: str | None = None,
    mode: Mode = "auto",
    octaves: int = 4,
    scale: float = 1.4,
    steps: int | None = None,
    step: float = 1.5,
    jitter: int = 32,
    size: int | Size | None = None,
    images: Inputs | None = "example:*",
    frames: int = 0,
    seed: int = 0,
) -> View:
    """Draw what excites a layer, one of its channels or a unit most: DeepDream in a photo, or a picture from noise.

    image: a photo to begin with (a Sample, a path, an array), or None for noise. layer: a pattern that picks one layer
    (default: the last stage but one). channel: its number, or a class's name where the layer has one channel a class.
    unit: "LAYER:CHANNEL@ROW,COLUMN" instead of both. mode: "octaves" is DeepDream, "fourier" feature visualisation;
    "auto" takes the latter where there is no photo. octaves, scale: how many sizes, each so many times the last.
    steps: at each size (20), or altogether in Fourier mode (256). step: the mean change of a shade (of 255) by one
    step. jitter: pixels by which each step's picture is rolled at most. size: of the result, (height, width) or its
    longer side. images: natural pictures to hold the result against; None for none. frames: pictures of the way to
    keep, at most.

    Gives picture, uint8 [height, width, channel] (a matrix's numbers as float32), and start, where it began; climb,
    the score before each step; natural, the score of each natural picture; patches, the natural pictures' parts that
    excite the channel most, and patch_activations; frames.
    The table has a row for the start and one for the result: the score without jitter, its percentile among natural
    pictures, the channel's rank among the layer's. Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    if torch.is_inference_mode_enabled():
        raise BadInput("gradients cannot be taken inside torch.inference_mode()", cure="call dream outside of it")
    sample = None if image is None else as_sample(image)
    plan = plan_of(
        network, sample, layer, channel=channel, unit=unit, mode=mode, octaves=octaves, scale=scale, steps=steps,
        step=step, jitter=jitter, size=size, seed=seed,
    )  # fmt: skip
    with untouched(plan.network.module):
        drawn = _draw(plan, frames)
        known, patches = _natural(plan, images)
        rows = _table(plan, drawn, known)
    arrays, axes = _arrays(plan, drawn, known, patches)
    return View(
        kind="dream",
        arrays=arrays,
        axes=axes,
        table=rows,
        options=plan.options(known),
        pictures=plan.canvas.shown(drawn.result)[None],
        seconds=time.perf_counter() - began,
        notes=plan.notes,
        provenance={**network.facts(), "seed": seed},
    )


# -- drawing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """result: shades [1, C, h, w]. scores: before each step. frames: of the way, uint8 [n, h, w, 3]. seconds: of it."""

    result: Tensor
    scores: np.ndarray
    frames: np.ndarray
    seconds: float


def _draw(plan: Plan, frames: int) -> Drawn:
    """All steps; of the pictures on the way those that are kept, evenly spaced, the start and the result among them."""
    kept = set(np.linspace(0, plan.total, frames).round().astype(int).tolist()) if frames else set()
    shown = [_frame(plan, plan.canvas.shades)] if 0 in kept else []
    result, scores, began = plan.canvas.shades, [], time.perf_counter()
    for done, (shades, score) in enumerate(track(plan.shades(), "dream", total=plan.total), start=1):
        result = shades
        scores.append(float(score))
        if done in kept:
            shown.append(_frame(plan, shades))
    seconds = time.perf_counter() - began
    return Drawn(result, np.array(scores, np.float32), np.stack(shown) if shown else np.zeros(0, np.uint8), seconds)


def _frame(plan: Plan, shades: Tensor) -> np.ndarray:
    """A picture of the way, at the size that frames have."""
    height, width = plan.canvas.shown(plan.canvas.shades).shape[:2]
    share = min(1.0, _FRAME / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Image.fromarray(plan.canvas.shown(shades)).resize(size, Image.Resampling.LANCZOS))


# -- what is told ---------------------------------------------------------------------------------


def _table(plan: Plan, drawn: Drawn, known: Natural | None) -> tuple[dict[str, Any], ...]:
    rows = []
    for picture, shades in (("start", plan.canvas.shades), ("dream", drawn.result)):
        row = {"picture": picture, **_measured(plan, shades.round().clamp(0, 255), known)}
        rows.append(row)
    rows[1]["steps_per_second"] = plan.total / drawn.seconds if plan.total else None
    rows[1]["change"] = float((drawn.result - plan.canvas.shades).abs().mean())
    rows[1]["saturated"] = float(((drawn.result < 0.5) | (drawn.result > 254.5)).float().mean())
    return tuple(rows)


@torch.no_grad()
def _measured(plan: Plan, shades: Tensor, known: Natural | None) -> dict[str, Any]:
    """The score of a picture as it is shown, without jitter, and where that stands."""
    maps = plan.objective.maps(plan.x(shades)).float()
    score = float(plan.objective.score(maps))
    told: dict[str, Any] = {"score": score}
    if known is not None:
        told["percentile"] = known.percentile(score)
    if plan.objective.channels is not None:
        (channel,) = plan.objective.channels
        each = plan.objective.of_each_channel(maps)[0]
        told["rank"] = _rank(each, channel)
        if known is not None:
            told["unusual_rank"] = _rank(known.unusual(each), channel)
            told["deviations"] = float(known.unusual(each)[channel])
    return told


def _rank(values: Tensor, channel: int) -> int:
    """1 for the largest."""
    return 1 + int((values > values[channel]).sum())


def _natural(plan: Plan, images: Inputs | None) -> tuple[Natural | None, Exemplars | None]:
    """What natural pictures reach, and their patches that excite the channel most."""
    if images is None:
        return None, None
    stream = Stream.of(plan.network, images)
    known = natural(plan.network, plan.objective, stream, seed=plan.seed)
    if plan.objective.channels is None:
        return known, None
    return known, top_patches(plan.network, stream, plan.objective.layer, plan.objective.channels)


_PICTURE = ("height", "width", "channel")


def _arrays(
    plan: Plan, drawn: Drawn, known: Natural | None, patches: Exemplars | None
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """The view's arrays and their axes."""
    arrays = {"picture": plan.canvas.array(drawn.result), "start": plan.canvas.array(plan.canvas.shades)}
    axes: dict[str, tuple[str, ...]] = {"picture": _PICTURE, "start": _PICTURE}
    arrays["climb"], axes["climb"] = drawn.scores, ("step",)
    if known is not None:
        arrays["natural"], axes["natural"] = known.scores, ("sample",)
    if patches is not None:
        arrays["patches"], axes["patches"] = patches.patches[0], ("sample", *_PICTURE)
        arrays["patch_activations"], axes["patch_activations"] = patches.activations[0], ("sample",)
    if drawn.frames.size:
        arrays["frames"], axes["frames"] = drawn.frames, ("step", *_PICTURE)
    return arrays, axes
