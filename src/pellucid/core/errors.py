"""Errors that a person can act on: what was wrong, where, and the cure, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pellucid.core.listed import listed


class PellucidError(Exception):
    """Something failed that is not the caller's mistake. The command line exits with 1."""

    exit_code = 1

    def __init__(self, what: str, *, where: object = "", cure: str = ""):
        self.what, self.where, self.cure = what, str(where), cure
        super().__init__(what)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}; {self.cure}" if self.cure else line
        return " ".join(line.split())

    def __reduce__(self) -> tuple:
        return _rebuild, (type(self), self.what, self.where, self.cure)

    def at(self, where: object) -> PellucidError:
        """The same error, told from the public edge, which knows where it happened."""
        return type(self)(self.what, where=self.where or where, cure=self.cure)


class BadInput(PellucidError, ValueError):
    """What was given cannot be used. The command line exits with 2."""

    exit_code = 2


def _rebuild(kind: type[PellucidError], what: str, where: str, cure: str) -> PellucidError:
    return kind(what, where=where, cure=cure)


#: So few names are all told sooner than a faint likeness.
_FEW = 12

#: So many are named where there are too many to name all.
_LISTED = 8


def near(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """A cure for a mistyped name: the names that are near it, or all, or the first of them and how many more."""
    known = list(known)
    by_lower = {k.lower(): k for k in reversed(known)}
    words = [k for k in by_lower if len(name) > 2 and name.lower() in k.replace("_", " ").replace(".", " ").split()]
    few = len(known) <= _FEW
    close = difflib.get_close_matches(name.lower(), by_lower, n=most, cutoff=0.65 if few else 0.55)
    found = list(dict.fromkeys([*(k for k in close if k in words), *words, *close]))
    found += [k for k in by_lower if len(name) > 2 and name.lower() in k and k not in found]
    if found:
        return "did you mean " + " or ".join(repr(by_lower[f]) for f in found[:most]) + "?"
    if len(known) <= 20:
        return "known are " + ", ".join(map(repr, known)) if known else "none is known"
    return f"none of the {len(known)} known names is near it: {listed([repr(k) for k in known], _LISTED)}"
