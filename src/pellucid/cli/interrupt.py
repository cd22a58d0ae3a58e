"""Ctrl-C, also where somebody swallows it.

A KeyboardInterrupt that falls into the import of a large library can be caught there and be lost (torch's
start-up does that), and the command would go on for hours; or it comes out as another error, of a library that is
half there. So what was asked is remembered, every step of progress asks again, and what fails afterwards was
interrupted.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pellucid.core import progress
from pellucid.core.errors import PellucidError


class Interrupted(PellucidError):
    """Ctrl-C, where there is more to say of it than that nothing was left half-written."""

    exit_code = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, Ctrl-C raises KeyboardInterrupt now, and at each step of progress until it gets through."""
    asked = False
    show = progress.listener()

    def on_signal(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def on_step(what: str, done: int, total: int | None) -> None:
        if asked:
            raise KeyboardInterrupt
        show(what, done, total)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        with progress.listening(on_step):
            yield
    except Exception as error:
        if asked and not isinstance(error, Interrupted):  # also what somebody called bad input
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
