"""The network's truth of a rendered scene: its answer to the same scene without a part, everything else as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch

from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.evaluation.bench import Bench, Parts
from pellucid.evaluation.truth.at_input import at_input
from pellucid.evaluation.truth.intervened import answers, fed
from pellucid.synth import backdrop as backdrops
from pellucid.synth import truth
from pellucid.synth.render import Rendered
from pellucid.synth.scene import Light, Scene

#: What stands in a part's place: nothing, or the part itself in grey.
How = Literal["remove", "recolour"]

#: The part that is always there, and is not taken away but exchanged.
BACKDROP = "backdrop"
_GREY = (128, 128, 128)

#: Other backdrops that are tried, if the scene has not one of them itself.
_OTHERS = ("grey", "sky", "sand")

#: A part counts as seen from so many pixels of the network's input on.
SEEN = 4

#: By how many degrees the light is turned where nothing that matters is to be changed.
_TURN = 4.0


def rendered_bench(
    bench: Bench,
    scenes: Sequence[Scene],
    *,
    size: int,
    supersample: int = 2,
    how: How = "remove",
    informative: str | Sequence[str] | None = None,
) -> Bench:
    """The bench of rendered pictures with the effect of each kind of part, the network's noise, and masks.

    bench: of the pictures of these scenes, in their order, at ``size`` pixels with ``supersample``² samples each. how:
    what an intervention is. informative: kinds of parts that tell the label, whose pixels become ``masks``; None leaves
    those of the bench. Raises BadInput where a picture is not its scene's.
    """
    if len(scenes) != len(bench):
        raise BadInput(f"{len(scenes)} scenes for {len(bench)} pictures", where="rendered_bench")
    kinds = (*dict.fromkeys(k for s in scenes for k in s.kinds), BACKDROP)
    wanted = _known(informative, kinds)
    render = lambda scene: scene.render(size, supersample=supersample)  # noqa: E731
    masks = np.zeros((len(scenes), len(kinds), *bench.x.shape[-2:]), bool)
    effects = np.full((len(scenes), len(kinds)), np.nan)
    noise = np.zeros(len(scenes))
    for i, scene in enumerate(track(scenes, "rendering without each part")):
        picture = render(scene)
        _same(bench, i, picture.image)
        masks[i] = _masks(picture, kinds, bench)
        seen = [k for k, mask in zip(kinds, masks[i], strict=True) if mask.sum() >= SEEN]
        changed = [(k, other) for k in seen for other in _without(scene, k, how)]
        others = [*(other for _, other in changed), *_harmless(scene, size)]
        falls = float(bench.clean[i]) - answers(
            bench, fed(bench.network.input, [render(other).image for other in others]), [i] * len(others)
        )
        for k in {k for k, _ in changed}:
            effects[i, kinds.index(k)] = falls[[j for j, (own, _) in enumerate(changed) if own == k]].mean()
        noise[i] = np.abs(falls[len(changed) :]).max()
    masks[np.isnan(effects)] = False
    kept = np.isfinite(effects).any(0)
    names = tuple(k for k, there in zip(kinds, kept, strict=True) if there)
    parts = Parts(names, masks[:, kept], effects[:, kept], noise)
    own = bench.masks if wanted is None else masks[:, [kinds.index(k) for k in wanted]].any(1)
    return dataclasses.replace(bench, parts=parts, masks=own)


def _known(informative: str | Sequence[str] | None, kinds: Sequence[str]) -> list[str] | None:
    if informative is None:
        return None
    wanted = [informative] if isinstance(informative, str) else list(informative)
    for kind in wanted:
        if kind not in kinds:
            raise BadInput(f"no scene has a part of the kind {kind!r}", cure=near(kind, kinds))
    return wanted


def _same(bench: Bench, i: int, image: np.ndarray) -> None:
    """A picture that is not its scene's would be compared with something else."""
    again = fed(bench.network.input, [image])[0].to(bench.x)
    if not torch.allclose(again, bench.x[i], atol=1e-4):
        cure = "pass the scenes in the pictures' order, and the size and samples that they were rendered with"
        raise BadInput("it is not the picture that its scene gives", where=bench.names[i], cure=cure)


def _masks(picture: Rendered, kinds: Sequence[str], bench: Bench) -> np.ndarray:
    own = picture.scene.kinds
    seen = [
        picture.parts < 0
        if k == BACKDROP
        else truth.mask(picture, k)
        if k in own
        else np.zeros_like(picture.parts, bool)
        for k in kinds
    ]
    return at_input(np.stack(seen), bench.network.input)


def _without(scene: Scene, kind: str, how: How) -> Iterator[Scene]:
    """The scene without a kind of part, if anything is left; of the backdrop, with several others."""
    if kind == BACKDROP:
        for other in [b for b in _OTHERS if b != scene.backdrop and b in backdrops.NAMES][:2]:
            yield scene.replace(backdrop=other)
    elif how == "recolour":
        yield truth.recoloured(scene, kind, _GREY)
    elif any(p.kind != kind for p in scene.parts):
        yield truth.without(scene, kind)


def _harmless(scene: Scene, size: int) -> Iterator[Scene]:
    """The scene half a pixel to each side, and under a light turned by a few degrees."""
    camera = scene.camera
    right, up, _ = camera.axes
    far = float(np.linalg.norm(np.subtract(camera.target, camera.eye)))
    tall = 2 * far * np.tan(np.radians(camera.field) / 2) if camera.field else camera.height
    for way in (right, -right, up, -up):
        step = way * tall / size / 2
        place = {n: tuple(np.add(getattr(camera, n), step)) for n in ("eye", "target")}
        yield scene.replace(camera=dataclasses.replace(camera, **place))
    for degrees in (-_TURN, _TURN):
        yield scene.replace(light=_turned(scene.light, degrees))


def _turned(light: Light, degrees: float) -> Light:
    x, y, z = light.towards
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return dataclasses.replace(light, towards=(c * x - s * y, s * x + c * y, z))
