"""Which part of an upload to read: from which second, for how long, how many frames at most."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from sam2_demo.core.errors import VideoError

MAX_TIME_S = 1e6
MAX_FPS = 240.0
TOLERANCE_S = Fraction(1, 1000)
"""The frame shown at a time that a person enters may start a rounding error earlier."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Part of an upload; by default all of it.

    Attributes:
        start_s: Where the part starts, in seconds after the first frame.
        length_s: Its length in seconds; None to go to the end.
        first_frames: The most frames to read of it; None to refuse a part that is too long.
        fps: Frames per second of a zip of images, which has no frame rate of its own.
    """

    start_s: float = 0.0
    length_s: float | None = None
    first_frames: int | None = None
    fps: float = 24.0

    @property
    def is_timed(self) -> bool:
        """Whether it starts or ends at a time, so that its number of frames is unknown."""
        return self.start_s > 0 or self.length_s is not None

    @property
    def is_part(self) -> bool:
        """Whether it may be much shorter than the file."""
        return self.is_timed or self.first_frames is not None

    @property
    def begins_s(self) -> Fraction:
        """The time from which frames belong to it."""
        return Fraction(self.start_s) - TOLERANCE_S

    @property
    def ends_s(self) -> Fraction | None:
        """The time from which frames no longer belong to it; None if it goes to the end."""
        return None if self.length_s is None else self.begins_s + Fraction(self.length_s)

    @property
    def in_words(self) -> str:
        """Where it starts and ends, in words; empty if it is the whole upload."""
        if not self.is_timed:
            return ""
        start = f"from {self.start_s:.6g} s"
        if self.length_s is None:
            return f"{start} on"
        return f"{start} to {self.start_s + self.length_s:.6g} s"

    def indices(self, count: int) -> slice:
        """Returns which of ``count`` images without times belong to it; at least one.

        Raises:
            VideoError: it starts after the last one.
        """
        fps = Fraction(self.fps)
        start = max(0, math.ceil(self.begins_s * fps))
        if start >= count:
            self.refuse_start()
        end = count if self.ends_s is None else max(start + 1, math.ceil(self.ends_s * fps))
        return slice(start, min(end, count))

    def refuse_start(self) -> NoReturn:
        """Raises VideoError for a part that starts after the last frame."""
        raise VideoError(
            f"This video ends before second {self.start_s:g}: choose an earlier start.",
            "START_BEYOND_END",
        )


WHOLE = Excerpt()
