"""What a stage is trained on: its data sets of pictures and of clips, and which a step draws from.

Source: arXiv 2408.00714, appendix D.2.2: each step takes either pictures or clips, at random in
proportion to how many there are.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.registry import open_clips
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions
from sam2_demo.training.data.batches import Sampler
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage

ASPECT_RATIOS = (1.0, 1.4, 1.78)
"""Videos are squeezed into a square; the model has to know what that does to shapes."""
MOTION_FACTORS = (1.0, 2.0, 3.5)
"""In real videos some things move by a twentieth of the picture from one frame to the next."""
SYNTHETIC, DISCS = "synthetic", "discs"


@dataclass(frozen=True)
class DataMix:
    """The data of a stage.

    Attributes:
        stage: What its steps look like.
        images: Data sets that pictures are taken from; clips are cut into their frames.
        videos: Data sets that clips are taken from.
        image_share: Share of the steps that take pictures.
    """

    stage: Stage
    images: Sequence[ClipSource]
    videos: Sequence[ClipSource]
    image_share: float

    def draw_kind(self, random: np.random.Generator) -> tuple[BatchOptions, Sampler]:
        """Returns what a step is to look like, and where its clips or pictures come from."""
        takes_pictures = random.random() < self.image_share
        options = self.stage.images if takes_pictures else self.stage.videos
        if options is None:
            raise AssertionError("image_share is 0 or 1 where a stage has one kind of step")
        return options, _any_of(self.images if takes_pictures else self.videos)


def _any_of(sources: Sequence[ClipSource]) -> Sampler:
    """Returns a function that draws from each source in proportion to its length."""
    ends = np.cumsum([len(source) for source in sources])

    def sample(random: np.random.Generator) -> Clip:
        place = int(random.integers(ends[-1]))
        return sources[int(np.searchsorted(ends, place, side="right"))].sample(random)

    return sample


def mix_opener(experiment: Experiment) -> Callable[[Stage], DataMix]:
    """Returns a function that opens the experiment's data sets as one of its stages wants them.

    Raises:
        SettingError: a specification names no data set, or there is none.
        DataError: nothing usable lies at a path.
    """
    packs: dict[str, SourcePack] = {}

    def open_set(specification: str, stage: Stage, options: BatchOptions) -> ClipSource:
        kind, _, place = specification.partition(":")
        if kind == DISCS:
            return DiscClips(stage.image_size, options)
        if kind == SYNTHETIC:
            if place not in packs:
                packs[place] = SourcePack.load(Path(place))
            return _VariedSyntheticClips(packs[place], stage, options)
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
    """Returns the data of a stage, its steps shared out between pictures and clips.

    Data sets of pictures serve steps on pictures, those of videos steps on clips. Where there are
    no pictures, the videos' frames are taken for them.

    Args:
        stage: What steps it has.
        for_images: All data sets, opened for its steps on pictures; empty if there are none.
        for_videos: The same data sets in the same order, opened for its steps on clips; likewise.
        image_share: Share of the steps that take pictures; None for that of the data.

    Raises:
        SettingError: there are no data for a step that the stage needs.
    """
    if not (for_images or for_videos):
        raise SettingError("there is nothing to train on: give --data or --pack", "NO_DATA")
    if stage.videos is None:
        return DataMix(stage, for_images, (), 1.0)
    videos = [source for source in for_videos if source.frames == stage.videos.frames]
    if not videos:
        raise SettingError(
            "all data sets are of pictures, but the experiment trains on clips, too: give --data "
            "with videos",
            "NO_VIDEOS",
        )
    if stage.images is None:
        return DataMix(stage, (), videos, 0.0)
    pictures = [
        source for source, each in zip(for_images, for_videos, strict=True) if each not in videos
    ]
    if image_share is None:
        counted = sum(map(len, pictures))
        image_share = counted / (counted + sum(map(len, videos)))
    return DataMix(stage, pictures or for_images, videos, image_share)


class _VariedSyntheticClips:
    """Synthetic clips of varying shape and speed; for pictures several frames of one clip at once.

    As a data set it counts as large as its pack of pictures.
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
                    frames=options.frames if options.frames > 1 else stage.pictures_per_clip,
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
    """Always the same clip: coloured discs that move over noise."""

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
                reach = size_px / (2.5 * count)
                disc = (rows - row) ** 2 + (columns - column) ** 2 < reach**2
                frames[time][disc] = colours[index]
                masks[time, :index] &= ~disc
                masks[time, index] = disc
        self._clip = Clip(frames, masks)

    def __len__(self) -> int:
        return 1

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the clip."""
        return self._clip
