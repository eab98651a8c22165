"""Long-running work as a streamed response: one JSON line per report.

The work runs in its own thread. Closing the connection stops it, so a browser that disconnects
never leaves work running. Reports within a tenth of a second are sent together.
"""

import asyncio
import json
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from starlette.responses import StreamingResponse

from sam2_demo.server.messages import explain

Report = Callable[[Mapping[str, object]], None]
Stopped = Callable[[], bool]
Work = Callable[[Report, Stopped], None]

GATHER_S = 0.1
HEARTBEAT_S = 10.0
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


def streamed(work: Work) -> StreamingResponse:
    """Returns a response that runs the work and sends its reports, including any error."""
    return StreamingResponse(_lines(work), media_type="application/x-ndjson", headers=HEADERS)


def reports_of(work: Work) -> Iterator[Mapping[str, Any]]:
    """Yields the reports of work that runs in a thread; closing the iterator stops it.

    Raises:
        Exception: whatever the work raised.
    """
    reports: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
    stopped = threading.Event()
    with ThreadPoolExecutor(1, "reports") as pool:
        working = pool.submit(copy_context().run, work, reports.put, stopped.is_set)
        working.add_done_callback(lambda _: reports.put(None))
        try:
            yield from iter(reports.get, None)
        finally:
            stopped.set()
        working.result()


async def _lines(work: Work) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    reports: asyncio.Queue[Mapping[str, object] | None] = asyncio.Queue()
    stopped = threading.Event()

    def send(report: Mapping[str, object] | None) -> None:
        with suppress(RuntimeError):  # the server is shutting down
            loop.call_soon_threadsafe(reports.put_nowait, report)

    def run() -> None:
        try:
            work(send, stopped.is_set)
        except BaseException as error:
            refusal = explain(error)
            time.sleep(refusal.late_s)
            send(refusal.as_json())
        finally:
            send(None)

    known = copy_context()  # who asks for it
    threading.Thread(target=known.run, args=(run,), name="stream", daemon=True).start()
    try:
        finished = False
        while not finished:
            gathered = await _gather(reports)
            finished = None in gathered
            yield "".join(json.dumps(report) + "\n" for report in gathered if report) or "\n"
    finally:
        stopped.set()


async def _gather(
    reports: asyncio.Queue[Mapping[str, object] | None],
) -> list[Mapping[str, object] | None]:
    """Returns the reports of the next moment; none if there were none within a heartbeat."""
    try:
        gathered = [await asyncio.wait_for(reports.get(), HEARTBEAT_S)]
    except TimeoutError:
        return []
    if gathered != [None]:
        await asyncio.sleep(GATHER_S)
    while not reports.empty():
        gathered.append(reports.get_nowait())
    return gathered


def progress_report(report: Report, stage: str) -> Callable[[int, int | None], None]:
    """Returns a function that reports the progress of a stage, with the total if known."""

    def progress(done: int, total: int | None) -> None:
        report({"stage": stage, "done": done, "total": total})

    return progress


def waiting_report(report: Report) -> Callable[[int], None]:
    """Returns a function that reports how many others have to finish first."""

    def waiting(before: int) -> None:
        report({"stage": "waiting", "before": before})

    return waiting
