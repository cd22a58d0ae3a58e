"""``smp:unet-resnet18``: the segmentation networks of segmentation-models-pytorch, on any of its encoders.

A picture in, a map of its size for each output. The sides of the input are multiples of 32, as most of them need.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, sources
from pellucid.models.weights import fetching

#: Sides of the input are multiples of this; what it is fed where nobody says.
STEP, SIDE = 32, 224

#: Of the pictures that pretrained encoders know, as of everything trained on ImageNet.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def names() -> tuple[str, ...]:
    """``DECODER-ENCODER``; none where the library is not installed."""
    if find_spec("segmentation_models_pytorch") is None:
        return ()
    smp = _library()
    return tuple(f"{d}-{e}" for d in smp.MODEL_ARCHITECTURES_MAPPING for e in smp.encoders.get_encoder_names())


@sources.register("smp", names=names, maps=True)
def open_smp(request: Request) -> Network:
    """U-Net, FPN, DeepLab and others on an encoder, from segmentation-models-pytorch."""
    smp = _library()
    decoder, _, encoder = request.name.partition("-")
    if decoder not in smp.MODEL_ARCHITECTURES_MAPPING or not encoder:
        raise BadInput(f"smp knows no model {request.name!r}", cure=near(request.name, names()))
    spec = request.input or InputSpec((SIDE, SIDE), MEAN, STD, crop=None)
    if any(side % STEP for side in spec.size):
        size = f"{spec.size[0]} × {spec.size[1]}"
        raise BadInput(
            f"it cannot be fed {size}", where=f"smp:{request.name}", cure=f"give sides of multiples of {STEP}"
        )
    pretrained = request.weights == "default"
    options: dict[str, Any] = {"encoder_name": encoder, "encoder_weights": "imagenet" if pretrained else None}
    outputs = request.outputs or len(request.classes or ()) or 1
    with fetching(f"smp:{request.name}"):
        try:
            module = smp.create_model(decoder, **options, in_channels=spec.channels, classes=outputs)
        except KeyError as error:
            raise BadInput(f"smp knows no encoder {encoder!r}", cure=near(request.name, names())) from error
    said = "imagenet encoder" if pretrained else "random"
    return Network(module, spec, f"smp:{request.name}", weights=said)


def smp_input(size: tuple[int, int], channels: int) -> InputSpec:
    """Whole pictures at the next size that fits, normalised as encoders know them."""
    height, width = (-(-side // STEP) * STEP for side in size)
    mean, std = (MEAN, STD) if channels == len(MEAN) else ((0.5,) * channels, (0.25,) * channels)
    return InputSpec((height, width), mean, std, crop=None)


def _library() -> Any:
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        cure = 'pip install "pellucid[seg]", or take --model unet'
        raise BadInput("segmentation-models-pytorch is not installed", cure=cure) from error
    return smp
