"""Stands in for the package that ZeroGPU Spaces come with: functions run in a forked process.

As there, arguments and results are copied, the process has no thread of its parent's, a call knows
its visitor from Gradio's context, and an error in the process reaches the caller as a name alone.
"""

import multiprocessing
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import gradio as gr
from gradio.context import LocalContext

FORK = multiprocessing.get_context("fork")
Task = Callable[..., Generator[Any, None, None]]


@dataclass
class LentGpu:
    """The package: ``GPU`` is its decorator.

    Attributes:
        keeps_process: Whether a process is kept for the next call; otherwise each has a new one.
        quota_s: How long a call may take.
        asked: What each call asked for: the seconds, and the visitor's token.
        stopped: How many calls were not computed to their end.
    """

    keeps_process: bool = False
    quota_s: int = 300
    asked: list[tuple[int, str | None]] = field(default_factory=list)
    stopped: int = 0
    _kept: Connection | None = None

    def GPU(self, *, duration: Callable[..., int]) -> Callable[[Task], Task]:
        """Returns a decorator for generators that need a GPU."""

        def decorate(task: Task) -> Task:
            def lent(*arguments: Any) -> Generator[Any, None, None]:
                self._ask(duration(*arguments))
                pipe = self._kept or _forked(task)
                self._kept = None
                pipe.send(arguments)
                try:
                    while (message := pipe.recv())[0] == "result":
                        yield message[1]
                except GeneratorExit:
                    self.stopped += 1
                    pipe.send("stop")
                    while pipe.recv()[0] == "result":
                        pass
                    raise
                finally:
                    if self.keeps_process:
                        self._kept = pipe
                    else:
                        pipe.close()
                if message[0] == "error":
                    raise gr.Error(message[1])

            return lent

        return decorate

    def _ask(self, seconds: int) -> None:
        request = LocalContext.request.get(None)
        token = None if request is None else request.headers.get("x-ip-token")
        self.asked.append((seconds, token))
        if seconds > self.quota_s:
            raise gr.Error(f"You have exceeded your GPU quota ({seconds}s requested).")


def _forked(task: Task) -> Connection:
    ours, theirs = FORK.Pipe()
    FORK.Process(target=_serve, args=(task, theirs, ours), daemon=True).start()
    theirs.close()
    return ours


def _serve(task: Task, pipe: Connection, other_end: Connection) -> None:
    other_end.close()
    while True:
        try:
            arguments = pipe.recv()
        except (EOFError, ConnectionError):  # nobody is there any more
            return
        if arguments == "stop":  # it came after the end
            continue
        try:
            for result in task(*arguments):
                pipe.send(("result", result))
                if pipe.poll() and pipe.recv() == "stop":
                    break
            pipe.send(("end", None))
        except Exception as error:
            traceback.print_exc()  # as the package does
            pipe.send(("error", type(error).__name__))
