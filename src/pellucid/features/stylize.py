"""``pellucid.stylize``: one picture's content in another one's style, through the layers that carry them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Sample, View
from pellucid.data.batches import as_sample
from pellucid.features import style as styles
from pellucid.features.table import views
from pellucid.features.texture.fitted import Fitted, fitted_to
from pellucid.features.texture.margin import WIDTH
from pellucid.features.texture.transfer import Transfer, transfer_between
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: Steps of the optimiser: more change little any longer.
STEPS = 250

Picture = Sample | str | Path | np.ndarray | Image.Image
Patterns = str | Sequence[str] | None


@views.register(
    "stylize", question="What does one picture look like in another one's style?", source="arXiv:1508.06576"
)
def stylize(
    network: Network,
    content: Picture,
    style: Picture,
    *,
    content_layers: Patterns = None,
    style_layers: Patterns = None,
    steps: int = STEPS,
    size: int | None = None,
    strength: float = 1.0,
    seed: int = 0,
) -> View:
    """Change a picture until its textures are another one's, as a network's layers see both.

    content, style: a path, a Sample, an array of pixels or a PIL image each. content_layers, style_layers: patterns
    (default: what ``pellucid.style`` recommends for this network). size: of the result's shorter side in pixels
    (default: the network's own); the content keeps its proportions, unless the network takes one size alone, which
    then sees its middle. strength: of the style against the content.

    Starts at the content. The content loss is the relative squared distance of the features; the style loss, in place
    of that of the Gram matrices (arXiv:1508.06576), the mean of those of the channels' means and of their covariances,
    each divided by its own size, for the means would drown the rest. Both are averaged over their layers. The picture
    is moved as waves with mixed colours (distill.pub/2017/feature-visualization), by Adam, which is what makes
    networks other than VGG do it well.

    Gives content, style, result, uint8 [height, width, 3], losses [layer, step], and a row a layer and role with its
    loss at the start and of the result as it is saved. Raises BadInput with the cure.
    """
    began = time.perf_counter()
    check_steps(steps)
    planned = plan(network, content, style, content_layers, style_layers, size=size, strength=strength, seed=seed)
    with untouched(planned.transfer.network.module):
        for _ in track(planned.transfer.climb(steps), "style transfer", total=steps):
            pass
    return _view(planned, steps, network, seed, began)


def plan(
    network: Network,
    content: Picture,
    style: Picture,
    content_layers: Patterns = None,
    style_layers: Patterns = None,
    *,
    size: int | None = None,
    strength: float = 1.0,
    seed: int = 0,
) -> Plan:
    """Everything up to the first step: the pictures at their sizes, the layers, what each should give."""
    if network.input.is_matrix:
        raise BadInput("a matrix has no colours and no texture", where=network.name, cure="open a network of pictures")
    if not 0 < strength < float("inf"):
        raise BadInput(f"the strength is {strength}", cure="pass a number above 0; 1 is balanced")
    samples = as_sample(content), as_sample(style)
    layers = _layers(network, content_layers, style_layers, seed)
    names = list(dict.fromkeys(chain(*layers)))
    ours, theirs = shown = [fitted_to(network, sample, names, size) for sample in samples]
    ready = network.prepared(keep=names)
    with untouched(ready.module):
        rim = WIDTH if all(c.free for c in shown) else 0
        transfer = transfer_between(ready, ours.x, theirs.x, *layers, strength=strength, rim=rim)
    return Plan(transfer, (samples[0].name, samples[1].name), size, tuple(_notes(network, samples, shown)))


@dataclass(frozen=True)
class Plan:
    """A transfer that has not begun: of which pictures, at which wished size, and what a reader should know."""

    transfer: Transfer
    names: tuple[str, str]
    size: int | None
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return self.transfer.content.shape[2], self.transfer.content.shape[3]

    def seconds(self, steps: int) -> float:
        """About how long so many steps take, by two of them."""
        trial = dataclasses.replace(self.transfer, losses=[])
        with untouched(trial.network.module):
            began = time.perf_counter()
            for _ in trial.climb(2):
                pass
        return (time.perf_counter() - began) / 2 * steps


def _layers(network: Network, content: Patterns, style: Patterns, seed: int) -> tuple[list[str], list[str]]:
    """The content layers and the style layers; what was not named is what ``style`` recommends."""
    named = [None if p is None else network.spatial_layers(p) for p in (content, style)]
    if None in named:
        advice = styles.recommended(styles.style(network, seed=seed))
        named = [advice[i] if n is None else n for i, n in enumerate(named)]
    return named[0] or [], named[1] or []


def _notes(network: Network, samples: Sequence[Sample], shown: Sequence[Fitted]) -> Iterator[str]:
    for sample, each, role in zip(samples, shown, ("content", "style"), strict=True):
        if not each.whole:
            size = "{} × {}".format(*network.input.size)
            yield f"the network takes pictures of {size} alone, so of the {role}, {sample.name}, it saw the middle"


def check_steps(steps: int) -> None:
    """Refuse what is no number of steps."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise BadInput(f"steps is {steps!r}", cure="pass a whole number from 1")


def _view(plan: Plan, steps: int, network: Network, seed: int, began: float) -> View:
    transfer = plan.transfer
    content, style, result = (_pixels(network, x) for x in (transfer.content, transfer.style, transfer.x))
    before, after = _losses(transfer, content), _losses(transfer, result)
    losses = np.array([list(each.values()) for each in transfer.losses], np.float64).T
    arrays = {"content": content, "style": style, "result": result, "losses": losses}
    spatial = ("height", "width", "channel")
    return View(
        kind="stylize",
        arrays=arrays,
        axes=dict.fromkeys(("content", "style", "result"), spatial) | {"losses": ("layer", "step")},
        table=tuple(
            {"layer": name, "role": role, "before": first, "after": after[role, name]}
            for (role, name), first in before.items()
        ),
        options={
            "content_layers": tuple(transfer.kept),
            "style_layers": tuple(transfer.wanted),
            "steps": steps,
            "size": plan.size,
            "strength": transfer.strength,
        },
        names=plan.names,
        seconds=time.perf_counter() - began,
        notes=(*plan.notes, *(transfer.network.preparation.notes if transfer.network.preparation else ())),
        provenance={**network.facts(), "seed": seed},
    )


def _pixels(network: Network, x: Tensor) -> np.ndarray:
    """What entered the network, [1, C, h, w], as a picture: uint8 [h, w, 3]."""
    pictures = network.input.pictures(x)
    assert pictures is not None  # a plan refuses matrices
    return pictures[0]


def _losses(transfer: Transfer, picture: np.ndarray) -> dict[tuple[str, str], float]:
    """The losses of a picture as it is saved, in 8 bits: the content's own are 0 but for that."""
    pixels = torch.from_numpy(picture[None]).movedim(-1, 1).to(transfer.content)
    pixels = pixels[:, : transfer.network.input.channels]  # greys are shown three times
    with untouched(transfer.network.module), torch.no_grad():
        parts = transfer.parts(transfer.network.input.normalise(pixels))
    return {key: float(value) for key, value in parts.items()}
