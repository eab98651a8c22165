"""The data sets of a training stage, and the choice between images and clips for each step.

Source: arXiv 2408.00714, appendix D.2.2: each step takes either images or clips, at random in
proportion to how many there are.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.registry import DataSet, open_clips
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions
from sam2_demo.training.data.batches import Sampler
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage

ASPECT_RATIOS = (1.0, 1.4, 1.78)
"""Videos are stretched to a square; the model has to learn what that does to shapes."""
MOTION_FACTORS = (1.0, 2.0, 3.5)
"""In real videos, some objects move by a twentieth of the image from frame to frame."""
SYNTHETIC, DISCS = "synthetic", "discs"


@dataclass(frozen=True)
class DataMix:
    """The data of a stage.

    Attributes:
        stage: The stage, which says what its steps look like.
        images: Data sets for steps on images; clips are split into their frames.
        videos: Data sets for steps on clips.
        image_share: Share of the steps that take images.
    """

    stage: Stage
    images: Sequence[ClipSource]
    videos: Sequence[ClipSource]
    image_share: float

    def draw_kind(self, random: np.random.Generator) -> tuple[BatchOptions, Sampler]:
        """Returns the options of the next step, and the sampler of its clips or images."""
        takes_images = random.random() < self.image_share
        options = self.stage.images if takes_images else self.stage.videos
        if options is None:
            raise AssertionError("image_share is 0 or 1 where a stage has one kind of step")
        return options, _any_of(self.images if takes_images else self.videos)


def _any_of(sources: Sequence[ClipSource]) -> Sampler:
    """Returns a sampler that draws from each source in proportion to its length."""
    ends = np.cumsum([len(source) for source in sources])

    def sample(random: np.random.Generator) -> Clip:
        index = int(random.integers(ends[-1]))
        return sources[int(np.searchsorted(ends, index, side="right"))].sample(random)

    return sample


def mix_opener(experiment: Experiment) -> Callable[[Stage], DataMix]:
    """Returns a function that opens the experiment's data sets for one of its stages.

    Raises:
        SettingError: there are no data sets, or one of them is specified wrongly.
        DataError: there is nothing usable at a path.
    """
    packs: dict[Path, SourcePack] = {}

    def open_set(specification: str, stage: Stage, options: BatchOptions) -> ClipSource:
        if specification == DISCS:
            return DiscClips(stage.image_size, options)
        kind, path = DataSet.parse(specification)
        if kind == SYNTHETIC:
            if path not in packs:
                packs[path] = SourcePack.load(path)
            return _VariedSyntheticClips(packs[path], stage, options)
        return open_clips(
            specification,
            ClipOptions(
                size_px=stage.image_size,
                frames=options.frames,
                objects=options.objects,
                reversed_share=options.reversed_share,
            ),
        )

    def open_mix(stage: Stage) -> DataMix:
        def opened(options: BatchOptions | None) -> list[ClipSource]:
            return [open_set(each, stage, options) for each in experiment.data] if options else []

        return mixed(stage, opened(stage.images), opened(stage.videos), experiment.image_share)

    return open_mix


def mixed(
    stage: Stage,
    for_images: Sequence[ClipSource],
    for_videos: Sequence[ClipSource],
    image_share: float | None,
) -> DataMix:
    """Returns the data of a stage, with its steps divided between images and clips.

    Steps on images use the data sets of images, steps on clips those of videos. If there are no
    images, frames of the videos take their place.

    Args:
        stage: The stage.
        for_images: All data sets, opened for steps on images; empty if the stage has none.
        for_videos: The same data sets in the same order, opened for steps on clips; likewise.
        image_share: Share of the steps that take images; None for the share in the data.

    Raises:
        SettingError: there is no data for a kind of step that the stage has.
    """
    if not (for_images or for_videos):
        raise SettingError("there is nothing to train on: give --data or --pack", "NO_DATA")
    if stage.videos is None:
        return DataMix(stage, for_images, (), 1.0)
    videos = [source for source in for_videos if source.frames == stage.videos.frames]
    if not videos:
        raise SettingError(
            "all data sets contain images, but the experiment trains on clips as well: give "
            "--data with videos",
            "NO_VIDEOS",
        )
    if stage.images is None:
        return DataMix(stage, (), videos, 0.0)
    images = [
        source for source, each in zip(for_images, for_videos, strict=True) if each not in videos
    ]
    if image_share is None:
        image_count = sum(map(len, images))
        image_share = image_count / (image_count + sum(map(len, videos)))
    return DataMix(stage, images or for_images, videos, image_share)


class _VariedSyntheticClips:
    """Synthetic clips of various aspect ratios and speeds; for images, several from one clip.

    It counts as a data set of the size of its pack of images.
    """

    def __init__(self, pack: SourcePack, stage: Stage, options: BatchOptions) -> None:
        self.frames = options.frames
        self._size, self._reversed_share = len(pack), options.reversed_share
        self._makers = [
            SyntheticClips(
                pack,
                SyntheticOptions(
                    size_px=stage.image_size,
                    aspect_ratio=ratio,
                    frames=options.frames if options.frames > 1 else stage.images_per_clip,
                    objects=(options.objects, options.objects + 2),
                    scale=stage.scale,
                    motion=stage.motion * factor,
                ),
            )
            for ratio, factor in itertools.product(ASPECT_RATIOS, MOTION_FACTORS)
        ]

    def __len__(self) -> int:
        return self._size

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the next clip."""
        clip = self._makers[random.integers(len(self._makers))].sample(random)
        if random.random() < self._reversed_share:
            return Clip(clip.frames[::-1], clip.masks[::-1])
        return clip


class DiscClips:
    """A data set of one clip: coloured discs that move over noise."""

    def __init__(self, size_px: int, options: BatchOptions) -> None:
        self.frames = options.frames
        random = np.random.default_rng(0)
        count = options.objects
        frames = random.integers(90, 140, (options.frames, size_px, size_px, 3), dtype=np.uint8)
        masks = np.zeros((options.frames, count, size_px, size_px), bool)
        rows, columns = np.mgrid[:size_px, :size_px]
        colours = random.integers(0, 256, (count, 3))
        for index in range(count):
            start = (index + 1) * size_px / (count + 1)
            for time in range(options.frames):
                row, column = start + 0.03 * size_px * time, size_px - start
                radius = size_px / (2.5 * count)
                disc = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
                frames[time][disc] = colours[index]
                masks[time, :index] &= ~disc
                masks[time, index] = disc
        self._clip = Clip(frames, masks)

    def __len__(self) -> int:
        return 1

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the clip."""
        return self._clip
