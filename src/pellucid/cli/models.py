"""The options that choose a network, the same for every command that opens one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.models.network import Network

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="efficientnet_lite0, timm:NAME, torchvision:NAME or file:PATH (see pellucid models)."
    ),
]
Weights = Annotated[str, typer.Option(help="'default' for pretrained weights, 'none' for random ones.")]
Architecture = Annotated[
    str | None, typer.Option(help="The network that file:PATH belongs to, for example timm:resnet18.")
]
Classes = Annotated[Path | None, typer.Option(help="Names of the outputs: a text file, one a line, or a JSON list.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Unpickle a whole module from file:PATH. This runs the file's code.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def open_network(
    model: str, weights: str, architecture: str | None, classes: Path | None, device: str, trust: bool
) -> Network:
    """Open what the options name."""
    from pellucid.models.open import open

    names = read_classes(classes) if classes is not None else None
    return open(model, weights=weights, architecture=architecture, classes=names, device=device, trust=trust)


def read_classes(path: Path) -> list[str]:
    """Names of the outputs from a JSON list or from lines of text."""
    try:
        text = path.read_text(encoding="utf-8")
        names = json.loads(text) if path.suffix == ".json" else text.split("\n")
    except (OSError, ValueError) as error:
        cure = "pass a text file with one name a line, or a JSON list"
        raise BadInput(f"the class names cannot be read ({error})", where=path, cure=cure) from error
    names = [n.strip() for n in names if isinstance(n, str) and n.strip()] if isinstance(names, list) else []
    if not names:
        raise BadInput("there are no class names in it", where=path, cure="write one name a line, or a JSON list")
    return names
