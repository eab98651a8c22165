"""From a decoded frame to the image that a person sees: 8-bit, upright, square pixels.

Rules: quarter turns and mirroring are applied, other angles are not; non-square pixels are
stretched, never shrunk; transparency is composited over white; HDR and wide-gamut colours are
converted to those of an ordinary screen; a video that does not state its colour matrix is assumed
to be BT.709 from 720 lines on and BT.601 below, as browsers do.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.reformatter import Colorspace, VideoReformatter
from jaxtyping import Shaped, UInt8

from sam2_demo.video.formats.tone_mapping import SourceColors, ToneMap

QUARTER_TURN_TOLERANCE = 0.02
MAX_STRETCH = 4
_KNOWN_MATRICES = (1, 4, 5, 6, 7, 9)
_UNTURNED = (1, 0, 0, 1)
ORDINARY = SourceColors(transfer=1, primaries=1)
_TURN_OF_ANGLE = {0: _UNTURNED, 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}
_TURN_OF_ORIENTATION = {
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""By the value of the Exif tag Orientation."""


@dataclass(frozen=True, slots=True)
class Display:
    """How the frames of one video are displayed, determined by its first frame.

    Attributes:
        stretched_hw: Height and width with square pixels, before turning.
        turn: The signs (a, b, c, d) of the display matrix; exactly one of a, b is not 0.
        turn_ignored: Whether the file asks for an angle that is not a quarter turn.
        stretch_ignored: Whether the file asks for an implausible pixel aspect ratio.
        colors: What the colours of the frames mean.
    """

    stretched_hw: tuple[int, int]
    turn: tuple[int, int, int, int] = _UNTURNED
    turn_ignored: bool = False
    stretch_ignored: bool = False
    colors: SourceColors = ORDINARY

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width as displayed."""
        height, width = self.stretched_hw
        return (height, width) if self.turn[0] else (width, height)


def display_of(
    frame: av.VideoFrame, pixel_aspect: Fraction | None, orientation: int | None = None
) -> Display:
    """Returns how a video with this first frame is displayed.

    Args:
        frame: The first decoded frame.
        pixel_aspect: Width of a pixel over its height; None or 0 if unknown.
        orientation: The Exif orientation of a single image; None to use the frame's.
    """
    aspect = pixel_aspect or Fraction(1)
    absurd = not Fraction(1, MAX_STRETCH) <= aspect <= MAX_STRETCH
    height, width = frame.height, frame.width
    if not absurd and aspect > 1:
        width = max(1, round(width * aspect))
    elif not absurd and aspect < 1:
        height = max(1, round(height / aspect))
    if orientation is None:
        turn = _turn_of(frame)
    else:
        turn = _TURN_OF_ORIENTATION.get(orientation, _UNTURNED)
    colors = SourceColors(int(frame.color_trc), int(frame.color_primaries))
    return Display((height, width), turn or _UNTURNED, turn is None, absurd, colors)


def _turn_of(frame: av.VideoFrame) -> tuple[int, int, int, int] | None:
    """Returns the signs of the frame's display matrix, or None if it is not a quarter turn.

    The matrix maps (x, y) to (a x + c y, b x + d y), in 16.16 fixed point.
    """
    try:
        side_data: Iterable[SideData] = frame.side_data  # type: ignore[assignment]
    except ValueError:
        # The library fails on unknown kinds of side data, but still knows the angle.
        return _TURN_OF_ANGLE.get(frame.rotation % 360)
    matrix = next((bytes(data) for data in side_data if data.type is Type.DISPLAYMATRIX), b"")
    if len(matrix) < 36:
        return _UNTURNED
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    largest = max(abs(value) for value in (a, b, c, d))
    if largest == 0:
        return None
    signs = [
        0 if abs(value) <= QUARTER_TURN_TOLERANCE * largest else (1 if value > 0 else -1)
        for value in (a, b, c, d)
    ]
    if sorted(map(abs, signs)) != [0, 0, 1, 1] or abs(signs[0]) != abs(signs[3]):
        return None
    return signs[0], signs[1], signs[2], signs[3]


class FrameConverter:
    """Turns decoded frames into displayed images; not thread-safe."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._reformatter = VideoReformatter()
        self._tone_map = None if display.colors.is_ordinary else ToneMap(display.colors)

    def __call__(self, frame: av.VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
        """Returns the image as displayed, in BGR, of shape ``display.size_hw`` + (3,)."""
        if self._tone_map is not None:
            fine = self._reformat(frame, ToneMap.FORMAT)
            return _turned(self._tone_map(fine).to_ndarray(), self._display.turn)
        has_alpha = any(part.is_alpha for part in frame.format.components)
        pixels = self._reformat(frame, "bgra" if has_alpha else "bgr24").to_ndarray()
        return _turned(_over_white(pixels) if has_alpha else pixels, self._display.turn)

    def _reformat(self, frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
        height, width = self._display.stretched_hw
        matrix = None
        if not frame.format.is_rgb and frame.colorspace not in _KNOWN_MATRICES:
            matrix = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
            if self._display.colors.is_hdr:
                matrix = Colorspace.BT2020
        return self._reformatter.reformat(
            frame, width, height, pixel_format, src_colorspace=matrix, threads=1
        )


def _over_white(
    pixels: UInt8[np.ndarray, "height width 4"],
) -> UInt8[np.ndarray, "height width 3"]:
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def upright(
    image: Shaped[np.ndarray, "height width *channels"], orientation: int
) -> Shaped[np.ndarray, "turned_height turned_width *channels"]:
    """Returns a picture turned as its Exif orientation asks."""
    return _turned(image, _TURN_OF_ORIENTATION.get(orientation, _UNTURNED))


def _turned(
    image: Shaped[np.ndarray, "height width *channels"], turn: tuple[int, int, int, int]
) -> Shaped[np.ndarray, "turned_height turned_width *channels"]:
    if turn == _UNTURNED:
        return image
    a, b, c, d = turn
    if a == 0:
        image = image.swapaxes(0, 1)
    to_right, to_bottom = (a, d) if a else (c, b)
    image = image[::to_bottom, ::to_right]
    return np.ascontiguousarray(image)
