"""A process that starts the app in a fork of itself, again and again, and imports only once.

Each line on standard input is a JSON list: the log's path, then the options of the app. It answers
with the process id of the app, which is the app as ``python app.py`` starts it.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

TOP = Path(__file__).parents[3]
sys.path.insert(0, str(TOP))

import app  # noqa: E402
from sam2_demo.server.surroundings import GRADIO_FOLDER, prepare  # noqa: E402


def main() -> None:
    """Starts apps until standard input ends."""
    prepare(Path.cwd(), "127.0.0.1")  # before anything imports Gradio

    import gradio  # noqa: F401

    import sam2_demo.server.page  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # apps that were killed are not waited for
    for line in sys.stdin:
        log, *options = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(log, options)
        print(child, flush=True)


def _become(log: str, options: list[str]) -> None:
    """Is the app until it ends, and so this process."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        del os.environ[GRADIO_FOLDER]
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(written, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        status = app.main(options)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
