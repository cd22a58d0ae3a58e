"""Files and folders that somebody named, as a list of picture files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.data.images import EXAMPLES

#: Endings by which a picture in a folder is known.
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def pictures_in(sources: Sequence[str]) -> list[str]:
    """Every named file, and for a folder all pictures in it and below, in the order of their names.

    ``example:*`` stands for all examples. What is hidden (a name that begins with a dot) is left out. A folder
    without pictures is an error.
    """
    found: list[str] = []
    for source in sources:
        if source == "example:*":
            found += [f"example:{name}" for name in EXAMPLES]
            continue
        path = Path(source).expanduser()
        if not path.is_dir():
            found.append(source)  # a file, an example's name, or a mistake that reading it will tell
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in ENDINGS and p.is_file()]
        inside = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        if not inside:
            cure = f"put pictures there ({', '.join(ENDINGS[:4])} …)"
            raise BadInput("there is no picture in this folder", where=path, cure=cure)
        found += map(str, inside)
    return found
