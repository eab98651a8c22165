"""Position codes: sines over a picture and over time, random Fourier codes, rotary tables.

Pure functions of sizes and numbers, but for the random matrix, which is a weight.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn


@lru_cache(maxsize=32)
def sine_positions_2d(
    height: int, width: int, channels: int, device: torch.device
) -> Float[Tensor, "1 channels height width"]:
    """Returns sines and cosines of the row (first half of the channels) and the column.

    Places run from 1/size to 1 of a full turn; wavelengths are spread to 10,000 turns.
    """
    with torch.inference_mode(False):
        half = channels // 2
        index = torch.arange(half, dtype=torch.float32, device=device)
        wavelength = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)

        def waves(size: int) -> Tensor:
            place = torch.arange(1, size + 1, dtype=torch.float32, device=device)
            angle = (place / (size + 1e-6) * 2 * math.pi)[:, None] / wavelength
            return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

        rows = waves(height)[:, None, :].expand(height, width, half)
        columns = waves(width)[None, :, :].expand(height, width, half)
        return torch.cat((rows, columns), dim=2).permute(2, 0, 1)[None].contiguous()


def sine_positions_1d(
    positions: Float[Tensor, " positions"], channels: int
) -> Float[Tensor, "positions channels"]:
    """Returns sines (first half of the channels) and cosines of positions in time."""
    half = channels // 2
    index = torch.arange(half, dtype=torch.float32, device=positions.device)
    wavelength = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = positions[:, None] / wavelength
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class RandomFourierPositions(nn.Module):
    """Codes of places in the unit square: sines and cosines of random projections.

    Places whose codes are alike are close to each other, so a point can attend to its surroundings.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def forward(self, xy: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channels"]:
        """Returns codes of places given as (x, y) in [0, 1]."""
        with torch.autocast(xy.device.type, enabled=False):
            matrix = self.positional_encoding_gaussian_matrix.float()
            angle = 2 * math.pi * ((2 * xy.float() - 1) @ matrix)
            return torch.cat((angle.sin(), angle.cos()), dim=-1)

    def grid(self, height: int, width: int) -> Float[Tensor, "1 channels height width"]:
        """Returns the codes of the centres of a grid's cells."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        xy = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        codes: Tensor = self(xy)
        return codes.permute(2, 0, 1)[None]


@lru_cache(maxsize=32)
def rotary_table(
    height: int, width: int, channels: int, theta: float, device: torch.device
) -> Complex[Tensor, "places half_channels"]:
    """Returns unit complex numbers by which pairs of channels are turned at each place of a grid.

    The first half of the pairs turns with the column, the second with the row.

    Source: arXiv 2408.00714, §4 (2-D rotary positions in memory attention).
    """
    with torch.inference_mode(False):
        index = torch.arange(0, channels, 4, dtype=torch.float32, device=device)
        frequency = 1.0 / theta ** (index[: channels // 4] / channels)
        place = torch.arange(height * width, dtype=torch.float32, device=device)
        column, row = place % width, torch.div(place, width, rounding_mode="floor")
        angle = torch.cat((torch.outer(column, frequency), torch.outer(row, frequency)), dim=1)
        return torch.polar(torch.ones_like(angle), angle)


def rotate(
    tokens: Float[Tensor, "batch heads tokens channels"],
    table: Complex[Tensor, "places half_channels"],
) -> Float[Tensor, "batch heads tokens channels"]:
    """Returns the tokens with each pair of channels turned by its place's numbers.

    More tokens than places are taken as several grids one after another.
    """
    batch, heads, count, channels = tokens.shape
    places = table.shape[0]
    pairs = tokens.float().reshape(batch, heads, count // places, places, channels // 2, 2)
    turned = torch.view_as_real(torch.view_as_complex(pairs) * table)
    return turned.reshape(tokens.shape).type_as(tokens)
