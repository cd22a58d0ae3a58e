"""``pellucid surface`` as a user runs it: files of points in, a mesh that others open out."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

import pellucid
from cli.test_patterns import call
from pellucid.core.errors import BadInput
from pellucid.data.points import read_points
from surfaces.test_surface import sphere


def ply(path: Path, points: np.ndarray, normals: np.ndarray | None = None, *, text: bool = False) -> Path:
    names = ["x", "y", "z", *(["nx", "ny", "nz"] if normals is not None else [])]
    rows = points if normals is None else np.concatenate([points, normals], 1)
    form = "ascii" if text else "binary_little_endian"
    head = ["ply", f"format {form} 1.0", f"element vertex {len(rows)}", *(f"property float {n}" for n in names)]
    body = "\n".join(" ".join(map(str, r)) for r in rows).encode() if text else rows.astype("<f4").tobytes()
    path.write_bytes("\n".join([*head, "end_header", ""]).encode() + body)
    return path


@pytest.mark.parametrize("kind", ["glb", "ply", "stl", "obj"])
def test_points_become_a_mesh_that_others_open(kind: str, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("ball.csv", sphere(200) * 10, delimiter=",", header="x,y,z", comments="")
    code, out, err = call(monkeypatch, capfd, "surface", "ball.csv", "--out", f"ball.{kind}", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["schema"] == "pellucid.surface/1"
    assert (told["normals"], told["watertight"]) == ("estimated", True)
    mesh = trimesh.load(told["files"]["mesh"], force="mesh")
    mesh.merge_vertices()
    assert mesh.is_watertight
    unit = 1e-3 if kind == "glb" else 1  # glTF's unit is the metre
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * (10 * unit) ** 3, rel=0.01)
    picture = pellucid.read(told["files"]["picture"]).array
    shares = [(side < 250).any(2).mean() for side in np.array_split(picture, 4, axis=1)]
    assert min(shares) > 0.1
    assert json.loads(Path(told["files"]["facts"]).read_text())["measured"]["components"] == 1


@pytest.mark.parametrize("text", [True, False])
def test_given_normals_are_used(text: bool, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    file = ply(tmp_path / "a.ply", sphere(150), sphere(150), text=text)
    read = read_points(file)
    np.testing.assert_allclose(read.normals, sphere(150), atol=1e-6)
    np.testing.assert_allclose(read.places, sphere(150), atol=1e-6)
    for more, said in ([], "normals given"), (["--normals", "estimate"], "normals estimated"):
        code, out, err = call(monkeypatch, capfd, "surface", file, "--out", tmp_path / "a.stl", *more)
        assert code == 0, err
        assert said in out
        assert "watertight, 1 piece" in out
    np.save(tmp_path / "a.npy", np.concatenate([sphere(20), sphere(20)], 1))
    np.testing.assert_array_equal(read_points(tmp_path / "a.npy").normals, sphere(20))
    assert read_points(ply(tmp_path / "b.ply", sphere(30))).normals is None


@pytest.mark.parametrize(
    ("file", "more", "said"),
    [
        ("ball.csv", ["--normals", "given"], "it has no normals"),
        ("ball.csv", ["--normals", "guess"], "--normals guess"),
        ("ball.csv", ["--out", "a.gltf"], "no format 'gltf'"),
        ("ball.csv", ["--kernel", "gauss"], "unknown kernel"),
        ("ball.csv", ["--up", "w"], "--up w"),
        ("flat.csv", [], "flat.csv: the points lie in a plane"),
        ("two.csv", [], "holds no points"),
        ("absent.ply", [], "no such file"),
        ("cat.jpg", [], "says nothing of points"),
        ("bad.ply", [], "no PLY file"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    file: str, more: list[str], said: str, tmp_path: Path, monkeypatch: Any, capfd: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("ball.csv", sphere(100), delimiter=",")
    np.savetxt("flat.csv", sphere(100) * [1, 1, 0], delimiter=",")
    np.savetxt("two.csv", sphere(100)[:, :2], delimiter=",")
    Path("bad.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\nend_header\n")
    before = sorted(tmp_path.iterdir())
    code, _, err = call(monkeypatch, capfd, "surface", file, *more)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


_READ = """
import resource, sys
import trimesh
from pellucid.core.errors import PellucidError
from pellucid.data.points import read_points
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for path in sys.argv[1:]:
    try:
        read_points(path)
    except PellucidError:
        pass
print("done")
"""


def test_mutated_files_are_a_typed_error_within_two_gigabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sources = [ply(tmp_path / f"s{i}.ply", sphere(40), sphere(40), text=bool(i)).read_bytes() for i in range(2)]
    sources.append(trimesh.creation.box().export(file_type="ply"))
    files = []
    for i in range(120):
        data = bytearray(sources[i % 3])
        for _ in range(int(rng.integers(1, 8))):
            at = int(rng.integers(len(data) if i % 2 else 200))
            kind = rng.integers(3)
            if kind == 0:
                data[at] = int(rng.integers(256))
            elif kind == 1:
                data[at : at + 4] = struct.pack("<L", int(rng.choice([0, 0xFFFFFFFF, 1 << 30])))
            else:
                data[at : at + 1] = b"9999999"
        files.append(tmp_path / f"{i}.ply")
        files[-1].write_bytes(bytes(data))
    done = subprocess.run([sys.executable, "-c", _READ, *map(str, files)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "done\n", done.stderr[-2000:]


def test_points_of_no_file() -> None:
    with pytest.raises(BadInput, match="says nothing of points"):
        read_points("points.las")
