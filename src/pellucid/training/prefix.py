"""Networks whose beginning is frozen learn on what it makes of each picture, computed once instead of in every epoch.

Without augmentation everything before the first layer that learns gives the same each time. So its output is kept in
memory, and what learns is the rest: the same layers under the same names, whose calls before the cut are answered.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import types
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.capture import Enough, split_call
from pellucid.models.inputs import InputSpec
from pellucid.models.layers import Layer
from pellucid.models.memory import free_bytes
from pellucid.models.network import Network
from pellucid.models.prepare import untouched
from pellucid.models.tail import Tail, _answering
from pellucid.training.codes import BATCH
from pellucid.training.examples import SHARE, Codes
from pellucid.training.setup import Setup
from pellucid.training.transfer import Learners, freeze, training_mode

#: Layers in front of what learns that are tried as cuts, the last one first: behind a block's inner layers something
#: else of the block is needed too.
TRIED = 12


def on_prefix(setup: Setup) -> tuple[Network, dict[str, Codes]] | None:
    """The part that learns as a network of its own, on the module's own layers, and what each split gives it.

    None where there is no such cut, or no room for what it gives.
    """
    network, chosen = setup.network, setup.chosen
    tail = cut_before(network, chosen)
    shape = None if tail is None else shape_of(tail)
    count = sum(map(len, setup.rows.values()))
    if tail is None or shape is None or 4 * count * math.prod(shape) > SHARE * free_bytes(torch.device("cpu")):
        return None
    spec = InputSpec.matrix(*(shape[1:] + shape[:1] if len(shape) == 3 else (math.prod(shape), 1)))
    part = dataclasses.replace(network, module=behind(tail, shape), input=spec, _cache={})
    return part, {split: _given(setup, tail, split, spec) for split in setup.rows}


def _given(setup: Setup, tail: Tail, split: str, spec: InputSpec) -> Codes:
    """What the layer gives for a split's items, on the CPU; always by the same batches, so it is the same again."""
    rows = setup.rows[split]
    given = torch.empty(len(rows), *spec.shape)
    with untouched(tail.network.module), torch.inference_mode():
        for some in track(range(0, len(rows), BATCH), f"what is frozen, {split}"):
            x = setup.store.x(rows[some : some + BATCH], tail.network.device, tail.network.dtype)
            given[some : some + BATCH] = tail.output(x).float().cpu().reshape(len(x), *spec.shape)
    return Codes(given, rows, setup.examples(split).targets)


def shape_of(tail: Tail) -> tuple[int, ...] | None:
    """What the layer gives for a sample."""
    return next((l.shape for l in tail.network.tree() if l.name == split_call(tail.layer)[0]), None)


# -- where to cut ---------------------------------------------------------------------------------


def cut_before(network: Network, chosen: Learners) -> Tail | None:
    """The part behind the last frozen layer that everything behind it needs nothing else of; None where there is none.

    Held against the whole network on two inputs. Nothing that learns, and nothing that is drawn, lies before it.
    """
    x = network.probe(2)
    for layer in _candidates(network, chosen):
        try:
            with untouched(network.module):
                tail = Tail.of(network, layer.name, x)
        except BadInput:  # not a row a sample
            continue
        if tail.how == "free" and _settled(tail, chosen, x):
            return tail
    return None


def _candidates(network: Network, chosen: Learners) -> list[Layer]:
    frozen = set(chosen.frozen)
    ran = [l for l in network.tree() if l.name in frozen and l.calls == 1 and l.shape]
    # Where a block and its last layer end together, the block comes later.
    return sorted(ran, key=lambda l: l.order, reverse=True)[:TRIED]


def _settled(tail: Tail, chosen: Learners, x: Tensor) -> bool:
    """Whether the layer asks for no gradient, and gives in training what it gives otherwise, bit for bit, twice."""
    module, found = tail.network.module, []

    def take(_: nn.Module, __: Any, output: Tensor) -> None:
        found.append(output)
        raise Enough

    with untouched(module), torch.random.fork_rng(), torch.enable_grad():
        handle = module.get_submodule(split_call(tail.layer)[0]).register_forward_hook(take)
        try:
            for training in (False, True, True):
                freeze(module, chosen)
                if training:
                    training_mode(module, chosen)
                with suppress(Enough):
                    tail.network(x)
        finally:
            handle.remove()
    return not any(each.requires_grad for each in found) and all(torch.equal(found[0], each) for each in found)


# -- what is behind it ----------------------------------------------------------------------------


def behind(tail: Tail, shape: tuple[int, ...]) -> nn.Module:
    """The module on the same layers under the same names, that takes what the cut's layer gives: [n, …] of ``shape``.

    The frozen layers' calls are answered from a recording, by name, so it may be copied.
    """
    if tail.stand_in is None:
        raise ValueError("only a free tail runs without its beginning")
    x, recording = tail.stand_in
    name_of = {module: name for name, module in tail.network.module.named_modules()}
    before = {name_of[module]: answers for module, answers in recording.before.items()}

    def forward(self: nn.Module, given: Tensor) -> Any:
        answers = {self.get_submodule(name): found for name, found in before.items()}
        with _answering(answers, given.reshape(-1, *shape)):
            return type(self).forward(self, x)

    part = copy.copy(tail.network.module)
    part.forward = types.MethodType(forward, part)
    return part
