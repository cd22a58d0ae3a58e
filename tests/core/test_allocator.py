"""Freed memory is used again without asking the kernel for each page of it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from pellucid.core.allocator import keep_freed_memory

FAULTS = """
import resource, torch
from pellucid.core.allocator import keep_freed_memory
if {keep}:
    keep_freed_memory()
def filled():
    torch.zeros(48 << 18).fill_(1.0)  # 48 MB, more than glibc keeps by itself
for _ in range(8):
    filled()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    filled()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="this C library cannot be told")
def test_what_is_freed_is_used_again():
    pages = 4 * (48 << 20) // resource.getpagesize()
    assert faults(keep=True) < pages / 2 < faults(keep=False)


def test_a_c_library_without_the_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory.__wrapped__() is False


def test_another_system_is_left_alone(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    assert keep_freed_memory.__wrapped__() is False
