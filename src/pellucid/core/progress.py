"""Progress that any inner loop may tell, and that only the edge decides to show.

``track(items, "occlusion")`` is all that a loop says. By default a bar appears on stderr once two
seconds have passed and stderr is a terminal; ``quiet()`` silences it, and another front end
(a web page) installs a listener of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

#: Called as ``tell(what, done, total)`` before the first item and after each one.
Listener = Callable[[str, int, int | None], None]

PATIENCE = 2.0  # seconds before a bar is worth drawing


class Bar:
    """Draws one line on stderr, only for what lasts longer than ``PATIENCE``."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._drawn = False

    def __call__(self, what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done == 0:  # the last one of this name may have been broken off
            self._began[what] = now
        began = self._began.setdefault(what, now)
        finished = total is not None and done >= total
        if sys.stderr.isatty() and now - began >= PATIENCE and not finished:
            self._draw(what, done, total, now - began)
        if finished:
            self._began.pop(what, None)
            self.clear()

    def _draw(self, what: str, done: int, total: int | None, seconds: float) -> None:
        if total:
            filled = round(24 * done / total)
            left = f"{seconds * (total - done) / done:.0f} s left" if done else ""
            text = f"{what:<22.22} {'━' * filled}{'─' * (24 - filled)} {done}/{total} {left}"
        else:
            text = f"{what:<22.22} {done} ({seconds:.0f} s)"
        sys.stderr.write(f"\r{text:<78}")
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        """Remove the line, so that what is printed next stands alone."""
        if self._drawn:
            sys.stderr.write("\r" + " " * 78 + "\r")
            sys.stderr.flush()
            self._drawn = False


_bar = Bar()
_listener: ContextVar[Listener] = ContextVar("progress_listener", default=_bar)


def listener() -> Listener:
    """Who hears of progress here and now."""
    return _listener.get()


@contextmanager
def listening(tell: Listener) -> Iterator[None]:
    """Send all progress of a block to ``tell``."""
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress within a block."""
    with listening(lambda what, done, total: None):
        yield


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and tell how many are done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    tell = listener()
    tell(what, 0, total)
    try:
        for done, item in enumerate(items, start=1):
            yield item
            tell(what, done, total)
    finally:
        _bar.clear()
