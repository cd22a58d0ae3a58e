"""How nearly relevance adds up: the figures behind tests/attribution/test_architectures.py."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import torch
from tests.attribution.test_architectures import MADE, calibrated, gap, target_of

import pellucid
from pellucid.core.progress import quiet


def row(name: str) -> str:
    own, x = calibrated(name)
    spec, target, gaps = pellucid.InputSpec(size=tuple(x.shape[-2:])), target_of(name), []
    for dtype in (torch.float32, torch.float64):
        own.to(dtype)
        gaps += [gap(pellucid.open(own, input=spec), x.to(dtype), m, target) for m in ("lrp", "deeplift")]
    return f"| {name} | {' | '.join(f'{g:.1e}' for g in gaps)} |"


def main() -> None:
    with quiet():
        rows = [row(name) for name in MADE]
    text = f"""# How nearly relevance adds up

Written by `python -m benchmarks.conservation`: |ΣR − f| / |f|, the worse of two inputs, for LRP under the
default composite (f is the score) and for DeepLIFT (f is its change from a zero input). Random weights with calibrated
batch norm; pellucid {pellucid.__version__}, torch {version("torch")}.

| network | LRP, float32 | DeepLIFT, float32 | LRP, float64 | DeepLIFT, float64 |
|---|---|---|---|---|
{chr(10).join(rows)}
"""
    (Path(__file__).parents[1] / "docs" / "conservation.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
