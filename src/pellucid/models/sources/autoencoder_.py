"""Autoencoders to be trained from nothing (``models/autoencoders.py``); they fit whatever they are fed."""

from __future__ import annotations

from pellucid.core.errors import BadInput
from pellucid.models.autoencoders import autoencoder
from pellucid.models.network import Network
from pellucid.models.sources.small_ import SIDE, plain_pixels
from pellucid.models.sources.table import Request, sources


def _open(kind: str, request: Request) -> Network:
    name = f"{kind}:{request.name}" if request.name else kind
    if request.weights == "default":
        cure = "train it with pellucid train --task autoencoder, or open it with weights='none' (--weights none)"
        raise BadInput("it has no pretrained weights", where=name, cure=cure)
    spec = request.input or plain_pixels((SIDE, SIDE), 3)
    try:
        module = autoencoder(request.name, spec.shape, variational=kind == "vae")
    except BadInput as error:
        raise error.at(name) from error
    return Network(module, spec, name, output="values", weights="random")


@sources.register("autoencoder", names=lambda: (), alone=True)
def open_autoencoder(request: Request) -> Network:
    """Pictures through a code and back: autoencoder:conv-32-32, dense-256-32, linear-2."""
    return _open("autoencoder", request)


@sources.register("vae", names=lambda: (), alone=True)
def open_vae(request: Request) -> Network:
    """The same with a code that is drawn: vae:conv-32-32, dense-256-2."""
    return _open("vae", request)
