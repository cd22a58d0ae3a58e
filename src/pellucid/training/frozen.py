"""A head that learns alone, on the standardised codes of everything before it, which one pass over the pictures gives.

What was standardised is folded into the head's weights afterwards, so the whole network gives the same answers.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.models.heads import GAIN, OneScore
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.standardise import Standardise
from pellucid.training.codes import codes_of
from pellucid.training.examples import Codes
from pellucid.training.setup import Setup
from pellucid.training.transfer import Learners, without_head


@dataclass(frozen=True, eq=False)
class OnCodes:
    """The head as a network of its own, what of it learns, the codes of each split, and what standardised them."""

    network: Network
    chosen: Learners
    codes: dict[str, Codes]
    first: Standardise


def on_codes(setup: Setup, *, cache: bool = True) -> OnCodes:
    """Everything that a head needs to learn alone."""
    body = without_head(setup.network)
    plain = {split: codes_of(body, setup.store, rows, cache=cache) for split, rows in setup.rows.items()}
    width = plain["train"].shape[1]
    first, head = Standardise((width,)), copy.deepcopy(setup.network.module.get_submodule(setup.chosen.head))
    first.measure(plain["train"])
    found = {split: Codes(first(x), setup.rows[split], setup.examples(split).targets) for split, x in plain.items()}
    module = nn.Sequential(OrderedDict(head=head)).to(setup.network.device)
    spec = InputSpec.matrix(1, width)
    network = dataclasses.replace(
        setup.network, module=module, input=spec, name=f"{setup.network.name} head", _cache={}
    )
    return OnCodes(network, Learners("head", (), ()), found, first)


@torch.no_grad()
def folded(weights: dict[str, Tensor], first: Standardise, setup: Setup) -> dict[str, Tensor]:
    """The whole network's weights with a head that takes codes as they are. weights: those of the head's network."""
    whole = {name: tensor.detach().clone() for name, tensor in setup.network.module.state_dict().items()}
    mean, deviation = (tensor.double().to(setup.network.device) for tensor in (first.mean, first.deviation))
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
