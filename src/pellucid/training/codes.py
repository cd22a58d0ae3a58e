"""Codes: what a frozen network makes of each picture, computed once and kept by content, so a second head learns in
seconds.

The cache is one safetensors file a network (its weights, layer and preprocessing), with a row a picture, found by a
hash of the picture's own bytes; a picture that is changed is computed again, one that is added is added.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pellucid.core.files import whole_file
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset, Files, Stack
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.training.examples import Store

#: So many bytes of codes are kept a network; beyond them the oldest rows go.
MOST_BYTES = 1 << 30

#: Always the same, for a row's last bits may depend on it, and training is to be the same again.
BATCH = 8

_KEY = 16


def codes_of(network: Network, store: Store, items: np.ndarray, *, cache: bool = True) -> Tensor:
    """The network's output for these items, float32 [n, width] on the CPU.

    network: gives one vector a picture (``transfer.without_head``). cache: look it up, and keep it, in the cache.
    """
    if not cache:
        return _computed(network, store, items)
    place = _place(network)
    keys = content(store.data, items)
    known, kept = _read(place)
    rows = {key.tobytes(): i for i, key in enumerate(known)}
    missing = np.array([i for i, key in enumerate(keys) if key.tobytes() not in rows], np.int64)
    if len(missing):
        fresh = _computed(network, store, items[missing])
        known, kept = np.concatenate([known, keys[missing]]), torch.cat([kept, fresh]) if len(kept) else fresh
        rows = {key.tobytes(): i for i, key in enumerate(known)}
        _write(place, known, kept)
    return kept[torch.tensor([rows[key.tobytes()] for key in keys], dtype=torch.int64)]


def _computed(network: Network, store: Store, items: np.ndarray) -> Tensor:
    ready, found = network.prepared(), []
    with untouched(ready.module), torch.inference_mode():
        for some in track(np.array_split(items, max(1, -(-len(items) // BATCH))), "codes"):
            x = store.x(some, ready.device, ready.dtype)
            found.append(first_tensor(ready(x)).float().cpu())
    return torch.cat(found).clone()


def content(data: Dataset, items: np.ndarray) -> np.ndarray:
    """A hash of each item's own bytes: uint8 [n, 16]."""
    digests = np.empty((len(items), _KEY), np.uint8)
    for row, i in enumerate(track(items, "contents")):
        digests[row] = np.frombuffer(_digest(data.items, int(i)), np.uint8)
    return digests


def contents(data: Dataset) -> list[str]:
    """The same of all items, as text: what a picture is known by wherever it lies."""
    return [key.tobytes().hex() for key in content(data, np.arange(len(data)))]


def _digest(items: Files | Stack, i: int) -> bytes:
    digest = hashlib.blake2b(digest_size=_KEY)
    path = Path(items.paths[i]) if isinstance(items, Files) else None
    if path is not None and path.suffix and path.is_file():
        digest.update(path.read_bytes())
    else:  # an example's name, a part of a file, or an array
        array = np.ascontiguousarray(items[i].array)
        digest.update(f"{array.dtype} {array.shape};".encode())
        digest.update(array.data)
    return digest.digest()


def _place(network: Network) -> Path:
    facts = network.facts()
    told = f"{facts['weights_sha256']} {facts['preprocessing']} {facts['dtype']} {facts['versions']['torch']}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "pellucid" / "codes" / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.safetensors"


def _read(place: Path) -> tuple[np.ndarray, Tensor]:
    """What is kept; nothing where the file is missing or damaged, for all of it can be computed again."""
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        found = load_file(place)
        if len(found["keys"]) == len(found["codes"]):
            return found["keys"].numpy(), found["codes"]
    return np.empty((0, _KEY), np.uint8), torch.empty(0)


def _write(place: Path, keys: np.ndarray, codes: Tensor) -> None:
    most = max(1, MOST_BYTES // (4 * codes.shape[1]))
    with whole_file(place) as temporary:
        save_file({"keys": torch.from_numpy(keys[-most:].copy()), "codes": codes[-most:].contiguous()}, temporary)
