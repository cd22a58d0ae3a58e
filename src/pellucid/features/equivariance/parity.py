"""Whether a network's strides are aligned with a mirror, so that a mirrored picture can give a mirrored map at all.

A strided window of k places on W places with padding p begins at the left edge, and ends at the right one only if
(W + 2p − k) mod s = 0. Elsewhere a mirrored picture is sampled between the old places: with perfectly symmetric
kernels the maps of a picture and its mirror image still differ, and the more the deeper. So the kernels are made
symmetric in a copy, and what then remains of D_eq is the grid's doing alone; a size at which it is zero is looked for.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pellucid.core.errors import BadInput, PellucidError
from pellucid.features.equivariance.taking import take
from pellucid.features.equivariance.transforms import Transform
from pellucid.models.network import Network
from pellucid.models.prepare import Prepared, untouched

Size = tuple[int, int]

#: D_eq of symmetric kernels up to which the grid counts as aligned (float32 rounding gives about 1e-13).
ALIGNED = 1e-6

#: How many larger sizes are tried: strides of the usual networks multiply to 32.
TRIED = 32

_STRIDED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d)


@dataclass(frozen=True)
class Parity:
    """floor: by layer, D_eq that the grid alone causes at ``size``; empty where it could not be measured.

    given: the same at the size that was given. culprits: the strided modules whose windows do not reach both edges
    there, in order of execution. resized: whether another size was chosen.
    """

    size: Size
    floor: Mapping[str, float]
    given: Mapping[str, float]
    culprits: tuple[str, ...] = ()
    resized: bool = False
    note: str = ""

    @property
    def aligned(self) -> bool:
        """Whether the grid itself leaves nothing over."""
        return all(v <= ALIGNED for v in self.floor.values())


def check_parity(
    network: Network, x: Tensor, layers: Sequence[str], transform: Transform, *, resizable: bool
) -> Parity | None:
    """Measure the grid's own share of D_eq on inputs x [n ≥ 2, C, H, W], and find a size without any where allowed.

    None where the transform leaves no strides to align.
    """
    if not transform.mirrors:
        return None
    size = (x.shape[-2], x.shape[-1])
    culprits = misaligned(network, x, transform)
    try:
        judge = _symmetric(network, transform)
        given = _floor(judge, x, layers, transform)
    except (PellucidError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        # A module that cannot be copied or that refuses the turned input: only its strides can be read then.
        note = f"how far the strides are aligned could not be measured ({_short(error)})"
        return Parity(size, {}, {}, culprits, note=note)
    here = Parity(size, given, given, culprits)
    if here.aligned or not resizable:
        return here
    found = _aligned_size(judge, x, layers, transform)
    return here if found is None else dataclasses.replace(here, size=found[0], floor=found[1], resized=True)


def misaligned(network: Network, x: Tensor, transform: Transform) -> tuple[str, ...]:
    """The strided convolutions and poolings with (W + 2p − d(k − 1) − 1) mod s ≠ 0 along a mirrored side, as run."""
    found: dict[str, None] = {}

    def look(name: str, module: nn.Module, args: tuple) -> None:
        given = args[0].shape if args and isinstance(args[0], Tensor) else ()
        if len(given) == 4 and any(_rest(module, given[side], side) for side in transform.mirrors):
            found[name] = None

    strided = [(n, m) for n, m in network.module.named_modules() if isinstance(m, _STRIDED)]
    handles = [m.register_forward_pre_hook(lambda m, a, n=n: look(n, m, a)) for n, m in strided]
    try:
        with untouched(network.module), torch.no_grad():
            network(x[:1])
    finally:
        for handle in handles:
            handle.remove()
    return tuple(found)


def _rest(module: nn.Module, places: int, side: int) -> int:
    """How many places at the far edge no window reaches."""
    kernel, stride = _pair(module.kernel_size)[side], _pair(module.stride or module.kernel_size)[side]
    padding = 0 if isinstance(getattr(module, "padding", 0), str) else _pair(getattr(module, "padding", 0))[side]
    reach = _pair(getattr(module, "dilation", 1))[side] * (kernel - 1) + 1
    return (places + 2 * padding - reach) % stride if stride > 1 else 0


def _pair(value: object) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])  # type: ignore[index]


# -- measuring ------------------------------------------------------------------------------------


def _symmetric(network: Network, transform: Transform) -> Network:
    """A copy whose convolutions do not change when their kernels are mirrored or turned like the picture."""
    module = copy.deepcopy(network.module).eval().requires_grad_(False)
    for each in module.modules():
        if isinstance(each, nn.Conv2d | nn.ConvTranspose2d):
            each.weight = nn.Parameter(_averaged(each.weight.data, transform), requires_grad=False)
    # Nobody else holds this copy, so nobody can change it: its layers need to be looked at once only.
    return dataclasses.replace(network, module=module, preparation=Prepared(module, 0.0, ()), parts=(), _cache={})


def _averaged(weight: Tensor, transform: Transform) -> Tensor:
    if transform.quarters is None:
        return (weight + weight.flip(transform.mirrors)) / 2
    if transform.turns_sides and weight.shape[-1] != weight.shape[-2]:
        raise BadInput("a kernel that is not square cannot be made symmetric under quarter turns")
    turns = range(4) if transform.turns_sides else (0, 2)
    return sum(torch.rot90(weight, k, (-2, -1)) for k in turns) / len(turns)  # type: ignore[return-value]


def _floor(judge: Network, x: Tensor, layers: Sequence[str], transform: Transform) -> dict[str, float]:
    """D_eq of each layer that has places."""
    size = (x.shape[-2], x.shape[-1])
    before, after = take(judge, x, layers), take(judge, transform.on_pictures(x, judge.input), layers)
    floor = {}
    for name, maps in before.items():
        if maps.shape[2] * maps.shape[3] == 1:
            continue
        maps = maps.double()
        gap = (transform.undone(after[name], size).double() - maps).square().sum() / len(maps)
        spread = 2 * (maps - maps.mean(0)).square().sum() / (len(maps) - 1)
        floor[name] = float(gap / spread) if spread > 0 else 0.0
    return floor


def _aligned_size(
    judge: Network, x: Tensor, layers: Sequence[str], transform: Transform
) -> tuple[Size, dict[str, float]] | None:
    """The next larger size, both sides grown alike, at which the floor is zero; None if there is none near."""
    shapes = _without_numbers(judge)
    for more in range(1, TRIED + 1):
        size = (x.shape[-2] + more, x.shape[-1] + more)
        larger = interpolate(x, size, mode="bilinear", align_corners=False)
        resized = dataclasses.replace(judge, input=dataclasses.replace(judge.input, size=size), _cache={})
        try:
            if misaligned(shapes or resized, larger.to(shapes.device) if shapes else larger, transform):
                continue
            floor = _floor(resized, larger, layers, transform)
        except (PellucidError, RuntimeError, TypeError, ValueError, AssertionError):
            return None  # it takes one size only
        if all(v <= ALIGNED for v in floor.values()):
            return size, floor
    return None


def _without_numbers(judge: Network) -> Network | None:
    """A copy that computes shapes alone, which takes no time; None where it cannot be made or does not run."""
    try:
        module = copy.deepcopy(judge.module).to("meta")
        with torch.no_grad():
            module(torch.empty(1, *judge.input.shape, device="meta", dtype=judge.dtype))
    except Exception:  # foreign code: it may raise anything on tensors without numbers
        return None
    return dataclasses.replace(judge, module=module, preparation=None, _cache={})


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
