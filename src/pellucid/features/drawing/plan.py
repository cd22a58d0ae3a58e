"""What is to be drawn, and how: everything that was asked for, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.features.drawing.ascent import STEPS, Climb, along, ascend, in_waves, rolled, waves_of
from pellucid.features.drawing.natural import Natural
from pellucid.features.drawing.objectives import Objective, Size, objective_of
from pellucid.features.drawing.octaves import through_octaves
from pellucid.features.drawing.shades import Canvas, fitting_size, octave_sizes, of_noise, of_sample, wanted_size
from pellucid.models.layers import Layer
from pellucid.models.memory import bytes_per_sample, free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.units import one_layer, parse_unit

Mode = Literal["auto", "octaves", "fourier"]

#: Steps at each size of a dream.
OCTAVE_STEPS = 20

#: How much stronger than Fourier mode's faint start the noise is that a dream in octaves begins with.
CONTRAST = 40.0


@dataclass(frozen=True)
class Plan:
    """All that a drawing needs, checked: nothing of it is drawn yet.

    network: prepared. sizes: of the octaves, the last is the result's; a single one in Fourier mode.
    source: what is drawn into; None for noise. target: what is climbed, in words.
    """

    network: Network
    objective: Objective
    canvas: Canvas
    mode: Mode
    sizes: tuple[Size, ...]
    scale: float
    steps: int
    step: float
    jitter: int
    seed: int
    source: str | None
    target: str
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many steps there are at all sizes together."""
        return self.steps * len(self.sizes)

    def x(self, shades: Tensor) -> Tensor:
        """What the network is fed for these shades."""
        return self.canvas.values(shades).to(self.network.dtype)

    def shades(self) -> Iterator[tuple[Tensor, Tensor]]:
        """After each step: the picture as shades 0…255 [1, C, h, w], and the score before the step."""
        generator = torch.Generator().manual_seed(self.seed)
        if self.mode == "octaves":
            climb = Climb(self.x, rolled(self.jitter), self.objective, along(self.step, 0, 255))
            yield from through_octaves(self.canvas.shades, self.sizes, climb, self.steps, generator)
            return
        waves = waves_of(self.network.input, self.sizes[-1])
        start = waves.start(generator).to(self.network.device)
        for parameters, scores in ascend(start, in_waves(self.network, waves, self.objective), self.steps, generator):
            yield 255 * waves.pictures(parameters), scores

    def options(self, known: Natural | None) -> Mapping[str, Any]:
        """What was done, for the record."""
        own = {"octaves": len(self.sizes), "scale": self.scale, "step": self.step, "jitter": self.jitter}
        counted = {"natural": len(known.scores), "natural_pictures": known.pictures} if known else {}
        return {
            "target": self.target,
            "layer": self.objective.layer,
            "channel": self.objective.channels[0] if self.objective.channels else None,
            "at": self.objective.at,
            "before_activation": self.objective.before,
            "channels": self.objective.width,
            "places": self.objective.places,
            "source": self.source,
            "mode": self.mode,
            "steps": self.steps,
            "size": self.sizes[-1],
            **(own if self.mode == "octaves" else {}),
            **counted,
        }


def plan_of(
    network: Network,
    sample: Sample | None,
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
    seed: int = 0,
) -> Plan:
    """The options of ``dream`` as a Plan; everything that cannot be used is told here, before anything is drawn."""
    _check_numbers(octaves=octaves, scale=scale, steps=steps, step=step, jitter=jitter)
    name, number, at = _target(network, layer, channel, unit)
    chosen = _mode(mode, sample, network)
    ready = network.prepared(keep=[name])
    with untouched(ready.module):
        wanted = wanted_size(network, sample, size)
        _check_memory(ready, name, wanted)
        at_size, notes = _size(ready, name, wanted, asked=size is not None)
        objective = objective_of(ready, name, None if number is None else [number], at, size=at_size)
        sizes = [at_size]
        if chosen == "octaves":
            sizes = octave_sizes(ready, name, at_size, octaves, scale)
            if len(sizes) < octaves and not network.input.is_matrix:
                notes += (f"{len(sizes)} of {octaves} octaves: the network takes no smaller size",)
        canvas = _canvas(ready, sample, at_size, chosen, seed)
    prepared = ready.preparation.notes if ready.preparation else ()
    return Plan(
        network=ready,
        objective=objective,
        canvas=canvas,
        mode=chosen,
        sizes=tuple(sizes),
        scale=scale,
        steps=(OCTAVE_STEPS if chosen == "octaves" else STEPS) if steps is None else steps,
        step=step,
        jitter=jitter,
        seed=seed,
        source=None if sample is None else sample.name,
        target=_in_words(network, objective),
        notes=(*prepared, *notes, *objective.notes),
    )


def _check_numbers(*, octaves: int, scale: float, steps: int | None, step: float, jitter: int) -> None:
    for name, value, good, cure in (
        ("octaves", octaves, octaves >= 1, "pass 1 or more"),
        ("scale", scale, scale > 1, "pass a number above 1"),
        ("steps", steps, steps is None or steps >= 0, "pass 0 or more"),
        ("step", step, step > 0, "pass a number of shades above 0"),
        ("jitter", jitter, jitter >= 0, "pass 0 or more pixels"),
    ):
        if not good:
            raise BadInput(f"{name} is {value}", cure=cure)


def _target(
    network: Network, layer: str | None, channel: int | str | None, unit: str | None
) -> tuple[str, int | None, tuple[int, ...] | None]:
    """The layer, the channel's number (None for all of them) and the place."""
    if unit is not None:
        if layer is not None or channel is not None:
            raise BadInput("a unit and a layer or channel are asked for", cure="pass one of them")
        asked = parse_unit(unit)
        return one_layer(network, asked.layer), asked.channel, asked.at
    if channel is None:
        return _layer_of(network, layer), None, None
    number = int(channel) if isinstance(channel, int) or channel.strip().isdecimal() else None
    if number is not None:
        return _layer_of(network, layer), number, None
    heads = heads_of(network)
    name = (one_layer(network, layer) if layer is not None else heads[-1]) if layer or heads else ""
    if name not in heads:
        cure = f"pass its number, or the layer of the classes ({heads[-1]})" if heads else "pass its number"
        raise BadInput(f"channel {channel!r} is no number, and the channels have no names", where=name, cure=cure)
    return name, network.class_index(str(channel)), None


def _layer_of(network: Network, pattern: str | None) -> str:
    if pattern is not None:
        return one_layer(network, pattern)
    stages = network.stages()
    if not stages:
        raise BadInput("no layer gives a feature map", where=network.name, cure="name a layer (see pellucid layers)")
    return stages[-2] if len(stages) > 1 else stages[-1]


def heads_of(network: Network) -> list[str]:
    """The layers that give a number a class, in the order in which they run; else the last that gives a map a class."""
    ran = sorted((l for l in network.tree() if l.shape), key=lambda l: l.order)
    count = len(network.classes or ())
    single = [l.name for l in ran if l.shape in ((count,), (count, 1, 1))]
    return single or [l.name for l in ran if l.shape and l.shape[0] == count][-1:]


def _mode(mode: Mode, sample: Sample | None, network: Network) -> Mode:
    if mode not in ("auto", "octaves", "fourier"):
        raise BadInput(f"mode is {mode!r}", cure="pass 'auto', 'octaves' or 'fourier'")
    if mode == "fourier" and sample is not None:
        cure = "leave the photo away, or pass mode='octaves'"
        raise BadInput("in Fourier mode a picture is drawn from noise, not into a photo", cure=cure)
    if mode != "auto":
        return mode
    return "fourier" if sample is None else "octaves"


def _size(network: Network, layer: str, wanted: Size, *, asked: bool) -> tuple[Size, tuple[str, ...]]:
    """The size to draw at, and a note where it is not the one that is wanted."""
    fitting = fitting_size(network, layer, wanted)
    own = network.input.size
    if fitting is None and asked:
        what = f"the network does not take pictures of {wanted[0]} × {wanted[1]}"
        raise BadInput(what, where=network.name, cure=f"leave the size away: it takes {own[0]} × {own[1]}")
    if fitting is None:
        return own, (f"the network takes {own[0]} × {own[1]} only, so that is the picture's size",)
    if fitting != wanted:
        told = f"the network does not take {wanted[0]} × {wanted[1]}, so the picture has {fitting[0]} × {fitting[1]}"
        return fitting, (told,)
    return fitting, ()


def _check_memory(network: Network, layer: str, size: Size) -> None:
    """Refuse what would not fit, before the machine stands still."""
    needed, free = memory_of(network, layer, size), free_bytes(network.device)
    if needed > free:
        what = f"a picture of {size[0]} × {size[1]} takes about {needed / 2**30:.1f} GiB, {free / 2**30:.1f} are free"
        raise BadInput(what, cure="choose a smaller size, or an earlier layer")


def memory_of(network: Network, layer: str, size: Size) -> int:
    """About how many bytes one step takes."""
    tree = network.tree()
    last = next((l.order for l in tree if l.name == layer.partition(":")[0]), len(tree))
    run: list[Layer] = [l for l in tree if l.order <= last]
    shape = torch.empty((1, network.input.channels, *size), dtype=network.dtype, device="meta")
    return bytes_per_sample(run, shape, network.input.size, gradient=True)


def _canvas(network: Network, sample: Sample | None, size: Size, mode: Mode, seed: int) -> Canvas:
    generator = torch.Generator().manual_seed(seed)
    if sample is not None:
        return of_sample(network.input, sample, size)
    return of_noise(network.input, size, generator, contrast=CONTRAST if mode == "octaves" else 1.0)


def _in_words(network: Network, objective: Objective) -> str:
    """What is climbed: ``"tiger cat"``, ``"channel 17 of blocks.4"``, ``"blocks.4"``."""
    if objective.channels is None:
        return objective.layer
    (channel,) = objective.channels
    if objective.layer in heads_of(network):
        return network.class_name(channel)
    place = "" if objective.at is None else f" at row {objective.at[0]}, column {objective.at[1]}"
    return f"channel {channel} of {objective.layer}{place}"
