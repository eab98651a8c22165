"""Compares what an upload is, or claims to be, with the limits; one sentence per refusal."""

from typing import NoReturn

from sam2_demo.core.errors import VideoError
from sam2_demo.video.formats.mp4_index import IndexClaims
from sam2_demo.video.ingest.limits import MIB, Limits


def check_bytes(size: int, limits: Limits) -> None:
    """Raises VideoError if a file is empty or too large."""
    if size == 0:
        raise VideoError(
            "This file is empty (0 bytes): choose another file, or export it again.",
            "EMPTY_FILE",
        )
    if size > limits.max_bytes:
        raise VideoError(
            f"This file is {size / MIB:,.0f} MiB; at most {limits.max_bytes / MIB:,.0f} MiB can "
            "be uploaded: shorten the video or reduce its quality.",
            "TOO_LARGE",
        )


def check_size(size_hw: tuple[int, int], limits: Limits) -> None:
    """Raises VideoError if an image is too small, too large or too long on one side."""
    if min(size_hw) < limits.min_side_px:
        raise VideoError(
            f"{_shown(size_hw, limits)}; each side must have at least {limits.min_side_px}: upload "
            "a larger one.",
            "TOO_SMALL",
        )
    check_not_too_large(size_hw, limits)


def check_not_too_large(size_hw: tuple[int, int], limits: Limits) -> None:
    """Raises VideoError if an image is too large or too long on one side."""
    height, width = size_hw
    if height * width > limits.accepted_pixels:
        raise VideoError(
            f"{_shown(size_hw, limits)}; at most {limits.accepted_pixels / 1e6:.1f} million pixels "
            "can be opened: make it smaller.",
            "TOO_MANY_PIXELS",
        )
    code = "TOO_WIDE" if width >= height else "TOO_TALL"
    if max(size_hw) > limits.accepted_side_px:
        raise VideoError(
            f"{_shown(size_hw, limits)}; each side may have at most {limits.accepted_side_px:,}: "
            "make it smaller.",
            code,
        )
    # Zeros stand for a size that is not known yet.
    if min(size_hw) and min(limits.work_hw(size_hw)) < min(limits.min_side_px, *size_hw):
        raise VideoError(
            f"{_shown(size_hw, limits)}: too narrow to be made smaller, as it would have to be. "
            "Open a part of it.",
            code,
        )


def _shown(size_hw: tuple[int, int], limits: Limits) -> str:
    subject = "The image has" if limits.of_images else "The frames of this video have"
    return f"{subject} {size_hw[1]:,} x {size_hw[0]:,} pixels"


def check_claims(claims: IndexClaims, limits: Limits, is_part: bool = False) -> None:
    """Raises VideoError if an MP4 or QuickTime file claims something that cannot be opened.

    Args:
        claims: What its index claims.
        limits: The limits.
        is_part: Whether a part is wanted that is short enough, whatever the file's length.
    """
    if not claims.has_index:
        raise VideoError(
            "The end of this file, with the list of its frames, is missing: the upload or the "
            "recording was cut off. Upload the whole file again.",
            "TRUNCATED_NO_INDEX",
        )
    if claims.is_encrypted:
        raise VideoError(
            "This video is encrypted (copy-protected): upload one without protection.",
            "ENCRYPTED",
        )
    check_not_too_large(claims.size_hw, limits)
    if claims.has_video and claims.frames == 0:
        refuse_empty()
    if is_part and claims.frames > limits.max_file_frames:
        raise VideoError(
            f"This file claims {claims.frames:,} frames; parts can be opened of files with at most "
            f"{limits.max_file_frames:,}: cut it into several files.",
            "INDEX_TOO_LONG",
        )
    if not is_part and claims.frames > limits.max_frames:
        refuse_frames(f"{claims.frames:,}", limits)


def refuse_frames(count: str, limits: Limits) -> NoReturn:
    """Raises VideoError for a video with too many frames."""
    raise VideoError(
        f"This video has {count} frames; at most {limits.max_frames:,} can be open at "
        "once: open a part of it.",
        "TOO_MANY_FRAMES",
    )


def refuse_empty() -> NoReturn:
    """Raises VideoError for a video without frames."""
    raise VideoError(
        "This video has no frame that can be decoded: export it again, or upload another one.",
        "NO_FRAMES",
    )
