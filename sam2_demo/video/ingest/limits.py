"""What an upload may cost: bytes, frames, pixels, time and memory; the operator may change each."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one upload; whatever exceeds one is refused with a sentence that names it.

    Attributes:
        max_bytes: Size of the uploaded file.
        max_frames: Frames of one video; about three minutes at 30 frames per second.
        max_side_px: Width or height as displayed.
        max_pixels: Width times height as displayed.
        min_side_px: Width or height as displayed; the model sees nothing in smaller pictures.
        max_spool_bytes: Disk that the decoded frames of one video may take.
        timeout_s: Wall time for decoding; processor time is bounded by this for each core.
        memory_bytes: Address space of the decoding process.
        threads: Threads that encode pictures; 0 for one a core, four at most.
    """

    max_bytes: int = 1024 * MIB
    max_frames: int = 5400
    max_side_px: int = 8192
    max_pixels: int = 4096 * 4096
    min_side_px: int = 8
    max_spool_bytes: int = 8192 * MIB
    timeout_s: float = 600.0
    memory_bytes: int = 2048 * MIB
    threads: int = 0
