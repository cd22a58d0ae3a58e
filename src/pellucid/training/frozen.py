"""A head that learns alone, on the standardised codes of everything before it, which one pass over the pictures gives.

What was standardised is folded into the head's weights afterwards, so the whole network gives the same answers.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict

import torch
from torch import Tensor, nn

from pellucid.models.heads import GAIN, OneScore
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.small import Standardise
from pellucid.training.codes import codes_of
from pellucid.training.examples import Codes
from pellucid.training.setup import Setup
from pellucid.training.transfer import Learners, without_head


def on_codes(setup: Setup, *, cache: bool = True) -> tuple[Network, Learners, dict[str, Codes]]:
    """The head as a network of its own, what of it learns, and the codes of each split."""
    body, found = without_head(setup.network), {}
    for split, rows in setup.rows.items():
        found[split] = Codes(codes_of(body, setup.store, rows, cache=cache), rows, setup.examples(split).targets)
    width = found["train"].codes.shape[1]
    first, head = Standardise((width,)), copy.deepcopy(setup.network.module.get_submodule(setup.chosen.head))
    first.measure(found["train"].codes)
    module = nn.Sequential(OrderedDict(standardise=first, head=head)).to(setup.network.device)
    spec = InputSpec.matrix(1, width)
    network = dataclasses.replace(
        setup.network, module=module, input=spec, name=f"{setup.network.name} head", _cache={}
    )
    return network, Learners("head", ("standardise",), ()), found


@torch.no_grad()
def folded(weights: dict[str, Tensor], setup: Setup) -> dict[str, Tensor]:
    """The whole network's weights with a head that takes codes as they are. weights: those of the head's network."""
    whole = {name: tensor.detach().clone() for name, tensor in setup.network.module.state_dict().items()}
    mean, deviation = weights["standardise.mean"].double(), weights["standardise.deviation"].double()
    own = {n.removeprefix("head."): t for n, t in weights.items() if n.startswith("head.")}
    linear, level, gain = _places(setup.network.module.get_submodule(setup.chosen.head))
    weight = own[linear].double() / deviation
    moved = {linear: weight, level: own[level].double() - weight @ mean / gain}
    for n, tensor in (own | moved).items():
        whole[f"{setup.chosen.head}.{n}"] = tensor.to(own[n].dtype)
    return whole


def _places(head: nn.Module) -> tuple[str, str, int]:
    """The names of a head's weight and of what takes up a constant added to its answers, and how often that counts."""
    return ("0.weight", f"1.{head[1].level}", GAIN) if isinstance(head, OneScore) else ("weight", "bias", 1)
