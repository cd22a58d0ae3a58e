"""Pictures that ``pellucid make`` wrote are rendered again without each part: the network's own truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.dataset import Dataset, Files
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.truth.folder import is_made, samples_of, scenes_of
from pellucid.evaluation.truth.rendered import rendered_bench


def with_parts(bench: Bench, data: Dataset, decides: Sequence[str] = ()) -> Bench:
    """The bench with its parts, if the data's pictures were rendered from registered objects; else as it is.

    bench: of the data's items, in their order. decides: the kinds of parts that tell the label.
    """
    if not isinstance(data.items, Files):  # in memory, whatever folder this is
        return bench
    source = Path(data.source)
    folder = source if source.is_dir() else source.parent
    if not is_made(folder):
        return bench
    paths = [data.items.name(i) for i in range(len(data))]
    scenes = scenes_of(folder, paths)
    size, samples = samples_of(scenes[0], paths[0])
    found = rendered_bench(bench, scenes, size=size, supersample=samples)
    assert found.parts is not None
    parts = dataclasses.replace(found.parts, decides=tuple(d for d in decides if not d.isdecimal()))
    return dataclasses.replace(found, parts=parts)
