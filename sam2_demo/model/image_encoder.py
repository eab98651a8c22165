"""The image encoder: Hiera and the feature pyramid above it.

Source: arXiv 2408.00714, §4.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.config import ImageEncoderConfig
from sam2_demo.model.hiera import Hiera


class Lateral(nn.Module):
    """A 1 x 1 convolution that brings one stage to the pyramid's width."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel_size=1)

    def forward(
        self, stage: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        return self.conv(stage)


class FeaturePyramid(nn.Module):
    """All stages at one width; only stride 16 also sees the stage above it."""

    def __init__(self, stage_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(width, channels) for width in reversed(stage_channels))

    def forward(
        self, stages: Sequence[Float[Tensor, "batch _ _ _"]]
    ) -> list[Float[Tensor, "batch channels _ _"]]:
        """Returns the levels at strides 4, 8 and 16; the one at stride 32 is only an ingredient."""
        stride4, stride8, stride16, stride32 = (
            lateral(stage) for lateral, stage in zip(reversed(self.convs), stages, strict=True)
        )
        return [stride4, stride8, stride16 + functional.interpolate(stride32, scale_factor=2.0)]


class ImageEncoder(nn.Module):
    """Pixels in, the pyramid's levels at strides 4, 8 and 16 out."""

    def __init__(self, config: ImageEncoderConfig, channels: int) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = FeaturePyramid(self.trunk.stage_channels, channels)

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch channels _ _"]]:
        return self.neck(self.trunk(pixels))
