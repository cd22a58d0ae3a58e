"""Scores are kept on disk, by all that they depend on: an evaluation that is asked again, or for one more method, only
computes what is new.

One small file a method and score: the values of all pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pellucid.core.files import whole_file
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.columns import Column
from pellucid.models.network import Network

#: Raised whenever a score or a method is to give other values than before.
EDITION = 1


def folder() -> Path:
    """Where scores are kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "pellucid" / "scores"


def identity(bench: Bench) -> str:
    """A hash of network, pictures, targets, masks and seed: of all that is not the method or the score.

    The network of shuffled labels is not in it, for one score alone asks it (``place``).
    """
    digest = hashlib.sha256(f"{EDITION} {_of(bench.source)} {bench.of} {bench.seed}".encode())
    parts = () if bench.parts is None else (bench.parts.masks, bench.parts.effects, bench.parts.noise)
    for each in (bench.x, bench.targets, bench.masks, *parts):
        if each is None:
            digest.update(b"none;")
            continue
        plain = np.ascontiguousarray(each.cpu().numpy() if isinstance(each, torch.Tensor) else each)
        digest.update(f"{plain.dtype} {plain.shape};".encode())
        digest.update(plain.data)
    return digest.hexdigest()


def _of(network: Network) -> str:
    facts = network.facts()
    return f"{facts['weights_sha256']} {facts['preprocessing']} {facts['dtype']} {facts['versions']}"


def place(identity: str, method: str, column: Column, repeats: int, shuffled: Network | None = None) -> Path:
    """The file of one method (its key) and score. shuffled: the bench's network of shuffled labels, if any."""
    told: list[Any] = [identity, method, column.entry.name, sorted(column.options.items())]
    if "explain" in column.facts.needs:
        told.append(repeats)
    if "shuffled" in column.facts.needs and shuffled is not None:
        told.append(_of(shuffled))
    return folder() / f"{hashlib.sha256(json.dumps(told, default=repr).encode()).hexdigest()[:32]}.safetensors"


def read(path: Path, count: int) -> np.ndarray | None:
    """The values [n] that are kept; None where the file is missing or damaged, for all can be computed again."""
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        values = load_file(path)["values"].numpy()
        if values.shape == (count,):
            return values
    return None


def write(path: Path, values: np.ndarray) -> None:
    """Keep values [n]."""
    with whole_file(path) as temporary:
        save_file({"values": torch.from_numpy(np.ascontiguousarray(values, np.float64))}, temporary)
