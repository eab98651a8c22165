"""The command line: what it lists, and how it refuses."""

import importlib.util
import subprocess
import sys

import pytest

from sam2_demo.__main__ import COMMANDS, Command, main
from sam2_demo.core.device import choose_device
from sam2_demo.core.errors import SettingError


def test_help_lists_every_command_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert all([command.name, command.summary] in lines for command in COMMANDS)


def test_help_loads_no_command() -> None:
    script = (
        "import sys\n"
        "from sam2_demo.__main__ import main\n"
        "main([])\n"
        "assert not {'torch', 'gradio', 'cv2', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment"], "invalid choice: 'segment'"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["start", "--out", "start.pt", "--fast"], "start: error: unrecognized arguments: --fast"),
    ],
)
def test_what_is_unknown_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_command_exists_and_explains_itself(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importlib.util.find_spec(command.module) is not None
    with pytest.raises(SystemExit) as stopped:
        main([command.name, "--help"])
    assert stopped.value.code == 0
    assert f"python -m sam2_demo {command.name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["label", "--sources", "sources", "--processes", "0"],
        ["pack", "--sources", "sources", "--out", "pack.npz", "--cutout-px", "-1"],
        ["benchmark", "--objects", "1", "0"],
    ],
)
def test_numbers_below_one_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert f"invalid positive value: {arguments[-1]!r}" in capsys.readouterr().err


def test_a_benchmark_of_no_frames_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--memory-frames", "200", "0"]) == 2
    assert "--memory-frames 200 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "cpu,cuda"])
def test_a_device_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(SettingError) as refused:
        choose_device(name)
    assert refused.value.code == "BAD_DEVICE"
