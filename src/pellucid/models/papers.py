"""The names that papers give to the layers of convolution-and-pooling networks: ``conv4_2``, ``relu3_1``, ``pool4``.

They count convolutions between poolings, so they are read off the order of the layers and the sizes of their maps,
not off a network's name. AlexNet's and VGG's descendants have them; a network that shrinks its maps by striding, or
that branches, does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from torch.nn.modules import activation

from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.models.layers import Layer

#: Gatys' and Caffe's, Keras' (whose convolutions hold their ReLU), the tutorial's running number, and a number alone.
_STAGED = re.compile(r"(conv|relu)(\d+)_(\d+)")
_POOL = re.compile(r"(?:pool|block)(\d+)(_pool)?")
_KERAS = re.compile(r"block(\d+)_conv(\d+)")
_RUNNING = re.compile(r"(conv|relu)_(\d+)@tutorial")
_BARE = re.compile(r"(conv|relu)_?(\d+)")

_FORMS = "conv4_2, relu4_2, pool4, block4_conv2, conv_4@tutorial"


@dataclass(frozen=True)
class _Stages:
    """The convolutions between one pooling and the next, and all layers in the order in which they finish."""

    convolutions: list[list[Layer]]
    ordered: list[Layer]

    def convolution(self, stage: int, number: int) -> Layer:
        """The n-th convolution of a stage, both counted from 1."""
        if not 1 <= stage <= len(self.convolutions):
            raise BadInput(f"there is no stage {stage}", cure=self.told())
        if not 1 <= number <= len(self.convolutions[stage - 1]):
            count = len(self.convolutions[stage - 1])
            raise BadInput(f"there is no convolution {number} in stage {stage}", cure=f"it has {count}")
        return self.convolutions[stage - 1][number - 1]

    def running(self, number: int) -> tuple[int, int]:
        """The stage and the number in it of the n-th convolution of all."""
        places = [(s, n) for s, of in enumerate(self.convolutions, 1) for n in range(1, len(of) + 1)]
        if not 1 <= number <= len(places):
            raise BadInput(f"there is no convolution {number}", cure=f"there are {len(places)}")
        return places[number - 1]

    def told(self) -> str:
        """How many convolutions each stage has, in words."""
        return (
            f"the {len(self.convolutions)} stages have {', '.join(str(len(s)) for s in self.convolutions)} convolutions"
        )

    def behind(self, layer: Layer) -> list[Layer]:
        """The leaves between a convolution and the next one."""
        after = self.ordered[self.ordered.index(layer) + 1 :]
        stop = next((i for i, l in enumerate(after) if _is_convolution(l)), len(after))
        return [l for l in after[:stop] if l.leaf and l.calls == 1]


def paper_layer(name: str, layers: Sequence[Layer], *, where: str = "") -> list[str]:
    """The layer that papers call ``name``, alone; none where it is no such name, or where nothing here is counted so.

    Raises BadInput where the name is one, but means nothing in this network or several things.
    """
    stages = _stages(layers) if is_paper_name(name) else None
    if stages is None or _beyond(name, stages):
        return []
    return [_found(name, stages, where)]


def required(name: str, layers: Sequence[Layer], *, where: str = "") -> str:
    """The same for a name that was said to be a paper's."""
    if not is_paper_name(name):
        raise BadInput(f"{name!r} is no paper's name", where=where, cure=f"such names are {_FORMS}")
    for layer in paper_layer(name, layers, where=where):
        return layer
    what = f"{name!r} counts the convolutions between poolings, and this network is not built so"
    raise BadInput(what, where=where, cure="take a layer's own name (see pellucid layers), or stage:2")


def is_paper_name(name: str) -> bool:
    """Whether a text has the form of a paper's layer name."""
    return any(p.fullmatch(name) for p in (_STAGED, _POOL, _KERAS, _RUNNING, _BARE))


def _beyond(name: str, stages: _Stages) -> bool:
    """Whether a number alone is larger than there are convolutions: then it is some other name, mistyped."""
    match = _BARE.fullmatch(name)
    return match is not None and int(match[2]) > sum(map(len, stages.convolutions))


def _found(name: str, stages: _Stages, where: str) -> str:
    try:
        return _read(name, stages)
    except BadInput as error:
        raise error.at(where) from None


def _read(name: str, stages: _Stages) -> str:
    if match := _KERAS.fullmatch(name):
        return _activation(stages, int(match[1]), int(match[2])).name
    if match := _STAGED.fullmatch(name):
        return _of_kind(stages, match[1], int(match[2]), int(match[3])).name
    if match := _POOL.fullmatch(name):
        return _pooling(stages, int(match[1])).name
    if match := _RUNNING.fullmatch(name):
        return _of_kind(stages, match[1], *stages.running(int(match[2]))).name
    raise _ambiguous(name, stages)


def _of_kind(stages: _Stages, kind: str, stage: int, number: int) -> Layer:
    return (stages.convolution if kind == "conv" else lambda s, n: _activation(stages, s, n))(stage, number)


def _activation(stages: _Stages, stage: int, number: int) -> Layer:
    convolution = stages.convolution(stage, number)
    for layer in stages.behind(convolution):
        if hasattr(activation, layer.type):
            return layer
    what = f"the activation behind conv{stage}_{number} is no module of its own"
    raise BadInput(what, cure=f"take the convolution, {convolution.name!r}")


def _pooling(stages: _Stages, stage: int) -> Layer:
    last = stages.convolution(stage, len(stages.convolutions[stage - 1]) if stage <= len(stages.convolutions) else 1)
    for layer in stages.behind(last):
        if "Pool" in layer.type:
            return layer
    raise BadInput(f"the pooling behind stage {stage} is no module of its own", cure=f"take {last.name!r}")


def _ambiguous(name: str, stages: _Stages) -> BadInput:
    """A number alone: papers count stages, a well-known tutorial counts convolutions."""
    match = _BARE.fullmatch(name)
    assert match is not None, name  # the last of the forms
    kind, number = match[1], int(match[2])
    stage, nth = stages.running(number)
    readings = [f"{kind}{stage}_{nth} (the {_nth(number)} of all, as the PyTorch tutorial counts)"]
    if number <= len(stages.convolutions):
        readings.append(f"{kind}{number}_1 (the first of stage {number}, as the papers count)")
    cure = f"write {' or '.join(readings)}"
    return BadInput(f"{name!r} does not say whether it counts convolutions or stages", cure=cure)


def _nth(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number in (11, 12, 13) else endings.get(number % 10, 'th')}"


# -- the architecture -----------------------------------------------------------------------------


def _stages(layers: Sequence[Layer]) -> _Stages | None:
    """The convolutions by stage; None where the network is no chain of convolutions and poolings."""
    ordered = sorted((l for l in layers if l.calls), key=lambda l: l.order)
    convolutions = [l for l in ordered if _is_convolution(l)]
    if any(l.calls > 1 for l in convolutions) or not all(_follows(b, a) for a, b in pairwise(convolutions)):
        return None
    groups: list[list[Layer]] = []
    for before, layer in pairwise([None, *convolutions]):
        assert layer is not None
        if before is None or layer.input_resolution != before.resolution:
            groups.append([])
        groups[-1].append(layer)
    # What takes the last pooling's map and shrinks it is a classifier written as convolutions (timm's VGG).
    if len(groups) > 1 and _shrinks(groups[-1][0]):
        groups.pop()
    counted = [l for group in groups for l in group]
    if len(groups) < 2 or any(_halves(l) for l in counted[1:]):
        return None
    return _Stages(groups, ordered)


def _is_convolution(layer: Layer) -> bool:
    # By its type's name, for libraries have convolutions of their own (Conv2dSame, StdConv2d).
    return layer.leaf and "Conv" in layer.type and bool(layer.own_parameters and layer.resolution)


def _follows(layer: Layer, before: Layer) -> bool:
    """Whether its input can be the other's output, as it was or pooled."""
    given, made = layer.input_shape, before.shape
    return bool(given and made and given[0] == made[0] and given[1] <= made[1] and given[2] <= made[2])


def _shrinks(layer: Layer) -> bool:
    given, made = layer.input_resolution or (0, 0), layer.resolution or (0, 0)
    return given[0] - made[0] > 2


def _halves(layer: Layer) -> bool:
    given, made = layer.input_resolution or (0, 0), layer.resolution or (0, 0)
    return abs(given[0] - 2 * made[0]) <= 1
