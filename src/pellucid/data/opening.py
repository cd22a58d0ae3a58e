"""Opening a file that somebody named: only what is a file, is not too long, and may be read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pellucid.core.errors import BadInput

_CAUSES = {
    errno.ENOENT: ("there is no such file", "check the path"),
    errno.ENOTDIR: ("there is no such file", "check the path"),
    errno.ELOOP: ("its symbolic links go round in a circle", "name the file itself"),
    errno.EACCES: ("it may not be read", "ask for the right to read it"),
    errno.EPERM: ("it may not be read", "ask for the right to read it"),
    errno.ENAMETOOLONG: ("the path is too long", "check the path"),
}


def user_path(text: str) -> Path:
    """The path that ``text`` names, ``~`` being the user's own folder."""
    if "\0" in text:
        raise BadInput("a path cannot hold a null character", where=repr(text), cure="check the path")
    return Path(os.path.expanduser(text))


@contextmanager
def opened(path: Path, most: int, what: str = "picture") -> Iterator[BinaryIO]:
    """The file, opened, once it is sure that opening cannot hang and reading can end.

    most: longer files are refused, in bytes. what: what should be in it, for the cure.
    """
    try:
        _check(os.stat(path), most, what)
        file = path.open("rb")
    except OSError as error:
        raise refusal(error) from error
    with file:
        yield file


def fault(path: str | os.PathLike[str], most: int, what: str = "picture") -> BadInput | None:
    """What would keep a file from being opened, from a look at its entry alone; None where nothing would."""
    try:
        _check(os.stat(path), most, what)
    except OSError as error:
        return refusal(error)
    except BadInput as error:
        return error
    return None


def refusal(error: OSError) -> BadInput:
    """An operating system's refusal to read, with its cure."""
    said, cure = _CAUSES.get(error.errno or 0, (f"it cannot be read ({error.strerror})", "check the disk"))
    return BadInput(said, cure=cure)


def _check(facts: os.stat_result, most: int, what: str) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise BadInput("this is a folder", cure="name the files in it")
    if not stat.S_ISREG(facts.st_mode):
        raise BadInput("this is a device or a pipe, not a file", cure=f"save the {what} to a file first")
    if facts.st_size == 0:
        raise BadInput("the file is empty (0 bytes)", cure="get it again from where it came")
    if facts.st_size > most:
        raise BadInput(f"the file has {facts.st_size / 2**30:.1f} GiB", cure=f"make the {what} smaller first")
