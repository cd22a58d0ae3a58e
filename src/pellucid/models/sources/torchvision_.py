"""``torchvision:NAME``: the classifiers of torchvision, with their pretrained weights or with random ones."""

from __future__ import annotations

from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, sources
from pellucid.models.sources.timm_ import imagenet_classes, sized
from pellucid.models.weights import fetching


def names() -> list[str]:
    """All classifiers. torchvision is loaded when somebody asks for them: it takes nearly as long as torch itself."""
    from torchvision import models as zoo

    return zoo.list_models(module=zoo)


@sources.register("torchvision", names=names)
def open_torchvision(request: Request) -> Network:
    """Every classifier of the torchvision library."""
    from torchvision import models as zoo

    name, pretrained = request.name, request.weights == "default"
    if name not in zoo.list_models(module=zoo):
        raise BadInput(f"torchvision knows no classifier {name!r}", cure=near(name, zoo.list_models(module=zoo)))
    best = zoo.get_model_weights(name).DEFAULT
    with fetching(f"torchvision:{name}"):
        module = zoo.get_model(name, weights=best if pretrained else None, **sized(request), **_quiet(name, pretrained))
    spec = _spec(best.transforms())
    classes = imagenet_classes(request.outputs)
    said = best.name if pretrained else "random"
    return Network(module, spec, f"torchvision:{name}", classes=classes, weights=said)


def _spec(transform: Any) -> InputSpec:
    """The input that the weights' own transform makes."""
    from torchvision.transforms import InterpolationMode

    crop, resize = transform.crop_size[0], transform.resize_size[0]
    names = {
        InterpolationMode.NEAREST: "nearest",
        InterpolationMode.BILINEAR: "bilinear",
        InterpolationMode.BICUBIC: "bicubic",
        InterpolationMode.LANCZOS: "lanczos",
    }
    return InputSpec(
        (crop, crop),
        tuple(transform.mean),
        tuple(transform.std),
        interpolation=names[transform.interpolation],
        crop=min(1.0, crop / resize),
    )


def _quiet(name: str, pretrained: bool) -> dict[str, Any]:
    """GoogLeNet and Inception warn unless told that their slow initialisation is known of."""
    return {"init_weights": True} if not pretrained and name in ("googlenet", "inception_v3") else {}
