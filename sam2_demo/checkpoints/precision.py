"""The precision of matrix products: float32, or bfloat16 where that pays."""

import argparse
from enum import StrEnum

import torch
from torch.nn import functional

from sam2_demo.model.sam2 import Sam2

LARGEST_DIFFERENCE = 0.05
"""Of the features of a picture, relative to their size. Rounding to 8 bits makes about 0.01."""
PICTURE_PX = 256


class Precision(StrEnum):
    """What matrix products are computed in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def add_precision_argument(
    parser: argparse.ArgumentParser, default: Precision | None = Precision.AUTO
) -> None:
    """Adds the option that says in which precision a model computes."""
    parser.add_argument(
        "--precision",
        type=Precision,
        choices=list(Precision),
        default=default,
        help="of matrix products; auto, the default, is bfloat16 where that is faster and nearly "
        "the same",
    )


def choose_precision(wanted: Precision, model: Sam2) -> torch.dtype:
    """Returns the type that products are computed in: for ``auto``, bfloat16 wherever it pays.

    That is on a CUDA GPU, and on a processor with instructions for it, if the model's features stay
    nearly the same.
    """
    if wanted is not Precision.AUTO:
        return torch.float32 if wanted is Precision.FLOAT32 else torch.bfloat16
    if model.device.type == "cuda":
        return torch.bfloat16
    if model.device.type != "cpu" or not has_fast_bfloat16():
        return torch.float32
    is_near = rounding_difference(model) <= LARGEST_DIFFERENCE
    return torch.bfloat16 if is_near else torch.float32


def has_fast_bfloat16() -> bool:
    """Returns whether this processor multiplies bfloat16 matrices natively (AVX-512 BF16, AMX)."""
    # Older versions of torch do not tell.
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@torch.inference_mode()
def rounding_difference(model: Sam2) -> float:
    """Returns how far bfloat16 moves the features of a small picture, relative to their size."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3, 16, 16, generator=random).to(model.device)
    picture = functional.interpolate(coarse, size=(PICTURE_PX, PICTURE_PX), mode="bicubic")
    exact = model.image_encoder(picture)[-1]
    with torch.autocast(model.device.type, torch.bfloat16):
        rounded = model.image_encoder(picture)[-1]
    return float((rounded - exact).norm() / exact.norm())
