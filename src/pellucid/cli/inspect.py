"""``pellucid layers``, ``methods`` and ``models``: what there is to choose from."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from pellucid.cli import models as chosen
from pellucid.core.errors import BadInput, near

if TYPE_CHECKING:
    from pellucid.core.registry import Option
    from pellucid.models.layers import Layer


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(layers)
    app.command()(methods)
    app.command()(models)


# -- layers ---------------------------------------------------------------------------------------


def layers(
    model: Annotated[str, typer.Argument(help="A model's name (see pellucid models).")] = "efficientnet_lite0",
    pattern: Annotated[
        str | None, typer.Argument(help="Only layers that match: a glob, re:…, type:…, stage:….")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Levels of the tree to show.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="'default' for pretrained weights, 'none' for random ones. \\[default: none; a run's own]"),
    ] = None,
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """The tree of a network's layers: output shapes, parameters, stages.

    Shapes do not depend on the weights, so random ones are taken unless --weights default.
    """
    weights = weights or ("default" if model.startswith("run:") else "none")
    network = chosen.Choice(model, weights, architecture, size=size, trust=trust).open()
    tree = network.tree()
    names = set(network.layers(pattern)) if pattern else {l.name for l in tree}
    shown = [l for l in tree if l.name in names and (depth is None or l.depth < depth)]
    if as_json:
        print(json.dumps({"schema": "pellucid.layers/1", "model": network.name, "layers": [_plain(l) for l in shown]}))
        return
    _print_tree(shown, flat=pattern is not None)
    print(f"\n{network.name}: {len(tree)} layers, {_count(sum(l.own_parameters for l in tree))} parameters")
    print(f"stages: {', '.join(network.stages()) or 'none'}")


def _plain(layer: Layer) -> dict[str, Any]:
    keys = ("name", "type", "shape", "parameters", "calls", "stage")
    return {k: getattr(layer, k) for k in keys}


def _print_tree(rows: list[Layer], *, flat: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, justify in (
        ("layer", "left"),
        ("type", "left"),
        ("output", "right"),
        ("parameters", "right"),
        ("stage", "right"),
    ):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for layer in rows:
        name = layer.name if flat else "  " * layer.depth + layer.name.rpartition(".")[2]
        times = f" ×{layer.calls}" if layer.calls > 1 else ""
        shape = " × ".join(map(str, layer.shape)) if layer.shape else ("–" if layer.calls else "not used")
        stage = str(layer.stage) if layer.stage else ""
        style = "bold" if layer.stage else None
        table.add_row(
            name, layer.type + times, shape, _count(layer.parameters) if layer.parameters else "", stage, style=style
        )
    _console(Console).print(table)


def _console(make: Any) -> Any:
    """A console that never cuts lines when its output goes to a file or a pipe."""
    console = make(highlight=False, markup=False)
    return console if console.is_terminal else make(highlight=False, markup=False, width=200)


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


# -- methods --------------------------------------------------------------------------------------


def methods(
    name: Annotated[str | None, typer.Argument(help="Show one method with its options.")] = None,
    as_json: chosen.Json = False,
) -> None:
    """The registered attribution methods: group, source, promise, cost; with NAME its options."""
    from pellucid.attribution.table import methods as registry

    entries = [registry[name]] if name else registry.entries()
    if as_json:
        print(json.dumps({"schema": "pellucid.methods/1", "methods": [_method(e) for e in entries]}, default=str))
    elif name:
        _print_method(entries[0])
    else:
        _print_methods(entries)


def _method(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "group": entry.facts.group,
        "source": entry.facts.source,
        "promise": sorted(entry.facts.laws),
        "cost": entry.facts.cost,
        "summary": entry.summary,
        "options": {o.name: {"type": type_name(o), "default": o.default} for o in entry.options.values()},
    }


def type_name(option: Option) -> str:
    """An option's type as one would say it."""
    if get_origin(option.type) is Literal:
        return " or ".join(map(str, get_args(option.type)))
    return getattr(option.type, "__name__", None) or str(option.type).replace(" | None", "")


def _print_methods(entries: list[Any]) -> None:
    """Two short lines a method, which fit into any terminal."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for entry in entries:
        facts = entry.facts
        promise = ", ".join(sorted(facts.laws)) or "no sum"
        console.print(f"[bold]{entry.name}[/bold]  {facts.group} · {facts.source} · {facts.cost} · promises {promise}")
        console.print(f"    {entry.summary}")
    print("\npellucid methods NAME shows a method's options and what its promise means.")


def _print_method(entry: Any) -> None:
    from inspect import getdoc

    from pellucid.attribution.table import LAWS

    print(f"{entry.name} ({entry.facts.group}, {entry.facts.source}, {entry.facts.cost})\n")
    print(getdoc(entry.function))
    for law in sorted(entry.facts.laws):
        print(f"\npromises {law}: {LAWS[law]}")
    if entry.options:
        print("\noptions:")
    for option in entry.options.values():
        print(f"  --{option.name.replace('_', '-')}  {type_name(option)}, default {option.default}")


# -- models ---------------------------------------------------------------------------------------


def models(
    pattern: Annotated[str | None, typer.Argument(help="A glob or a part of a name, for example '*resnet*'.")] = None,
    as_json: chosen.Json = False,
) -> None:
    """The networks that can be opened by name."""
    from pellucid.models.sources.table import listed, sources

    names = listed()
    if pattern is not None:
        glob = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
        found = [n for n in names if fnmatch(n, glob)]
        if not found:
            raise BadInput(f"no model matches {pattern!r}", cure=near(pattern, names))
        names = found
    if as_json:
        print(json.dumps({"schema": "pellucid.models/1", "models": names}))
        return
    print("\n".join(names))
    if pattern is None:
        kinds = ", ".join(f"{s}: ({sources[s].summary.rstrip('.').lower()})" for s in sources if s not in ("builtin",))
        import sys

        print(f"{len(names)} names. Sources: {kinds}", file=sys.stderr)
