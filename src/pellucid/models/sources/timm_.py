"""``timm:NAME``: any architecture of timm, with its pretrained weights or with random ones."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, sources
from pellucid.models.weights import fetching


def names() -> list[str]:
    """All architectures. timm is loaded when somebody asks for them: it takes longer than torch itself."""
    import timm

    return timm.list_models()


@sources.register("timm", names=names)
def open_timm(request: Request) -> Network:
    """Every architecture of the timm library."""
    import timm

    name = request.name
    if name.partition(".")[0] not in timm.list_models():
        raise BadInput(f"timm knows no model {name!r}", cure=near(name, timm.list_models()))
    with fetching(f"timm:{name}"):
        module: Any = timm.create_model(name, pretrained=request.weights == "default", **sized(request))
    facts = module.pretrained_cfg
    _, *size = facts["input_size"]
    spec = InputSpec(
        (size[0], size[1]),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        interpolation=_INTERPOLATIONS.get(facts["interpolation"], "bilinear"),
        crop=facts["crop_pct"],
    )
    classes = imagenet_classes(request.outputs) if facts["num_classes"] == 1000 else None
    said = facts.get("tag") or "pretrained" if request.weights == "default" else "random"
    output = "logits" if module.num_classes else "values"
    return Network(module, spec, f"timm:{name}", classes=classes, output=output, weights=said)


#: timm also says "random" (train-time choice between bilinear and bicubic)
_INTERPOLATIONS = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos"}


def sized(request: Request) -> dict[str, Any]:
    """The argument that makes the last layer as wide as asked."""
    return {} if request.outputs is None else {"num_classes": request.outputs}


def imagenet_classes(outputs: int | None = None) -> tuple[str, ...] | None:
    """The ImageNet names, unless the last layer was made of another width."""
    return _imagenet() if outputs in (None, 1000) else None


@cache
def _imagenet() -> tuple[str, ...]:
    """The names of the 1 000 ImageNet classes by index, synonyms with commas, from timm's own lists."""
    folder = files("timm") / "data" / "_info"
    lemmas = dict(
        line.split("\t", 1) for line in (folder / "imagenet_synset_to_lemma.txt").read_text().splitlines() if line
    )
    return tuple(lemmas[s] for s in (folder / "imagenet_synsets.txt").read_text().split())
