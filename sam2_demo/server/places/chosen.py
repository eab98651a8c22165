"""The place that was chosen for computing masks, by the operator or by where the program runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sam2_demo.core.errors import SettingError
from sam2_demo.server.places.ray_actors import ray_actors
from sam2_demo.server.places.zero_gpu import is_zero_gpu, zero_gpu
from sam2_demo.tracking.remote.calls import Place


@contextmanager
def chosen_place(
    cluster: str | None, actors: int | None, device: str, compiles: bool = False
) -> Iterator[Place | None]:
    """Yields the place, or None for this process; must be entered before Gradio is imported.

    Args:
        cluster: The Ray cluster whose actors compute; None for none.
        actors: How many of them; None to let the cluster's size decide.
        device: ``"auto"``, or the device of this process.
        compiles: Whether models shall be compiled.

    Raises:
        SettingError: the place is not to be had; the message says why.
    """
    if cluster is None:
        if actors is not None:
            raise SettingError("--ray-actors is about a cluster: give --ray, too", "NO_CLUSTER")
        yield zero_gpu() if is_zero_gpu() else None
        return
    if device != "auto":
        raise SettingError(
            f"--device {device} means nothing with --ray: each actor takes a GPU of its own, or "
            "cores where there is none",
            "BAD_SETTING",
        )
    if compiles:
        raise SettingError("--compile means nothing with --ray: leave it away", "BAD_SETTING")
    with ray_actors(cluster, actors) as started:
        yield started.place
