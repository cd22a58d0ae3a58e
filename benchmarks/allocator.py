"""What keeping freed memory saves: ``python -m benchmarks.allocator``. Each way in processes of its own, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 4

#: Milliseconds of processor time a picture, of passes in batches of 8.
PASSES = """
import time, torch
from unittest.mock import patch
import pellucid
if not {keep}:
    patch("pellucid.models.network.keep_freed_memory").start()
module = pellucid.open().prepared().module
x = torch.randn(8, 3, 224, 224).contiguous(memory_format=torch.channels_last)
with torch.inference_mode():
    for _ in range(3):
        module(x)
    began = time.process_time()
    for _ in range(10):
        module(x)
print((time.process_time() - began) / 80 * 1000)
"""


def milliseconds(keep: bool) -> float:
    done = subprocess.run([sys.executable, "-c", PASSES.format(keep=keep)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    rounds = [(milliseconds(True), milliseconds(False)) for _ in range(ROUNDS)]
    ratios = sorted(kept / given for kept, given in rounds)
    kept, given = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(
        f"EfficientNet-Lite0, a picture of a batch of 8: {kept:.1f} ms with freed memory kept, {given:.1f} ms without"
    )
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
