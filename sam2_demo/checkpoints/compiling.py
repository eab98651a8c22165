"""Models whose large parts ``torch.compile`` makes faster, without anybody waiting for that.

A part is compiled for one shape of inputs at a time, once that shape has come up often: images, and
the memories of a tracked frame when they are complete. Until it is ready, and for any other shape,
the part is called as it is.
"""

import argparse
import logging
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from huggingface_hub import constants
from torch import Tensor

from sam2_demo.checkpoints.cuda_graphs import CudaGraph, Graph, GraphedPart
from sam2_demo.model.sam2 import Sam2

logger = logging.getLogger(__name__)

OFTEN = 8
"""Calls before a shape is worth it. While the memory bank fills, each frame has another shape."""
SHAPES_AT_MOST = 6
"""Of each model; torch compiles one function eight times at most."""

Part = Callable[..., Any]
_Shape = tuple[Any, ...]
_COMPILING = threading.Lock()
"""Held while a part is compiled, one after another, whatever the model."""


def add_compile_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the option that has a model compiled."""
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the image encoder and memory attention, which takes a minute or more; on a "
        "CUDA GPU, as CUDA graphs",
    )


def compile_when_used(model: Sam2, in_background: bool) -> None:
    """Has a model's large parts compiled, each for the shapes that come up often.

    Args:
        model: The model, on its device.
        in_background: Whether the model answers meanwhile, as it is; otherwise, calls wait.
    """
    # Kept for the next start, which torch's own choice, a temporary folder, may not be.
    kept = Path(constants.HF_HOME) / "sam2_demo" / "compiled"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(kept)
    warnings.filterwarnings("ignore", module=r"torch\._(dynamo|inductor)")
    new_graph = partial(CudaGraph, model.device) if model.device.type == "cuda" else None
    model.call = CompiledCalls(model, _in_thread if in_background else _at_once, new_graph)


def leave(status: int) -> NoReturn:
    """Ends the program; torch would crash if it did so in its own time while it is compiling."""
    if _COMPILING.locked():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


class CompiledCalls:
    """Calls parts of a model, compiled where that is ready.

    Args:
        model: The model.
        begin: Runs what compiles, in the background or at once.
        new_graph: Makes a graph to record a compiled part in; None for none.
        backend: Of ``torch.compile``.
    """

    def __init__(
        self,
        model: Sam2,
        begin: Callable[[Callable[[], None]], None],
        new_graph: Callable[[], Graph] | None = None,
        backend: str = "inductor",
    ) -> None:
        self._model = model
        self._begin = begin
        self._new_graph = new_graph
        self._backend = backend
        self._calls: Counter[_Shape] = Counter()
        self._chosen: set[_Shape] = set()
        self._ready: dict[_Shape, Part] = {}

    def __call__(self, part: Part, *inputs: Tensor | int) -> Any:
        """Returns what the part returns for these inputs."""
        # Nothing may be recorded while a compiler uses the device.
        if _COMPILING.locked() or not torch.is_inference_mode_enabled():
            return part(*inputs)
        shape = (part.__name__, *map(_shape_of, inputs))
        if self._is_worth_it(shape) and _COMPILING.acquire(blocking=False):
            self._chosen.add(shape)
            self._begin(lambda: self._compile(shape, part, inputs))
        ready = self._ready.get(shape, part)
        try:
            return ready(*inputs)
        except Exception as error:
            if ready is part:
                raise
            self._give_up(shape, error)  # such as a part that cannot be recorded
            return part(*inputs)

    def _is_worth_it(self, shape: _Shape) -> bool:
        """Returns whether a shape has come up often and is not chosen yet."""
        if shape in self._chosen or len(self._chosen) == SHAPES_AT_MOST:
            return False
        self._calls[shape] += 1
        return self._calls[shape] >= OFTEN

    def _compile(self, shape: _Shape, part: Part, inputs: tuple[Tensor | int, ...]) -> None:
        """Makes a part ready for a shape; if that fails, it stays as it is."""
        try:
            compiled = torch.compile(part, dynamic=False, backend=self._backend)
            with torch.inference_mode(), self._model.autocast():
                if self._new_graph is None:
                    compiled(*inputs)
                    self._ready[shape] = compiled
                else:
                    own = [each.clone() if isinstance(each, Tensor) else each for each in inputs]
                    whole = self._without_kept_casts(compiled)
                    whole(*own)
                    self._ready[shape] = GraphedPart(whole, own, self._new_graph())
        except Exception as error:  # whatever is wrong with a compiler, the model goes on
            self._give_up(shape, error)
        finally:
            _COMPILING.release()

    def _without_kept_casts(self, part: Part) -> Part:
        """Returns the part, which rounds weights itself: kept ones may be gone at a replay."""

        def whole(*inputs: Tensor | int) -> Any:
            with self._model.autocast(keep_casts=False):
                return part(*inputs)

        return whole

    def _give_up(self, shape: _Shape, error: Exception) -> None:
        self._ready.pop(shape, None)
        reason = str(error).partition("\n")[0]
        logger.warning("part of a model stays uncompiled: %s: %s", type(error).__name__, reason)


def _shape_of(value: Tensor | int) -> Any:
    """Returns all by which a compiled part tells an input from others."""
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    return value


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="compiling", daemon=True).start()


def _at_once(work: Callable[[], None]) -> None:
    work()
