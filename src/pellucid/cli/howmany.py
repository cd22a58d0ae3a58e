"""``pellucid howmany``: labelled pictures in; the learning curve, and how many a wanted score takes, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.learning import Choices, learning_command
from pellucid.cli.looking import delivery
from pellucid.core.errors import BadInput


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    learning_command(app, howmany)


def howmany(
    choices: Choices,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Class folders, a table that names pictures, COCO or YOLO, .npz, MNIST, CIFAR or NORB files.",
        ),
    ],
    target: Annotated[
        float | None, typer.Option(help="A score: how many training pictures does it take?", show_default=False)
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Of the task. \\[default: its first one]")] = None,
    sizes: Annotated[str, typer.Option(help="How many numbers of pictures to try, or which: 50,100,200,400.")] = "7",
    repeats: Annotated[int, typer.Option(help="Random parts of the training pictures for each size.")] = 5,
    budget: Annotated[
        str, typer.Option(help="steps: as many steps at every size; epochs: as often through the pictures.")
    ] = "steps",
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help="Vary boxes or points on each picture apart from pictures; without any, pictures of each object (a "
            "column 'group' names it) apart from objects.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-howmany"),
    as_json: chosen.Json = False,
) -> None:
    """How many pictures do I need? The learning curve with intervals; what lies too far out is not said.

    By default a linear layer on the frozen default network learns, which takes seconds a training.
    """
    wanted = _sizes(sizes)
    if instances and (target is not None or sizes != "7"):
        raise BadInput("--instances has sizes of its own and no target", cure="leave --target and --sizes away")
    own: dict[str, Any] = {"metric": metric, "repeats": repeats, "budget": budget}
    own |= {"instances": True} if instances else {"target": target, "sizes": wanted}
    with delivery(out, as_json=as_json) as made:
        from pellucid.training.howmany import howmany as look

        common = choices.plain()
        view = look(choices.open(data), **own, **common)
        usual = {"metric": None, "repeats": 5, "budget": "steps", "target": None, "sizes": 7}
        said = {n: v for n, v in own.items() if v != usual.get(n)} | common
        told = ", ".join([repr(data), *(f"{name}={value!r}" for name, value in said.items())])
        python = f"import pellucid\n\nv = pellucid.howmany({told})\nv.show()"
        made.view(view, _facts(view.options, data), python=python)


def _sizes(text: str) -> int | list[int]:
    """``7`` is how many, ``50,100,200,400`` are which."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        cure = "pass how many, such as 7, or which, such as 50,100,200,400"
        raise BadInput(f"--sizes {text}", cure=cure) from error
    return numbers[0] if len(numbers) == 1 else numbers


def _facts(options: Mapping[str, Any], data: str) -> dict[str, Any]:
    return {
        "name": Path(data).name or data,
        "task": options["task"],
        "labels": options["labels"],
        "network": options["model"],
        "learns": options["learns"],
        "repeats": options["repeats"],
        **{f"{split} pictures": number for split, number in options["items"].items()},
    }
