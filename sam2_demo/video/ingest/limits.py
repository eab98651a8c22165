"""Limits on uploads: bytes, frames, pixels, time and memory; the operator may change each."""

from dataclasses import dataclass

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
    """

    max_bytes: int = 1024 * MIB
    max_frames: int = 5400
    max_file_frames: int = 10_000_000
    max_side_px: int = 8192
    max_pixels: int = 17_000_000
    max_image_side_px: int = 65_535
    max_image_pixels: int = 120_000_000
    min_side_px: int = 8
    max_spool_bytes: int = 8192 * MIB
    timeout_s: float = 600.0
    memory_bytes: int = 2048 * MIB
    threads: int = 0
