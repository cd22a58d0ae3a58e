"""``pellucid tasks``: what a network can be asked to answer, and each task's own options."""

from __future__ import annotations

import json
import re
from inspect import getdoc
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.inspect import type_name

if TYPE_CHECKING:
    from pellucid.core.registry import Entry


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tasks)


def tasks(
    name: Annotated[str | None, typer.Argument(help="Show one task with its options.")] = None,
    as_json: chosen.Json = False,
) -> None:
    """What a network can be asked to answer: question, labels, source; with NAME its options."""
    from pellucid.tasks.table import tasks as registry

    entries = [registry[name]] if name else registry.entries()
    if as_json:
        print(json.dumps({"schema": "pellucid.tasks/1", "tasks": [_plain(e) for e in entries]}, default=str))
    elif name:
        _print_task(entries[0])
    else:
        _print_tasks(entries)


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "question": entry.facts.question,
        "labels": entry.facts.labels,
        "model": entry.facts.model,
        "source": entry.facts.source,
        "summary": entry.summary,
        "options": {o.name: {"type": type_name(o), "default": o.default} for o in entry.options.values()},
    }


def _print_tasks(entries: list[Entry]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for entry in entries:
        console.print(f"[bold]{entry.name}[/bold]  {entry.facts.question}")
        console.print(f"    {entry.facts.labels}", markup=False)
    print("\npellucid tasks NAME shows a task's options; pellucid train DATA --task NAME learns it.")


def _print_task(entry: Entry) -> None:
    facts = entry.facts
    print(f"{entry.name}: {facts.question}\n\nlabels: {facts.labels}")
    print(f"network: {facts.model}, where none is named\nsource: {facts.source}\n")
    head, meanings = _meanings(getdoc(entry.function) or "", list(entry.options))
    print(head)
    if entry.options:
        print("\noptions:")
    for option in entry.options.values():
        default = f", default {option.default}" if option.default != "" else ""
        meaning = f"\n      {meanings[option.name]}" if option.name in meanings else ""
        print(f"  --{option.name.replace('_', '-')}  {type_name(option)}{default}{meaning}")


def _meanings(text: str, options: list[str]) -> tuple[str, dict[str, str]]:
    """What a docstring says before it speaks of options, and what it says of each: ``name: …`` or ``one, other: …``."""
    plain = " ".join(text.replace("``", "").split())
    one = "|".join(map(re.escape, options))
    if not options:
        return plain, {}
    head, *parts = re.split(rf"(?<!\S)((?:(?:{one}), )*(?:{one})): ", plain)
    found: dict[str, str] = {}
    for names, meaning in zip(parts[::2], parts[1::2], strict=True):
        found |= dict.fromkeys(names.split(", "), meaning.strip())
    return head.strip(), found
