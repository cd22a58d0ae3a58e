"""A method's keyword-only parameters as flags of a command, without loading a method for ``--help``."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from typer.core import TyperCommand

from pellucid.core.errors import BadInput, near
from pellucid.core.registry import Entry


class MethodCommand(TyperCommand):
    """A command that also takes every registered method's options; they land in ``ctx.meta["flags"]``.

    The methods (and torch with them) are loaded only when an argument is none of the command's own.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {flag for p in self.params for flag in (*p.opts, *p.secondary_opts)} | {"--help", "-h", "--"}
        rest, flags = take_flags(args, own)
        ctx.meta["flags"] = flags
        return super().parse_args(ctx, rest)


def take_flags(
    args: list[str], own: set[str], named: Callable[[str, set[str]], str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """The arguments without the methods' flags, and those as option → text (``--most-steps 9``, ``--window=9``).

    named: what gives the option's name for a flag that is none of the command's own.
    """
    rest, flags = [], {}
    named = named or _method_option
    queue = list(args)
    while queue:
        token = queue.pop(0)
        flag, equals, value = token.partition("=")
        if token == "--":
            rest += [token, *queue]
            break
        if not flag.startswith("--") or flag in own:
            rest.append(token)
            continue
        name = named(flag, own)
        if not equals and not queue:
            raise BadInput(f"{flag} needs a value", cure=f"pass {flag} VALUE")
        flags[name] = value if equals else queue.pop(0)
    return rest, flags


def _method_option(flag: str, own: set[str]) -> str:
    """The name of the option that ``flag`` sets in some method."""
    from pellucid.attribution.table import methods

    names = {f"--{o.replace('_', '-')}": o for entry in methods.entries() for o in entry.options}
    if flag not in names:
        raise BadInput(f"unknown option {flag}", cure=near(flag, [*words_of(own), *names]))
    return names[flag]


def words_of(flags: Iterable[str]) -> list[str]:
    """Those that are words: nobody who wrote ``--foo`` meant ``-o`` or ``--``."""
    return sorted(flag for flag in flags if len(flag) > 2)


def options_of(entry: Entry, flags: Mapping[str, str]) -> dict[str, Any]:
    """The flags that are this method's, as values of its parameters' types."""
    return {n: value_of(text, entry.options[n].type, n) for n, text in flags.items() if n in entry.options}


def refuse_unused(flags: Iterable[str], entries: Iterable[Entry]) -> None:
    """A flag that none of the chosen methods has is an error, not a wish unheard."""
    chosen = list(entries)
    known = {o for e in chosen for o in e.options}
    for name in flags:
        if name not in known:
            asked = ", ".join(e.name for e in chosen)
            raise BadInput(
                f"--{name.replace('_', '-')} is no option of {asked}", cure=near(name, known - {"seed", "layer"})
            )


_KINDS = {int: "a whole number", float: "a number"}


def value_of(text: str, hint: Any, name: str) -> Any:
    """A flag's text as the parameter's type; the kinds of a union are tried in turn."""
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
        if text not in choices:
            raise BadInput(f"--{name} {text}", cure=near(text, choices))
        return text
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        kinds = [a for a in typing.get_args(hint) if a is not type(None)]
        for kind in sorted(kinds, key=lambda k: k is str):
            try:
                return value_of(text, kind, name)
            except BadInput:
                continue
        raise BadInput(f"--{name} {text}", cure=f"pass {' or '.join(_KINDS.get(k, k.__name__) for k in kinds)}")
    if hint is bool:
        if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise BadInput(f"--{name} {text}", cure="pass true or false")
        return text.lower() in ("true", "yes", "1")
    try:
        return hint(text)
    except (TypeError, ValueError) as error:
        raise BadInput(f"--{name} {text}", cure=f"pass {_KINDS.get(hint, hint.__name__)}") from error
