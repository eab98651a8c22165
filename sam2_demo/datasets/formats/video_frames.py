"""Single frames of a video file, found by their times and decoded when they are asked for.

Frames are counted as the app counts them, in the order in which they are shown.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock

import av.container
import av.video.stream
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import DataError, VideoError
from sam2_demo.video.formats.containers import FileFormat, identify_file
from sam2_demo.video.formats.decode import DECODER_FAULTS, DecodedFrame, FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.display import FrameConverter, display_of
from sam2_demo.video.formats.mp4_index import read_claims
from sam2_demo.video.ingest.checks import check_claims
from sam2_demo.video.ingest.limits import Limits

LIMITS = Limits(max_frames=200_000)
"""Frames cost nothing until they are read, so that a file may have more of them than an upload."""
USUAL_FPS = 24.0
_NOT_SEEKABLE = {"pillow", "zip"}


def is_video_file(path: Path) -> bool:
    """Returns whether a file's first bytes are those of a video or picture read here."""
    file_format = identify_file(path)
    return file_format is not None and file_format.demuxer not in _NOT_SEEKABLE


class VideoFile:
    """A ``FrameSource`` of a video file; may be read from many threads at once.

    Raises:
        DataError: The file is missing, is no video, or does not say when its frames are shown.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._format = self._identified()
        with self._opened() as (container, stream):
            packets = container.demux(stream)
            times = {packet.pts for packet in packets if packet.size and not packet.is_discard}
            self.fps = float(stream.average_rate or USUAL_FPS)
        if not times or None in times:
            raise DataError(
                f"{path} does not say when its frames are shown: convert it to MP4", "NO_TIMES"
            )
        self._ticks = sorted(tick for tick in times if tick is not None)
        self._lock = Lock()
        self._next_index = -1
        self._following: Iterator[UInt8[np.ndarray, "height width 3"]] = iter(())

    def __len__(self) -> int:
        return len(self._ticks)

    @cached_property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the first frame as displayed."""
        height, width = next(self.pictures([0])).shape[:2]
        return height, width

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        if not 0 <= frame_index < len(self):
            raise IndexError(f"frame {frame_index} of a video of {len(self)} frames")
        with self._lock:
            # Whoever asks for one frame after the other has each decoded once.
            if frame_index != self._next_index:
                self._following = self.pictures(range(frame_index, len(self)))
            self._next_index = -1  # a reader that fails is not asked again
            picture = next(self._following)
            self._next_index = frame_index + 1
        return picture

    def frame_name(self, frame_index: int) -> str:
        """Returns what an export calls the files of a frame."""
        return f"{frame_index:05d}"

    def place(self, frame_index: int) -> str:
        """Returns what a message calls a frame."""
        return f"{self.path}, frame {frame_index},"

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the RGB pictures of frames, whose numbers ascend; what lies between is skipped.

        Raises:
            DataError: a frame is damaged.
        """
        due = [self._ticks[index] for index in frame_indices]
        with self._opened() as (container, stream):
            self._seek(container, stream, due[0])
            decoded = iter(FrameDecoder(container, stream))
            for frame_index, tick in zip(frame_indices, due, strict=True):
                yield self._converted(stream, _skip_to(decoded, tick), frame_index)

    def _converted(
        self,
        stream: av.video.stream.VideoStream,
        frame: DecodedFrame | None,
        frame_index: int,
    ) -> UInt8[np.ndarray, "height width 3"]:
        if frame is None or frame.image is None or frame.is_damaged:
            raise DataError(
                f"{self.place(frame_index)} cannot be decoded, for the file is damaged: restore "
                "it, or leave it out",
                "BAD_VIDEO",
            )
        convert = FrameConverter(display_of(frame.image, stream.sample_aspect_ratio))
        return np.ascontiguousarray(convert(frame.image)[..., ::-1])

    def _seek(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        tick: int,
    ) -> None:
        """Goes to a place from which all frames from ``tick`` on can be decoded."""
        container.seek(tick, stream=stream)
        packet = next(iter(container.demux(stream)), None)
        is_before = packet is not None and packet.is_keyframe and (packet.pts or tick) <= tick
        # Not every demuxer lands on a key frame that is shown before; the start always is one.
        container.seek(tick if is_before else self._ticks[0], stream=stream)

    def _identified(self) -> FileFormat:
        try:
            file_format = identify_file(self.path)
            if file_format is not None and file_format.demuxer == "mov":
                check_claims(read_claims(self.path), LIMITS)
        except OSError as error:
            raise DataError(f"{self.path} cannot be opened: restore it", "MISSING_FILE") from error
        except VideoError as error:
            raise self._refusal(error.code) from error
        if file_format is None or file_format.demuxer in _NOT_SEEKABLE:
            raise self._refusal("NOT_A_VIDEO")
        return file_format

    @contextmanager
    def _opened(
        self,
    ) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
        try:
            with opened(self.path, self._format, LIMITS) as container:
                yield container, video_stream(container, LIMITS)
        except VideoError as error:
            raise self._refusal(error.code) from error
        except DECODER_FAULTS as error:
            raise self._refusal("BAD_VIDEO") from error

    def _refusal(self, code: str) -> DataError:
        return DataError(
            f"{self.path} is not a video that can be read here ({code}): restore it, convert it "
            "to MP4, or leave it out",
            code,
        )


def _skip_to(decoded: Iterator[DecodedFrame], tick: int) -> DecodedFrame | None:
    """Returns the frame that is shown at ``tick``, or None where there is none before a later."""
    for frame in decoded:
        if frame.ticks is not None and frame.ticks >= tick:
            return frame if frame.ticks == tick else None
    return None
