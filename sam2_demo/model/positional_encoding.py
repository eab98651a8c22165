"""Positional encodings: sines over image and time, random Fourier features, rotary (RoPE).

Pure functions of sizes and numbers, except for the random matrix, which is stored as a weight.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn


@lru_cache(maxsize=32)
def sine_encoding_2d(
    height: int, width: int, channels: int, device: torch.device
) -> Float[Tensor, "1 channels height width"]:
    """Returns sines and cosines of the row (first half of the channels) and the column.

    Positions run from 1/size to 1 of a full turn; wavelengths are spread up to 10,000 turns.
    """
    # A cached tensor made in inference mode could not be used in training later.
    with torch.inference_mode(False):
        half = channels // 2
        index = torch.arange(half, dtype=torch.float32, device=device)
        wavelength = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)

        def waves(size: int) -> Tensor:
            position = torch.arange(1, size + 1, dtype=torch.float32, device=device)
            angle = (position / (size + 1e-6) * 2 * math.pi)[:, None] / wavelength
            return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

        rows = waves(height)[:, None, :].expand(height, width, half)
        columns = waves(width)[None, :, :].expand(height, width, half)
        return torch.cat((rows, columns), dim=2).permute(2, 0, 1)[None].contiguous()


def sine_encoding_1d(
    positions: Float[Tensor, " positions"], channels: int
) -> Float[Tensor, "positions channels"]:
    """Returns sines (first half of the channels) and cosines of positions in time.

    Unlike in 2-D, sines and cosines are not interleaved: the released weights expect it so.
    """
    half = channels // 2
    index = torch.arange(half, dtype=torch.float32, device=positions.device)
    wavelength = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = positions[:, None] / wavelength
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class RandomFourierEncoding(nn.Module):
    """Random Fourier features of points in the unit square: sines and cosines of projections.

    Points that are close to each other have similar encodings, so the token of a click can attend
    to its surroundings.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, xy: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channels"]:
        """Returns the encodings of points (x, y) in [0, 1]."""
        # bfloat16 could not tell neighbouring pixels apart.
        with torch.autocast(xy.device.type, enabled=False):
            matrix = self.positional_encoding_gaussian_matrix.float()
            angle = 2 * math.pi * ((2 * xy.float() - 1) @ matrix)
            return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, height: int, width: int) -> Float[Tensor, "1 channels height width"]:
        """Returns the encodings of the cell centres of a grid."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        xy = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        encoding: Tensor = self(xy)
        return encoding.permute(2, 0, 1)[None]


@lru_cache(maxsize=32)
def axial_rope(
    height: int, width: int, channels: int, theta: float, device: torch.device
) -> Complex[Tensor, "positions half_channels"]:
    """Returns the unit complex numbers that rotate pairs of channels at each position of a grid.

    The first half of the pairs rotates with the column, the second with the row.

    Source: arXiv 2408.00714, §4 (2-D rotary positional encoding in memory attention).
    """
    with torch.inference_mode(False):  # cached, as above
        index = torch.arange(0, channels, 4, dtype=torch.float32, device=device)
        frequency = 1.0 / theta ** (index[: channels // 4] / channels)
        position = torch.arange(height * width, dtype=torch.float32, device=device)
        column, row = position % width, torch.div(position, width, rounding_mode="floor")
        angle = torch.cat((torch.outer(column, frequency), torch.outer(row, frequency)), dim=1)
        return torch.polar(torch.ones_like(angle), angle)


def apply_rope(
    tokens: Float[Tensor, "batch heads tokens channels"],
    rope: Complex[Tensor, "positions half_channels"],
) -> Float[Tensor, "batch heads tokens channels"]:
    """Returns the tokens with each pair of channels rotated according to the token's position.

    More tokens than positions are taken to be several grids in a row: each memory in the bank is
    rotated as the current frame is.
    """
    batch, heads, count, channels = tokens.shape
    positions = rope.shape[0]
    pairs = tokens.float().reshape(batch, heads, count // positions, positions, channels // 2, 2)
    rotated = torch.view_as_real(torch.view_as_complex(pairs) * rope)
    return rotated.reshape(tokens.shape).type_as(tokens)
