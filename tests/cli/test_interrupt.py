"""Ctrl-C is heard where a library makes another error of it."""

from __future__ import annotations

import signal

import pytest

from pellucid.cli.interrupt import Interrupted, interruptible
from pellucid.core.errors import BadInput


def half_imported() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as caught:
        raise ImportError("half imported") from caught


def stopped() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as caught:
        raise Interrupted("interrupted", cure="go on with --resume") from caught


def test_what_fails_after_ctrl_c_was_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        half_imported()


def test_what_tells_more_of_the_interruption_is_kept() -> None:
    with pytest.raises(Interrupted, match="go on"), interruptible():
        stopped()


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ImportError), interruptible():
        raise ImportError("not there")
    with pytest.raises(BadInput), interruptible():
        raise BadInput("no file", cure="check the path")
