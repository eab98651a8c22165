"""From data sets to batches: which data a step takes, which objects, and augmentation."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.datasets.clip import Clip
from sam2_demo.training.data import prefetching
from sam2_demo.training.data.batches import make_batch
from sam2_demo.training.data.data_mix import DataMix, mix_opener, mixed
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage
from sam2_demo.training.experiments.named import EXPERIMENTS
from sam2_demo.training.recipe.augmentation import (
    Augmentation,
    ColourJitter,
    augmented,
    colour_matrix,
    mosaic,
    warped,
)

PLAIN = Augmentation(mirror=0.0)
BOTH = Stage(image_size=32, images=BatchOptions(2), videos=BatchOptions(2, frames=4))


class Counted:
    """A data set of so many clips, all the same."""

    def __init__(self, size: int, frames: int, brightness: int = 0) -> None:
        self.frames, self._size = frames, size
        self._clip = Clip(
            np.full((frames, 32, 32, 3), brightness, np.uint8), np.ones((frames, 1, 32, 32), bool)
        )

    def __len__(self) -> int:
        return self._size

    def sample(self, random: np.random.Generator) -> Clip:
        return self._clip


def test_images_and_clips_share_the_steps_as_they_share_the_data() -> None:
    images, videos, more = Counted(60, 1), Counted(30, 4), Counted(10, 4)
    mix = mixed(BOTH, [images, Counted(30, 1), Counted(10, 1)], [images, videos, more], None)
    assert mix.image_share == 0.6
    assert (list(mix.images), list(mix.videos)) == ([images], [videos, more])


def test_videos_alone_give_clips_alone_unless_a_share_is_asked_for() -> None:
    frames, videos = Counted(30, 1), Counted(30, 4)
    assert mixed(BOTH, [frames], [videos], None).image_share == 0.0
    assert mixed(BOTH, [frames], [videos], 0.3) == DataMix(BOTH, [frames], [videos], 0.3)
    pretraining = replace(BOTH, videos=None)
    assert mixed(pretraining, [frames], [], None) == DataMix(pretraining, [frames], (), 1.0)


def test_a_stage_without_data_is_refused() -> None:
    with pytest.raises(SettingError, match="give --data"):
        mixed(BOTH, [], [], None)
    with pytest.raises(SettingError, match="with videos"):
        mixed(BOTH, [Counted(3, 1)], [Counted(3, 1)], None)
    misspelt = replace(EXPERIMENTS["overfit"], data=("davos:DIR",))
    open_mix = mix_opener(misspelt)
    with pytest.raises(SettingError, match="names no data set"):
        open_mix(misspelt.stages[0])


def test_larger_data_sets_are_drawn_from_more_often() -> None:
    dark, light = Counted(100, 4, brightness=0), Counted(300, 4, brightness=200)
    _, sample = DataMix(BOTH, (), [dark, light], 0.0).draw_kind(np.random.default_rng(0))
    random = np.random.default_rng(1)
    shares = [sample(random).frames.max() > 0 for _ in range(1000)]
    assert np.mean(shares) == pytest.approx(0.75, abs=0.04)


class Hiding(Counted):
    """Clips of two objects: in every third one, the second hides on three frames of four."""

    def sample(self, random: np.random.Generator) -> Clip:
        self._size += 1
        masks = np.ones((4, 2, 32, 32), bool)
        masks[:, 0, 16:] = False
        masks[1:, 1] = self._size % 3 != 0
        return Clip(np.zeros((4, 32, 32, 3), np.uint8), masks)


@pytest.mark.parametrize(("share", "hiding"), [(0.0, range(3)), (1.0, [6])])
def test_objects_that_hide_are_looked_for_and_chosen_first(
    share: float, hiding: Collection[int]
) -> None:
    options = BatchOptions(6, frames=4, objects=1, hidden_share=share, augmentation=PLAIN)
    masks = make_batch(Hiding(0, 4).sample, options, 32, 6, np.random.default_rng(0)).masks
    is_hidden = ~masks[:, 1:, 0].flatten(2).any(dim=2)
    assert int(is_hidden.all(dim=1).sum()) in hiding  # of six clips; by chance two could be


def test_batches_have_enough_objects_that_are_visible_at_first() -> None:
    frames = np.zeros((2, 32, 48, 3), np.uint8)
    masks = np.zeros((2, 2, 32, 48), bool)
    masks[:, 0, :16, :24] = True
    masks[1, 1, 20:, 30:] = True  # only on the last frame
    options = BatchOptions(frames=2, objects=3)
    sample = lambda random: Clip(frames, masks)  # noqa: E731
    batch = make_batch(sample, options, 64, 4, np.random.default_rng(0))
    assert batch.pixels.shape == (4, 2, 3, 64, 64)
    assert batch.masks.shape == (4, 2, 3, 64, 64)
    assert batch.masks[:, 0].flatten(2).float().mean(2).unique().tolist() == [0.25]


def test_data_of_specks_alone_is_refused_instead_of_searched_for_ever() -> None:
    masks = np.zeros((2, 1, 64, 64), bool)
    masks[:, :, :3, :3] = True  # 9 of 4096 pixels: 0.2 %
    speck = Clip(np.zeros((2, 64, 64, 3), np.uint8), masks)
    with pytest.raises(DataError, match=r"an object that covers 0\.4%") as refused:
        make_batch(lambda random: speck, BatchOptions(2, 2), 64, 2, np.random.default_rng(0))
    assert refused.value.code == "OBJECTS_TOO_SMALL"


def test_a_few_parts_are_prefetched_however_many_a_step_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step of 256 clips of 8 frames at 1024 pixels would take some 30 GB."""
    monkeypatch.setattr(prefetching, "usable_cores", lambda: 2)
    stage = Stage(image_size=32, videos=BatchOptions(64, frames=4))
    experiment = Experiment(stages=(stage,), steps=2, parts=64)
    mix = DataMix(stage, (), [Counted(1, 4)], 0.0)
    with prefetching.PrefetchingLoader(experiment, [mix], range(64), first_step=7) as loader:
        step = loader.next_step(0.0)
        seeds = [next(step).result().prompt_seed for _ in range(10)]
        assert len(loader._queue) == prefetching.PREFETCHED_PER_THREAD
        seeds += [future.result().prompt_seed for future in step]
    expected = [np.random.default_rng((0, 7, part)).integers(2**62) for part in range(64)]
    assert seeds == expected


def test_images_are_taken_from_clips() -> None:
    options = BatchOptions(clips=6)
    source = Counted(1, 4)
    batch = make_batch(source.sample, options, 32, 6, np.random.default_rng(0))
    assert batch.pixels.shape == (6, 1, 3, 32, 32)


def _two_frames() -> Clip:
    """Grey frames of 8 × 8 with a bright pixel, which is the object: at (x 6, y 1), then (6, 2)."""
    frames = np.full((2, 8, 8, 3), 100, np.uint8)
    masks = np.zeros((2, 1, 8, 8), bool)
    for time, (y, x) in enumerate([(1, 6), (2, 6)]):
        frames[time, y, x] = 200
        masks[time, 0, y, x] = True
    return Clip(frames, masks)


def test_masks_are_mirrored_with_their_frame() -> None:
    clip = augmented(_two_frames(), Augmentation(mirror=1.0), np.random.default_rng(0))
    assert np.argwhere(clip.masks[:, 0]).tolist() == [[0, 1, 1], [1, 2, 1]]
    assert np.array_equal(clip.frames[..., 0] == 200, clip.masks[:, 0])


def test_a_quarter_turn_moves_masks_and_frames_alike() -> None:
    # About the middle (3.5, 3.5): (x, y) goes to (7 - y, x).
    matrix = np.array([[0.0, -1.0, 7.0], [1.0, 0.0, 0.0]])
    clip = _two_frames()
    frames, masks = warped(clip.frames, clip.masks, matrix)
    assert np.argwhere(masks[:, 0]).tolist() == [[0, 6, 6], [1, 6, 5]]
    assert np.array_equal(frames[..., 0] == 200, masks[:, 0])


def test_all_frames_of_a_clip_are_turned_by_the_same_matrix() -> None:
    still = np.zeros((6, 32, 32, 3), np.uint8)
    still[:, 4:20, 10:14] = 255
    clip = Clip(still, still[:, None, :, :, 0] > 0)
    options = replace(PLAIN, rotation_degrees=25.0, shear_degrees=20.0)
    for seed in range(5):
        turned = augmented(clip, options, np.random.default_rng(seed))
        assert all(np.array_equal(frame, turned.frames[0]) for frame in turned.frames)
        assert all(np.array_equal(mask, turned.masks[0]) for mask in turned.masks)
        assert not np.array_equal(turned.masks, clip.masks)
        bright = turned.frames[:, None, :, :, 0] > 127
        assert (bright & turned.masks).sum() / (bright | turned.masks).sum() > 0.85


def test_colours_by_hand() -> None:
    pixel = np.array([200.0, 100.0, 50.0, 1.0])
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    mean = (90.0, 90.0, 90.0)
    brighter = colour_matrix((1.1, 1.0, 1.0), mean) @ pixel
    assert brighter[:3] == pytest.approx([220, 110, 55])
    flatter = colour_matrix((1.0, 0.5, 1.0), mean) @ pixel
    assert flatter[:3] == pytest.approx([145, 95, 70])
    colourless = colour_matrix((1.0, 1.0, 0.0), mean) @ pixel
    assert colourless[:3] == pytest.approx([grey] * 3)


def test_colour_is_one_for_a_clip_and_frame_colour_one_for_each_frame() -> None:
    clip = Clip(np.full((5, 4, 4, 3), 100, np.uint8), np.ones((5, 1, 4, 4), bool))
    jitter = ColourJitter(brightness=0.3)
    random = np.random.default_rng(0)
    same = augmented(clip, replace(PLAIN, colour=jitter), random).frames[:, 0, 0, 0]
    assert len(set(same.tolist())) == 1
    assert same[0] != 100
    varied = augmented(clip, replace(PLAIN, frame_colour=jitter), random).frames[:, 0, 0, 0]
    assert len(set(varied.tolist())) > 2


def test_grey_clips_have_three_equal_channels() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    clip = Clip(frames, np.ones((2, 1, 8, 8), bool))
    options = replace(PLAIN, grey=1.0, frame_colour=ColourJitter(0.1, 0.1, 0.1))
    grey = augmented(clip, options, np.random.default_rng(0)).frames
    assert np.ptp(grey, axis=3).max() == 0


@pytest.mark.parametrize(("cell", "top", "left"), [(0, 0, 0), (1, 0, 4), (2, 4, 0), (3, 4, 4)])
def test_a_mosaic_shows_the_clip_four_times_and_means_one(cell: int, top: int, left: int) -> None:
    frames = np.zeros((1, 8, 8, 3), np.uint8)
    frames[:, 2:4, 4:8] = 255
    masks = frames[:, None, :, :, 0] > 0
    tiles, placed = mosaic(frames, masks, cell)
    assert np.argwhere(placed[0, 0]).tolist() == [[top + 1, left + 2], [top + 1, left + 3]]
    assert np.argwhere(tiles[0, :, :, 0] == 255).tolist() == [
        [row, column] for row in (1, 5) for column in (2, 3, 6, 7)
    ]


def test_every_cell_of_a_mosaic_is_meant_equally_often() -> None:
    clip = Clip(np.zeros((1, 4, 4, 3), np.uint8), np.ones((1, 1, 4, 4), bool))
    options, random = replace(PLAIN, mosaic=1.0), np.random.default_rng(0)
    meant = sum(augmented(clip, options, random).masks[0, 0].astype(int) for _ in range(800))
    assert meant.sum() == 4 * 800
    assert np.abs(meant / 800 - 0.25).max() < 0.05


def test_a_plain_augmentation_changes_nothing() -> None:
    clip = _two_frames()
    same = augmented(clip, PLAIN, np.random.default_rng(0))
    assert np.array_equal(same.frames, clip.frames)
    assert np.array_equal(same.masks, clip.masks)
