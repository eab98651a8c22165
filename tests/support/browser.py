"""A running app and a real browser for the tests that walk through the page."""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from sam2_demo.checkpoints.loading import load_model, save_checkpoint
from sam2_demo.model.config import resized
from sam2_demo.model.sam2 import Sam2
from sam2_demo.server.page_modules import page_modules

TOP = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
FAKE_CAMERA = "--use-fake-device-for-media-stream"
START_TIMEOUT_S = 120.0
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}
ON_DESKTOP, ON_PHONE = (
    pytest.mark.parametrize("window", [window], ids=[name], indirect=True)
    for name, window in (("desktop", DESKTOP), ("phone", PHONE))
)
"""For a test that one window is enough for."""
ANSWERED = re.compile("IoU|hidden on this frame")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SMALL_HW = (40, 64)
PIXELS = """([height, width]) => {
  const sheet = document.createElement('canvas');
  [sheet.width, sheet.height] = [width, height];
  const pen = sheet.getContext('2d', { willReadFrequently: true });
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(document.querySelector('[data-id="canvas"]'), 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''));
}"""


@contextmanager
def running_app(
    folder: Path,
    model: str | None = None,
    surroundings: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[tuple[str, Path]]:
    """Returns a context with the address of a real app and the path of its log.

    Args:
        folder: For its data and its log.
        model: What it loads; by default what ``checkpoint`` makes.
        surroundings: Environment variables to set.
        options: More options of the command line.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}/", folder / "server.log"
    command = [sys.executable, str(TOP / "app.py"), "--port", str(port)]
    command += ["--model", model or str(checkpoint(folder)), "--data-dir", str(folder / "data")]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "GRADIO_ANALYTICS_ENABLED": "False"}
    environment |= surroundings or {}
    command += options
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
        try:
            _wait_for(address, server, log)
            yield address, log
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def checkpoint(folder: Path) -> Path:
    """Returns a file with the embedded weights for images of a quarter of the pixels.

    They answer four times as fast, and what is tested here is the page.
    """
    full = load_model("embedded", torch.device("cpu")).model
    small = Sam2(resized(full.config, full.config.image_size // 2))
    small.load_state_dict(full.state_dict())
    path = folder / "embedded.pt"
    save_checkpoint(path, small)
    return path


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        assert server.poll() is None, log.read_text()
        try:
            with DIRECT.open(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {address}:\n{log.read_text()}")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Returns a context with a Chromium without a window."""
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, FAKE_CAMERA]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_with_modules(browser: Browser, *names: str) -> Iterator[Page]:
    """Returns a context with an empty page that has what these of the page's modules export."""
    page, address = browser.new_page(), "http://modules.test/"

    def answer(route: Route) -> None:
        text = page_modules().texts.get(route.request.url.removeprefix(address))
        if text is None:
            route.fulfill(body="", content_type="text/html")
        else:
            route.fulfill(body=text, content_type="text/javascript")

    page.route(f"{address}**", answer)
    page.goto(address)
    for name in names:
        page.evaluate("async (name) => void Object.assign(window, await import(name))", f"/{name}")
    yield page
    page.close()


@dataclass
class Visit:
    """One tab on the page, with what its console complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, browser: Browser, address: str, **window: Any) -> "Visit":
        """Returns a tab of a new visitor who sees the start of the page."""
        return cls.tab(browser.new_context(**window), address)

    @classmethod
    def tab(cls, context: BrowserContext, address: str) -> "Visit":
        """Returns another tab of a visitor, who sees the start of the page."""
        visit = cls(context.new_page())
        page = visit.page
        page.set_default_timeout(60_000)
        page.on("console", visit._note_message)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector(".s2-sample")
        return visit

    def end(self) -> None:
        """Closes the tab, which must fit its window and have complained of nothing.

        It leaves nothing behind for the next tab to remember.
        """
        overflow_px = self.overflow_px()
        self.page.evaluate("localStorage.clear()")
        self.page.close()
        assert overflow_px == 0
        assert self.complaints == []

    def find(self, name: str) -> Any:
        """Returns the part of the page of that name."""
        return self.page.locator(f'[data-id="{name}"]')

    def open_sample(self, name: str) -> None:
        """Opens a sample clip."""
        self.page.locator(f'[data-sample="{name}"]').click()
        self.wait_for_picture()

    def open_file(self, path: Path) -> None:
        """Uploads a file and opens it."""
        self.find("file").set_input_files(path)
        self.wait_for_picture()

    def wait_for_picture(self) -> None:
        """Waits until a frame is drawn."""
        self.page.wait_for_selector('[data-view="work"]')
        self.page.wait_for_selector('[data-id="canvas"][data-frame]')

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Returns where a place of the picture, in shares of its size, is in the window."""
        self.find("canvas").scroll_into_view_if_needed()
        box = self.find("canvas").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def point(self, x: float, y: float) -> None:
        """Clicks on a place of the picture, in shares of its size; on a phone it is a tap."""
        place = self.place(x, y)
        if self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            self.page.touchscreen.tap(*place)
        else:
            self.page.mouse.click(*place)

    def drag_box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draws a box over the picture, in shares of its size."""
        self.page.mouse.move(*self.place(x0, y0))
        self.page.mouse.down()
        self.page.mouse.move(*self.place((x0 + x1) / 2, (y0 + y1) / 2))
        self.page.mouse.move(*self.place(x1, y1))
        self.page.mouse.up()

    def color_at(self, x: float, y: float) -> tuple[int, int, int]:
        """Returns the colour that the canvas shows at a place, in shares of its size."""
        return tuple(
            self.find("canvas").evaluate(
                """(canvas, [x, y]) => {
                  const pen = new OffscreenCanvas(1, 1).getContext('2d');
                  pen.drawImage(canvas, x * canvas.width, y * canvas.height, 1, 1, 0, 0, 1, 1);
                  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
                }""",
                [x, y],
            )
        )

    def pixels(self, size_hw: tuple[int, int] = SMALL_HW) -> str:
        """Returns what is on the canvas in a small size, coded, once it stands still."""
        before, drawn = "", str(self.page.evaluate(PIXELS, size_hw))
        while before != drawn:
            self.page.wait_for_timeout(100)
            before, drawn = drawn, str(self.page.evaluate(PIXELS, size_hw))
        return drawn

    def picture(self, size_hw: tuple[int, int] = SMALL_HW) -> np.ndarray:
        """Returns what is on the canvas in that size, once it stands still: RGB, integers."""
        rgba = np.frombuffer(base64.b64decode(self.pixels(size_hw)), np.uint8)
        return rgba.reshape(*size_hw, 4)[..., :3].astype(int)

    def wait_for_pixels(self, wanted: str) -> None:
        """Waits until the canvas shows what it showed once."""
        self.page.wait_for_function(
            f"([size, wanted]) => ({PIXELS})(size) === wanted", arg=[SMALL_HW, wanted]
        )

    def go_to(self, number: int) -> None:
        """Walks to a frame by its number, which counts from 1."""
        self.page.keyboard.press("Home")
        for _ in range((number - 1) // 10):
            self.page.keyboard.press("Shift+ArrowRight")
        for _ in range((number - 1) % 10):
            self.page.keyboard.press("ArrowRight")
        self.wait_for_frame(number)

    def wait_for_frame(self, number: int) -> None:
        """Waits until a frame is on show."""
        self.page.wait_for_selector(f'[data-id="canvas"][data-frame="{number - 1}"]')

    def propagate(self, frames: int) -> None:
        """Propagates and waits until the masks of that many frames are there."""
        self.find("propagate").click()
        self.find("progress-text").get_by_text(f"Done: {frames} frames").wait_for()

    def answer_to(self, action: str, act: Callable[[], object]) -> tuple[Any, Any]:
        """Returns what the page sent to the server when something was done, and the answer."""
        with self.page.expect_request(re.compile(rf"/videos/[^/]+/{action}(\?|$)")) as event:
            act()
        answer = event.value.response().json()
        self.page.wait_for_timeout(60)  # until it is drawn
        return event.value.post_data_json, answer

    def fetch(self, path: str = "") -> Any:
        """Returns what the server answers to a question about the open video."""
        token = self.page.evaluate("sessionStorage.getItem('sam2-video')")
        return self.page.request.get(f"{self.page.url}gradio_api/sam2/videos/{token}{path}")

    def note_of(self, place: int) -> str:
        """Returns what the object list says of an object on the frame on show."""
        return self.page.locator(".s2-objects li").nth(place).locator("small").inner_text()

    def wait_for_note(self, place: int, text: str | re.Pattern[str]) -> None:
        """Waits until the object list says so of an object."""
        row = self.page.locator(".s2-objects li").nth(place)
        row.locator("small", has_text=text).wait_for()

    def wait_for_status(self, text: str) -> None:
        """Waits until the page says a sentence that holds this text, then dismisses it."""
        self.find("status-text").get_by_text(text).wait_for()
        self.find("status-close").click()

    def download(self, kind: str, folder: Path) -> Path:
        """Returns the path of a download."""
        with self.page.expect_download() as event:
            self.choose_download(kind).click()
        path = folder / event.value.suggested_filename
        event.value.save_as(path)
        return path

    def choose_download(self, kind: str) -> Any:
        """Returns the button of a download, after its group of the menu was opened."""
        button = self.page.locator(f'[data-kind="{kind}"]')
        self.page.locator(f'[data-tab="{button.get_attribute("data-group")}"]').click()
        return button

    def overflow_px(self) -> int:
        """Returns by how much the page is wider than its window."""
        width = self.page.viewport_size["width"]
        return int(self.page.evaluate("document.documentElement.scrollWidth")) - width

    def _note_message(self, message: Any) -> None:
        # A refusal travels as an HTTP status, which the browser notes by itself.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.complaints.append(message.text)
