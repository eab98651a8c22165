"""The command line: what it lists, and how it refuses."""

import importlib.util

import pytest

from sam2_demo.__main__ import COMMANDS, Command, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(command.name in printed and command.summary in printed for command in COMMANDS)


def test_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment"]) == 2
    assert "no command 'segment'" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_command_exists_and_explains_itself(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importlib.util.find_spec(command.module) is not None
    with pytest.raises(SystemExit) as stopped:
        main([command.name, "--help"])
    assert stopped.value.code == 0
    assert f"python -m sam2_demo {command.name}" in capsys.readouterr().out
