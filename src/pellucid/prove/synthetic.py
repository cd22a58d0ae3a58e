"""Networks trained on made objects, of which it is known what tells the label, so that methods can be held to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.core.errors import BadInput, near
from pellucid.models.network import Network
from pellucid.models.open import open
from pellucid.synth.dataset import Plan, write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe
from pellucid.training.train import train


@dataclass(frozen=True)
class Known:
    """What is learnt of an object. label: a column of the table. decides: the kinds of parts that tell it.

    target: the output that is explained, or "top". ranges: what is drawn otherwise than usual.
    """

    label: str
    decides: tuple[str, ...]
    target: str | int = "top"
    ranges: Mapping[str, str] = field(default_factory=dict)


#: By object. A vehicle's type is its form, whatever its make, colour, roof and backdrop; an apple has a leaf or none.
KNOWN: Mapping[str, Known] = {
    "vehicle": Known("type", ("hull", "cabin", "cargo", "windows")),
    "apple": Known("seen_leaf", ("leaf",), target=1),
}


def trained(
    name: str, folder: str | Path, *, count: int = 600, size: int = 64, epochs: int = 15, seed: int = 0
) -> tuple[Path, Network]:
    """Make ``count`` pictures of an object and train a small network on them: the data set's folder and the network.

    name: a key of ``KNOWN``. folder: gets ``NAMEs`` (the data) and ``NAMEs-run``. Raises BadInput for another name.
    """
    if name not in KNOWN:
        raise BadInput(f"nothing is known to be learnt of {name!r}", cure=near(name, KNOWN))
    known, data, run = KNOWN[name], Path(folder) / f"{name}s", Path(folder) / f"{name}s-run"
    data.mkdir(parents=True)
    made = recipe(name).with_ranges(known.ranges)
    write_dataset(data, Wish((made,), count, seed, (), size, 2, False, False), Plan())
    train(str(data), out=run, labels=(known.label,), model="small_cnn:16", size=(size, size), epochs=epochs, seed=seed)
    return data, open(f"run:{run}")
