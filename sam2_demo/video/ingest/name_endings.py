"""Compares the end of a file's name with what the file is."""

from pathlib import Path

from sam2_demo.video.formats.containers import FileFormat

VIDEO_ENDINGS = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".qt",
        ".webm",
        ".mkv",
        ".avi",
        ".flv",
        ".ogv",
        ".ogg",
        ".wmv",
        ".asf",
        ".ivf",
        ".y4m",
        ".mxf",
        ".mpg",
        ".mpeg",
        ".ts",
        ".m2ts",
        ".mts",
        ".3gp",
        ".3g2",
        ".h264",
        ".264",
        ".h265",
        ".hevc",
        ".265",
        ".m2v",
        ".mp3",
        ".flac",
        ".wav",
        ".m4a",
        ".mjpeg",
        ".mjpg",
        ".vob",
    ]
)
IMAGE_ENDINGS = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".avif",
        ".zip",
    ]
)


def odd_ending(name: str, file_format: FileFormat) -> str:
    """Returns a sentence if a name ends as that of another kind of file; empty if it fits."""
    ending = Path(name).suffix.lower()
    is_known = ending in VIDEO_ENDINGS | IMAGE_ENDINGS or not ending
    if is_known and not (file_format.is_image and ending in VIDEO_ENDINGS):
        return ""
    kind = "image" if file_format.is_image else "file"
    return f"The name ends in {ending[:20]!r}, but the {kind} is {file_format.title}."
