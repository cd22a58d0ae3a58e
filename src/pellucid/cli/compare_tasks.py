"""``pellucid compare-tasks``: alternatives in; one table that says which differences between them are real out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from pellucid.cli import models as chosen
from pellucid.cli.flags import value_of
from pellucid.cli.learning import Choices, learning_command
from pellucid.cli.looking import delivery
from pellucid.cli.models import read_size
from pellucid.core.errors import BadInput, near

#: By name what is different about each alternative.
Changes = dict[str, dict[str, Any]]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    learning_command(app, compare_tasks, name="compare-tasks")


def compare_tasks(
    choices: Choices,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Class folders, a table that names pictures, COCO or YOLO, .npz, MNIST, CIFAR or NORB files.",
        ),
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            help="An option and its values: 'loss=cross_entropy|coral'. Repeatable: every combination is compared.",
        ),
    ] = None,
    alternative: Annotated[
        list[str] | None,
        typer.Option("--alternative", "-a", help="One alternative: 'fast: loss=coral lr=0.003'. Repeatable."),
    ] = None,
    ready: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="A ready-made set: ordinal (losses for grades), multilabel, multigroup (encodings, one network or "
            "several), one_vs_rest, transfer (how much to fine-tune), init (initial weights).",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each, the same seeds for all.")] = 5,
    against: Annotated[
        str, typer.Option(help="Compare all with this one alone, which finds smaller differences; 'all': every pair.")
    ] = "all",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Repeatable; the first one leads. \\[default: all of the task]"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path(
        "pellucid-compare-tasks"
    ),
    as_json: chosen.Json = False,
) -> None:
    """Which loss, which encoding, one network or several: trained alike, and which differences are real.

    What all have in common are the options of a training below; an alternative changes any of them, or of its task's.
    "networks" is one, separate (one network for each question) or separate_equal_total.
    """
    wanted = wanted_of(choices, vary or [], alternative or [], ready)
    with delivery(out, as_json=as_json) as made:
        from pellucid.training.versus import compare_tasks as compare

        given: dict[str, Any] = {"seeds": seeds, "against": against, "metrics": tuple(metric or ())}
        common = common_of(choices, ready)
        view = compare(choices.open(data), wanted, **given, **common)
        usual = {"seeds": 5, "against": "all", "metrics": ()}
        said = {n: v for n, v in given.items() if v != usual[n]} | common
        made.view(view, _facts(view.options, data), python=_python(data, wanted, said))


def common_of(choices: Choices, ready: str | None) -> dict[str, Any]:
    """What all alternatives have in common; flags of a task's options are those of the set's task."""
    if ready is None or choices["task"] is not None or not choices.flags:
        return choices.plain()
    from pellucid.training.ready_sets import SETS

    task = SETS[ready].task if ready in SETS else None
    return choices.plain(task)


def wanted_of(choices: Choices, vary: Sequence[str], alternative: Sequence[str], ready: str | None) -> str | Changes:
    """What is compared, as ``pellucid.compare_tasks`` takes it; mistakes in it are told before anything is read."""
    if ready is not None:
        if vary or alternative:
            raise BadInput("--set and alternatives of your own at once", cure="leave one of them away")
        return ready
    found = varied([_varying(text) for text in vary])
    for text in alternative:
        name, changes = _named(text)
        if name in found:
            raise BadInput(f"two alternatives are called {name!r}", cure="give each its own name")
        found[name] = changes
    if len(found) < 2:
        cure = "pass --set ordinal, --vary 'loss=cross_entropy|coral', or --alternative 'name: lr=0.003' twice"
        raise BadInput("it takes two alternatives or more to compare", cure=cure)
    return {name: typed(changes, choices.task) for name, changes in found.items()}


def _varying(text: str) -> tuple[str, list[str]]:
    """``loss=coral|corn`` as a name and its values."""
    name, equals, values = text.partition("=")
    each = [v.strip() for v in values.split("|") if v.strip()]
    if not equals or not name.strip() or len(each) < 2:
        raise BadInput(f"--vary {text!r}", cure="write NAME=VALUE|VALUE, as in 'loss=cross_entropy|coral'")
    if len(set(each)) < len(each):
        raise BadInput(f"--vary {text!r} names a value twice", cure="leave one away")
    return name.strip(), each


def varied(varying: Sequence[tuple[str, Sequence[str]]]) -> dict[str, dict[str, str]]:
    """Every combination of the values, by a name that says it; of one option the value alone is the name."""
    if not varying:
        return {}
    names = [name.replace("-", "_") for name, _ in varying]
    found = {}
    for values in itertools.product(*(values for _, values in varying)):
        each = dict(zip(names, values, strict=True))
        own = values[0] if len(names) == 1 else ", ".join(f"{n} {v}" for n, v in each.items())
        found[own] = each
    return found


def _named(text: str) -> tuple[str, dict[str, str]]:
    """``fast: loss=coral lr=0.003`` as a name and changes; ``usual:`` changes nothing."""
    name, colon, rest = text.partition(":")
    if not colon or not name.strip():
        raise BadInput(f"--alternative {text!r}", cure="write NAME: OPTION=VALUE …, as in 'fast: loss=coral lr=0.003'")
    changes = {}
    for word in rest.split():
        option, equals, value = word.partition("=")
        if not equals or not option:
            raise BadInput(f"--alternative {text!r}: {word!r} is no OPTION=VALUE", cure="write as in lr=0.003")
        changes[option.replace("-", "_")] = value
    return name.strip(), changes


def typed(changes: Mapping[str, str], task: str) -> dict[str, Any]:
    """The changes as values of the plan's fields, and of the options of its task."""
    from pellucid.tasks.table import tasks
    from pellucid.training.alternatives import fields
    from pellucid.training.plan import Plan

    hints = {name: hint for name, hint in get_type_hints(Plan).items() if name in fields()}
    options = tasks[changes.get("task", task)].options
    found: dict[str, Any] = {}
    for name, text in changes.items():
        if name == "networks":
            found[name] = text
        elif name in hints:
            found[name] = _field(name, text, hints[name])
        elif name in options:
            found[name] = value_of(text, options[name].type, name)
        else:
            raise BadInput(f"unknown option {name!r}", cure=near(name, [*hints, *options, "networks"]))
    return found


def _field(name: str, text: str, hint: Any) -> Any:
    if name == "size":
        return read_size(text)
    if name == "augment":
        return tuple(n for n in text.split(",") if n)
    return value_of(text, hint, name)


def _facts(options: Mapping[str, Any], data: str) -> dict[str, Any]:
    count = len(options["alternatives"])
    return {
        "name": f"{count} alternatives on {Path(data).name or data}",
        "task": options["task"],
        "labels": options["labels"],
        "network": options["model"],
        "learns": options["learns"],
        "seeds": len(options["seeds"]),
        **{f"{split} pictures": number for split, number in options["items"].items()},
    }


def _python(data: str, wanted: str | Changes, said: Mapping[str, Any]) -> str:
    told = ", ".join([repr(data), repr(wanted), *(f"{name}={value!r}" for name, value in said.items())])
    return f"import pellucid\n\nv = pellucid.compare_tasks({told})\nv.show()"
