"""The command line: ``python -m sam2_demo COMMAND …``.

A command is a module with ``add_arguments(parser)`` and ``run(arguments)``; it is
imported only when it is called, so that ``--help`` answers at once.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sam2_demo.core.errors import Sam2DemoError


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command lives, and what it does in one line."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("start", "sam2_demo.training.start", "make the weights that `train embedded` needs"),
    Command("train", "sam2_demo.training.command", "train a model by a named experiment"),
    Command(
        "ablations",
        "sam2_demo.training.experiments.ablations",
        "train variants of a model and compare",
    ),
    Command("evaluate", "sam2_demo.evaluation.command", "measure a model on clips with masks"),
    Command("replay", "sam2_demo.session.replay", "do again what a session file holds"),
    Command("benchmark", "sam2_demo.evaluation.benchmark", "measure speed and memory here"),
    Command(
        "pack",
        "sam2_demo.datasets.sources.pack_command",
        "pack pictures to make training clips from",
    ),
    Command(
        "label",
        "sam2_demo.datasets.sources.label_command",
        "outline the things in these photographs",
    ),
)


def overview() -> str:
    """Returns the help text: one line for each command."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS]
    usage = "usage: python -m sam2_demo COMMAND [--help] [options]"
    return "\n".join([usage, "", *lines, "", "The page is started with: python app.py"])


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status after running one command: 0, or 2 where the input was refused."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        return 0
    command = next((known for known in COMMANDS if known.name == arguments[0]), None)
    if command is None:
        print(f"There is no command {arguments[0]!r}.\n\n{overview()}", file=sys.stderr)
        return 2
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"python -m sam2_demo {command.name}", description=module.__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)
    try:
        module.run(parser.parse_args(arguments[1:]))
    except Sam2DemoError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
