"""A picture of the speed: against the number of objects, and along the clip."""

from collections.abc import Sequence
from pathlib import Path

from sam2_demo.core.errors import SettingError
from sam2_demo.evaluation.benchmark.speed import Speed, counted

WINDOW = 6
"""Frames per point along the clip."""


def save_plot(path: Path, speeds: Sequence[Speed]) -> None:
    """Writes the picture, in the format that the file's name ends in.

    Raises:
        SettingError: matplotlib is not installed, or knows no such format.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingError(
            "--plot draws with matplotlib: pip install matplotlib", "NO_MATPLOTLIB"
        ) from error
    figure = Figure((10, 4), layout="constrained")
    by_objects, along = figure.subplots(1, 2)
    objects = [speed.objects for speed in speeds]
    for label, passes in (
        ("first pass", [speed.first_s for speed in speeds]),
        ("again", [speed.again_s for speed in speeds]),
    ):
        rates = [len(seconds) / sum(seconds) for seconds in passes]
        by_objects.plot(objects, rates, marker="o", label=label)
    by_objects.set(xlabel="objects", ylabel="frames/s", ylim=(0, None), xticks=objects)
    for speed in speeds:
        along.plot(*rates_along(speed.first_s), label=counted(speed.objects))
    along.set(xlabel="frame, first pass", ylabel="frames/s", ylim=(0, None))
    for axes in (by_objects, along):
        axes.legend()
    try:
        figure.savefig(path)
    except ValueError as error:
        raise SettingError(f"--plot {path}: {error}", "BAD_SETTING") from error


def rates_along(seconds: Sequence[float]) -> tuple[list[float], list[float]]:
    """Returns the middles of successive windows of frames, and the frames per second in each."""
    middles, rates = [], []
    for begin in range(0, len(seconds), WINDOW):
        window = seconds[begin : begin + WINDOW]
        middles.append(begin + (len(window) - 1) / 2)
        rates.append(len(window) / sum(window))
    return middles, rates
