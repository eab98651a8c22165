"""The limits that an operator may set, as options of the command line."""

import argparse
from typing import NamedTuple

from sam2_demo.core.arguments import positive
from sam2_demo.server.sessions.store import StoreLimits
from sam2_demo.server.sessions.uploads import UploadLimits
from sam2_demo.session.session import SessionOptions
from sam2_demo.video.ingest.limits import MIB, Limits

_VIDEO, _STORE, _SESSION = Limits(), StoreLimits(), SessionOptions()


class LimitOption(NamedTuple):
    """One option.

    Attributes:
        name: Its name on the command line.
        default: Its default.
        limited: What it limits.
    """

    name: str
    default: int
    limited: str


LIMIT_OPTIONS = (
    LimitOption("--max-frames", _VIDEO.max_frames, "frames of a video, or of its open part"),
    LimitOption("--max-file-frames", _VIDEO.max_file_frames, "frames of a file opened in parts"),
    LimitOption("--max-objects", _SESSION.max_objects, "objects in a video"),
    LimitOption("--max-megapixels", _VIDEO.max_pixels // 10**6, "megapixels of a video's frame"),
    LimitOption("--max-side", _VIDEO.max_side_px, "width and height of a video's frame in pixels"),
    LimitOption(
        "--max-image-megapixels",
        _VIDEO.max_image_pixels // 10**6,
        "megapixels of an image; one that is too large for a video's frame is made smaller to work "
        "on, and exported at its own size",
    ),
    LimitOption("--max-megabytes", _VIDEO.max_bytes // MIB, "MB of an upload"),
    LimitOption(
        "--max-frames-megabytes", _VIDEO.max_spool_bytes // MIB, "MB of a video's decoded frames"
    ),
    LimitOption("--max-seconds", int(_VIDEO.timeout_s), "seconds that reading an upload may take"),
    LimitOption("--max-videos", _STORE.max_videos, "videos open at the same time"),
    LimitOption(
        "--max-disk-megabytes",
        _STORE.max_bytes // MIB,
        "MB on disk of all videos; beyond it, those unused longest are removed",
    ),
    LimitOption("--max-cameras", _STORE.max_cameras, "live cameras at the same time"),
    LimitOption(
        "--max-idle-seconds",
        int(_STORE.idle_timeout_s),
        "seconds without a request after which a video is put away to disk",
    ),
    LimitOption(
        "--max-unused-seconds",
        int(_STORE.kept_s),
        "seconds without a request after which a video is removed",
    ),
    LimitOption(
        "--safe-seconds",
        int(_STORE.safe_s),
        "seconds after a request during which a video is not removed to make room",
    ),
    LimitOption(
        "--max-visitor-percent",
        round(100 * _STORE.share),
        "per cent of the space for videos, and of that for uploads, that one visitor may use",
    ),
    LimitOption(
        "--max-waiting-megabytes",
        UploadLimits(0).max_waiting_bytes // MIB,
        "MB of all uploads that wait to be opened",
    ),
    LimitOption(
        "--reserve-megabytes",
        _STORE.reserve_bytes // MIB,
        "MB of the disk kept free for saving work",
    ),
)


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each limit."""
    group = parser.add_argument_group("limits")
    for option in LIMIT_OPTIONS:
        text = f"most {option.limited} (default: {option.default})"
        group.add_argument(
            option.name, type=positive, default=option.default, help=text, metavar="N"
        )


def video_limits(options: argparse.Namespace) -> Limits:
    """Returns the limits on one upload."""
    return Limits(
        max_bytes=options.max_megabytes * MIB,
        max_frames=options.max_frames,
        max_file_frames=max(options.max_file_frames, options.max_frames),
        max_side_px=options.max_side,
        max_pixels=options.max_megapixels * 10**6,
        max_image_pixels=max(options.max_image_megapixels, options.max_megapixels) * 10**6,
        max_spool_bytes=options.max_frames_megabytes * MIB,
        timeout_s=float(options.max_seconds),
    )


def store_limits(options: argparse.Namespace) -> StoreLimits:
    """Returns the limits on all open videos together."""
    return StoreLimits(
        max_videos=options.max_videos,
        max_bytes=options.max_disk_megabytes * MIB,
        max_cameras=options.max_cameras,
        idle_timeout_s=float(options.max_idle_seconds),
        kept_s=float(options.max_unused_seconds),
        safe_s=float(options.safe_seconds),
        share=options.max_visitor_percent / 100,
        reserve_bytes=options.reserve_megabytes * MIB,
    )
