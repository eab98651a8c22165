"""Real apps that are started quickly, killed at any moment, and watched meanwhile."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PRELOADED = Path(__file__).with_name("preloaded_app.py")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
START_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class App:
    """A running app.

    Attributes:
        pid: Its process.
        address: Where it answers.
        log: What it prints.
    """

    pid: int
    address: str
    log: Path

    @property
    def memory_mb(self) -> int:
        """Resident memory in megabytes."""
        return self._status("VmRSS")

    @property
    def peak_mb(self) -> int:
        """The most resident memory so far, in megabytes."""
        return self._status("VmHWM")

    @property
    def open_files(self) -> int:
        """How many descriptors are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it and waits until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, how)
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.01)

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split(f"{name}:")[1].split()[0]) >> 10


class Starter:
    """Starts apps; one is running at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.running: list[App] = []

    def start(self, folder: Path, options: Sequence[str] = ()) -> App:
        """Returns an app that answers, in place of the last one, which is killed.

        Args:
            folder: For its data and its log.
            options: More options of the command line.
        """
        for earlier in self.running:
            earlier.kill()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = folder / "app.log"
        line = [str(log), "--port", str(port), "--data-dir", str(folder / "data"), *options]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(line), file=self._process.stdin, flush=True)
        pid = int(self._process.stdout.readline())
        app = App(pid, f"http://127.0.0.1:{port}/", log)
        self.running = [app]
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s and Path(f"/proc/{pid}").exists():
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                DIRECT.open(app.address, timeout=5).close()
                return app
            time.sleep(0.05)
        raise AssertionError(log.read_text()[-3000:])


@contextmanager
def starter() -> Iterator[Starter]:
    """Returns a context with something that starts apps; the last one is killed at the end."""
    environment = os.environ | {"OMP_NUM_THREADS": "2", "GRADIO_ANALYTICS_ENABLED": "False"}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, str(PRELOADED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        ) as process,
    ):
        started = Starter(process)
        try:
            yield started
        except BaseException:
            print(*(app.log.read_text()[-4000:] for app in started.running), file=sys.stderr)
            raise
        finally:
            for app in started.running:
                app.kill()
            assert process.stdin is not None
            process.stdin.close()
