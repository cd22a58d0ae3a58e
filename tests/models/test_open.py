"""Opening: by name, from files, from modules; what cannot be opened says why."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import pellucid
from nets import CLASSES, SPEC, images, module
from pellucid.models.sources.table import listed


def test_the_default_network_knows_the_shipped_photos(
    default_network: pellucid.Network, photos: list[pellucid.Sample]
) -> None:
    x = torch.stack([default_network.input.tensor(p)[0] for p in photos])
    cat, coffee = default_network.predict(x)
    assert {name for _, name, _ in cat[:2]} == {"tiger cat", "Egyptian cat"}
    assert coffee[0][1] == "espresso"
    # The figures that the weights' own preprocessing gives.
    assert cat[0][2] == pytest.approx(0.385, abs=0.01)
    assert coffee[0][2] == pytest.approx(0.951, abs=0.01)
    assert sum(p for _, _, p in default_network.predict(x, top=1000)[0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:squeezenet1_1"])
def test_random_weights_by_name(name: str) -> None:
    net = pellucid.open(name, weights="none")
    assert net.weights == "random"
    assert net.class_name(282) == "tiger cat"
    assert len(net.stages()) >= 3
    assert pellucid.explain(net, net.probe(), "gradient", 3).values.shape == (1, 3, *net.input.size)


def test_names_are_listed() -> None:
    names = listed()
    assert names[0] == "efficientnet_lite0"
    assert {"timm:resnet50", "torchvision:vgg16"} <= set(names)


UNKNOWN = [
    ("eficientnet_lite0", "efficientnet_lite0"),
    ("timm:resnet5", "resnet50"),
    ("torchvision:vgg6", "vgg16"),
    ("tim:resnet50", "timm:"),
    ("builtin:efficientnet_lite0", "timm:"),
]


@pytest.mark.parametrize(("name", "near"), UNKNOWN)
def test_an_unknown_name_is_answered_with_near_ones(name: str, near: str) -> None:
    with pytest.raises(pellucid.BadInput, match=r"unknown|knows no") as caught:
        pellucid.open(name)
    assert near in caught.value.cure


def test_bad_arguments() -> None:
    with pytest.raises(pellucid.BadInput, match="does not say what it is fed"):
        pellucid.open(module("modules"))
    with pytest.warns(FutureWarning):  # of torch itself
        traced = torch.jit.trace(module("linear").eval(), images())
    with pytest.raises(pellucid.BadInput, match="scripted"):
        pellucid.open(traced, input=SPEC)
    with pytest.raises(pellucid.BadInput, match="device"):
        pellucid.open(module("linear"), input=SPEC, device="tpu")
    with pytest.raises(pellucid.BadInput, match="weights"):
        pellucid.open(weights="imagenet")
    with pytest.raises(pellucid.BadInput, match="output"):
        pellucid.open(output="scores")


# -- files ----------------------------------------------------------------------------------------

ARCHITECTURE = "timm:test_resnet"


@pytest.fixture(scope="module")
def trained() -> pellucid.Network:
    """A network with three outputs, as a user would have fine-tuned one."""
    import timm

    torch.manual_seed(5)
    return timm.create_model("test_resnet", num_classes=3)


def test_checkpoints_in_every_common_form(trained: Any, tmp_path: Path) -> None:
    state = trained.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pt")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "nested.pth")
    torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    x = torch.randn(1, 3, 160, 160)
    wanted = trained.eval()(x)
    for name in ("w.safetensors", "w.pt", "nested.pth", "legacy.pth"):
        net = pellucid.open(f"file:{tmp_path / name}", architecture=ARCHITECTURE, classes=["a", "b", "c"])
        assert torch.allclose(net.module.eval()(x), wanted), name
        assert net.classes == ("a", "b", "c")
        assert net.weights == name


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    torch.save({"weight": Bomb(mark)}, tmp_path / "evil.pt")
    torch.save({"weight": Bomb(mark)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb(mark)))
    for name in ("evil.pt", "old.pt", "plain.pt"):
        with pytest.raises(pellucid.BadInput) as caught:
            pellucid.open(f"file:{tmp_path / name}", architecture=ARCHITECTURE)
        assert "\n" not in str(caught.value)
        assert not mark.exists()


def test_a_whole_module_opens_only_with_trust(tmp_path: Path) -> None:
    torch.save(module("linear"), tmp_path / "module.pt")
    with pytest.raises(pellucid.BadInput, match="could run code"):
        pellucid.open(f"file:{tmp_path / 'module.pt'}", architecture=ARCHITECTURE)
    net = pellucid.open(f"file:{tmp_path / 'module.pt'}", trust=True, input=SPEC, classes=CLASSES)
    assert net.predict(images())[0]


def bad_files(folder: Path, state: dict[str, torch.Tensor]) -> dict[str, str]:
    """Files that cannot be used, and a word of what is said of each."""
    (folder / "empty.pt").touch()
    (folder / "text.pt").write_text("hello")
    (folder / "text.safetensors").write_text("hello")
    (folder / "folder.pt").mkdir()
    torch.save(state, folder / "whole.pt")
    (folder / "cut.pt").write_bytes((folder / "whole.pt").read_bytes()[:-2000])
    save_file(state, folder / "whole.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "whole.safetensors").read_bytes()[:-2000])
    with zipfile.ZipFile(folder / "whole.pt") as read, zipfile.ZipFile(folder / "packed.pt", "w", 8) as write:
        for entry in read.infolist():
            write.writestr(entry.filename, read.read(entry))
    torch.save([1, 2, 3], folder / "list.pt")
    torch.save(dict(list(state.items())[3:]), folder / "missing.pt")
    torch.save({**state, "surplus": torch.ones(2)}, folder / "surplus.pt")
    first = next(iter(state))
    torch.save({**state, first: torch.ones(2, 2)}, folder / "shape.pt")
    torch.save({**state, first: state[first] * float("nan")}, folder / "nan.pt")
    return {
        "absent.pt": "no such file",
        "empty.pt": "empty",
        "text.pt": "damaged",
        "text.safetensors": "safetensors",
        "folder.pt": "not a file",
        "cut.pt": "damaged",
        "cut.safetensors": "safetensors",
        "packed.pt": "compressed",
        "list.pt": "not a state dict",
        "missing.pt": "not in the file",
        "surplus.pt": "have no place",
        "shape.pt": "not (",
        "nan.pt": "NaN",
    }


def test_bad_files_are_one_line_with_a_cure(trained: Any, tmp_path: Path) -> None:
    for name, word in bad_files(tmp_path, trained.state_dict()).items():
        with pytest.raises(pellucid.BadInput) as caught:
            pellucid.open(f"file:{tmp_path / name}", architecture=ARCHITECTURE)
        assert word in str(caught.value), name
        assert "\n" not in str(caught.value)
        assert caught.value.cure or "safetensors" in name, name
    with pytest.raises(pellucid.BadInput, match="which network"):
        pellucid.open(f"file:{tmp_path / 'whole.pt'}")


# -- classes --------------------------------------------------------------------------------------


def test_classes_by_any_of_their_names(default_network: pellucid.Network) -> None:
    assert default_network.class_index("tiger cat") == 282
    assert default_network.class_index("  TIGER CAT ") == 282
    assert default_network.class_index("tabby cat") == default_network.class_index("tabby") == 281
    assert default_network.class_index("967") == 967
    with pytest.raises(pellucid.BadInput, match="2 classes are called 'crane'"):
        default_network.class_index("crane")
    with pytest.raises(pellucid.BadInput, match="unknown class") as caught:
        default_network.class_index("tigre cat")
    assert "tiger cat" in caught.value.cure
