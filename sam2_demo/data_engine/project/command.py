"""Runs an annotation project: what goes in, how far it is, and what comes out.

    python -m sam2_demo project import clip.mp4 FOLDER --project DIR --phase 3 --masklets 2
    python -m sam2_demo project import --auto MASKLETS --correction-rate 0.5 --project DIR
    python -m sam2_demo project user NAME --users FILE --rights annotate,verify
    python -m sam2_demo project status --project DIR
    python -m sam2_demo project again --phase 3 --share 0.2 --project DIR
    python -m sam2_demo project statistics --csv FILE --project DIR
    python -m sam2_demo project split table.csv --by filmed_by,place --hard hard --project DIR
    python -m sam2_demo project export --out DIR --phases 0,1,2,3 --only-hard --project DIR
    python -m sam2_demo project retrain --out DIR --phases 0,1,2,3 --project DIR

People work on it on the page: python app.py --project DIR --users FILE. Instead of --project, or
beside it, --database postgresql://… names a database for a team.
"""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

from sam2_demo.core.arguments import positive

COMMANDS = "sam2_demo.data_engine.project.commands"
AddArguments = Callable[[argparse.ArgumentParser], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sub-commands, each with its arguments."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, add, summary) in SUB_COMMANDS.items():
        own = commands.add_parser(name, help=summary, description=f"{summary}.")
        add(own)
        if name != "user":
            own.add_argument("--project", type=Path, metavar="DIR", help="the project's folder")
            own.add_argument(
                "--database", metavar="URL", help="its database; by default a file in the folder"
            )
        own.set_defaults(sub_command=(module, name.replace("import", "import_files")))


def run(arguments: argparse.Namespace) -> None:
    """Runs a sub-command.

    Raises:
        Sam2DemoError: it was refused.
    """
    module, name = arguments.sub_command
    getattr(importlib.import_module(f"{COMMANDS}.{module}"), name)(arguments)


def share(text: str) -> float:
    """Returns a number from 0 to 1.

    Raises:
        ValueError: it is none; ``argparse`` then names the option in its error.
    """
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="*", metavar="VIDEO", help="a video, a folder, a .txt list")
    parser.add_argument(
        "--auto",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a folder that the command masklets wrote, whose masklets are to be verified",
    )
    parser.add_argument(
        "--phase",
        type=int,
        choices=(1, 2, 3),
        default=3,
        help="in which masklets are made: 1 SAM per frame, 2 SAM 2 Mask, 3 SAM 2 (the default)",
    )
    parser.add_argument(
        "--masklets", type=positive, default=1, metavar="N", help="of each video; 1 by default"
    )
    parser.add_argument(
        "--correction-rate",
        type=share,
        metavar="SHARE",
        help="share of failed automatic masklets that become tasks of phase 3, from now on; 1 in "
        "a new project",
    )
    parser.add_argument("--max-frames", type=positive, metavar="N", help="longer ones are refused")


def _user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="letters, digits, and . _ - @")
    parser.add_argument("--users", type=Path, required=True, metavar="FILE", help="made if missing")
    parser.add_argument(
        "--rights", default="annotate,verify", help="annotate, verify or both (the default)"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    given.add_argument(
        "--hugging-face",
        action="store_true",
        help="no password: the person signs in with the Hugging Face account of this name",
    )


def _status(parser: argparse.ArgumentParser) -> None:
    pass


def _again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", type=int, choices=(2, 3), default=3)
    parser.add_argument(
        "--share", type=share, default=1.0, help="of phase 1's verified masklets; 1 by default"
    )


def _statistics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures there, too")


def _split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, metavar="CSV", help="with a column named video")
    parser.add_argument(
        "--by",
        required=True,
        metavar="COLUMNS",
        help="such as filmed_by,place",
    )
    parser.add_argument(
        "--shares", default="80,10,10", help="of train, val and test; 80,10,10 by default"
    )
    parser.add_argument("--hard", metavar="COLUMN", help="yes in it marks hard targets")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--phases", default="0,1,2,3", help="whose masklets; 0 are automatic ones; all by default"
    )
    parser.add_argument(
        "--only-hard", action="store_true", help="val and test get hard targets only"
    )


def _retrain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--phases", default="0,1,2,3", help="whose masklets; all by default")
    parser.add_argument("--experiment", default="finetune", help="finetune by default")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="change a setting of the experiment, such as steps=100; may be repeated",
    )


SUB_COMMANDS: dict[str, tuple[str, AddArguments, str]] = {
    "import": ("working", _import, "take in videos to annotate, or masklets to verify"),
    "user": ("working", _user, "add a person, or change a password or rights"),
    "status": ("working", _status, "show how far the masklets are, and who made them"),
    "again": ("working", _again, "have objects of phase 1 annotated again, to compare both"),
    "statistics": (
        "working",
        _statistics,
        "show what annotation costs, beside the paper's",
    ),
    "split": ("giving", _split, "put each video into train, val or test"),
    "export": ("giving", _export, "write the verified masklets as SA-V"),
    "retrain": ("giving", _retrain, "fine-tune a model on what is verified, as the next version"),
}
"""Name, module, arguments and summary; a function of the same name in the module runs it."""
