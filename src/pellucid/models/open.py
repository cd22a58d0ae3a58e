"""``pellucid.open``: a Network from a name, a file or a module."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pellucid.core.errors import BadInput, near
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, open_named

DEFAULT = "efficientnet_lite0"
OUTPUTS = ("logits", "multilabel", "groups", "probabilities", "values", "heatmaps")


def open(
    model: str | nn.Module | Network = DEFAULT,
    *,
    weights: str = "default",
    input: InputSpec | None = None,
    classes: Sequence[str] | None = None,
    output: str | None = None,
    groups: Sequence[int] | None = None,
    architecture: str | None = None,
    device: str | None = None,
    trust: bool = False,
    seed: int = 0,
) -> Network:
    """Open a network, so that everything else can look at it. The user's module is never changed.

    model: "efficientnet_lite0" (the default, with ImageNet weights), "timm:NAME", "torchvision:NAME",
    "file:PATH" with ``architecture`` (one of these names), or any ``nn.Module`` with ``input``.
    weights: "default" for pretrained ones, "none" for random ones, drawn with ``seed``.
    input: size, mean, std and range of what it is fed; known for named models.
    classes: names of the outputs in order. output: "logits" (the default for a module), "multilabel" (a sigmoid
    each), "groups" (several softmaxes; groups: how wide each is, in order), "probabilities", "values", or
    "heatmaps" (of landmarks, a sigmoid each).
    device: "auto", "cpu" or "cuda"; None leaves it where it is.
    trust: unpickle what ``file:`` names, which runs its code.

    Raises BadInput for an unknown name, weights that cannot be had or do not fit, a refused pickle.
    """
    if output is not None and output not in OUTPUTS:
        raise BadInput(f"output is {output!r}", cure=near(output, OUTPUTS))
    if (output == "groups") != bool(groups):
        cure = 'pass both, output="groups" and groups=(3, 4), the width of each'
        raise BadInput(f"output is {output!r} and groups are {groups}", cure=cure)
    if weights not in ("default", "none"):
        raise BadInput(f"weights is {weights!r}", cure="pass 'default', 'none', or open 'file:PATH' with architecture=")
    if architecture is not None and not isinstance(architecture, str):
        cure = "load the weights into your module and open that"
        raise BadInput(f"architecture is a {type(architecture).__name__}, not a name", cure=cure)
    names = tuple(classes) if classes is not None else None
    if isinstance(model, Network):
        network = model
    elif isinstance(model, nn.Module):
        network = _own(model, input)
    else:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = open_named(Request(model, weights, None, architecture, names, input, trust))
    widths = tuple(groups) if groups else None
    asked = {"output": output, "groups": widths, "classes": names, "input": input}
    changes: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    if changes:
        network = dataclasses.replace(network, **changes, _cache={})
    return network if device is None else network.to(pick_device(device))


def _own(module: nn.Module, spec: InputSpec | None) -> Network:
    if isinstance(module, torch.jit.ScriptModule):
        cure = "pass the Python module that it was made from"
        raise BadInput("a scripted or traced module hides its operations", where=type(module).__name__, cure=cure)
    if spec is None:
        cure = "pass input=pellucid.InputSpec(size=(height, width), mean=…, std=…)"
        raise BadInput("a module does not say what it is fed", where=type(module).__name__, cure=cure)
    return Network(module, spec, type(module).__name__)


def pick_device(device: str) -> torch.device:
    """``auto`` takes CUDA where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BadInput(f"unknown device {device!r}", cure="pass auto, cpu or cuda") from error
    if chosen.type not in ("cpu", "cuda") or (chosen.type == "cuda" and not torch.cuda.is_available()):
        raise BadInput(f"device {device!r} is not available here", cure="pass --device cpu, or auto")
    return chosen
