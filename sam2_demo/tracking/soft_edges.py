"""How soft the edges of masks are: logits near them only, compressed, to be kept for long."""

import math
import zlib

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt8
from torch import Tensor
from torch.nn import functional

EDGE_CELLS = 3
"""Predicted pixels on either side of an edge whose logits are kept."""
EDGE_LIMIT, EDGE_STEPS = 8, 15
"""They are cut at 8 and kept in steps of 1/15."""


def edge_steps(
    logits: Float[Tensor, "objects 1 height width"],
) -> Int8[Tensor, "objects height width"]:
    """Returns logits near the edge in steps; elsewhere, the highest or the lowest one."""
    inside = (logits > 0).float()
    side = 2 * EDGE_CELLS + 1
    grown = functional.max_pool2d(inside, side, 1, EDGE_CELLS)
    shrunk = -functional.max_pool2d(-inside, side, 1, EDGE_CELLS)
    far = (2 * inside - 1) * EDGE_LIMIT
    near = torch.where(grown > shrunk, logits.clamp(-EDGE_LIMIT, EDGE_LIMIT), far)
    return (near[:, 0] * EDGE_STEPS).round().to(torch.int8)


def packed_edge(steps: Int8[np.ndarray, "height width"]) -> UInt8[Tensor, " bytes"]:
    """Returns the steps of one mask, compressed."""
    return torch.frombuffer(bytearray(zlib.compress(steps.tobytes())), dtype=torch.uint8)


def logits_of_edge(packed: UInt8[Tensor, " bytes"]) -> Float[Tensor, "1 1 height width"]:
    """Returns the logits of a square mask that ``packed_edge`` compressed, on the CPU."""
    content = bytearray(zlib.decompress(packed.numpy().tobytes()))
    steps = torch.frombuffer(content, dtype=torch.int8)
    side = math.isqrt(len(steps))
    return steps.reshape(1, 1, side, side).float() / EDGE_STEPS
