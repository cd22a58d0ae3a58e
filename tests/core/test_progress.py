"""Progress: told by any loop, shown only where someone looks and only when it lasts."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from contextlib import redirect_stderr

import pytest

from pellucid.core import progress

LOOP = """
import sys, time
from pellucid.core import progress
progress.PATIENCE = {patience}
def work(n, what, total=None):
    for _ in progress.track({items}, what, total):
        time.sleep(0.02)
{body}
print("done", file=sys.stderr)
"""


def on_a_terminal(body: str, *, patience: float = 0.1, items: str = "range(n)") -> str:
    """What a program writes to a stderr that is a terminal."""
    ours, theirs = pty.openpty()
    code = LOOP.format(patience=patience, items=items, body=body)
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs) as program:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # how Linux says that the other side has closed
            pass
        os.close(ours)
    assert program.returncode == 0, text
    return text.decode()


def test_a_bar_after_some_patience_that_goes_again():
    text = on_a_terminal("work(40, 'occlusion')", patience=0.3)
    lines = [line.strip() for line in text.split("\r")]
    drawn = [line for line in lines if line.startswith("occlusion")]
    assert 0 < len(drawn) < 39  # not before its time, and not when done
    assert " 1/40" not in drawn[0]
    assert all("/40" in line and "━" in line for line in drawn)
    assert "s left" in drawn[-1]
    assert text.endswith("\r" + " " * 78 + "\rdone\r\n")


def test_no_bar_for_what_is_over_soon():
    assert on_a_terminal("work(5, 'gradient')", patience=2.0) == "done\r\n"


def test_a_count_where_the_total_is_unknown():
    text = on_a_terminal("work(15, 'rows')", items="iter(range(n))")
    assert "rows" in text
    assert "14 (0 s)" in text
    assert text.endswith("\r" + " " * 78 + "\rdone\r\n")


BROKEN_OFF = """
for item in progress.track({items}, "same"):
    break
time.sleep(0.6)
work(3, "same")
work(3, "same")
"""


@pytest.mark.parametrize("items", ["range(n)", "iter(range(n))"])
def test_patience_starts_anew_for_a_loop_of_the_same_name(items):
    assert on_a_terminal("n = 9" + BROKEN_OFF.format(items=items), patience=0.5, items=items) == "done\r\n"


def test_quiet_and_a_listener_draw_nothing_on_a_terminal():
    body = "with progress.quiet(): work(20, 'a')\nwith progress.listening(lambda *a: None): work(20, 'a')"
    assert on_a_terminal(body) == "done\r\n"


def test_nothing_where_stderr_is_no_terminal(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with redirect_stderr(io.StringIO()) as text:
        assert list(progress.track(range(5), "occlusion")) == [0, 1, 2, 3, 4]
    assert text.getvalue() == ""


def told(items, total=None) -> list[tuple[str, int, int | None]]:
    calls = []
    with progress.listening(lambda *call: calls.append(call)):
        assert list(progress.track(items, "it", total)) == [1, 2, 3]
    return calls


def test_a_listener_is_told_every_count():
    assert told([1, 2, 3]) == [("it", i, 3) for i in range(4)]
    assert told(iter([1, 2, 3])) == [("it", i, None) for i in range(4)]
    assert told(iter([1, 2, 3]), total=7) == [("it", i, 7) for i in range(4)]


def test_listeners_nest_and_end_with_their_block():
    outer, inner = [], []
    with progress.listening(lambda *call: outer.append(call)):
        with pytest.raises(ZeroDivisionError), progress.listening(lambda *call: inner.append(call)):
            [1 / n for n in progress.track([1, 0], "in")]
        with progress.quiet():
            list(progress.track("ab", "silent"))
        list(progress.track("a", "out"))
    list(progress.track("a", "after"))
    assert inner == [("in", 0, 2), ("in", 1, 2)]
    assert outer == [("out", 0, 1), ("out", 1, 1)]
