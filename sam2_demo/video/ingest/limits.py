"""Limits on uploads: bytes, frames, pixels, time and memory; the operator may change each."""

import math
from dataclasses import dataclass, replace

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one upload; exceeding one is refused with a sentence that names it.

    Attributes:
        max_bytes: Size of the uploaded file.
        max_frames: Frames of one video, or of the part of it that is open; about three minutes at
            30 frames per second.
        max_file_frames: Frames of a file of which a part is opened; two days at 60 per second.
        max_side_px: Width or height as displayed.
        max_pixels: Width times height as displayed.
        max_image_side_px: Width or height of an image, which is made smaller to work on.
        max_image_pixels: Width times height of an image.
        min_side_px: Width or height as displayed; the model cannot use smaller images.
        max_spool_bytes: Disk space for the decoded frames of one video.
        timeout_s: Wall time for decoding; CPU time is limited to this per core.
        memory_bytes: Address space of the decoding process.
        threads: Threads that encode images; 0 for one per core, at most four.
        of_images: Whether images are read, and not frames of a video.
    """

    max_bytes: int = 1024 * MIB
    max_frames: int = 5400
    max_file_frames: int = 10_000_000
    max_side_px: int = 8192
    max_pixels: int = 17_000_000
    max_image_side_px: int = 65_500
    max_image_pixels: int = 120_000_000
    min_side_px: int = 8
    max_spool_bytes: int = 8192 * MIB
    timeout_s: float = 600.0
    memory_bytes: int = 3072 * MIB
    threads: int = 0
    of_images: bool = False

    def for_images(self) -> "Limits":
        """Returns the limits on images, of which those that are too large are made smaller."""
        return replace(self, of_images=True)

    @property
    def accepted_pixels(self) -> int:
        """The most pixels of what is read."""
        return self.max_image_pixels if self.of_images else self.max_pixels

    @property
    def accepted_side_px(self) -> int:
        """The longest side of what is read."""
        return self.max_image_side_px if self.of_images else self.max_side_px

    def work_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Returns the size at which an image of this size is worked on: as large as a frame's."""
        height, width = size_hw
        scale = min(
            1.0,
            self.max_side_px / max(size_hw),
            math.sqrt(self.max_pixels / (height * width)),
        )
        return (height, width) if scale == 1 else (int(height * scale), int(width * scale))
