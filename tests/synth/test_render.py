"""Pictures: Embree sees the same, silhouettes have their area, sections show what is inside, truth is of the pixels."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid.synth import deform, embree, shapes, truth
from pellucid.synth.outlines import area, outlines
from pellucid.synth.recipe import recipe
from pellucid.synth.render import project, rays
from pellucid.synth.scene import Camera, Cut, Light, Part, Scene, around
from pellucid.synth.table import objects

pytest.importorskip("embreex")

OBJECTS = sorted(objects)


def ball(radius: float = 10.0, field: float = 0.0, around_: int = 200) -> Scene:
    camera = Camera((0, -100, 0), field=field, height=40.0)
    return Scene("ball", (Part("ball", shapes.sphere(radius, around_)),), camera=camera, backdrop="white")


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("field", [30.0, 0.0])
def test_embree_sees_the_same_parts(name: str, field: float) -> None:
    """But for pixels whose line of sight meets an edge: Embree computes in single precision."""
    for number in range(2):
        scene = recipe(name).make(5, number)
        view = scene.parameters
        look = around(scene.parts, turn=view["turn"], elevation=view["elevation"], zoom=0.9, field=field)
        scene = scene.replace(camera=look)
        ours = scene.render(128)
        face = embree.faces_seen(scene, 128, 128)
        theirs = np.where(face < 0, -1, scene.part_of_face[face])
        apart = ours.parts != theirs
        assert apart.mean() <= 2e-4
        wide = np.pad(theirs, 1, mode="edge")
        around_ = np.stack([wide[1 + dy : 129 + dy, 1 + dx : 129 + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        assert (around_ == ours.parts).any(0)[apart].all()  # what is seen instead lies beside the pixel


def test_no_pixel_is_lost_or_taken_twice_between_triangles() -> None:
    """The screen is paved by triangles about one point: each pixel belongs to exactly one."""
    from pellucid.synth.raster import Screen, fragments

    rng = np.random.default_rng(0)
    for _ in range(20):
        rim = np.sort(rng.uniform(0, 2 * np.pi, 40))
        rim = np.concatenate([rim, [0, np.pi / 2, np.pi, 3 * np.pi / 2]])
        rim.sort()
        x = np.r_[rng.uniform(20, 44), 32 + 90 * np.cos(rim)]
        y = np.r_[rng.integers(20, 44) + 0.5, 32 + 90 * np.sin(rim)]
        k = np.arange(len(rim))
        faces = np.stack([np.zeros_like(k), 1 + k, 1 + (k + 1) % len(k)], 1)
        pixel, _ = fragments(Screen(x, y, np.ones_like(x), faces), 64, 64)
        assert (np.bincount(pixel, minlength=64 * 64) == 1).all()


@pytest.mark.parametrize("field", [0.0, 20.0])
def test_the_silhouette_of_a_sphere(field: float) -> None:
    picture = ball(field=field).render(400)
    if field:  # seen from the distance d its outline is a cone of sin(half angle) = r / d
        half = np.arcsin(0.1)
        radius = 200 * np.tan(half) / np.tan(np.radians(field / 2))
    else:
        radius = 400 * 10 / 40
    assert (picture.parts == 0).sum() == pytest.approx(np.pi * radius**2, rel=2e-3)


def test_depth_and_normals_of_a_sphere() -> None:
    scene = ball(field=20.0, around_=300)
    picture = scene.render(200)
    begin, along = rays(scene.camera, 200, 200)
    seen = (picture.parts == 0).ravel()
    places = begin[seen] + along[seen] * picture.depth.ravel()[seen, None]
    assert np.abs(np.linalg.norm(places, axis=1) - 10).max() < 0.01
    facing = (picture.normals.reshape(-1, 3)[seen] * places / 10).sum(1)
    assert np.median(facing) > 0.9999
    assert np.isinf(picture.depth.ravel()[~seen]).all()
    assert (picture.normals.reshape(-1, 3)[~seen] == 0).all()


def test_projection_and_lines_of_sight_agree() -> None:
    camera = recipe("apple").make(0).camera
    for look in (camera, Camera(camera.eye, camera.target, camera.up, 0.0, 70.0)):
        begin, along = rays(look, 30, 40)
        x, y, far = project(look, begin + 50 * along, 30, 40)
        row, column = np.divmod(np.arange(1200), 40)
        np.testing.assert_allclose(x, column + 0.5, atol=1e-9)
        np.testing.assert_allclose(y, row + 0.5, atol=1e-9)
        np.testing.assert_allclose(far, 50)


def test_what_is_nearer_hides() -> None:
    parts = (Part("far", shapes.box(30, 4, 30)), Part("near", deform.placed(shapes.sphere(6), at=(0, -12, 0))))
    scene = Scene("two", parts, camera=Camera((0, -120, 0)), landmarks={"front": (0, -18, 0), "back": (0, 2, 0)})
    picture = scene.render(64)
    assert picture.parts[32, 32] == 1
    assert picture.visible.tolist() == [True, False]
    bare = truth.without(scene, "near").render(64)
    assert bare.parts[32, 32] == 0
    assert (picture.parts[[0, -1]] == bare.parts[[0, -1]]).all()


def test_shadows() -> None:
    floor, above = shapes.box(60, 60, 2), deform.placed(shapes.sphere(8), at=(0, 0, 20))
    scene = Scene("two", (Part("floor", floor), Part("ball", above)), camera=Camera((0, -60, 160)))
    lit = scene.replace(light=Light((0, 0, 1)))
    bright, dark = lit.render(96), lit.replace(light=Light((0, 0, 1), shadows=True)).render(96)
    changed = (bright.image != dark.image).any(2)
    assert (bright.image[changed].astype(int) > dark.image[changed]).all()
    on_floor = changed & (bright.parts == 0)
    begin, along = rays(scene.camera, 96, 96)
    places = (begin + along * bright.depth.reshape(-1, 1)).reshape(96, 96, 3)
    assert np.hypot(places[on_floor][:, 0], places[on_floor][:, 1]).max() < 8.2  # straight below the ball
    assert on_floor.sum() > 100


def test_supersampling_softens_and_keeps_the_truth() -> None:
    scene = recipe("apple").make(1)
    rough, soft = scene.render(64), scene.render(64, supersample=3)
    for name in ("parts", "depth", "normals", "points", "visible"):
        assert np.array_equal(getattr(rough, name), getattr(soft, name))
    assert (rough.image != soft.image).any()
    assert np.abs(rough.image.astype(int) - soft.image).mean() < 6


# -- sections -------------------------------------------------------------------------------------


def test_a_section_is_where_the_plane_is_inside() -> None:
    """Of a hollow ball in a ball: rings of the exact radii, at the plane's depth."""
    parts = (Part("outer", shapes.sphere(10, 200)), Part("inner", shapes.sphere(4, 200)))
    scene = Scene("balls", parts, camera=Camera((0, -100, 0), field=0.0, height=40.0))
    picture = scene.render(400, cut=Cut((0, -3, 0), (0, -1, 0)), camera=scene.camera)
    outer, inner = np.sqrt(100 - 9) * 10, np.sqrt(16 - 9) * 10
    assert (picture.parts == 1).sum() == pytest.approx(np.pi * inner**2, rel=1e-2)
    section = picture.depth == 97
    assert section.sum() == pytest.approx(np.pi * outer**2, rel=5e-3)
    assert (picture.normals[section] == (0, -1, 0)).all()


def test_a_cut_apple_shows_flesh_core_and_seeds() -> None:
    for number in range(4):
        scene = recipe("apple").make(2, number)
        whole, cut = scene.render(160), scene.render(160, cut="along")
        kinds = truth.counts(whole, least=1)
        assert kinds["flesh"] == kinds["core"] == kinds["seed"] == 0  # hidden in the whole one
        shown = truth.counts(cut, least=1)
        assert shown["flesh"] == shown["core"] == 1
        assert shown["seed"] >= 1
        assert truth.counts(scene.render(160, cut="across"), least=1)["chamber"] == 5


def test_cuts_by_name() -> None:
    scene = recipe("apple").make(0)
    with pytest.raises(pellucid.BadInput, match="along"):
        scene.render(32, cut="alnog")
    with pytest.raises(pellucid.BadInput, match="no section"):
        scene.replace(sections={}).render(32, cut=True)


# -- truth ----------------------------------------------------------------------------------------


def test_boxes_masks_and_counts_are_of_the_seen_pixels() -> None:
    picture = recipe("fruit-bowl").make(4, 1).render(160)
    for name, (x0, y0, x1, y1) in truth.boxes(picture, least=1).items():
        seen = truth.mask(picture, name)
        assert seen[y0:y1, x0:x1].sum() == seen.sum() > 0
        assert all(line.any() for line in (seen[y0], seen[y1 - 1], seen[:, x0], seen[:, x1 - 1]))
    labels = truth.kind_mask(picture)
    for k, kind in enumerate(picture.scene.kinds):
        assert ((labels == k + 1) == truth.mask(picture, kind)).all()
    assert sum(truth.counts(picture, least=1).values()) == len(truth.boxes(picture, least=1))
    sample = truth.as_sample(picture)
    assert sample.label["ripeness"] == picture.scene.labels["ripeness"]
    assert len(sample.boxes) == len(truth.boxes(picture))


def test_landmarks_are_where_they_are_seen() -> None:
    hidden = 0
    for number in range(12):
        scene = recipe("landmark-plate").with_ranges({"posts": 3, "elevation": (32, 40)}).make(1, number)
        picture = scene.render(224)
        assert len(picture.points) == scene.labels["landmarks"]
        for (x, y), seen, name in zip(picture.points, picture.visible, scene.landmarks, strict=True):
            beside = picture.parts[max(0, int(y) - 2) : int(y) + 3, max(0, int(x) - 2) : int(x) + 3]
            own = [p.name for p in scene.parts].index(name)
            assert seen <= (beside == own).any()  # a landmark that is seen lies on its own mark
            hidden += not seen
    assert hidden


def test_removing_and_recolouring_touch_nothing_else() -> None:
    scene = recipe("vehicle").make(0, 3)
    before = scene.render(128)
    grille = truth.mask(before, "grille")
    painted = truth.recoloured(scene, "grille", (255, 0, 255)).render(128)
    assert ((before.image != painted.image).any(2) <= grille).all()
    assert (before.parts == painted.parts).all()
    gone = truth.without(scene, "grille").render(128)
    assert ((before.image != gone.image).any(2) <= grille).all()
    assert (before.image[grille] != gone.image[grille]).any()
    assert len(truth.without(scene, "wheel").parts) == len(scene.parts) - sum(p.kind == "wheel" for p in scene.parts)
    with pytest.raises(pellucid.BadInput, match="grille"):
        truth.without(scene, "gril")


def test_outlines_enclose_exactly_the_mask() -> None:
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.8, 1.0):
        mask = rng.random((17, 23)) < share
        lines = outlines(mask)
        assert sum(map(area, lines)) == mask.sum()
    ring = np.ones((5, 6), bool)
    ring[2, 2:4] = False
    assert sorted(map(area, outlines(ring))) == [-2, 30]


def test_pictures_of_odd_sizes() -> None:
    scene = recipe("coin").make(0)
    assert scene.render((1, 1)).image.shape == (1, 1, 3)
    assert scene.render((33, 90)).parts.shape == (33, 90)
    with pytest.raises(pellucid.BadInput, match="at least 1"):
        scene.render(0)


def test_a_camera_within_the_object_draws_what_is_before_it() -> None:
    scene = ball().replace(camera=Camera((0, 0, 0), target=(0, 1, 0), field=60.0))
    assert (scene.render(32).parts == -1).all()  # a ball's inner side faces away
