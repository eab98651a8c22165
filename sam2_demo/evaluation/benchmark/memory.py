"""The most memory that a propagation takes, by the length of the clip."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from tqdm import tqdm

from sam2_demo.checkpoints.compiling import compile_when_used
from sam2_demo.checkpoints.loading import LoadedModel, load_model
from sam2_demo.checkpoints.precision import Precision
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import SettingError
from sam2_demo.evaluation.benchmark.figures import Figure
from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.evaluation.benchmark.sessions import prompted


class ModelChoice(NamedTuple):
    """Which model is measured, as another process can load it, too."""

    name: str
    device: str
    precision: Precision
    compiles: bool = False

    def load(self) -> LoadedModel:
        """Returns the model.

        Raises:
            CheckpointError: it cannot be loaded.
        """
        prepare_cpu()
        loaded = load_model(self.name, choose_device(self.device), precision=self.precision)
        if self.compiles:
            compile_when_used(loaded.model, in_background=False)
        return loaded


def measure_memory(
    model: ModelChoice, size_hw: tuple[int, int], short: int, long: int
) -> list[Figure]:
    """Returns the peak memory of two propagations, each in a process of its own."""
    peaks = []
    for frames in (short, long):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            peaks.append(pool.submit(peak_memory, model, size_hw, frames).result())
    return [
        Figure(f"peak memory, {short} frames", peaks[0] / 1e6, "MB"),
        Figure(f"peak memory, {long} frames", peaks[1] / 1e6, "MB"),
        Figure("ratio", peaks[1] / peaks[0], "times as much"),
    ]


def peak_memory(model: ModelChoice, size_hw: tuple[int, int], frames: int) -> int:
    """Returns the most bytes that this process ever held, after propagating one object.

    Raises:
        SettingError: this system does not keep count.
    """
    try:
        import resource
    except ImportError as error:
        raise SettingError("memory can be measured on Linux and macOS only", "NO_COUNT") from error
    session = prompted(model.load().model, MadeUpClip(frames, size_hw))
    for _ in tqdm(session.propagate(), total=frames, desc=f"{frames} frames", leave=False):
        pass
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
