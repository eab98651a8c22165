"""Kills a real app at random moments, and compares what is there afterwards with what was promised.

    python tests/bench/kills.py --count 100 --seed 1

One kill in five comes during each of: clicks and undo, a propagation, an export, an opening, and
the loading of session files. What the server had acknowledged must be there after a restart: every
prompt, the masks up to the last second before the kill, the steps of undo; and nothing else.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
FOLDERS = (SUPPORT / "clips", SUPPORT / "stand_ins", SUPPORT / "running")
sys.path[:0] = [str(TOP), *map(str, FOLDERS)]

from app_client import Json, Visitor, masks_in, until_gone  # noqa: E402
from killable_app import App, Starter, starter  # noqa: E402
from media_clips import write_clip  # noqa: E402
from miniature import random_miniature  # noqa: E402

from sam2_demo.checkpoints.loading import save_checkpoint  # noqa: E402

SIZE_HW, FRAMES = (120, 160), 24
MAY_BE_LOST_S = 1.0
KINDS = ("clicks", "propagation", "export", "opening", "sessions")
LONGEST_S = {"clicks": 4.0, "propagation": 6.0, "export": 2.0, "opening": 12.0, "sessions": 2.0}


@dataclass
class Scene:
    """What one round works on, and what was acknowledged in it.

    Attributes:
        token: An open video.
        clip: A video file.
        rng: Where to click.
        states: The prompts after each acknowledged step, the first from before the round.
        undone: How many steps back from the last of them the present is.
        asked: What was asked for last: "click", "undo", or nothing that is not acknowledged.
        masks: Masks by frame and object, each with the time when they arrived.
        opened: Tokens of videos that were opened.
        sessions: Session files, and their masks.
        loaded: The indices of the session files that may be loaded: acknowledged, then asked for.
    """

    token: str
    clip: bytes
    rng: random.Random
    states: list[list[Json]] = field(default_factory=list)
    asked: str = ""
    masks: dict[int, tuple[float, dict[int, str]]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    sessions: list[tuple[bytes, dict[int, dict[int, str]]]] = field(default_factory=list)
    loaded: list[int] = field(default_factory=list)

    def place(self) -> tuple[float, float]:
        """Returns a place to click on."""
        return self.rng.uniform(20, SIZE_HW[1] - 20), self.rng.uniform(20, SIZE_HW[0] - 20)

    def note(self, frames: list[Json]) -> None:
        """Notes masks that arrived."""
        for frame, masks in masks_in(frames).items():
            self.masks[frame] = time.monotonic(), masks


def main() -> int:
    """Returns 1 if anything that was acknowledged is missing, or anything is left behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name, starter() as start:
        folder = Path(name)
        save_checkpoint(folder / "miniature.pt", random_miniature())
        clip = write_clip(folder / "clip.mp4", FRAMES, size_hw=SIZE_HW).read_bytes()
        app = _started(start, folder)
        token = Visitor(app.address).open(clip)["token"]
        for number in range(options.count):
            kind = KINDS[number % len(KINDS)]
            app, found = _round(start, folder, app, kind, Scene(token, clip, rng))
            faults += [f"kill {number}, {kind}: {each}" for each in found]
            print(f"kill {number}, {kind}: {found or 'all there'}", flush=True)
        log = (folder / "app.log").read_text()
    if "Traceback" in log:
        faults.append(f"the log has a traceback: {log[log.index('Traceback') :][:3000]}")
    print(*faults, f"{len(faults)} faults after {options.count} kills", sep="\n")
    return 1 if faults else 0


def _started(start: Starter, folder: Path) -> App:
    return start.start(
        folder, ["--model", str(folder / "miniature.pt"), "--reserve-megabytes", "1"]
    )


def _round(
    start: Starter, folder: Path, app: App, kind: str, scene: Scene
) -> tuple[App, list[str]]:
    """Returns the next app and what is wrong in it, after killing this one in the middle."""
    visitor = Visitor(app.address)
    _prepare(visitor, kind, scene)
    worker = threading.Thread(target=until_gone, args=(lambda: WORK[kind](visitor, scene),))
    worker.start()
    time.sleep(scene.rng.uniform(0.0, LONGEST_S[kind]))
    app.kill()
    killed_s = time.monotonic()
    worker.join()
    visitor.close()
    after = _started(start, folder)
    visitor = Visitor(after.address)
    found = list(CHECKS[kind](visitor, scene, killed_s))
    left = [path for path in (folder / "data").rglob("*") if path.suffix in (".part", ".damaged")]
    videos = folder / "data" / "videos"
    for token in {path.name for path in videos.iterdir()} - {scene.token}:
        # One may be whole, with its announcement on the way when the app was killed.
        if kind != "opening" or not (videos / token / "work.sqlite").exists():
            left.append(videos / token)
        visitor.close_video(token)
    visitor.close()
    return after, [*found, *(f"left behind: {path}" for path in left)]


def _prepare(visitor: Visitor, kind: str, scene: Scene) -> None:
    token = scene.token
    if kind == "clicks":
        scene.states = [visitor.video(token)["prompts"]]
        return
    if kind == "opening":
        return
    visitor.ask(token, "start_over")
    scene.note(visitor.click(token, 0, 1, *scene.place())["frames"])
    if kind == "export":
        list(visitor.propagate(token))
        for frame, masks in visitor.masks(token).items():
            scene.masks[frame] = 0.0, masks
    if kind == "sessions":
        for frame in (0, 5):
            visitor.click(token, frame, 1 + frame, *scene.place())
            scene.sessions.append((visitor.session(token), visitor.masks(token)))
        scene.loaded = [1]


def _clicks(visitor: Visitor, scene: Scene) -> None:
    while True:
        can_undo = len(scene.states) > 1
        scene.asked = "undo" if can_undo and scene.rng.random() < 0.2 else "click"
        if scene.asked == "undo":
            reply = visitor.ask(scene.token, "undo")
            scene.states.pop()
        else:
            frame, key = scene.rng.randrange(FRAMES), scene.rng.randint(1, 3)
            reply = visitor.click(scene.token, frame, key, *scene.place())
            scene.states.append(reply["prompts"])
        scene.asked = ""
        scene.note(reply["frames"])


def _propagation(visitor: Visitor, scene: Scene) -> None:
    for report in visitor.propagate(scene.token):
        scene.note(report.get("frames", []))


def _export(visitor: Visitor, scene: Scene) -> None:
    while True:
        visitor.download(scene.token, scene.rng.choice(("overlay", "palette", "coco")))


def _opening(visitor: Visitor, scene: Scene) -> None:
    while True:
        scene.opened.append(visitor.open(scene.clip)["token"])


def _sessions(visitor: Visitor, scene: Scene) -> None:
    while True:
        index = 1 - scene.loaded[0]
        scene.loaded = [scene.loaded[0], index]
        visitor.open_session(scene.token, scene.sessions[index][0])
        scene.loaded = [index]


WORK: dict[str, Callable[[Visitor, Scene], None]] = {
    "clicks": _clicks,
    "propagation": _propagation,
    "export": _export,
    "opening": _opening,
    "sessions": _sessions,
}


def _check_clicks(visitor: Visitor, scene: Scene, _killed_s: float) -> Iterator[str]:
    """Goes through undo and redo; one step that was asked for last may be there or not."""
    there = visitor.video(scene.token)["prompts"]
    if there == scene.states[-1]:
        yield from _missing(visitor.masks(scene.token), scene)
    elif scene.asked == "click":
        there = visitor.ask(scene.token, "undo")["prompts"]
    elif scene.asked == "undo":
        there = visitor.ask(scene.token, "redo")["prompts"]
    for state in reversed(scene.states):
        if there != state:
            yield f"prompts {there}, not {state}"
            return
        if state is not scene.states[0]:
            there = visitor.ask(scene.token, "undo")["prompts"]
    for state in scene.states[1:]:
        if visitor.ask(scene.token, "redo")["prompts"] != state:
            yield "redo leads elsewhere"


def _check_propagation(visitor: Visitor, scene: Scene, killed_s: float) -> Iterator[str]:
    yield from _missing(visitor.masks(scene.token), scene, killed_s - MAY_BE_LOST_S)
    if visitor.video(scene.token)["undo"] == "propagate":
        visitor.ask(scene.token, "undo")
    if list(visitor.masks(scene.token)) != [0]:
        yield "undo leaves masks of the propagation"


def _check_export(visitor: Visitor, scene: Scene, _killed_s: float) -> Iterator[str]:
    yield from _missing(visitor.masks(scene.token), scene)
    for kind in ("palette", "coco"):
        if not visitor.download(scene.token, kind):
            yield f"an empty download: {kind}"


def _check_opening(visitor: Visitor, scene: Scene, _killed_s: float) -> Iterator[str]:
    for token in scene.opened:
        if len(visitor.video(token)["frame_times_s"]) != FRAMES:
            yield "frames are missing"


def _check_sessions(visitor: Visitor, scene: Scene, _killed_s: float) -> Iterator[str]:
    there = visitor.masks(scene.token)
    if all(there != scene.sessions[index][1] for index in scene.loaded):
        yield f"neither of the sessions {scene.loaded}: masks on {list(there)}"
    if visitor.video(scene.token)["undo"] is None:
        yield "nothing can be undone"


CHECKS: dict[str, Callable[[Visitor, Scene, float], Iterator[str]]] = {
    "clicks": _check_clicks,
    "propagation": _check_propagation,
    "export": _check_export,
    "opening": _check_opening,
    "sessions": _check_sessions,
}


def _missing(
    there: dict[int, dict[int, str]], scene: Scene, until_s: float = float("inf")
) -> Iterator[str]:
    """Yields the frames whose masks arrived until a time and are not there as they were."""
    lost = [
        frame
        for frame, (arrived_s, masks) in scene.masks.items()
        if arrived_s <= until_s and there.get(frame, {}) != masks
    ]
    if lost:
        yield f"masks of frames {sorted(lost)} are not there, of {sorted(scene.masks)}"


if __name__ == "__main__":
    sys.exit(main())
