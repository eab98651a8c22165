"""The command line of the app."""

from pathlib import Path

import pytest

from app import main, parse_arguments, settings_from


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.mark.parametrize("device", ["foo", "cuda:99"])
def test_a_device_that_is_not_there_is_said(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--device", device, "--data-dir", str(tmp_path)]) == 2
    assert device in capsys.readouterr().err


def test_numbers_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--max-frames", "0"])
    assert "--max-frames" in capsys.readouterr().err


def test_host_names_are_bound_where_the_page_is_private_or_they_are_given(tmp_path: Path) -> None:
    def hosts(*arguments: str) -> frozenset[str] | None:
        return settings_from(parse_arguments(list(arguments)), tmp_path).allowed_hosts

    assert hosts("--host", "127.0.0.1") == {"127.0.0.1", "localhost", "::1"}
    assert "me.example" in (hosts("--host", "localhost", "--allowed-host", "me.example") or ())
    assert hosts("--host", "0.0.0.0") is None
    public = hosts("--host", "0.0.0.0", "--allowed-host", "me.example")
    assert public == {"127.0.0.1", "localhost", "::1", "me.example"}
    assert hosts("--share") is None
