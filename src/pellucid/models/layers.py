"""Naming layers: every module with its shape, the patterns that pick some, one a resolution by itself."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, near
from pellucid.models.capture import tensors_in
from pellucid.models.grids import Grid, grid_of
from pellucid.models.papers import paper_layer, required
from pellucid.models.prepare import untouched


@dataclass(frozen=True)
class Layer:
    """A module as a forward pass shows it.

    shape: of its last output for one sample, without the sample axis; None where it gave no tensor.
    calls: how often it ran. order: when it finished, among all. resolution, input_resolution:
    (height, width) of a feature map that it gives or takes. grid: its places, also where they are tokens or
    its channels come last. stage: 1, 2, … where it is the representative of a resolution (or of a part of the
    depth, where tokens keep their number), else None.
    """

    name: str
    type: str
    depth: int
    parameters: int
    own_parameters: int
    shape: tuple[int, ...] | None
    input_shape: tuple[int, ...] | None
    calls: int
    order: int
    leaf: bool
    stage: int | None = None

    resolution: tuple[int, int] | None = None
    input_resolution: tuple[int, int] | None = None
    grid: Grid | None = None
    input_grid: Grid | None = None


def layer_tree(module: nn.Module, probe: Tensor) -> tuple[Layer, ...]:
    """All modules below ``module`` in the order of definition, as one pass over ``probe`` shows them."""
    seen: dict[str, dict[str, Any]] = {}
    # The sizes that convolutions and their like take and give. Only a tensor of one of these is a
    # feature map: [24, 49, 49] may be attention, and [56, 56, 384] has its channels last.
    sizes: set[tuple[int, int]] = set()
    known = {n: m for n, m in module.named_modules() if n}
    handles = []
    clock = itertools.count()

    def note(name: str, inputs: Any, output: Any) -> None:
        calls = seen[name]["calls"] + 1 if name in seen else 1
        given, shape = _shape(inputs), _shape(output)
        # Windows of attention are samples to the layers inside: their places are not the picture's.
        whole = _samples(inputs) == _samples(output) == len(probe)
        seen[name] = {"calls": calls, "order": next(clock), "shape": shape, "given": given, "whole": whole}
        if isinstance(known[name], _SPATIAL):
            sizes.update((s[1], s[2]) for s in (given, shape) if s and len(s) == 3)

    for name, each in known.items():
        handles.append(each.register_forward_hook(lambda m, i, o, name=name: note(name, i, o)))
    try:
        with untouched(module), torch.no_grad():
            module(probe)
    except Exception as error:  # foreign code: it may raise anything
        cure = "give the InputSpec that this module takes (size, channels)"
        what = f"the network does not run on an input of shape {tuple(probe.shape)}: {_short(error)}"
        raise BadInput(what, cure=cure) from error
    finally:
        for handle in handles:
            handle.remove()
    size = (probe.shape[-2], probe.shape[-1]) if probe.ndim == 4 else (1, 1)
    layers = [_layer(n, m, seen.get(n), sizes, size) for n, m in known.items()]
    return _with_stages(layers, module)


_SPATIAL = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.Upsample),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)


def _shape(value: Any) -> tuple[int, ...] | None:
    """The first tensor's shape without the sample axis."""
    return next((tuple(t.shape[1:]) for t in tensors_in(value)), None)


def _samples(value: Any) -> int | None:
    """How many samples the first tensor holds."""
    return next((len(t) for t in tensors_in(value) if t.ndim), None)


def _resolution(shape: tuple[int, ...] | None, sizes: set[tuple[int, int]]) -> tuple[int, int] | None:
    """(height, width) of a feature map [channel, height, width]; None for all else, and for single pixels."""
    if shape is None or len(shape) != 3 or shape[-2:] not in sizes or shape[1] * shape[2] <= 1:
        return None
    return shape[1], shape[2]


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _layer(
    name: str, module: nn.Module, fact: dict[str, Any] | None, sizes: set[tuple[int, int]], size: tuple[int, int]
) -> Layer:
    fact = fact or {"calls": 0, "order": -1, "shape": None, "given": None, "whole": False}
    grid = lambda shape: grid_of(shape, sizes, size) if fact["whole"] else None  # noqa: E731
    return Layer(
        name=name,
        type=type(module).__name__,
        depth=name.count("."),
        parameters=sum(p.numel() for p in module.parameters()),
        own_parameters=sum(p.numel() for p in module.parameters(recurse=False)),
        shape=fact["shape"],
        input_shape=fact["given"],
        calls=fact["calls"],
        order=fact["order"],
        leaf=next(module.children(), None) is None,
        resolution=_resolution(fact["shape"], sizes),
        input_resolution=_resolution(fact["given"], sizes),
        grid=grid(fact["shape"]),
        input_grid=grid(fact["given"]),
    )


# -- stages ---------------------------------------------------------------------------------------


def stage_names(layers: Sequence[Layer]) -> list[str]:
    """The representatives, in order of execution (for a classifier: finest first)."""
    return [l.name for l in sorted((l for l in layers if l.stage), key=lambda l: l.stage or 0)]


Places = Callable[[Layer], tuple[int, int] | None]

#: The layer whose output is an autoencoder's code: what is before it makes pictures small, what is behind it large.
CODE = "code"

#: How many blocks stand for the depth of a network whose tokens keep their number.
TOKEN_STAGES = 4


def _with_stages(layers: list[Layer], module: nn.Module) -> tuple[Layer, ...]:
    """The layers with their stages: by resolution, of maps and (where that tells more apart) of what is laid out
    otherwise; where the evidence leaves both, by depth too.
    """
    halves = _halves(layers)
    maps = [name for half in halves for name in _representatives(half, module, lambda l: l.resolution)]
    turned = [name for half in halves for name in _representatives(half, module, _map_or_turned)]
    names = turned if len(turned) > len(maps) else maps
    staged = _numbered(layers, names)
    if last_map(staged) is not None:
        return staged
    last = max((l.order for l in layers if l.name in names), default=-1)
    return _numbered(layers, [*names, *_token_blocks([l for l in layers if l.order > last])])


def _halves(layers: list[Layer]) -> list[list[Layer]]:
    """The layers that ran before and behind an autoencoder's code, each of which has its resolutions; else all in one.

    Before, what only shifts the input is no stage.
    """
    code = next((l for l in layers if l.name == CODE and l.shape is not None and len(l.shape) == 1), None)
    if code is None:
        return [layers]
    first = min((l.order for l in layers if l.own_parameters and l.calls), default=0)
    return [[l for l in layers if first <= l.order < code.order], [l for l in layers if l.order > code.order]]


def _map_or_turned(layer: Layer) -> tuple[int, int] | None:
    return layer.grid.size if layer.grid and layer.grid.kind != "tokens" else None


def _numbered(layers: list[Layer], names: Sequence[str]) -> tuple[Layer, ...]:
    stages = {name: i for i, name in enumerate(names, start=1)}
    return tuple(replace(layer, stage=stages.get(layer.name)) for layer in layers)


def _representatives(layers: list[Layer], module: nn.Module, places: Places) -> list[str]:
    """For each resolution the last layer that everything deeper is computed from, in order of execution.

    Left out are poolings, which only thin out what came before, and the inside of a block that
    leaves the resolution (its first half still has the old one, but a shortcut runs past it).
    """
    plain = {n for n, m in module.named_modules() if type(m) is nn.Sequential}
    usable = [l for l in layers if places(l) and "Pool" not in l.type and not _inside_transition(l, layers, plain)]
    usable.sort(key=lambda l: l.order)
    by_size: dict[tuple[int, int], list[Layer]] = {}
    for layer in usable:
        by_size.setdefault(places(layer) or (0, 0), []).append(layer)
    innermost = {size: next((l for l in reversed(ls) if l.leaf), ls[-1]) for size, ls in by_size.items()}
    chosen = []
    for size, candidates in by_size.items():
        others = [l.name for s, l in innermost.items() if s != size]
        # The outermost name that still means this resolution alone: ``layer4``, not ``layer4.2.relu``.
        fits = [l for l in candidates if not any(o.startswith(l.name + ".") for o in others)]
        if fits:
            chosen.append(fits[-1])
    return [l.name for l in sorted(chosen, key=lambda l: l.order)]


def _inside_transition(layer: Layer, layers: list[Layer], plain: set[str]) -> bool:
    """Whether it lies inside a block that enters with the layer's resolution and leaves with another."""
    for outer in layers:
        if outer.name in plain or not layer.name.startswith(outer.name + "."):
            continue
        enters, leaves = outer.input_resolution, outer.resolution
        sizes = {l.resolution for l in layers if l.resolution and l.name.startswith(outer.name + ".")}
        if enters == layer.resolution != leaves and len(sizes) <= 2:
            return True
    return False


def _token_blocks(layers: Sequence[Layer]) -> list[str]:
    """Some of the repeated blocks that pass tokens on, evenly spaced through the depth and ending with the last."""
    tokens = sorted((l for l in layers if l.parameters and l.grid and l.grid.kind == "tokens"), key=lambda l: l.order)
    siblings = Counter((l.name.rpartition(".")[0], l.type) for l in tokens)
    repeated = [l for l in tokens if siblings[l.name.rpartition(".")[0], l.type] > 1]
    outer = [l.name for l in repeated if not any(l.name.startswith(o.name + ".") for o in repeated)]
    count = min(TOKEN_STAGES, len(outer))
    return [outer[(i + 1) * len(outer) // count - 1] for i in range(count)]


def last_map(layers: Sequence[Layer]) -> Layer | None:
    """The last stage, if the network's evidence passes through it; None where it goes on without a map.

    A vision transformer's patch embedding is a feature map too, but everything is decided after it.
    """
    stages = [l for l in layers if l.stage and l.resolution]
    if not stages:
        return None
    last = max(stages, key=lambda l: l.order)
    goes_on = [
        l for l in layers if l.order > last.order and l.own_parameters and not l.resolution and _positions(l) > 1
    ]
    return None if goes_on else last


def _positions(layer: Layer) -> int:
    """How many places an output describes: 1 for a vector, the tokens' number for tokens."""
    shape = layer.shape or ()
    if len(shape) == 3 and shape[1:] == (1, 1):
        return 1
    return shape[0] if len(shape) >= 2 else 1


# -- patterns -------------------------------------------------------------------------------------


def find(pattern: str, layers: Sequence[Layer], *, where: str = "") -> list[str]:
    """Names that match ``pattern``, in the order of definition; none is an error.

    ``blocks.4`` a name · ``relu:2`` the second call of a module that runs several times ·
    ``blocks.*`` a glob (``*`` within one level, ``**`` across levels) · ``re:conv[12]$`` a regular
    expression · ``type:Conv2d`` a class's name (glob) · ``stage:2``, ``stage:last``, ``stage:*`` ·
    ``conv4_2``, ``relu3_1``, ``block4_conv2``, ``conv_4@tutorial`` as papers count (``models/papers.py``), where
    nothing is called so; ``paper:conv4_2`` in any case.
    """
    names = [l.name for l in layers]
    base, _, call = pattern.rpartition(":")
    if pattern in names or (call.isdigit() and base in names):
        return [pattern]
    kind, colon, rest = pattern.partition(":")
    if colon and kind == "re":
        found = [n for n in names if _regex(rest).search(n)]
    elif colon and kind == "type":
        found = [l.name for l in layers if _glob(rest).fullmatch(l.type)]
    elif colon and kind == "stage":
        found = _stages(rest, layers)
    elif colon and kind == "paper":
        found = [required(rest, layers, where=where)]
    else:
        found = [n for n in names if _glob(pattern).fullmatch(n)]
        found = found or paper_layer(pattern, layers, where=where)
    if found:
        return found
    known = {"type": [l.type for l in layers], "stage": ["last", *map(str, range(1, len(stage_names(layers)) + 1))]}
    cure = near(rest, dict.fromkeys(known[kind])) if colon and kind in known else near(pattern, names)
    raise BadInput(f"no layer matches {pattern!r}", where=where, cure=f"{cure} (see pellucid layers)")


def _stages(which: str, layers: Sequence[Layer]) -> list[str]:
    names = stage_names(layers)
    if which == "last":
        return names[-1:]
    if which.isdigit():
        return names[int(which) - 1 : int(which)] if int(which) else []
    return names if which == "*" else []


def _glob(pattern: str) -> re.Pattern[str]:
    parts = {"**": ".*", "*": r"[^.]*", "?": r"[^.]"}
    return re.compile("".join(parts.get(p) or re.escape(p) for p in re.split(r"(\*\*|\*|\?)", pattern) if p))


def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadInput(f"re:{pattern} is not a regular expression ({error})") from error
