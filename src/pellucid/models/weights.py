"""Reading checkpoints without running what is in them, and putting them onto a module, checked."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput, PellucidError, near

State = dict[str, Tensor]


def read_state_dict(path: Path, *, trust: bool = False) -> State:
    """The tensors of a ``.safetensors`` file or of a state dict saved by torch, by name.

    torch's files are read with ``weights_only=True``: one that would run code is refused and
    nothing of it is executed, unless ``trust`` says that its maker is trusted. Nested forms
    ("state_dict", "model") and "module." prefixes are undone.
    """
    _check_file(path)
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, trust=trust)
    broken = [n for n, t in state.items() if t.dtype.is_floating_point and not torch.isfinite(t).all()]
    if broken:
        cure = f"train again from a sound checkpoint ({len(broken)} tensors are affected)"
        raise BadInput(f"{broken[0]!r} holds NaN or infinite numbers", where=path, cure=cure)
    return state


def _check_file(path: Path) -> None:
    if not path.exists():
        raise BadInput("there is no such file", where=path, cure="check the path")
    if not path.is_file():
        raise BadInput("this is not a file", where=path, cure="pass a .safetensors file or a state dict")
    if path.stat().st_size == 0:
        raise BadInput("the file is empty", where=path, cure="download or copy it again")


def _read_safetensors(path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadInput(
            f"not a sound safetensors file ({error})", where=path, cure="download or copy it again"
        ) from error


def _read_torch(path: Path, *, trust: bool) -> State:
    _refuse_bomb(path)
    try:
        with warnings.catch_warnings():
            # A foreign pickle protocol: whether it loads or is refused, that is told below.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            found = torch.load(path, map_location="cpu", weights_only=not trust)
    except PermissionError as error:
        raise BadInput("it cannot be read (permission denied)", where=path, cure="change its permissions") from error
    except pickle.UnpicklingError as error:
        if (
            "Unsupported global" in str(error)
            or "Unsupported class" in str(error)
            or "weights_only" in str(error).lower()
        ):
            what = "it holds more than tensors, and opening it could run code; nothing was executed"
            cure = (
                "save module.state_dict() or a .safetensors file instead, or pass trust=True (--trust) if you made it"
            )
            raise BadInput(what, where=path, cure=cure) from error
        raise _damaged(path) from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError, OSError) as error:
        raise _damaged(path) from error
    return _flat_state(found.state_dict() if isinstance(found, nn.Module) else found, path)


def _damaged(path: Path) -> BadInput:
    return BadInput("not a checkpoint, or a damaged one", where=path, cure="pass a .safetensors file or a state dict")


def _refuse_bomb(path: Path) -> None:
    """Torch stores tensors uncompressed; a compressed entry can blow up to a thousand times its size."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [e.filename for e in archive.infolist() if e.compress_type != zipfile.ZIP_STORED]
        total = sum(e.file_size for e in archive.infolist())
    if packed or total > path.stat().st_size:
        raise BadInput(
            "its entries are compressed, which torch never does", where=path, cure="save it again with torch.save"
        )


def _flat_state(found: object, path: Path) -> State:
    for _ in range(3):
        inner = next(
            (
                found[k]
                for k in ("state_dict", "model_state_dict", "model")
                if isinstance(found, Mapping) and k in found
            ),
            None,
        )
        if not isinstance(inner, Mapping):
            break
        found = inner
    if not isinstance(found, Mapping) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        raise BadInput("this is not a state dict (names → tensors)", where=path, cure="save module.state_dict()")
    return {str(k).removeprefix("module."): v for k, v in found.items()}


def unpickle_module(path: Path) -> nn.Module:
    """A whole module from a pickle. This runs the file's code: only for files whose maker is trusted."""
    _check_file(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, ImportError) as error:
        raise BadInput(f"it cannot be opened ({error})", where=path, cure="import the module's class first") from error
    if not isinstance(found, nn.Module):
        cure = "pass architecture= (--architecture) with a state dict"
        raise BadInput(f"it holds a {type(found).__name__}, not a module", where=path, cure=cure)
    return found


def load_in_order(module: nn.Module, state: State, *, where: str) -> None:
    """Put tensors onto a module of the same architecture whose layers have other names: order and shapes must agree."""
    own = module.state_dict()
    pairs = list(zip(own.items(), state.items(), strict=False))
    wrong = [(a, b) for (a, x), (b, y) in pairs if x.shape != y.shape]
    if len(own) != len(state) or wrong:
        raise BadInput(f"the weights do not fit the architecture ({len(state)} tensors for {len(own)})", where=where)
    module.load_state_dict({a: y for (a, _), (_, y) in pairs})


def load_by_name(module: nn.Module, state: State, *, where: str) -> None:
    """Put tensors onto a module by name; a missing, surplus or differently shaped one is an error."""
    own = module.state_dict()
    missing, surplus = [k for k in own if k not in state], [k for k in state if k not in own]
    cure = "check that --architecture is the network that was saved"
    if missing:
        what = f"{len(missing)} of the network's {len(own)} tensors are not in the file, first {missing[0]!r}"
        raise BadInput(what, where=where, cure=f"{cure} ({near(missing[0], surplus)})" if surplus else cure)
    if surplus:
        raise BadInput(
            f"{len(surplus)} tensors have no place in the network, first {surplus[0]!r}", where=where, cure=cure
        )
    for name, tensor in own.items():
        if state[name].shape != tensor.shape:
            raise BadInput(f"{name!r} is {tuple(state[name].shape)}, not {tuple(tensor.shape)}", where=where, cure=cure)
    module.load_state_dict(state)


@contextmanager
def fetching(name: str) -> Iterator[None]:
    """Weights come from the user's cache or a hub; where neither has them, say so in one line."""
    try:
        yield
    except PellucidError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        cure = "connect to the network once, or use random weights (weights='none', --weights none)"
        raise BadInput(f"its pretrained weights could not be had ({first})", where=name, cure=cure) from error
