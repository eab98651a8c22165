"""A process that reads one upload after the other, each in a fork of its own under all limits.

The decoding libraries are imported only once, which takes far longer than reading a small file. It
takes jobs as JSON lines on standard input, and answers each with a JSON line: ``status`` as of a
process that ended, and ``said``, the last line that the reading printed.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parents[3]))

from sam2_demo.video.ingest import worker

LONGEST_S = 20
"""Far longer than any small file takes."""


def main() -> None:
    """Answers jobs until standard input ends."""
    import sam2_demo.video.ingest.reading  # noqa: F401

    for job in sys.stdin:
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                _read(job, output)
            _, status = os.waitpid(child, 0)
            output.seek(0)
            lines = output.read().decode("utf-8", "replace").splitlines()
        answer = {"status": os.waitstatus_to_exitcode(status), "said": lines[-1] if lines else ""}
        print(json.dumps(answer), flush=True)


def _read(job: str, output: BinaryIO) -> None:
    """Reads one upload and ends this process."""
    status = 1
    with contextlib.suppress(BaseException):
        signal.alarm(LONGEST_S)
        os.dup2(output.fileno(), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stdout = os.fdopen(1, "w")
        try:
            status = worker.main([job])
        except BaseException:
            print(json.dumps({"bug": traceback.format_exc()}))
        sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
