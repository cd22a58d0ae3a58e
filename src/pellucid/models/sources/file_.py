"""``file:PATH``: a checkpoint of one's own onto a named architecture.

``.safetensors``, or a state dict saved by torch, which is read with ``weights_only=True`` and never
otherwise; a whole pickled module is opened only when ``trust`` says so.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, open_named, sources
from pellucid.models.weights import State, load_by_name, read_state_dict, unpickle_module


@sources.register("file", names=lambda: ())
def open_file(request: Request) -> Network:
    """A checkpoint of your own, onto a named architecture."""
    path, architecture = request.name, request.architecture
    place = Path(path).expanduser()
    if not place.exists():
        raise BadInput("there is no such file", where=path, cure="check the path")
    if architecture is None and request.trust and place.suffix != ".safetensors":
        if request.input is None:
            cure = "pass input=pellucid.InputSpec(…): --size (--input-size for dream, stylize) on the command line"
            raise BadInput("a module does not say what it is fed", where=path, cure=cure)
        module = unpickle_module(place)
        return Network(module, request.input, f"file:{path}", classes=request.classes, weights=place.name)
    if architecture is None:
        cure = "pass architecture=, --architecture on the command line (for example timm:resnet18)"
        if place.suffix != ".safetensors":
            cure += "; if it holds a whole module that you trust, trust=True, --trust"
        raise BadInput("a file of weights alone does not say which network it belongs to", where=path, cure=cure)
    state = read_state_dict(place, trust=request.trust)
    network = _shaped_like(architecture, state)
    load_by_name(network.module, state, where=str(place))
    return replace(network, name=f"file:{path}", weights=place.name)


def _shaped_like(architecture: str, state: State) -> Network:
    """The architecture with random weights and as many outputs as the checkpoint's last layer has."""
    network = open_named(Request(architecture, weights="none"))
    outputs = _outputs(network, state)
    if outputs is None or outputs == _outputs(network, network.module.state_dict()):
        return network
    return open_named(Request(architecture, weights="none", outputs=outputs))


def _outputs(network: Network, state: State) -> int | None:
    """How many outputs ``state`` has, read off the network's last parameter; None where it has no such."""
    last = list(network.module.state_dict())[-1]
    return state[last].shape[0] if last in state and state[last].ndim else None
