"""Fifty real photos in a folder, for what is measured on real photos: ``python -m benchmarks.photos FOLDER``.

20 of ImageNet from the wheel of foolbox (fetched, not installed), 18 of the Debian packages lomiri-wallpapers-16.04 and
lomiri-wallpapers-20.04, and the 12 examples that installed packages carry. Scaled to at most 640 pixels.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from pellucid.core.errors import BadInput
from pellucid.core.files import whole_folder
from pellucid.data.images import EXAMPLES, read

MOST = 640
BACKGROUNDS = Path("/usr/share/backgrounds")
#: By these; four of their pictures are abstract.
PHOTOGRAPHERS = ("Klootwijk", "Bolly", "freespace", "Mede", "Berasategi", "Nerlich", "Engelhardt", "Mudgal", "Roks")
PHOTOGRAPHERS += ("Aury88", "Baubkus")


def of_foolbox() -> Iterator[tuple[str, Image.Image]]:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "foolbox"]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for name in sorted(wheel.namelist()):
                if Path(name).name.startswith("imagenet_"):
                    yield Path(name).stem, Image.open(io.BytesIO(wheel.read(name)))


def of_wallpapers() -> Iterator[tuple[str, Image.Image]]:
    found = sorted(p for p in BACKGROUNDS.glob("*_by_*.jpg") if p.stem.split("_")[-1] in PHOTOGRAPHERS)
    for path in found:
        yield path.stem, Image.open(path)


def of_examples() -> Iterator[tuple[str, Image.Image]]:
    for name in EXAMPLES:
        array = read(f"example:{name}").array
        yield name, Image.fromarray(array.squeeze())


def main(folder: str) -> None:
    found = [*of_foolbox(), *of_wallpapers(), *of_examples()]
    if len(found) != 50:
        cure = "apt-get install lomiri-wallpapers-16.04 lomiri-wallpapers-20.04"
        raise BadInput(f"{len(found)} photos are found of 50", where=str(BACKGROUNDS), cure=cure)
    with whole_folder(Path(folder), ours=lambda there: all(p.suffix == ".png" for p in there.iterdir())) as made:
        for name, picture in found:
            photo = picture.convert("RGB")
            photo.thumbnail((MOST, MOST))
            photo.save(made / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1])
