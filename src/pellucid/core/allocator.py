"""Freed memory stays with the process, for the next pass."""

from __future__ import annotations

import ctypes
import functools
import sys

#: glibc's mallopt, from <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

#: Larger blocks than this still go back to the system at once, and so does what is free beyond twice as much.
LARGEST = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep what is freed; whether it can be told to. Once, for the whole process.

    glibc takes every block beyond 32 MB from the kernel and gives it back when it is freed; the kernel hands it over
    page by page, each one zeroed. Every layer of a forward pass makes such blocks: of EfficientNet-Lite0 in batches of
    8 that took four tenths of a processor's time. Other C libraries, and other systems, are left as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, 2 * LARGEST - 1))
