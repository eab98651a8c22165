"""The machine around the app: proxies, temporary folders, a system without Unix modules."""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from unittest.mock import patch

import pytest
from browser import running_app
from no_unix import hide_unix

from sam2_demo.core.errors import SettingError
from sam2_demo.server.surroundings import bypass_proxies, check_writable

DIRECT = "127.0.0.1,localhost,::1"


PROXY_VARIABLES = [f"{kind}_proxy" for kind in ("http", "https", "all", "ftp", "no")]


@pytest.fixture
def environment() -> Iterator[MutableMapping[str, str]]:
    """The environment variables, at first without any proxy; they are restored afterwards."""
    with patch.dict(os.environ):
        for name in PROXY_VARIABLES:
            os.environ.pop(name, None)
            os.environ.pop(name.upper(), None)
        yield os.environ


def proxies_in(environment: Mapping[str, str]) -> list[str]:
    return [name for name in environment if name.lower() in PROXY_VARIABLES]


def test_without_a_proxy_nothing_is_set(environment: MutableMapping[str, str]) -> None:
    bypass_proxies(environment, "127.0.0.1")
    assert proxies_in(environment) == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "socks5://127.0.0.1:9", "proxy:80"])
def test_this_machine_is_reached_without_the_proxy(
    environment: MutableMapping[str, str], caplog: pytest.LogCaptureFixture, name: str, proxy: str
) -> None:
    environment[name] = proxy
    bypass_proxies(environment, "127.0.0.1")
    assert environment["NO_PROXY"] == environment["no_proxy"] == DIRECT
    assert environment[name] == proxy
    assert f"NO_PROXY is now {DIRECT}" in caplog.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("intranet.example", f"intranet.example,{DIRECT},lab.example"),
        (f"{DIRECT}, lab.example", None),
        ("*", None),
    ],
)
def test_what_bypassed_the_proxy_still_does(
    environment: MutableMapping[str, str], before: str, after: str | None
) -> None:
    environment.update({"HTTP_PROXY": "http://proxy.example", "NO_PROXY": before})
    bypass_proxies(environment, "lab.example")
    assert environment["NO_PROXY"] == (after or before)


@pytest.mark.parametrize("proxy", ["socks4://proxy:9", "http://proxy:port", "http://"])
def test_a_proxy_that_cannot_be_used_is_dropped(
    environment: MutableMapping[str, str], caplog: pytest.LogCaptureFixture, proxy: str
) -> None:
    environment["ALL_PROXY"] = proxy
    bypass_proxies(environment, "127.0.0.1")
    assert proxies_in(environment) == []
    assert "ALL_PROXY is ignored" in caplog.text
    assert proxy in caplog.text


def test_a_folder_that_cannot_be_written_to_is_named_with_its_setting(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder", "--data-dir")
    (tmp_path / "gradio").write_text("somebody else's")
    with pytest.raises(SettingError, match=r"gradio cannot be written to .*GRADIO_TEMP_DIR"):
        check_writable(tmp_path / "gradio", "GRADIO_TEMP_DIR")


@pytest.mark.slow
def test_the_app_starts_on_an_unfriendly_machine(
    tmp_path: Path,
) -> None:
    (tmp_path / "gradio").write_text("a folder that another user left behind")
    surroundings = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "NO_PROXY": "",
        "no_proxy": "",
        "TMPDIR": str(tmp_path),
    }
    surroundings |= hide_unix(tmp_path)
    with running_app(tmp_path, "embedded", surroundings) as (_, log):
        said = log.read_text()
    assert f"NO_PROXY is now {DIRECT}" in said
    assert "run the app in WSL or in the container" in said
    assert "Traceback" not in log.read_text()
