"""The command as a stranger calls it, within this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pellucid.cli.main import main

#: Words of a command in; the exit code, what was printed, and what was said beside it out.
Call = Callable[..., tuple[int, str, str]]


def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["pellucid", *map(str, args)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    return code, *capfd.readouterr()
