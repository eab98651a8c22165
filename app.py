"""SAM 2 Demo: click an object in a video, get its mask on every frame, correct and download it.

Start it with ``python app.py`` and open the address that it prints.
"""

import argparse
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sam2_demo.checkpoints.compiling import add_compile_argument, leave
from sam2_demo.checkpoints.loading import MODEL_NAMES
from sam2_demo.checkpoints.precision import add_precision_argument
from sam2_demo.core.arguments import positive
from sam2_demo.core.device import prepare_cpu
from sam2_demo.core.errors import Sam2DemoError, SettingError
from sam2_demo.data_engine.project.models import latest_model
from sam2_demo.data_engine.project.project import Project
from sam2_demo.server.app_settings import AppSettings
from sam2_demo.server.app_state import AppState
from sam2_demo.server.limit_options import add_limit_options, store_limits, video_limits
from sam2_demo.server.places.chosen import chosen_place
from sam2_demo.server.surroundings import LOOPBACK, check_writable, prepare
from sam2_demo.video.ingest.limits import MIB

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})
LOADING_TIMEOUT_S = 10.0
LOG_FORMAT = "%(asctime)s %(levelname)s %(message).2000s"
"""Some libraries log what they were sent, which may be long."""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    environment = os.environ.get
    add = parser.add_argument
    add(
        "--model",
        default="auto",
        help=f"{', '.join(MODEL_NAMES)}, or the path of a checkpoint (default: auto); @512 after "
        "it makes the model see images of 512 px, which is faster",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add_precision_argument(parser)
    add_compile_argument(parser)
    add("--host", default=environment("GRADIO_SERVER_NAME", "127.0.0.1"), help="address to bind")
    add(
        "--port",
        type=int,
        help="port to listen on (default: $GRADIO_SERVER_PORT, or the first free one from 7860)",
    )
    add(
        "--allowed-host",
        action="append",
        default=[],
        help="a host name under which a proxy exposes this server; may be given several times",
    )
    add("--share", action="store_true", help="make a public link")
    add(
        "--data-dir",
        type=Path,
        help="where open videos are kept, even across restarts (default: a temporary folder)",
    )
    add(
        "--allow-local-checkpoints",
        action="store_true",
        help="let users of the page open checkpoint files on this machine",
    )
    add("--project", type=Path, metavar="DIR", help="work on the annotation project in this folder")
    add("--database", metavar="URL", help="the project's database (default: a file in its folder)")
    add("--users", type=Path, metavar="FILE", help="who may work on it (default: one person)")
    add(
        "--ray",
        metavar="ADDRESS",
        help="let actors of a Ray cluster compute the masks: HOST:PORT, or local for this computer",
    )
    add(
        "--ray-actors",
        type=positive,
        metavar="N",
        help="how many actors (default: one for each GPU, or else for each four cores)",
    )
    add_limit_options(parser)
    return parser.parse_args(arguments)


def settings_from(options: argparse.Namespace, data_dir: Path) -> AppSettings:
    """Returns the app's settings for these options."""
    # The host name of a shared link is not known in advance, nor that of a public server.
    is_named = not options.share and (options.host in LOOPBACK or options.allowed_host)
    # Gradio asks its own page, under the address that it is served on.
    names = frozenset((*LOOPBACK, options.host, *options.allowed_host)) - EVERY_ADDRESS
    return AppSettings(
        data_dir=data_dir,
        model=options.model,
        device=options.device,
        precision=options.precision,
        compiles=options.compile,
        allow_local_checkpoints=options.allow_local_checkpoints,
        allowed_hosts=names if is_named else None,
        video_limits=video_limits(options),
        store_limits=store_limits(options),
        max_waiting_bytes=options.max_waiting_megabytes * MIB,
        max_objects=options.max_objects,
    )


@contextmanager
def opened_project(options: argparse.Namespace) -> Iterator[Project | None]:
    """Returns a context with the project to work on, if there is one.

    Its newest model answers, and its folder keeps what is open, unless the operator says otherwise.
    """
    if options.project is None and options.database is None:
        if options.users is not None:
            raise SettingError("--users is about a project: give --project, too", "NO_PROJECT")
        yield None
        return
    project = Project.open(options.project, options.database, options.users)
    try:
        options.data_dir = options.data_dir or project.folder / "open"
        newest = latest_model(project.database)
        if options.model == "auto" and newest is not None:
            options.model = str(newest)
        if project.people.is_for_one:
            print("This project is for one person, as there are no --users.")
        yield project
    finally:
        project.close()


@contextmanager
def data_folder(options: argparse.Namespace) -> Iterator[Path]:
    """Returns a context with the folder for open videos: the operator's, or a temporary one."""
    if options.data_dir is not None:
        check_writable(options.data_dir, "--data-dir")
        yield options.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="sam2_demo_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def serve(options: argparse.Namespace, state: AppState) -> None:
    """Serves the page until the program is interrupted."""
    from sam2_demo.server.page import build_page, launch_options
    from sam2_demo.server.patient_start import start_patiently

    prepare_cpu()
    start_patiently()
    state.store.start_sweeper(state.sweep_files)
    loading = threading.Thread(target=state.shelf.load_default, name="first model", daemon=True)
    loading.start()
    try:
        build_page(state).launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            **launch_options(state),
        )
    finally:
        state.store.close_all()
        loading.join(LOADING_TIMEOUT_S)  # torch may crash if the program exits while it is loading


def main(arguments: list[str]) -> int:
    """Runs the app until it is interrupted; returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT)
    options = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # lets hosts stop it cleanly
    try:
        with opened_project(options) as project, data_folder(options) as data_dir:
            prepare(data_dir, options.host)  # before anything imports Gradio, which looks around
            with chosen_place(
                options.ray, options.ray_actors, options.device, options.compile
            ) as place:
                serve(options, AppState.build(settings_from(options, data_dir), project, place))
    except (Sam2DemoError, OSError) as error:  # such as a port already in use
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while it was starting; later, Gradio takes it
        return 0
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
