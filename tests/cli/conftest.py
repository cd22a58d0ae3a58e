"""What the tests of commands share."""

from __future__ import annotations

import functools

import pytest

from cli import calling


@pytest.fixture
def call(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> calling.Call:
    """Calls ``pellucid``, with the module's COMMAND where it has one."""
    return functools.partial(calling.call, monkeypatch, capfd, *getattr(request.module, "COMMAND", ()))
