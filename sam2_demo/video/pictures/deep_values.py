"""Pictures of more than 8 bits: which of their values are shown as black and as white.

A 16-bit file seldom uses 16 bits: cameras, microscopes and scanners write 10 to 14 of them, often
above an offset, and floating-point values have no range at all. So the range is measured over all
frames of a video, unless they fill a good part of what their type can hold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Shaped, UInt8

from sam2_demo.video.formats.decode import DecodedFrame

Values = Shaped[np.ndarray, "height width *channels"]
"""Grey, grey and alpha, RGB, or RGB and alpha, of any type of number."""

WELL_FILLED = 0.25
"""A picture whose values span this part of their type's range is shown as it is."""
OUTLIERS = 1e-4
"""Share of values, at either end, that may lie outside the range: hot and dead pixels."""
SAMPLES = 4_000_000
SAMPLES_OF_A_FRAME = 65_536
_LIKE = {
    "gray16": "gray16le",
    "grayf32": "grayf32le",
    "ya16": "rgba64le",
    "rgb48": "rgb48le",
    "bgr48": "rgb48le",
    "gbrp16": "rgb48le",
    "rgba64": "rgba64le",
    "bgra64": "rgba64le",
    "gbrap16": "rgba64le",
    "gbrpf32": "gbrpf32le",
}
"""Decoders' pixel formats without a depth of their own, by the layout their values are read in."""


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Which values are shown as black and as white.

    Attributes:
        low: The value shown as black.
        high: The value shown as white.
        is_plain: Whether this is simply the range of the type.
    """

    low: float
    high: float
    is_plain: bool = False

    @property
    def in_words(self) -> str:
        """The sentence for the person who brought the pictures."""
        return (
            f"Its values go beyond 8 bits: {self.low:.6g} is shown as black and {self.high:.6g} "
            "as white, in all frames alike."
        )

    def shown(self, values: Values) -> UInt8[np.ndarray, "height width *channels"]:
        """Returns the values as 0 to 255; those outside the range, or not a number, are cut."""
        scaled = values.astype(np.float32)
        scaled -= np.float32(self.low)
        scaled *= np.float32(255 / (self.high - self.low))
        scaled = np.nan_to_num(scaled, copy=False, nan=0, posinf=255, neginf=0)
        return (np.clip(scaled, 0, 255, out=scaled) + 0.5).astype(np.uint8)


def is_deep(values: Values) -> bool:
    """Returns whether values need a range before they can be shown."""
    return values.dtype != np.uint8


def full_range(kind: np.dtype[Any]) -> ValueRange:
    """Returns the range of a type of number; floating-point pictures usually go from 0 to 1."""
    if np.issubdtype(kind, np.integer):
        return ValueRange(0.0, float(np.iinfo(kind).max), is_plain=True)
    return ValueRange(0.0, 1.0)


def measured_range(pictures: Iterable[Values], count: int) -> ValueRange | None:
    """Returns the range in which to show all of these pictures, or None if none of them is deep.

    Args:
        pictures: The pictures, of which some values each are looked at.
        count: About how many there are.
    """
    most = max(256, min(SAMPLES_OF_A_FRAME, SAMPLES // max(1, count)))
    samples = [_some(picture, most) for picture in pictures if is_deep(picture)]
    if not samples:
        return None
    full = full_range(samples[0].dtype)
    values = np.concatenate([sample.astype(np.float64) for sample in samples])
    values = values[np.isfinite(values)]
    if not values.size:
        return full
    low, high = (float(end) for end in np.quantile(values, (OUTLIERS, 1 - OUTLIERS)))
    # Rounded to a value that exists, so that a flat picture with a few outliers stays flat.
    fits = full.low <= low and high <= full.high
    if fits and (high - low >= WELL_FILLED * full.high or high == low):
        return full
    return ValueRange(low, high if high > low else low + 1)


def as_frame(values: Values, shown_range: ValueRange | None) -> av.VideoFrame:
    """Returns a picture as a frame of 8 bits.

    Args:
        values: The picture.
        shown_range: The range for its values; without one, that of their type is taken.
    """
    if values.ndim == 2:
        values = values[..., np.newaxis]
    if values.shape[-1] == 4 and not is_deep(values):
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(values), "rgba")
    has_alpha = values.shape[-1] in (2, 4)
    color, alpha = (values[..., :-1], values[..., -1:]) if has_alpha else (values, None)
    parts = [_eight_bits(color, shown_range)]
    if color.shape[-1] == 1:
        parts *= 3
    if alpha is not None:
        parts.append(_eight_bits(alpha, full_range(alpha.dtype)))
    pixels = np.ascontiguousarray(np.concatenate(parts, axis=-1))
    return av.VideoFrame.from_ndarray(pixels, "rgb24" if alpha is None else "rgba")


def is_deep_format(name: str) -> bool:
    """Returns whether frames in this pixel format of FFmpeg need a range to be shown."""
    return _bare(name) in _LIKE


def deep_values(frames: Iterable[DecodedFrame]) -> Iterator[Values]:
    """Yields the values of those decoded frames whose format is deep."""
    reformatter = VideoReformatter()
    for frame in frames:
        if frame.image is not None and is_deep_format(frame.image.format.name):
            yield _values(frame.image, reformatter)


def in_range(
    frames: Iterable[DecodedFrame], shown_range: ValueRange | None
) -> Iterator[DecodedFrame]:
    """Yields decoded frames, with those whose format is deep reduced to this range of values."""
    reformatter = VideoReformatter()
    for frame in frames:
        image = frame.image
        if shown_range is None or image is None or not is_deep_format(image.format.name):
            yield frame
        else:
            yield replace(frame, image=as_frame(_values(image, reformatter), shown_range))


def _values(frame: av.VideoFrame, reformatter: VideoReformatter) -> Values:
    layout = _LIKE[_bare(frame.format.name)]
    values: Values = reformatter.reformat(frame, format=layout, threads=1).to_ndarray()
    return values


def _bare(format_name: str) -> str:
    return format_name.removesuffix("le").removesuffix("be")


def _some(picture: Values, most: int) -> Shaped[np.ndarray, " samples"]:
    """Returns about so many of a picture's values, without its alpha, from all over it."""
    if picture.ndim == 3 and picture.shape[-1] in (2, 4):
        picture = picture[..., :-1]
    values = picture.reshape(-1)
    # An odd step does not always meet the same column, nor the same colour.
    return values[:: max(1, values.size // most) | 1].copy()


def _eight_bits(values: Values, shown_range: ValueRange | None) -> UInt8[np.ndarray, "h w c"]:
    if not is_deep(values):
        return values
    return (shown_range or full_range(values.dtype)).shown(values)
