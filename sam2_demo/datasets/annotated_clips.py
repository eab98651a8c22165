"""Clips cut from annotated videos and pictures: one way to sample for every data set.

Only annotated frames are read: where a mask is drawn on every fourth or fifth frame, a clip
consists of those.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.clip import Clip, ClipOptions, squared, squared_mask

ATTEMPTS = 100


@runtime_checkable
class AnnotatedVideo(Protocol):
    """A video, or a picture, with true masks on some of its frames, all of one size.

    Attributes:
        annotated_frames: The frames that have masks, in order; on them a missing object is hidden.
    """

    @property
    def annotated_frames(self) -> Sequence[int]: ...

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the RGB pictures of frames, whose numbers ascend.

        Raises:
            DataError: one cannot be read or is of another size; its path is named.
        """
        ...

    def true_masks(self, frame_index: int) -> Mapping[int, Bool[np.ndarray, "height width"]]:
        """Returns the mask of each object that is visible on a frame, by object_id.

        Raises:
            DataError: they cannot be read or are of another size; the path is named.
        """
        ...


Entry = TypeVar("Entry")


class AnnotatedClips(Generic[Entry]):
    """A ``ClipSource`` of windows of annotated videos, squeezed into squares.

    Args:
        entries: The data set, by what is needed to find each video.
        video_of: Returns the video of an entry; called each time that a clip is cut from it.
        options: What the clips are to be.
        title: What a message calls the data set.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        video_of: Callable[[Entry], AnnotatedVideo],
        options: ClipOptions,
        title: str,
    ) -> None:
        self._entries, self._video_of = entries, video_of
        self._options, self._title = options, title

    @property
    def frames(self) -> int:
        """How many frames each clip has."""
        return self._options.frames

    def __len__(self) -> int:
        return len(self._entries)

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns a clip of any video, of objects that its first frame shows, in id order.

        Raises:
            DataError: A file cannot be used, or videos are too short or show no object.
        """
        for _ in range(ATTEMPTS):
            entry = self._entries[int(random.integers(len(self._entries)))]
            clip = self._cut(self._video_of(entry), random)
            if clip is not None:
                return clip
        raise DataError(
            f"{self._title}: none of {ATTEMPTS} videos drawn at random had {self._options.span} "
            "annotated frames with an object on the first: take fewer frames or a smaller stride",
            "NOTHING_TO_SAMPLE",
        )

    def _cut(self, video: AnnotatedVideo, random: np.random.Generator) -> Clip | None:
        """Returns a window of a video, or None where it is too short or shows nothing."""
        options, annotated = self._options, video.annotated_frames
        places = len(annotated) - options.span + 1
        if places < 1:
            return None
        start = int(random.integers(places))
        indices = list(annotated[start : start + options.span : options.stride])
        backwards = random.random() < options.reversed_share
        masks = [video.true_masks(index) for index in indices]
        first = masks[-1 if backwards else 0]
        object_ids = self._choose(first, random)
        if not object_ids:
            return None
        size = options.size_px
        frames = np.stack([squared(picture, size) for picture in video.pictures(indices)])
        squares = np.zeros((len(masks), len(object_ids), size, size), bool)
        for time, visible in enumerate(masks):
            for place, object_id in enumerate(object_ids):
                if object_id in visible:
                    squares[time, place] = squared_mask(visible[object_id], size)
        step = -1 if backwards else 1
        return Clip(frames[::step], squares[::step])

    def _choose(
        self, visible: Mapping[int, Bool[np.ndarray, "height width"]], random: np.random.Generator
    ) -> list[int]:
        """Returns some of the objects that can be seen at the size of the clip, in id order."""
        chosen: list[int] = []
        for object_id in random.permutation(sorted(visible)).tolist():
            if squared_mask(visible[object_id], self._options.size_px).any():
                chosen.append(object_id)
            if len(chosen) == self._options.objects:
                break
        return sorted(chosen)
