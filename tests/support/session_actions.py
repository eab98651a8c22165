"""What a person might do next, at random, and what a session holds after it."""

import itertools
import random
from dataclasses import replace
from typing import Any

from fake_session import FakeSession

from sam2_demo.core.edges import Edge
from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.keeping.kept_work import KeptWork
from sam2_demo.session.objects import ObjectState
from sam2_demo.session.open_video import WORK_FILE, OpenVideo
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import ObjectMask

PROMPTS = (
    FramePrompt((Point(20, 20),)),
    FramePrompt((Point(20, 20), Point(50, 30, positive=False))),
    FramePrompt(box_xyxy=(30, 5, 60, 40)),
)


def act(session: VideoSession, rng: random.Random) -> str:
    """Returns what was done; what the session refuses is done by nobody."""
    object_id, other_id = rng.randint(1, 4), rng.randint(1, 4)
    frame = rng.randrange(len(session.frames))
    settings = session.objects.get(object_id, ObjectState()).settings
    changed = rng.choice(
        [
            replace(settings, name=f"name {frame}"),
            replace(settings, color=(frame, 0, 255)),
            replace(settings, is_visible=not settings.is_visible),
            replace(settings, edge=Edge(frame, -frame, 2 * frame)),
            replace(settings, is_locked=rng.random() < 0.2),
        ]
    )
    direction, length = rng.choice(list(Direction)), rng.randint(1, len(session.frames))
    mask = EncodedMask.empty(session.frames.size_hw)
    prompt = rng.choice([*PROMPTS, FramePrompt(mask=mask)])
    actions: dict[str, Any] = {
        "prompt": lambda: session.set_prompt(frame, object_id, prompt),
        "propagate": lambda: list(itertools.islice(session.propagate(direction=direction), length)),
        "settings": lambda: session.change_settings(object_id, changed),
        "clear frame": lambda: session.clear_prompt(frame, object_id),
        "clear object": lambda: session.clear_object(object_id),
        "remove": lambda: session.remove_object(object_id),
        "start over": session.start_over,
        "duplicate": lambda: session.duplicate_object(object_id, other_id),
        "merge": lambda: session.merge_object(object_id, other_id),
        "move": lambda: session.move_object(object_id, frame),
        "undo": session.undo,
        "redo": session.redo,
    }
    weights = [4, 2] + [1] * (len(actions) - 2)
    (name,) = rng.choices(list(actions), weights)
    try:
        actions[name]()
    except PromptError as refusal:
        return f"{name}: {refusal.code}"
    return name


def state_of(session: VideoSession) -> tuple[Any, ...]:
    """Returns what a person can see of a session, order included."""
    frames = range(len(session.frames))
    bases = {
        (key, frame): None if prompted.base is None else ObjectMask.of(prompted.base)
        for key, state in session.objects.items()
        for frame, prompted in state.track.prompts.items()
    }
    masks = [session.masks(frame) for frame in frames]
    return session.object_ids, session.settings, session.prompts, bases, masks


def kept_of(video: OpenVideo) -> FakeSession:
    """Returns a session with what the video's folder would give back after a kill."""
    session = FakeSession(video.video)
    kept = KeptWork(video.folder / WORK_FILE)
    session.keep_in(kept, video.video.size_hw)
    kept.close()
    session._history._kept = None
    return session
