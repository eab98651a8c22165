"""Converts HDR and wide-gamut colours to those of an ordinary screen: BT.709, gamma 2.4.

HLG and PQ are turned into light by ITU-R BT.2100. HLG's system gamma of 1.2 is applied to each
channel, as in cameras and screens of BT.709, so that a scene has the colours that it has in SDR.
Reference white, 203 cd/m2 according to BT.2408, becomes nearly white; what is brighter, up to
1000 cd/m2, is rolled off by the curve of BT.2390 section 5.4.1, without a change of hue.
"""

import tempfile
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from jaxtyping import Float64

Signal = Float64[np.ndarray, "*colors"]

PQ, HLG = 16, 18
"""Transfer characteristics in ITU-T H.273."""
BT2020 = 9
"""Primaries, and also the matrix, in ITU-T H.273."""
TRANSFER_NAMES = {PQ: "PQ", HLG: "HLG"}
PEAK = 1000.0
WHITE = 203.0
"""Luminances in cd/m2."""
GRID = 65
STEPS = 10_000
GAMMA = 2.4

_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_FROM_P3 = np.array(
    [[1.2249, -0.2247, 0.0000], [-0.0420, 1.0419, 0.0000], [-0.0197, -0.0786, 1.0979]]
)
_TO_BT709 = {BT2020: _FROM_BT2020, 11: _FROM_P3, 12: _FROM_P3}
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128


@dataclass(frozen=True, slots=True)
class SourceColors:
    """What the colours of a video mean, by their numbers in ITU-T H.273.

    Attributes:
        transfer: The transfer characteristics.
        primaries: The colour primaries.
    """

    transfer: int
    primaries: int

    @property
    def is_hdr(self) -> bool:
        """Whether they go beyond the brightness of an ordinary screen."""
        return self.transfer in TRANSFER_NAMES

    @property
    def is_ordinary(self) -> bool:
        """Whether they need no conversion."""
        return not self.is_hdr and self.primaries not in _TO_BT709


def screen_colors(signal: Signal, source: SourceColors) -> Signal:
    """Returns R, G, B for an ordinary screen, 0 to 1, from those of a source, 0 to 1."""
    decode = {HLG: hlg_light, PQ: pq_light}.get(source.transfer, _plain_light)
    primaries = source.primaries
    if source.is_hdr and primaries not in _TO_BT709:
        primaries = BT2020
    light = np.maximum(decode(signal) @ _TO_BT709[primaries].T, 0)
    if source.is_hdr:
        brightest = light.max(axis=-1, keepdims=True)
        light *= rolled_off(brightest) / np.maximum(brightest, 1e-9)
    return np.clip(light / WHITE, 0, 1) ** (1 / GAMMA)


def hlg_light(signal: Signal) -> Signal:
    """Returns the light of an HLG signal on a screen of 1000 cd/m2, in cd/m2."""
    high = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return PEAK * np.where(signal <= 0.5, signal**2 / 3, high) ** 1.2


def pq_light(signal: Signal) -> Signal:
    """Returns the light of a PQ signal, in cd/m2."""
    power = signal ** (1 / _M2)
    return 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def pq_signal(light: Signal) -> Signal:
    """Returns the PQ signal, 0 to 1, for an amount of light in cd/m2."""
    power = (light / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def rolled_off(light: Signal) -> Signal:
    """Returns light of up to ``PEAK`` compressed to at most ``WHITE``; dark parts are unchanged."""
    peak, white = pq_signal(np.array([PEAK, WHITE]))
    signal = pq_signal(np.minimum(light, PEAK)) / peak
    most = white / peak
    knee = 1.5 * most - 0.5
    t = np.maximum(signal - knee, 0) / (1 - knee)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * most
    )
    return pq_light(np.where(signal < knee, signal, curve) * peak)


def _plain_light(signal: Signal) -> Signal:
    return WHITE * signal**GAMMA


class ToneMap:
    """Converts frames of one kind of colours and one size; not thread-safe.

    The colours are computed once, on a grid; FFmpeg interpolates between them.
    """

    FORMAT = "gbrp16le"

    def __init__(self, source: SourceColors) -> None:
        self._source = source
        self._graph: Graph | None = None
        self._shape: tuple[int, int] | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Returns a frame of ``FORMAT`` as BGR of 8 bits."""
        if self._graph is None or self._shape != (frame.width, frame.height):
            self._shape = frame.width, frame.height
            self._graph = _graph(frame, self._source)
        frame.time_base = Fraction(1, 1000)
        self._graph.push(frame)
        shown = self._graph.pull()
        assert isinstance(shown, av.VideoFrame)
        return shown


def _cube(table: Signal) -> bytes:
    """Returns a table of colours in the text format that FFmpeg reads.

    Its few thousand different numbers are written once each, because writing all takes seconds.
    """
    words = np.array([f"{step / STEPS:.5f}" for step in range(STEPS + 1)], dtype="S8")
    text = np.full((len(table), 3, 8), ord(" "), np.uint8)
    text[..., :7] = words[np.rint(table * STEPS).astype(int)].view("u1").reshape(-1, 3, 8)[..., :7]
    text[:, 2, 7] = ord("\n")
    return f"LUT_3D_SIZE {GRID}\n".encode() + text.tobytes()


def _graph(frame: av.VideoFrame, source: SourceColors) -> Graph:
    axis = np.linspace(0, 1, GRID)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    table = screen_colors(np.stack([red, green, blue], axis=-1).reshape(-1, 3), source)
    graph = Graph()
    with tempfile.NamedTemporaryFile(suffix=".cube") as file:
        file.write(_cube(table))
        file.flush()
        nodes = (
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=Fraction(1, 1000),
            ),
            graph.add("lut3d", file=file.name),
            graph.add("format", pix_fmts="bgr24"),
            graph.add("buffersink"),
        )
        graph.link_nodes(*nodes).configure()
    return graph
