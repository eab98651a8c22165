"""The image encoder: a trunk, and a neck that turns its features into the image embedding.

Released models have Hiera and a feature pyramid, the embedded one TinyViT and SAM's neck.

Source: arXiv 2408.00714, §4; SAM's neck: arXiv 2304.02643, appendix A.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.config import HieraConfig, ImageEncoderConfig, TinyVitConfig
from sam2_demo.model.hiera import Hiera
from sam2_demo.model.layers import LayerNorm2d
from sam2_demo.model.tiny_vit import TinyVit


class Lateral(nn.Module):
    """A 1 x 1 convolution that projects one stage to the width of the pyramid."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel_size=1)

    def forward(
        self, stage: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        return self.conv(stage)


class FeaturePyramid(nn.Module):
    """All stages at one width; only stride 16 gets top-down features from the stage above it."""

    def __init__(self, stage_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(width, channels) for width in reversed(stage_channels))

    def forward(
        self, stages: Sequence[Float[Tensor, "batch _ _ _"]]
    ) -> list[Float[Tensor, "batch channels _ _"]]:
        """Returns the levels at strides 4, 8 and 16; stride 32 only goes into the last of them."""
        stride4, stride8, stride16, stride32 = (
            lateral(stage) for lateral, stage in zip(reversed(self.convs), stages, strict=True)
        )
        return [stride4, stride8, stride16 + functional.interpolate(stride32, scale_factor=2.0)]


class SamNeck(nn.Module):
    """The last stage at the model's width; the skip features stay as the trunk returns them."""

    def __init__(self, trunk_channels: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(trunk_channels, channels, kernel_size=1, bias=False),
            LayerNorm2d(channels),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(channels),
        )

    def forward(
        self, stages: Sequence[Float[Tensor, "batch _ _ _"]]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns the features at strides 4, 8 and 16."""
        stride4, stride8, stride16 = stages
        return [stride4, stride8, self.layers(stride16)]


class ImageEncoder(nn.Module):
    """Images in, features at strides 4, 8 and 16 out."""

    trunk: Hiera | TinyVit
    neck: FeaturePyramid | SamNeck
    skip_channels: tuple[int, int]
    """Of the features at strides 4 and 8."""

    def __init__(self, config: ImageEncoderConfig, channels: int) -> None:
        super().__init__()
        match config:
            case HieraConfig():
                self.trunk = Hiera(config)
                self.neck = FeaturePyramid(self.trunk.stage_channels, channels)
                self.skip_channels = (channels, channels)
            case TinyVitConfig():
                self.trunk = TinyVit(config)
                stride4, stride8, stride16 = self.trunk.channels
                self.neck = SamNeck(stride16, channels)
                self.skip_channels = (stride4, stride8)

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        return self.neck(self.trunk(pixels))
