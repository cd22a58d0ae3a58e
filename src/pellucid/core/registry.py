"""One way to add a thing: one file, one decorator, one pure function.

A registry knows the folder that its entries live in and imports every module of it when it is
first asked, so adding a method is adding a file. Other packages add theirs through an entry point.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from pellucid.core.errors import BadInput, near

Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a registered function: a flag, a form field, a report row."""

    name: str
    type: Any
    default: Any
    required: bool


@dataclass(frozen=True)
class Entry(Generic[Facts]):
    """A registered function, its name and the facts that were declared of it."""

    name: str
    function: Callable[..., Any]
    facts: Facts

    @cached_property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """The keyword-only parameters by name."""
        hints = get_type_hints(self.function)
        return {
            p.name: Option(p.name, hints.get(p.name, Any), p.default, p.default is p.empty)
            for p in inspect.signature(self.function).parameters.values()
            if p.kind is p.KEYWORD_ONLY
        }

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options to call with: what was given over the defaults; an unknown one is an error."""
        for name in given:
            if name not in self.options:
                raise BadInput(f"{self.name} has no option {name!r}", cure=near(name, self.options))
        missing = [o.name for o in self.options.values() if o.required and o.name not in given]
        if missing:
            raise BadInput(f"{self.name} needs {missing[0]}=", cure=f"pass {missing[0]}=…")
        for name, value in given.items():
            hint = self.options[name].type
            if (
                isinstance(value, str)
                and hint is not str
                and str not in get_args(hint)
                and get_origin(hint) is not Literal
            ):
                raise BadInput(f"{self.name}: {name} is the text {value!r}", cure="pass a number")
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise BadInput(f"{self.name}: {name} is {value!r}", cure=near(str(value), map(str, get_args(hint))))
        return {n: given.get(n, o.default) for n, o in self.options.items()}


class Registry(Generic[Facts]):
    """Named functions of one kind, each with declared facts of type ``facts``."""

    def __init__(self, noun: str, *, facts: type[Facts], folder: str | None = None, group: str | None = None):
        self.noun, self._facts, self._folder, self._group = noun, facts, folder, group
        self._entries: dict[str, Entry[Facts]] = {}
        self._found = False

    def register(self, name: str, **facts: Any) -> Callable[[Callable], Callable]:
        """Decorate a function to be known as ``name``. A name that is taken is an error."""

        def add(function: Callable) -> Callable:
            if name in self._entries:
                taken = self._entries[name].function
                raise ValueError(
                    f"{self.noun} {name!r} is already registered by {taken.__module__}.{taken.__qualname__}"
                )
            self._entries[name] = Entry(name, function, self._facts(**facts))
            return function

        return add

    @contextmanager
    def temporary(self, name: str, function: Callable, **facts: Any) -> Iterator[Entry[Facts]]:
        """Register ``function`` for the length of a block (for tests and notebooks)."""
        self._discover()  # or a name that the folder takes would only clash later
        self.register(name, **facts)(function)
        try:
            yield self._entries[name]
        finally:
            del self._entries[name]

    def _discover(self) -> None:
        if self._found:
            return
        self._found = True  # first, because what is imported may ask
        try:
            self._import_all()
        except BaseException:
            self._found = False  # or the next one who asks would see half of the names and no error
            raise

    def _import_all(self) -> None:
        if self._folder:
            package = importlib.import_module(self._folder)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._folder}.{module.name}")
        if self._group:
            for point in entry_points(group=self._group):
                point.load()

    def __getitem__(self, name: str) -> Entry[Facts]:
        self._discover()
        if name not in self._entries:
            raise BadInput(f"unknown {self.noun} {name!r}", cure=near(str(name), self))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._discover()
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._entries

    def entries(self) -> list[Entry[Facts]]:
        """All entries in the order of their names."""
        return [self[name] for name in self]
