"""Which scores are asked, with which options: the columns of the table."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pellucid.core.errors import BadInput
from pellucid.core.registry import Entry
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.table import NEEDS, ScoreFacts, Work, scores


@dataclass(frozen=True)
class Column:
    """A score with its options in full. name: ``deletion:blur``, or ``deletion:blur,steps=32``."""

    name: str
    entry: Entry[ScoreFacts]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> ScoreFacts:
        """Of the score."""
        return self.entry.facts

    def work(self, pictures: int) -> Work:
        """What it costs for so many pictures."""
        return Work() if self.facts.work is None else self.facts.work(pictures, **self.options)


def columns(bench: Bench, asked: Iterable[str] | None, **common: Any) -> tuple[list[Column], dict[str, str]]:
    """The columns, and the scores that are left out with the reason.

    asked: ``deletion`` (all its variants), ``deletion:blur``, ``deletion:blur,steps=32``; None for all that the bench
    allows. common: options for every score that has them, which what is asked may override. Raises BadInput for one
    that is asked and cannot be had.
    """
    found: dict[str, Column] = {}
    left_out: dict[str, str] = {}
    for text in asked if asked is not None else scores:
        name, _, told = text.partition(":")
        entry = scores[name]
        missing = sorted(need for need in entry.facts.needs if not bench.has(need))
        if missing and asked is not None:
            raise BadInput(f"{name} needs {missing[0]}, and there are none", cure=NEEDS[missing[0]])
        if missing:
            left_out[name] = f"it needs {missing[0]}; {NEEDS[missing[0]]}"
            continue
        for column in _columns(entry, told, {k: v for k, v in common.items() if k in entry.options}):
            found[column.name] = column
    return list(found.values()), left_out


def _columns(entry: Entry[ScoreFacts], told: str, common: Mapping[str, Any]) -> list[Column]:
    words = [w.strip() for w in told.split(",") if w.strip()]
    chosen = {**common}
    for word in words:
        key, equals, value = word.partition("=")
        own = {key.replace("-", "_"): value} if equals else {_variant(entry, key): key}
        chosen |= {k: _value(entry, k, v) for k, v in own.items()}
    made = {}
    for variant in entry.facts.variants:
        options = entry.complete({**variant, **chosen})
        base = next(iter(entry.facts.variants[0]), None)
        parts = [str(options[base])] if base else []
        parts += [f"{k}={v}" for k, v in chosen.items() if k != base and k not in common]
        name = f"{entry.name}:{','.join(parts)}" if parts else entry.name
        made[name] = Column(name, entry, options)
    return list(made.values())


def _variant(entry: Entry[ScoreFacts], word: str) -> str:
    """The option that a word alone means: what the score's variants differ in."""
    keys = list(entry.facts.variants[0])
    if not keys:
        cure = f"write {entry.name}:option=value, with {', '.join(entry.options) or 'no option'}"
        raise BadInput(f"{entry.name} has no variant {word!r}", cure=cure)
    return keys[0]


def _value(entry: Entry[ScoreFacts], name: str, text: str) -> Any:
    """An option's text as its type; what is wrong with it, ``complete`` tells."""
    if name not in entry.options:
        return text
    hint = entry.options[name].type
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in (k for k in kinds if k in (int, float)):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
