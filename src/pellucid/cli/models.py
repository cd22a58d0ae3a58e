"""The options that choose a network, the same for every command that opens one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.models.network import Network

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="efficientnet_lite0, timm:NAME, torchvision:NAME, file:PATH or run:FOLDER (see pellucid models).",
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
Output = Annotated[
    str | None, typer.Option(help="What the network puts out: logits, probabilities or values (regression).")
]
Size = Annotated[
    str | None,
    typer.Option(help="Feed pictures of this size (HEIGHTxWIDTH). A module of your own is normalised as for ImageNet."),
]
#: The same where --size is that of the result.
InputSize = Annotated[str | None, typer.Option(help="What the network is fed, HEIGHTxWIDTH, if it does not know.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True)
class Choice:
    """The network that the options name, and how to open it."""

    model: str
    weights: str = "default"
    architecture: str | None = None
    classes: Path | None = None
    output: str | None = None
    size: str | None = None
    device: str = "cpu"
    trust: bool = False
    seed: int = 0

    def open(self, matrix: Sequence[int] | None = None) -> Network:
        """Open it. matrix: the shape of the matrices it is for, (height, width, channels), or None for pictures.

        A ``file:`` is then fed matrices of this shape as they are; a network of another source keeps its own input.
        """
        from pellucid.models.inputs import InputSpec
        from pellucid.models.open import open

        names = read_classes(self.classes) if self.classes is not None else None
        size = None if self.size is None else read_size(self.size)
        bare = self.model.startswith("file:") and self.architecture is None  # a module that does not say what it is fed
        if matrix is not None and size:
            raise BadInput("--size is for pictures, and a matrix is fed as it is", cure="leave --size away")
        spec = InputSpec(size=size) if size and bare else None
        if matrix is not None and self.model.startswith("file:"):
            spec = InputSpec.matrix(*matrix)
        network = open(self.model, input=spec, classes=names, **self._plain())
        if size and not bare:
            network = open(network, input=replace(network.input, size=size))
        return network

    def _plain(self) -> dict[str, Any]:
        """The options that are passed on as they are."""
        names = ("weights", "output", "architecture", "device", "trust", "seed")
        return {n: getattr(self, n) for n in names}

    def python(self, network: Network) -> str:
        """The line of Python that opens ``network``, as this choice did."""
        from pellucid.models.inputs import matrix_in_words

        usual = {
            "weights": "default",
            "output": None,
            "architecture": None,
            "device": "auto",
            "trust": False,
            "seed": 0,
        }
        said = [repr(self.model), *(f"{n}={v!r}" for n, v in self._plain().items() if v != usual[n])]
        spec = network.input
        if spec.is_matrix:
            said += [f"input=pellucid.{matrix_in_words((*spec.size, spec.channels))}"]
        said += [f"input=pellucid.{spec!r}"] if self.size else []
        said += [f"classes={list(network.classes or ())!r}"] if self.classes else []
        return f"net = pellucid.open({', '.join(said)})"


def read_size(text: str, *, one: str = "one number") -> tuple[int, int]:
    """``400x600`` is height and width, ``400`` both. one: what a single number is, for who mistypes it."""
    height, cross, width = text.partition("x")
    sides = (height, width) if cross else (height,)
    if not all(side.isdecimal() and int(side) for side in sides):
        raise BadInput(f"--size {text}", cure=f"pass {one}, or HEIGHTxWIDTH")
    return int(height), int(width or height)


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
