"""pellucid: train vision networks on your own images, and see through them.

Everything public is reached from here and imported when first used, so that ``import pellucid``
stays instant and does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.version import __version__

if TYPE_CHECKING:
    from pellucid import surfaces
    from pellucid.attribution import targets
    from pellucid.attribution.compare import Comparison, compare
    from pellucid.attribution.explain import explain
    from pellucid.attribution.patterns import Patterns, fit_patterns
    from pellucid.attribution.spans import spans
    from pellucid.core.archive import load
    from pellucid.core.errors import BadInput, PellucidError
    from pellucid.core.types import Explanation, Frame, Receipt, Sample, View
    from pellucid.data import dicom
    from pellucid.data.reading import read
    from pellucid.data.sets.opening import dataset
    from pellucid.features.codes import codes
    from pellucid.features.dream import dream
    from pellucid.features.filters import filters
    from pellucid.features.invariance import invariance
    from pellucid.features.neurons import neurons
    from pellucid.features.regions import regions
    from pellucid.features.style import style
    from pellucid.features.stylize import stylize
    from pellucid.models.inputs import InputSpec
    from pellucid.models.network import Network
    from pellucid.models.open import open
    from pellucid.prove.judge import evaluate_explanations, forecast_explanations
    from pellucid.synth.generators import (
        AppleGenerator,
        CoinGenerator,
        FruitBowlGenerator,
        KnifeGenerator,
        LandmarkPlateGenerator,
        VehicleGenerator,
        generator,
    )
    from pellucid.tasks import choosing as choice
    from pellucid.tasks.boxes.view import anchors
    from pellucid.training.baselines import baselines
    from pellucid.training.evaluate import evaluate
    from pellucid.training.health import health
    from pellucid.training.howmany import howmany
    from pellucid.training.initialise import initialise
    from pellucid.training.latent import latent
    from pellucid.training.lr_range import lr_range
    from pellucid.training.nonfinite import NonFinite
    from pellucid.training.per_sample import per_sample_gradients
    from pellucid.training.predict import predict
    from pellucid.training.runs import Run
    from pellucid.training.train import train
    from pellucid.training.versus import compare_tasks
    from pellucid.training.watch import watch

_HOMES = {
    "AppleGenerator": "pellucid.synth.generators",
    "BadInput": "pellucid.core.errors",
    "CoinGenerator": "pellucid.synth.generators",
    "Comparison": "pellucid.attribution.compare",
    "Explanation": "pellucid.core.types",
    "Frame": "pellucid.core.types",
    "FruitBowlGenerator": "pellucid.synth.generators",
    "InputSpec": "pellucid.models.inputs",
    "KnifeGenerator": "pellucid.synth.generators",
    "LandmarkPlateGenerator": "pellucid.synth.generators",
    "Network": "pellucid.models.network",
    "NonFinite": "pellucid.training.nonfinite",
    "Patterns": "pellucid.attribution.patterns",
    "PellucidError": "pellucid.core.errors",
    "Receipt": "pellucid.core.types",
    "Run": "pellucid.training.runs",
    "Sample": "pellucid.core.types",
    "VehicleGenerator": "pellucid.synth.generators",
    "View": "pellucid.core.types",
    "anchors": "pellucid.tasks.boxes.view",
    "baselines": "pellucid.training.baselines",
    "codes": "pellucid.features.codes",
    "compare": "pellucid.attribution.compare",
    "compare_tasks": "pellucid.training.versus",
    "dataset": "pellucid.data.sets.opening",
    "dream": "pellucid.features.dream",
    "evaluate": "pellucid.training.evaluate",
    "evaluate_explanations": "pellucid.prove.judge",
    "explain": "pellucid.attribution.explain",
    "filters": "pellucid.features.filters",
    "fit_patterns": "pellucid.attribution.patterns",
    "forecast_explanations": "pellucid.prove.judge",
    "generator": "pellucid.synth.generators",
    "health": "pellucid.training.health",
    "howmany": "pellucid.training.howmany",
    "initialise": "pellucid.training.initialise",
    "latent": "pellucid.training.latent",
    "invariance": "pellucid.features.invariance",
    "load": "pellucid.core.archive",
    "lr_range": "pellucid.training.lr_range",
    "neurons": "pellucid.features.neurons",
    "open": "pellucid.models.open",
    "per_sample_gradients": "pellucid.training.per_sample",
    "predict": "pellucid.training.predict",
    "read": "pellucid.data.reading",
    "regions": "pellucid.features.regions",
    "spans": "pellucid.attribution.spans",
    "style": "pellucid.features.style",
    "stylize": "pellucid.features.stylize",
    "train": "pellucid.training.train",
    "watch": "pellucid.training.watch",
}

__all__ = [
    "AppleGenerator",
    "BadInput",
    "CoinGenerator",
    "Comparison",
    "Explanation",
    "Frame",
    "FruitBowlGenerator",
    "InputSpec",
    "KnifeGenerator",
    "LandmarkPlateGenerator",
    "Network",
    "NonFinite",
    "Patterns",
    "PellucidError",
    "Receipt",
    "Run",
    "Sample",
    "VehicleGenerator",
    "View",
    "__version__",
    "anchors",
    "baselines",
    "choice",
    "codes",
    "compare",
    "compare_tasks",
    "dataset",
    "dicom",
    "dream",
    "evaluate",
    "evaluate_explanations",
    "explain",
    "filters",
    "fit_patterns",
    "forecast_explanations",
    "generator",
    "health",
    "howmany",
    "initialise",
    "invariance",
    "latent",
    "load",
    "lr_range",
    "neurons",
    "open",
    "per_sample_gradients",
    "predict",
    "read",
    "regions",
    "spans",
    "style",
    "stylize",
    "surfaces",
    "targets",
    "train",
    "watch",
]


#: Public modules, whose functions are too many to stand here.
_MODULES = {
    "choice": "pellucid.tasks.choosing",
    "dicom": "pellucid.data.dicom",
    "surfaces": "pellucid.surfaces",
    "targets": "pellucid.attribution.targets",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    if name == "load":  # the kinds that it reads register themselves where they are defined
        import_module("pellucid.core.types")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
