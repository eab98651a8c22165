"""What the machine around the app may have set, made fit for it before Gradio is imported.

Gradio asks its own page whether it can be reached, which a proxy would answer wrongly, and writes
into a temporary folder that all users of a machine share.
"""

import logging
import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from urllib.request import getproxies

import httpx

from sam2_demo.core.errors import SettingError
from sam2_demo.video.ingest.worker import IS_LIMITED

logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRADIO_FOLDER = "GRADIO_TEMP_DIR"

NOT_LIMITED = (
    "This system cannot limit the memory of the process that reads uploads. Where strangers may "
    "upload, run the app in WSL or in the container (see the README)."
)

Environment = MutableMapping[str, str]


def prepare(data_dir: Path, host: str) -> None:
    """Prepares the environment of this process; must be called before Gradio is imported.

    Args:
        data_dir: The folder for everything that the app writes.
        host: The address that the page is served on.

    Raises:
        SettingError: a folder cannot be written to.
    """
    os.environ.setdefault(GRADIO_FOLDER, str(data_dir / "gradio"))
    check_writable(Path(os.environ[GRADIO_FOLDER]), GRADIO_FOLDER)
    bypass_proxies(os.environ, host)
    if not IS_LIMITED:
        logger.warning(NOT_LIMITED)


def check_writable(folder: Path, setting: str) -> None:
    """Makes sure that a folder exists and can be written to.

    Raises:
        SettingError: it cannot; the message names the setting that chose it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingError(
            f"{folder} cannot be written to ({error.strerror}): choose another folder with "
            f"{setting}",
            "NOT_WRITABLE",
        ) from error


def bypass_proxies(environment: Environment, host: str) -> None:
    """Lets requests to this machine bypass any proxy, and drops proxies that cannot be used.

    Args:
        environment: The environment variables.
        host: The address that the page is served on.
    """
    proxies = {kind: url for kind, url in getproxies().items() if kind != "no"}
    for kind, url in list(proxies.items()):
        if not _is_usable(url):
            del proxies[kind]
            for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
                environment.pop(name, None)
            logger.warning(
                "%s_PROXY is ignored, because %r is not the address of an HTTP or SOCKS5 proxy",
                kind.upper(),
                url[:80],
            )
    if not proxies:
        return
    # The proxies may be the system's own. Those do not count once a variable is set.
    for kind, url in proxies.items():
        environment.setdefault(f"{kind}_proxy", url)
    bypassing = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [each.strip() for each in bypassing.split(",") if each.strip()]
    missing = [each for each in dict.fromkeys((*LOOPBACK, host)) if each not in hosts]
    if missing and "*" not in hosts:
        environment["no_proxy"] = environment["NO_PROXY"] = ",".join([*hosts, *missing])
        logger.warning(
            "A proxy is set, but requests to this computer must not take it: NO_PROXY is now %s",
            environment["NO_PROXY"],
        )


def _is_usable(url: str) -> bool:
    """Returns whether the HTTP client that Gradio and the hub use takes a proxy's address."""
    try:
        return bool(httpx.Proxy(url if "://" in url else f"http://{url}").url.host)
    except (ValueError, httpx.InvalidURL):
        return False
