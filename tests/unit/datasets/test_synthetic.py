"""Synthetic clips: masks fit the pictures and are the same for the same random numbers."""

import math

import cv2
import numpy as np
import pytest

from sam2_demo.core.errors import SettingError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.clip import Clip
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pictures import Picture, PictureKind, is_validation
from sam2_demo.datasets.synthetic import clips as synthetic
from sam2_demo.datasets.synthetic import sprites
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions
from sam2_demo.datasets.synthetic.drawing import Shadow, Stroke, draw
from sam2_demo.datasets.synthetic.motion import (
    Bending,
    camera_path,
    similarity,
    sprite_path,
    wobble,
)
from sam2_demo.datasets.synthetic.scenery import Scenery, SceneryMaker
from sam2_demo.datasets.synthetic.sprites import SpriteMaker, blob_alpha, polygon_alpha, recoloured


def _disc(colour: tuple[int, int, int], side: int = 40) -> np.ndarray:
    disc = np.zeros((side, side, 4), np.uint8)
    cv2.circle(disc, (side // 2, side // 2), side // 2 - 1, (*colour, 255), -1)
    return disc


@pytest.fixture(scope="module")
def pack() -> SourcePack:
    """A handful of discs and gradients on both sides, training and validation."""
    random = np.random.default_rng(5)
    pictures = []
    for number in range(60):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        kind = PictureKind.DRAWN_CUTOUT if number % 2 else PictureKind.PHOTO_CUTOUT
        pictures.append(Picture(f"disc{number}", kind, _disc(colour)))
        corners = random.integers(0, 256, (3, 4, 3)).astype(np.uint8)
        photograph = cv2.resize(corners, (96, 64), interpolation=cv2.INTER_LINEAR)
        pictures.append(Picture(f"ground{number}", PictureKind.BACKGROUND, photograph))
    return SourcePack.encode(pictures)


def _opaque(side: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((side, side, 4), (*colour, 255), np.uint8)


def _matrix(x: float, y: float, angle: float = 0.0) -> np.ndarray:
    one = np.ones(1)
    return similarity(one, angle * one, x * one, y * one)[0]


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("aspect_ratio", [1.0, 1.5])
def test_clip_has_the_promised_shape(pack, frames, aspect_ratio):
    options = SyntheticOptions(size_px=48, frames=frames, aspect_ratio=aspect_ratio)
    clip = SyntheticClips(pack, options).sample(np.random.default_rng(0))
    width = round(48 * aspect_ratio)
    assert clip.frames.shape == (frames, 48, width, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.masks.shape[0] == frames
    assert clip.masks.shape[2:] == (48, width)
    assert clip.masks.dtype == bool
    assert 1 <= clip.masks.shape[1] <= 5
    assert len(clip) == frames


def test_the_same_random_numbers_give_the_same_clip(pack):
    clips = SyntheticClips(pack, SyntheticOptions(size_px=48, frames=4))
    first, again = (clips.sample(np.random.default_rng(3)) for _ in range(2))
    other = clips.sample(np.random.default_rng(4))
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.frames, other.frames)


def test_masks_are_disjoint_and_every_object_is_seen(pack):
    clips = SyntheticClips(pack, SyntheticOptions(size_px=48, frames=4, objects=(4, 6)))
    random = np.random.default_rng(1)
    for _ in range(15):
        clip = clips.sample(random)
        assert clip.masks.sum(axis=1).max() <= 1
        assert clip.masks.any(axis=(0, 2, 3)).all()


def test_objects_are_hidden_on_some_frames_and_come_back(pack):
    options = SyntheticOptions(size_px=48, frames=40, objects=(4, 4), motion=3.0)
    clips = SyntheticClips(pack, options)
    random = np.random.default_rng(2)
    returned = 0
    for _ in range(6):
        seen = clips.sample(random).masks.any(axis=(2, 3))
        for one in seen.T:
            changes = np.flatnonzero(np.diff(one.astype(int)) == 1)
            returned += int(any(one[:start].any() for start in changes))
    assert returned > 0


def test_larger_scale_gives_larger_objects(pack):
    areas = []
    for scale in ((0.15, 0.2), (0.6, 0.7)):
        options = SyntheticOptions(size_px=64, frames=1, objects=(1, 1), scale=scale)
        clips = SyntheticClips(pack, options)
        random = np.random.default_rng(0)
        areas.append(np.mean([clips.sample(random).masks.sum() for _ in range(10)]))
    assert areas[1] > 4 * areas[0]


def test_no_motion_gives_a_still_clip(pack):
    options = SyntheticOptions(size_px=48, frames=3, motion=0.0, graded=False, shape_share=0.0)
    clips = SyntheticClips(pack, options)
    random = np.random.default_rng(0)
    still = 0
    for _ in range(8):
        masks = clips.sample(random).masks
        still += int(np.array_equal(masks[0], masks[-1]))
    assert still > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size_px", 8),
        ("aspect_ratio", 9.0),
        ("frames", 0),
        ("objects", (3, 2)),
        ("objects", (0, 2)),
        ("scene_share", -0.1),
        ("scene_share", 1.1),
        ("scale", (0.5, 0.2)),
        ("scale", (0.0, 0.2)),
        ("shape_share", 1.5),
        ("unlabelled", -1),
        ("motion", -0.1),
        ("motion", math.nan),
    ],
)
def test_options_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(SettingError, match=name) as caught:
        SyntheticOptions(**{name: value})
    assert caught.value.code == "BAD_SETTING"


def test_pack_without_pictures_on_a_side_is_refused():
    pack = SourcePack.encode([Picture("disc", PictureKind.PHOTO_CUTOUT, _disc((1, 2, 3)))])
    with pytest.raises(SettingError, match="photographs") as caught:
        SyntheticClips(pack)
    assert caught.value.code == "PACK_TOO_SMALL"


def test_training_and_validation_draw_from_different_pictures(pack):
    for validation in (False, True):
        for kind in set(PictureKind) - {PictureKind.SCENE}:
            names = [pack.names[index] for index in pack.indices(kind, validation)]
            assert names
            assert all(is_validation(name) == validation for name in names)


def test_frames_and_masks_must_belong_together():
    with pytest.raises((ValueError, TypeError)):
        Clip(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 1, 4, 5), bool))


def test_drawn_pixels_have_the_sprite_s_colour_and_the_rest_is_untouched():
    frame = np.full((20, 20, 3), 50, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    draw(Stroke(_opaque(6, (200, 10, 30)), _matrix(9.5, 9.5), 3), frame, labels)
    assert int((labels == 3).sum()) == 36
    assert (frame[labels == 3] == (200, 10, 30)).all()
    assert (frame[:4] == 50).all()
    assert (frame[:, 15:] == 50).all()


def test_what_is_drawn_later_hides_what_was_drawn_before():
    frame = np.zeros((20, 20, 3), np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    draw(Stroke(_opaque(6, (200, 0, 0)), _matrix(9.5, 9.5), 1), frame, labels)
    draw(Stroke(_opaque(10, (0, 200, 0)), _matrix(9.5, 9.5), 2), frame, labels)
    assert not (labels == 1).any()
    assert int((labels == 2).sum()) == 100


def test_unlabelled_things_hide_objects():
    frame = np.zeros((20, 20, 3), np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    draw(Stroke(_opaque(10, (200, 0, 0)), _matrix(9.5, 9.5), 1), frame, labels)
    draw(Stroke(_opaque(4, (0, 200, 0)), _matrix(9.5, 9.5), 0), frame, labels)
    assert int(labels.sum()) == 100 - 16


@pytest.mark.parametrize("place", [(-30.0, 5.0), (50.0, 5.0), (5.0, -30.0), (5.0, 50.0)])
def test_sprites_out_of_view_change_nothing(place):
    frame = np.full((20, 20, 3), 7, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    shadow = Shadow(-8, 8, 3, 0.5)
    draw(Stroke(_opaque(6, (200, 0, 0)), _matrix(*place), 1, shadow=shadow), frame, labels)
    assert (frame == 7).all()
    assert not labels.any()


@pytest.mark.parametrize("offset", [-19, 0, 19])
def test_shadows_darken_and_never_fail_at_the_border(offset):
    frame = np.full((20, 20, 3), 100, np.uint8)
    labels = np.zeros((20, 20), np.uint8)
    shadow = Shadow(offset, offset, 3, 0.5)
    draw(Stroke(_opaque(6, (100, 100, 100)), _matrix(2.5, 2.5), 1, shadow=shadow), frame, labels)
    draw(Stroke(_opaque(6, (100, 100, 100)), _matrix(17.5, 17.5), 1, shadow=shadow), frame, labels)
    assert frame.max() == 100
    assert frame.min() >= 48


def test_bending_keeps_the_area_and_moves_the_ends():
    straight, bent = np.zeros((2, 60, 60), np.uint8)
    frame = np.zeros((60, 60, 3), np.uint8)
    sprite = np.full((10, 40, 4), 255, np.uint8)
    zero, half = np.zeros(1), np.full(1, 0.4)
    bending = Bending(curve=half, wave=zero, phase=zero, waves=2.0)
    draw(Stroke(sprite, _matrix(29.5, 29.5), 1), frame, straight)
    draw(Stroke(sprite, _matrix(29.5, 29.5), 1, bending), frame, bent)
    assert abs(int(bent.sum()) - int(straight.sum())) < 0.1 * straight.sum()
    assert np.abs(np.argmax(bent[:, 11]) - np.argmax(bent[:, 30])) >= 5


def test_motion_blur_spreads_a_sprite_along_its_way():
    frame = np.zeros((40, 40, 3), np.uint8)
    labels = np.zeros((40, 40), np.uint8)
    sprite = _opaque(8, (200, 200, 200))
    draw(Stroke(sprite, _matrix(19.5, 19.5), 1, travel_xy=(10.0, 0.0)), frame, labels)
    lit = frame[..., 0] > 10
    assert np.ptp(np.flatnonzero(lit.any(axis=0))) > np.ptp(np.flatnonzero(lit.any(axis=1))) + 4


def test_turned_sprites_stay_inside_of_the_box_that_is_drawn():
    whole = np.zeros((80, 80), np.uint8)
    frame = np.zeros((80, 80, 3), np.uint8)
    for angle in np.linspace(0, 2 * math.pi, 13):
        whole[:] = 0
        draw(Stroke(_opaque(30, (9, 9, 9)), _matrix(39.5, 39.5, float(angle)), 1), frame, whole)
        assert abs(int(whole.sum()) - 900) < 45


def test_paths_show_every_sprite_on_some_frame():
    random = np.random.default_rng(0)
    for _ in range(30):
        camera = camera_path(random, 12, (100, 160), 1.0)
        matrices = sprite_path(random, 12, (100, 160), camera, 1.0).matrices
        x, y = matrices[:, 0, 2], matrices[:, 1, 2]
        assert ((x > 0) & (x < 160) & (y > 0) & (y < 100)).any()
        assert np.isfinite(matrices).all()


def test_a_still_camera_leaves_the_scene_where_it_is():
    matrices = camera_path(np.random.default_rng(0), 5, (50, 70), 0.0)
    assert np.allclose(matrices, np.eye(2, 3))


def test_wobble_is_smooth_and_bounded():
    values = wobble(np.random.default_rng(1), 200)
    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.7


def test_recolouring_keeps_alpha_and_never_exceeds_it():
    random = np.random.default_rng(2)
    sprite = _disc((250, 240, 10))
    sprite[10:20, 10:20] //= 2
    for _ in range(10):
        changed = recoloured(random, sprite)
        assert np.array_equal(changed[..., 3], sprite[..., 3])
        assert (changed[..., :3] <= changed[..., 3:]).all()


@pytest.mark.parametrize("make", [blob_alpha, polygon_alpha])
def test_shapes_have_the_wished_size_and_are_filled(make):
    random = np.random.default_rng(3)
    for _ in range(20):
        alpha = make(random, 40.0)
        assert max(alpha.shape) == 40
        assert (alpha > 127).mean() > 0.1


def test_every_kind_of_sprite_is_premultiplied(pack):
    maker = SpriteMaker(pack, validation=False, shape_share=0.8)
    random = np.random.default_rng(4)
    for _ in range(40):
        sprite = maker.sprite(random, 30.0)
        assert max(sprite.shape[:2]) <= 31
        assert (sprite[..., :3] <= sprite[..., 3:]).all()
    assert maker.bar(random, 50.0, 5.0).shape == (50, 5, 4)


def _box_mask(size_hw: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(size_hw, bool)
    mask[rows, columns] = True
    return mask


def _red_scene(*masks: np.ndarray) -> Picture:
    """A blue photograph, red where the first mask is."""
    photograph = np.full((64, 96, 3), (0, 0, 200), np.uint8)
    photograph[16:48, 24:72] = (220, 0, 0)
    encoded = tuple(EncodedMask.encode(mask) for mask in masks)
    return Picture("red", PictureKind.SCENE, photograph, encoded)


WHOLE = _box_mask((64, 96), slice(16, 48), slice(24, 72))
PART = _box_mask((64, 96), slice(16, 48), slice(24, 44))


@pytest.fixture
def scene_pack(monkeypatch: pytest.MonkeyPatch) -> SourcePack:
    """Green discs to paste, and one scene: a red box whose left part is a target too."""
    for module in (sprites, synthetic):
        monkeypatch.setattr(module, "recoloured", lambda random, sprite: sprite)
    disc = Picture("disc", PictureKind.PHOTO_CUTOUT, _disc((0, 200, 0)))
    return SourcePack.encode([disc, _red_scene(WHOLE, PART)])


def _scene_options(**changes: object) -> SyntheticOptions:
    settled = {"size_px": 64, "frames": 3, "scene_share": 1.0, "graded": False, "shape_share": 0.0}
    return SyntheticOptions(**{**settled, **changes})


def test_targets_of_a_scene_move_with_the_picture():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[18:24, 25:35] = 250
    target = np.where(picture[..., 0] > 0, 255, 0).astype(np.uint8)
    scenery = Scenery(picture, (target,))
    resting = np.eye(2, 3)
    frame, masks = scenery.seen(resting, (20, 30))
    assert np.array_equal(masks[0], _box_mask((20, 30), slice(8, 14), slice(10, 20)))
    assert np.array_equal(frame[..., 0] > 125, masks[0])
    moved = np.array([[1.0, 0, 5], [0, 1, -2]])
    frame, masks = scenery.seen(moved, (20, 30))
    assert np.array_equal(masks[0], _box_mask((20, 30), slice(6, 12), slice(15, 25)))
    assert np.array_equal(frame[..., 0] > 125, masks[0])


def test_beyond_the_border_only_what_touches_it_is_mirrored():
    picture = np.zeros((20, 20, 3), np.uint8)
    touching, inside = (
        255 * _box_mask((20, 20), slice(5, 15), columns).astype(np.uint8)
        for columns in (slice(0, 4), slice(1, 4))
    )
    camera = np.array([[1.0, 0, 8], [0, 1, 0]])
    masks = Scenery(picture, (touching, inside)).seen(camera, (20, 20))[1]
    assert np.flatnonzero(masks[0, 10]).tolist() == [5, 6, 7, 8, 9, 10, 11]
    assert np.flatnonzero(masks[1, 10]).tolist() == [9, 10, 11]


def test_what_stands_in_a_scene_takes_pixels_from_its_targets():
    target = np.full((20, 20), 255, np.uint8)
    covered = _box_mask((20, 20), slice(0, 20), slice(0, 5))
    masks = Scenery(np.zeros((20, 20, 3), np.uint8), (target,)).without(covered)
    assert int((masks.targets[0] == 255).sum()) == 20 * 15


def test_masks_of_a_scene_cover_only_what_is_seen_of_their_thing(scene_pack):
    for unlabelled in (0, 6):
        options = _scene_options(objects=(1, 1), unlabelled=unlabelled, motion=3.0)
        clips = SyntheticClips(scene_pack, options)
        random = np.random.default_rng(0)
        covers = []
        for _ in range(8):
            clip = clips.sample(random)
            red = (clip.frames[..., 0] > 60) & (clip.frames[..., 1:].max(axis=-1) < 60)
            for frame_red, masks in zip(red, clip.masks, strict=True):
                inner = cv2.erode(masks[0].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
                assert (frame_red | ~inner).mean() > 0.98
                covers.append(masks[0].sum() / max(frame_red.sum(), 1))
        assert max(covers) > 0.9


def test_pasted_objects_hide_targets_of_the_scene(scene_pack):
    clips = SyntheticClips(scene_pack, _scene_options(objects=(4, 4), scale=(0.4, 0.6)))
    random = np.random.default_rng(1)
    together = 0
    for _ in range(10):
        clip = clips.sample(random)
        green = clip.frames[..., 1] > 120
        for masks in clip.masks.swapaxes(0, 1):
            pasted = (masks & green).sum() > 0.5 * masks.sum()
            together += int(pasted)
            if not pasted:
                assert (masks & green).sum() < 0.05 * masks.sum()
    assert together > 0


def test_wholes_and_parts_are_targets_and_may_overlap(scene_pack):
    options = _scene_options(objects=(2, 3), unlabelled=0, motion=0.0)
    clips = SyntheticClips(scene_pack, options)
    random = np.random.default_rng(0)
    assert max(clips.sample(random).masks.sum(axis=1).max() for _ in range(10)) == 2


def test_the_share_of_clips_with_targets_of_a_scene_is_kept_to(scene_pack):
    for share, expected in ((0.0, 0), (1.0, 12)):
        options = _scene_options(frames=1, objects=(1, 1), unlabelled=0, scene_share=share)
        clips = SyntheticClips(scene_pack, options)
        random = np.random.default_rng(3)
        found = 0
        for _ in range(12):
            clip = clips.sample(random)
            found += int(clip.frames[clip.masks[:, 0]][:, 0].mean() > 60)
        assert found == expected


@pytest.mark.parametrize("masks", [(), (_box_mask((64, 96), slice(0, 2), slice(0, 2)),)])
def test_a_scene_without_fitting_targets_is_a_plain_background(masks):
    disc = Picture("disc", PictureKind.PHOTO_CUTOUT, _disc((0, 200, 0)))
    pack = SourcePack.encode([disc, _red_scene(*masks)])
    assert not SceneryMaker(pack, validation=False).has_scenes
    clip = SyntheticClips(pack, _scene_options()).sample(np.random.default_rng(0))
    assert clip.masks.any()


def test_larger_targets_are_chosen_more_often_and_those_that_the_border_cuts_less():
    large = _box_mask((64, 96), slice(20, 50), slice(10, 90))
    small = _box_mask((64, 96), slice(52, 60), slice(80, 90))
    at_the_border = _box_mask((64, 96), slice(0, 40), slice(0, 80))
    assert 40 < _times_larger_chosen(large, small) < 60
    assert 5 < _times_larger_chosen(at_the_border, large) < 28


def _times_larger_chosen(larger: np.ndarray, smaller: np.ndarray) -> int:
    """Returns how often of sixty times the larger of two masks is the one target."""
    maker = SceneryMaker(SourcePack.encode([_red_scene(larger, smaller)]), validation=False)
    random = np.random.default_rng(0)
    between = (larger.mean() + smaller.mean()) / 2
    sceneries = [maker.labelled(random, (64, 96), 1) for _ in range(60)]
    return sum((scenery.targets[0] > 0).mean() > between for scenery in sceneries)
