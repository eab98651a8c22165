"""Names of files and folders made from the names that people give to videos and objects.

A name keeps its letters, in every script. What some system does not allow in a file name becomes
``_``, and a few digits made from the whole name follow, so that different names stay different.
"""

import hashlib
import re
import unicodedata

MAX_NAME_BYTES = 160
"""File systems allow 255, which have to hold an ending as well."""
DIGITS = 6

_MEDIA_SUFFIX = re.compile(
    r"\.(mp4|m4v|mov|qt|webm|mkv|avi|ts|mts|m2ts|mpe?g|m2v|vob|wmv|asf|flv|f4v|og[gv]|ivf|y4m|mxf"
    r"|3gp|3g2|dv|[hx]?26[45]|hevc|gif|a?png|jpe?g|jfif|webp|bmp|tiff?|hei[cf]|avif|zip)$",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)
"""The names of devices on Windows, with any ending."""
_JOINERS = "\u200c\u200d"
"""They change how letters and emoji around them look."""


def clip_name(name: str) -> str:
    """Returns the name of a folder for a video, from the video's name, on any system."""
    stem = re.split(r"[/\\]", name)[-1]
    return plain_name(_MEDIA_SUFFIX.sub("", stem)) or "video"


def plain_name(text: str) -> str:
    """Returns a text as a name that is harmless in a path on any system; empty for no text."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(character if _is_harmless(character) else "_" for character in text)
    kept = re.sub(r"^[ .-]+|[ .]+$", "_", re.sub("_{2,}", "_", kept) if kept != text else kept)
    if _RESERVED.match(kept):
        kept = f"_{kept}"
    if kept == text and len(kept.encode()) <= MAX_NAME_BYTES:
        return kept
    digits = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:DIGITS]
    return f"{_shortened(kept)}-{digits}"


def _is_harmless(character: str) -> bool:
    """Returns whether a character is allowed in file names, and visible or a tag of an emoji."""
    if character in '<>:"/\\|?*':
        return False
    kind = unicodedata.category(character)
    if kind == "Cf":  # most of these would turn or hide the text around them
        return character in _JOINERS or "\U000e0020" <= character <= "\U000e007f"
    return kind[0] != "C" and kind not in ("Zl", "Zp")


def _shortened(name: str) -> str:
    """Returns as much of the start of a name as may be kept, in whole characters."""
    return name.encode()[: MAX_NAME_BYTES - DIGITS - 1].decode("utf-8", "ignore").rstrip(" .")
