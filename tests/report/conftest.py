"""Realistic results on real photos, made without a network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pellucid.core.types import Explanation, Frame, Receipt, View
from pellucid.report.run import PhotoResult, Prediction, Run

SIZE = 224

PROVENANCE = {
    "weights": "sha256:4f1c9a7d3b",
    "preprocessing": "resize 256, centre crop 224, mean (0.498, 0.498, 0.498)",
    "seed": 0,
    "versions": {"torch": "2.9.1", "timm": "1.0.22", "numpy": "2.4.6"},
}


def crop_of(picture: np.ndarray) -> tuple[np.ndarray, Frame]:
    """The centre crop that a network would see, and where it lies."""
    height, width = picture.shape[:2]
    side = 0.875 * min(height, width)
    top, left = (height - side) / 2, (width - side) / 2
    frame = Frame(height, width, top, left, top + side, left + side)
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)), frame


def bumps(*centres: tuple[float, float, float], noise: float = 0.0, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Smooth hills and hollows (x, y, height) with noise: float32 [size, size]."""
    y, x = np.mgrid[:size, :size] / size
    hills = sum(a * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.012) for cx, cy, a in centres)
    return (hills + noise * np.random.default_rng(seed).standard_normal((size, size))).astype(np.float32)


def explained(
    values: np.ndarray, picture: np.ndarray | None, frame: Frame | None, method: str, target: str, **fields
) -> Explanation:
    """One sample's explanation from a [height, width] map."""
    return Explanation(
        values=np.repeat(values[None, None], 3, axis=1) / 3,
        axes=("sample", "channel", "height", "width"),
        target=(target,),
        method=method,
        pictures=None if picture is None else picture[None],
        frames=None if frame is None else (frame,),
        names=("photo",),
        **fields,
    )


RECEIPTS = {
    "gradient": Receipt(seconds=0.08, provenance=PROVENANCE),
    "integrated_gradients": Receipt(
        expected=(8.409,),
        actual=(8.412,),
        relative_gap=0.0004,
        steps=24,
        seconds=1.2,
        prepared_difference=3e-7,
        provenance={**PROVENANCE, "group": "attribution"},
    ),
    "smoothgrad": Receipt(samples=32, error=0.06, seconds=2.1, provenance={**PROVENANCE, "group": "function"}),
    "grad_cam": Receipt(
        layer="conv_head",
        layer_reason="it is the last layer that still has a height and a width",
        provenance={**PROVENANCE, "group": "localisation"},
    ),
}

OPTIONS = {
    "gradient": {},
    "integrated_gradients": {"tolerance": 0.01, "baseline": 0.0},
    "smoothgrad": {"samples": 32, "noise": 0.15},
    "grad_cam": {"layer": "auto"},
}


def photo_result(
    picture: np.ndarray,
    name: str,
    source: str,
    classes: tuple[str, ...],
    targets: tuple[str, ...],
    hills: tuple[tuple[float, float, float], ...],
) -> PhotoResult:
    crop, frame = crop_of(picture)
    shapes = {
        "gradient": bumps(*hills, noise=0.8) * np.abs(bumps(*hills, noise=0.05)),
        "integrated_gradients": bumps(*hills, noise=0.15, seed=1),
        "smoothgrad": bumps(*hills, noise=0.06, seed=2),
        "grad_cam": bumps(*hills),
    }
    explanations = tuple(
        explained(v, crop, frame, method, target, receipt=RECEIPTS[method], options=OPTIONS[method])
        for target in targets
        for method, v in shapes.items()
    )
    shares = (0.6213, 0.2481, 0.0312, 0.0127, 0.0004)
    predictions = tuple(Prediction(i, c, p) for i, (c, p) in enumerate(zip(classes, shares, strict=False)))
    return PhotoResult(name, source, picture, predictions, explanations)


def regions_view(pictures: np.ndarray, names: tuple[str, ...], layers: tuple[str, ...], clusters: int = 6) -> View:
    """Brightness bands in place of clusters, ever coarser from layer to layer."""
    hues = ("4477aa", "ee6677", "228833", "ccbb44", "66ccee", "aa3377")
    palette = np.array([list(bytes.fromhex(h)) for h in hues], np.uint8)
    arrays = {}
    for n, layer in enumerate(layers):
        step = 4 * 2**n
        grey = pictures.mean(axis=-1)[:, ::step, ::step]
        bands = np.digitize(grey, np.quantile(grey, np.linspace(0, 1, clusters + 1)[1:-1]))
        labels = bands.repeat(step, axis=1).repeat(step, axis=2)[:, : pictures.shape[1], : pictures.shape[2]]
        arrays[f"labels/{layer}"] = labels.astype(np.uint8)
        arrays[f"cells/{layer}"] = bands.astype(np.uint8)
    table = tuple(
        {
            "layer": layer,
            "clusters": clusters,
            "silhouette": 0.21 + 0.07 * n,
            "stability": 0.94 - 0.05 * n,
            "rgb_silhouette": 0.18,
            "rgb_stability": 0.91 if n else None,
            "explained": 0.95,
        }
        for n, layer in enumerate(layers)
    )
    return View(
        kind="regions",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "height", "width")),
        table=table,
        pictures=pictures,
        names=names,
        palette=palette,
        seconds=3.4,
        provenance=PROVENANCE,
    )


def realistic_run() -> Run:
    """Two photos, two targets, four methods, one flat map, one broken promise, regions of four layers."""
    cat = photo_result(
        skimage.data.chelsea(),
        "chelsea",
        "/home/someone/pictures/chelsea.png",
        ("tiger cat", "Egyptian cat", "tabby, tabby cat", "lynx, catamount", "Persian cat"),
        ("tiger cat", "Egyptian cat"),
        ((0.42, 0.4, 1.0), (0.62, 0.5, 0.8), (0.15, 0.85, -0.6)),
    )
    cup = photo_result(
        skimage.data.coffee(),
        "coffee",
        "/home/someone/pictures/coffee.jpg",
        ("espresso", "cup", "coffee mug", "soup bowl", "eggnog"),
        ("espresso",),
        ((0.45, 0.45, 1.0), (0.85, 0.2, -0.9)),
    )
    crop, frame = crop_of(cup.picture)
    broken = Receipt(
        expected=(4.2,),
        actual=(3.1,),
        relative_gap=0.26,
        steps=512,
        fallbacks=("aten::fancy_op at blocks.3.1",),
        notes=("stopped at the most steps that were allowed",),
        provenance=PROVENANCE,
    )
    extra = (
        explained(np.zeros((SIZE, SIZE), np.float32), crop, frame, "occlusion", "espresso"),
        explained(bumps((0.5, 0.5, 1)), crop, frame, "integrated_gradients", "espresso", receipt=broken),
    )
    cup = dataclasses.replace(cup, explanations=cup.explanations + extra)
    pictures = np.stack([cat.explanations[0].pictures[0], crop])
    return Run(
        command="pellucid explain chelsea.png coffee.jpg --target top \\\n  --method gradient --method grad_cam",
        python='import pellucid\n\nnet = pellucid.open("efficientnet_lite0")\nphoto = pellucid.read("chelsea.png")\n'
        'e = pellucid.explain(net, photo, method="grad_cam", target="tiger cat")\n',
        network={
            "name": "efficientnet_lite0",
            "weights": "sha256:4f1c9a7d3b",
            "input_size": (3, 224, 224),
            "parameters": 4652008,
            "device": "cpu",
            "classes": 1000,
            "torch": "2.9.1",
        },
        photos=(cat, cup),
        regions=regions_view(pictures, ("chelsea", "coffee"), ("blocks.1", "blocks.2", "blocks.4", "blocks.6")),
        seconds=12.3,
        seed=0,
    )


@pytest.fixture(scope="session")
def explain_map():
    """``explained``: one sample's explanation from a map."""
    return explained


@pytest.fixture(scope="session")
def hills():
    """``bumps``: smooth maps."""
    return bumps


@pytest.fixture(scope="session")
def regions():
    """``regions_view``: a regions view over pictures."""
    return regions_view


@pytest.fixture(scope="session")
def run() -> Run:
    return realistic_run()


@pytest.fixture(scope="session")
def written(run, tmp_path_factory):
    """The realistic run's folder and summary."""
    from pellucid.report.page import write_page

    folder = tmp_path_factory.mktemp("report")
    return folder, write_page(folder, run)


# -- a real browser --------------------------------------------------------------------------------

NASTY = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<!--<script>alert(1)//-->",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}${7*7}",
    "<svg/onload=alert(1)>",
    "]]><x>&lt;b&gt;&amp;",
    "cat\u202egnp.exe\u2066\u200b\ufeff",
    "null\x00byte\x1b[31m\nline",
    "not-utf8-\udcff\udc80",
    "قطة נמר 猫 🐈\u200d⬛",
    "very-long-" * 60,
    "../../../../tmp/escape.html",
    "",
)


@pytest.fixture
def visit(browser):
    """Open a folder's page; afterwards fail on any complaint, dialog or request to elsewhere."""
    contexts, complaints = [], []

    def visit(folder, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        address = (folder / "index.html").as_uri()
        page.on("dialog", lambda d: (complaints.append(f"dialog {d.message}"), d.dismiss()))
        page.on("console", lambda m: complaints.append(f"console {m.type} {m.text}"))
        page.on("pageerror", lambda e: complaints.append(f"error {e}"))
        page.on("request", lambda r: r.url.startswith("data:") or r.url == address or complaints.append(r.url[:200]))
        page.add_init_script(
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective));"
        )
        page.goto(address)
        assert page.evaluate("window.violations || []") == []
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.violations || []") == []
        context.close()
    assert complaints == []
