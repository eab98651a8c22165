"""An ingested video: its frames as JPEG files and the facts about it, in one folder.

Frame i is file i for the page, the model and every export; the upload is never decoded again.
"""

import json
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.jpeg_files import OWN_SIZE_FOLDER, frame_path
from sam2_demo.video.times import FrameTimes

FACTS_FILE = "video.json"
AUDIO_FILE = "audio.mp4"
CUT_AT_LIMIT = "CUT_AT_LIMIT"
"""The code of the notice that the video goes on after its last frame here."""


@dataclass(frozen=True, slots=True)
class VideoWarning:
    """Something odd about a video that could be opened nevertheless.

    Attributes:
        code: A stable name in capitals, such as ``"DECODE_ERRORS"``.
        text: One sentence for the person who uploaded it.
    """

    code: str
    text: str


@dataclass(frozen=True)
class Video:
    """An ingested video, a ``FrameSource``; safe to read from several threads.

    Attributes:
        folder: Where the frames and facts are stored.
        name: The unchecked name of the upload: show it only as text, never use it as a path.
        size_hw: Height and width in pixels, as displayed.
        times: When each frame is displayed, exactly.
        digest: SHA-256 of the upload, in hexadecimal; of a recording, as many random digits.
        excerpt: Which part of the upload was read.
        first_frame: How many frames of the upload precede the first one here.
        begins_s: When the first frame here is displayed, in seconds after the upload's first one.
        own_size_hw: Height and width in the upload; larger than ``size_hw`` if images are worked on
            at a smaller size, otherwise the same, or None.
        notices: What was odd about the upload.
        bad_frames: Frames that are damaged or replaced by the previous one.
        has_audio: Whether an audio track was kept.
    """

    folder: Path
    name: str
    size_hw: tuple[int, int]
    times: FrameTimes
    digest: str
    excerpt: Excerpt = WHOLE
    first_frame: int = 0
    begins_s: float = 0.0
    own_size_hw: tuple[int, int] | None = None
    notices: tuple[VideoWarning, ...] = ()
    bad_frames: tuple[int, ...] = ()
    has_audio: bool = False

    @classmethod
    def open(cls, folder: Path) -> "Video":
        """Returns the video that was ingested into a folder.

        Raises:
            VideoError: there is none or its facts cannot be read.
        """
        try:
            facts = json.loads((folder / FACTS_FILE).read_text("utf-8"))
            times = facts["times"]
            return cls(
                folder=folder,
                name=facts["name"],
                size_hw=(facts["size_hw"][0], facts["size_hw"][1]),
                times=FrameTimes(
                    tuple(times["ticks"]),
                    Fraction(times["time_base"]),
                    times["repaired"],
                    times.get("hold", 0),  # not in folders of older versions
                ),
                digest=facts["digest"],
                excerpt=Excerpt(**facts.get("excerpt", {})),  # not in folders of older versions
                first_frame=facts.get("first_frame", 0),
                begins_s=facts.get("begins_s", 0.0),
                own_size_hw=_size(facts.get("own_size_hw")),
                notices=tuple(VideoWarning(**notice) for notice in facts["notices"]),
                bad_frames=tuple(facts["bad_frames"]),
                has_audio=facts["has_audio"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VideoError(
                "This video is no longer stored here: upload it again.", "NOT_INGESTED"
            ) from error

    def save(self) -> None:
        """Writes the facts into the folder, where the frames already are."""
        facts = asdict(self) | {"folder": None}
        facts["times"]["time_base"] = str(self.times.time_base)
        partial = self.folder / (FACTS_FILE + ".part")
        partial.write_text(json.dumps(facts), "utf-8")
        partial.replace(self.folder / FACTS_FILE)

    @property
    def fps(self) -> float:
        """Mean frames per second; 1.0 for a single image."""
        return self.times.fps

    @cached_property
    def frame_times_s(self) -> tuple[float, ...]:
        """When each frame is displayed, in seconds after the first."""
        return tuple(float(tick * self.times.time_base) for tick in self.times.ticks)

    @property
    def at_own_size(self) -> "Video":
        """The same images at the size that they have in the upload; itself if that is no larger."""
        if self.own_size_hw in (None, self.size_hw):
            return self
        return replace(self, folder=self.folder / OWN_SIZE_FOLDER, size_hw=self.own_size_hw)

    @property
    def duration_s(self) -> float:
        """When the last frame ends, in seconds after the first one starts."""
        return float(self.times.end_s)

    @property
    def goes_on(self) -> bool:
        """Whether the part that is open was cut at the limit of frames."""
        return any(notice.code == CUT_AT_LIMIT for notice in self.notices)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each oddity of the upload."""
        return tuple(notice.text for notice in self.notices)

    @property
    def audio_path(self) -> Path | None:
        """The audio track as an MP4 file that starts with the first frame, or None."""
        return self.folder / AUDIO_FILE if self.has_audio else None

    def jpeg_path(self, frame_index: int) -> Path:
        """Returns the JPEG file of a frame.

        Raises:
            IndexError: there is no such frame.
        """
        if not 0 <= frame_index < len(self):
            raise IndexError(f"frame {frame_index} of a video of {len(self)} frames")
        return frame_path(self.folder, frame_index)

    def __len__(self) -> int:
        return len(self.times.ticks)

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        """Returns a frame as 8-bit RGB.

        Raises:
            IndexError: there is no such frame.
            VideoError: its file is gone.
        """
        path = self.jpeg_path(frame_index)
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise VideoError(
                f"Frame {frame_index} is no longer stored here: upload the video again.",
                "NOT_INGESTED",
            )
        return np.asarray(image, dtype=np.uint8)


def _size(stored: list[int] | None) -> tuple[int, int] | None:
    return None if stored is None else (stored[0], stored[1])
