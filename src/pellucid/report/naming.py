"""File names made by us: nothing of a photo's or a class's name can reach outside the folder."""

from __future__ import annotations

import re
import unicodedata

_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
_MOST = 48  # characters a part, so that three parts stay far below every file system's limit


def slug(text: str, otherwise: str) -> str:
    """Lower-case ASCII letters, digits, ``_`` and ``-`` of a text; ``otherwise`` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain)[:_MOST].strip("-_")
    return f"{otherwise}-{name}" if name in _RESERVED else name or otherwise


class Names:
    """Hands out each name once: the second ``cat`` becomes ``cat-2``."""

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)

    def claim(self, name: str) -> str:
        """``name``, or ``name`` with the first free number."""
        free, n = name, 1
        while free in self._taken:
            n += 1
            free = f"{name}-{n}"
        self._taken.add(free)
        return free
