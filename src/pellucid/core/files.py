"""Files and folders that are whole or not there: written aside, then renamed into place."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pellucid.core.errors import BadInput

_CURES = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some of your quota, or choose another place",
    errno.EFBIG: "raise the limit on file sizes, or choose another place",
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOENT: "choose a place that exists",
    errno.ENOTDIR: "choose a path whose parents are folders",
    errno.EEXIST: "choose a path whose parents are folders",
    errno.EISDIR: "choose a path that is not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose a path without a circle of symbolic links",
    errno.EBUSY: "choose a folder inside it",
}


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write into one line with a cure."""
    try:
        yield
    except OSError as error:
        # An error that names another file is not about this one.
        home = path.absolute().parent
        elsewhere = isinstance(error.filename, str) and not (
            home.is_relative_to(error.filename) or Path(error.filename).absolute().is_relative_to(home)
        )
        if error.errno not in _CURES or elsewhere:
            raise
        raise BadInput(f"cannot be written ({error.strerror})", where=path, cure=_CURES[error.errno]) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; when the block ends well it becomes ``path``."""
    path = Path(path)
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path, *, ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; when the block ends well it becomes ``path``.

    A folder that is already there is replaced only when it is empty or ``ours(path)``.
    """
    path = Path(path)
    with _told(path):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise BadInput("there is something here that is not a folder", where=path, cure="choose another --out")
        if Path.cwd().is_relative_to(os.path.realpath(path)):
            raise BadInput("this is the folder you are in", where=path, cure="choose a folder inside it")
        if path.is_dir() and any(path.iterdir()) and not ours(path):
            raise BadInput("this folder holds other files", where=path, cure="choose an empty or a new folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            _swap(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, place: Path) -> None:
    """Put ``new`` in ``place``; what was there goes only once the new one stands."""
    if not place.exists():
        new.rename(place)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.old.", dir=place.parent))
    old = aside / place.name
    try:
        place.rename(old)
        new.rename(place)
    finally:
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(aside)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
