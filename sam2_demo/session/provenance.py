"""Which part of which video a session is of, which model made it, and which videos it fits."""

from dataclasses import dataclass

from sam2_demo.core.errors import InputError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.video import Video

MAX_NAME_SHOWN = 80


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """A model as people see it.

    Attributes:
        name: Its name.
        source: Where its weights came from.
        weights_digest: Of its weights; empty if it has none.
    """

    name: str
    source: str
    weights_digest: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which video was worked on, and with which model.

    Attributes:
        video_name: The video's name.
        video_digest: SHA-256 of the uploaded file.
        frames: How many frames were open.
        size_hw: Their height and width.
        model: Name of the model in use when the session was saved.
        weights_digest: Of its weights.
        excerpt: Which part of the file was open.
        first_frame: How many frames of the file precede that part.
    """

    video_name: str
    video_digest: str
    frames: int
    size_hw: tuple[int, int]
    model: str
    weights_digest: str
    excerpt: Excerpt = WHOLE
    first_frame: int = 0

    @classmethod
    def of(cls, video: Video, model: ModelLabel) -> "Provenance":
        """Returns the provenance of work on a video with a model."""
        return cls(
            video_name=video.name,
            video_digest=video.digest,
            frames=len(video),
            size_hw=video.size_hw,
            model=model.name,
            weights_digest=model.weights_digest,
            excerpt=video.excerpt,
            first_frame=video.first_frame,
        )

    def is_of(self, video: Video) -> bool:
        """Returns whether a video comes from the same file, even if it is another part of it."""
        return self.video_digest == video.digest

    def offset_in(self, video: Video) -> int:
        """Returns the index in a video of the first frame here.

        Any part of the same file fits if it contains all these frames. Another file may be a copy
        in another format: it must have the same number of frames of the same size.

        Raises:
            InputError: the video does not have these frames.
        """
        if self.size_hw == video.size_hw:
            offset = self.first_frame - video.first_frame
            if self.is_of(video) and 0 <= offset <= len(video) - self.frames:
                return offset
            if not self.is_of(video) and self.frames == len(video):
                return 0
        there = Provenance.of(video, ModelLabel("", ""))
        other = "another part of it" if self.is_of(video) else "another file"
        part = self.excerpt.in_words
        raise InputError(
            f"This session belongs to {self._described()}, but {other} is open, "
            f"{there._described()}: open the session's video first"
            + (f", {part}." if part else ", all of it."),
            "OTHER_VIDEO",
        )

    def _described(self) -> str:
        part = self.excerpt.in_words and f"{self.excerpt.in_words}: "
        height, width = self.size_hw
        name = self.video_name[:MAX_NAME_SHOWN]
        return f"{name!r} ({part}{self.frames} frames of {width} x {height})"
