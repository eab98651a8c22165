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
    Command(
        "masklets",
        "sam2_demo.data_engine.masklets.command",
        "find everything in videos and track it",
    ),
    Command(
        "statistics", "sam2_demo.data_engine.statistics_command", "count what a data set holds"
    ),
    Command("project", "sam2_demo.data_engine.project.command", "run an annotation project"),
    Command("replay", "sam2_demo.session.replay", "do again what a session file holds"),
    Command("benchmark", "sam2_demo.evaluation.benchmark.command", "measure speed and memory here"),
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


def parsers(called: str) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser | None]:
    """Returns the parser of the command line, and within it the called command's own, if known.

    Args:
        called: The command's name; the other commands have their summaries only.
    """
    top = argparse.ArgumentParser(
        prog="python -m sam2_demo",
        epilog="The page is started with: python app.py",
        # With any indentation, argparse breaks the lines of the longest commands.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, indent_increment=0),
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    found = None
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.name == called:
            module = importlib.import_module(command.module)
            own.description = module.__doc__
            own.set_defaults(run=module.run)
            module.add_arguments(own)
            found = own
    return top, found


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status after running one command: 0, or 2 where the input was refused.

    Raises:
        SystemExit: ``argparse`` printed a help text, or refused the arguments.
    """
    top, command = parsers(arguments[0] if arguments else "")
    parsed, unknown = top.parse_known_args(arguments)
    if unknown:  # the command says so, as its usage lists the options that there are
        (command or top).error(f"unrecognized arguments: {' '.join(unknown)}")
    if command is None:
        top.print_help()
        return 0
    try:
        parsed.run(parsed)
    except Sam2DemoError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
