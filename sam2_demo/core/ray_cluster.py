"""Ray, which is optional: the connection to a cluster of machines, and what is said without it.

Nothing here knows what is computed there.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import SettingError

LOCAL = "local"
"""In place of an address: a cluster on this machine, for as long as it is used."""

STORE_BYTES = 2 << 30
"""Of a local cluster's shared memory, which is only taken where something lies in it."""
REACHED_WITHIN_S = 5.0

_TOP = Path(__file__).parents[2]
_TOKEN = Path.home() / ".ray" / "auth_token"


def import_ray() -> Any:
    """Returns the module ``ray``.

    Raises:
        SettingError: it is not installed.
    """
    # Ray reports how it is used to its makers unless it is told not to, before it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingError("--ray needs the package ray: pip install ray", "NO_RAY") from error
    return ray


@contextmanager
def ray_cluster(address: str) -> Iterator[Any]:
    """Yields the module ``ray``, connected; the connection ends with the context.

    Where this process is connected already, that connection is used, and stays.

    Args:
        address: ``LOCAL``, or HOST:PORT of a cluster that this machine belongs to. The program has
            to be at the same path on all of its machines.

    Raises:
        SettingError: Ray is not installed, or there is no cluster at the address, or it refuses.
    """
    if address != LOCAL:
        _check_reachable(address)
        # `ray start` asks for this machine's token if there is one. Whoever connects has to say
        # that they have it, too, and before Ray is imported.
        if _TOKEN.exists():
            os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    # Its processes find this program wherever the command was called.
    paths = os.pathsep.join(filter(None, [str(_TOP), os.environ.get("PYTHONPATH", "")]))
    options: dict[str, Any] = {
        "runtime_env": {"env_vars": {"PYTHONPATH": paths}},
        "logging_level": logging.WARNING,
        "log_to_driver": False,
    }
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError) as error:
        raise SettingError(
            f"the Ray cluster at {address} refuses this program ({error}): both need the same "
            f"version of Ray, and the same token in {_TOKEN}",
            "CLUSTER_REFUSES",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raises SettingError if nothing listens there: Ray itself would try for five minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        raise SettingError(
            f"{address!r} is no address of a Ray cluster: give --ray local, or HOST:PORT as "
            "`ray start --head` prints it",
            "BAD_CLUSTER",
        )
    try:
        socket.create_connection((host, int(port)), REACHED_WITHIN_S).close()
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"there is no Ray cluster at {address} ({error}): start one with `ray start --head`, "
            "or give --ray local",
            "NO_CLUSTER",
        ) from error
