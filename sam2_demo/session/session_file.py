"""One file that holds a whole session: prompts, masks, scores, which model and which video.

Opened on another machine with the same video, it gives the same masks: they are stored, not
computed again. Made of a part of a video, it fits the whole as well. What is needed to correct the
masks and to propagate is in it, too; only what the model remembers of a frame is made again of the
frame's mask, as for another model.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sam2_demo.core.errors import ExportError, InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point, check_object_id
from sam2_demo.session.journal import prompt_as_json, settings_as_json
from sam2_demo.session.objects import Objects, ObjectSettings, ObjectState
from sam2_demo.session.provenance import Provenance
from sam2_demo.tracking.prompt_log import Event, Given, Tracked, log_of
from sam2_demo.tracking.track import Answer, PromptedFrame, Track
from sam2_demo.video.excerpt import MAX_FPS, MAX_TIME_S, WHOLE, Excerpt
from sam2_demo.video.video import Video

FORMAT = "SAM 2 Demo session"
VERSION = 1
SUFFIX = ".sam2.json"
MAX_SESSION_BYTES = 64 << 20
"""A minute of video with five objects takes some 8 MB; it bounds what a hostile file costs."""
MAX_VALUES = 4_000_000
"""So many lists and numbers make 100 objects on 5,400 frames; 64 MB of commas would take 2 GB."""
MAX_TEXT_LENGTH = 1024
MAX_SIDE_PX = 1 << 15

Size = tuple[int, int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SavedSession:
    """What a session file holds.

    Attributes:
        made_of: The video and the model; frame 0 of the objects is the first of its part.
        objects: Prompts, masks, scores and settings.
        active_s: For how many seconds a person worked on it.
    """

    made_of: Provenance
    objects: Objects
    active_s: float = 0.0

    def objects_on(self, video: Video) -> Objects:
        """Returns the objects as they are on a video, which may begin earlier in the same file.

        Raises:
            InputError: it has not all of their frames, or another size.
        """
        offset = self.made_of.offset_in(video)
        return {
            object_id: replace(state, track=state.track.shifted(offset))
            for object_id, state in self.objects.items()
        }


def session_as_text(saved: SavedSession) -> str:
    """Returns the contents of a session file: JSON.

    Raises:
        ExportError: it would be larger than a session file may be.
    """
    text = json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "made_of": asdict(saved.made_of),
            "active_s": saved.active_s,
            "objects": [
                {"id": object_id, "settings": settings_as_json(state.settings)}
                | _track_as_json(state.track)
                for object_id, state in saved.objects.items()
            ],
        }
    )
    if len(text) > MAX_SESSION_BYTES:
        raise ExportError(
            f"The session has {len(text) >> 20} MB, and a session file at most "
            f"{MAX_SESSION_BYTES >> 20}: remove some objects, or download run lengths (COCO).",
            "SESSION_TOO_LARGE",
        )
    return text


def read_session(path: Path) -> SavedSession:
    """Returns what a session file holds; every field was checked.

    Raises:
        InputError: it is too large, no session file of this version, or was damaged or changed.
    """
    try:
        if path.stat().st_size > MAX_SESSION_BYTES:
            raise ValueError(f"it is larger than {MAX_SESSION_BYTES >> 20} MB")
        content = path.read_bytes()
        if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
            raise ValueError("it holds more values than any session has")
        return _session_from_json(json.loads(content, parse_constant=_refuse_number))
    except (
        OSError,
        ArithmeticError,
        AttributeError,
        LookupError,
        PromptError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(
            f"This is no session file that can be opened here ({str(error)[:100]}): choose a file "
            f"that ends in {SUFFIX} as it was saved.",
            "BAD_SESSION_FILE",
        ) from error


def _session_from_json(fields: Mapping[str, Any]) -> SavedSession:
    if fields["format"] != FORMAT or fields["version"] != VERSION:
        raise ValueError("it is of another format or version")
    made_of = _provenance(fields["made_of"])
    objects: dict[int, ObjectState] = {}
    for each in fields["objects"]:
        check_object_id(each["id"])
        if each["id"] in objects:
            raise ValueError(f"object {each['id']} is there twice")
        track = _track(each, made_of.frames, made_of.size_hw)
        objects[each["id"]] = ObjectState(_settings(each["settings"]), track)
    return SavedSession(made_of, objects, max(0.0, _number(fields["active_s"])))


def _provenance(fields: Mapping[str, Any]) -> Provenance:
    height, width = fields["size_hw"]
    return Provenance(
        video_name=_text(fields["video_name"]),
        video_digest=_text(fields["video_digest"]),
        frames=_whole(fields["frames"], 1),
        size_hw=(_whole(height, 1, MAX_SIDE_PX), _whole(width, 1, MAX_SIDE_PX)),
        model=_text(fields["model"]),
        weights=_text(fields["weights"]),
        excerpt=_excerpt(fields.get("excerpt", asdict(WHOLE))),
        first_frame=_whole(fields.get("first_frame", 0), 0),
    )


def _excerpt(fields: Mapping[str, Any]) -> Excerpt:
    return Excerpt(
        start_s=_number(fields["start_s"], 0, MAX_TIME_S),
        length_s=_optional(fields["length_s"], partial(_number, least=0, most=MAX_TIME_S)),
        first_frames=_optional(fields["first_frames"], partial(_whole, least=1)),
        fps=_number(fields["fps"], 1, MAX_FPS),
    )


def _settings(fields: Mapping[str, Any]) -> ObjectSettings:
    name = "".join(character for character in _text(fields["name"]) if character.isprintable())
    is_visible, is_locked = _flag(fields["is_visible"]), _flag(fields["is_locked"])
    if fields["color"] is None:
        return ObjectSettings(name, None, is_visible, is_locked)
    red, green, blue = (_whole(part, 0, 255) for part in fields["color"])
    return ObjectSettings(name, (red, green, blue), is_visible, is_locked)


def _track_as_json(track: Track) -> dict[str, object]:
    return {
        "prompts": [
            [frame_index, prompt_as_json(prompt), base and _answer_as_json(base)]
            for frame_index, (prompt, base) in track.prompts.items()
        ],
        "masks": [
            [frame_index, _answer_as_json(answer), track.steps.get(frame_index, 0)]
            for frame_index, answer in sorted(track.answers.items())
        ],
        "conditioning": sorted(track.conditioning),
        "log": [_event_as_json(event) for event in track.log],
    }


def _track(fields: Mapping[str, Any], frames: int, size_hw: Size) -> Track:
    track = Track()
    for index, answer, step in fields["masks"]:
        frame_index = _whole(index, 0, frames - 1)
        track.answers[frame_index] = _answer(answer, size_hw)
        if _whole(step, -1, 1):
            track.steps[frame_index] = step
    for index, prompt, base in fields["prompts"]:
        tracked = _optional(base, partial(_answer, size_hw=size_hw))
        track.prompts[_whole(index, 0, frames - 1)] = PromptedFrame(
            _prompt(prompt, size_hw), tracked
        )
    track.conditioning = {_whole(index, 0, frames - 1) for index in fields["conditioning"]}
    if not track.conditioning | track.prompts.keys() <= track.answers.keys():
        raise ValueError("a prompted frame has no mask")
    if "log" in fields:
        track.log = [_event(each, frames, size_hw) for each in fields["log"]]
    else:  # a file of an older version
        given = {frame: prompted.prompt for frame, prompted in track.prompts.items()}
        track.log = log_of(given, track.steps)
    return track


def _event_as_json(event: Event) -> list[object]:
    if isinstance(event, Given):
        return ["prompt", event.frame_index, event.prompt and prompt_as_json(event.prompt)]
    return ["track", *event]


def _event(fields: Sequence[Any], frames: int, size_hw: Size) -> Event:
    match fields:
        case ["prompt", frame, prompt]:
            given = _optional(prompt, partial(_prompt, size_hw=size_hw))
            return Given(_whole(frame, 0, frames - 1), given)
        case ["track", first, last, step]:
            begin, end = (_whole(frame, 0, frames - 1) for frame in (first, last))
            if _whole(step, -1, 1) and (end - begin) * step >= 0:
                return Tracked(begin, end, step)
    raise ValueError("an event is none")


def _answer_as_json(answer: Answer) -> list[object]:
    return [answer.mask.counts, answer.iou, answer.object_score_logits, answer.is_prompted]


def _answer(fields: Any, size_hw: Size) -> Answer:
    counts, iou, object_score_logits, is_prompted = fields
    return Answer(
        _mask(counts, size_hw), _number(iou), _number(object_score_logits), _flag(is_prompted)
    )


def _prompt(fields: Mapping[str, Any], size_hw: Size) -> FramePrompt:
    points = tuple(
        Point(_number(x), _number(y), _flag(positive)) for x, y, positive in fields["points"]
    )
    prompt = FramePrompt(
        points=points,
        box_xyxy=_optional(fields["box_xyxy"], _box),
        mask=_optional(fields["mask"], lambda mask: _mask(mask[2], size_hw)),
        candidate=_optional(fields["candidate"], partial(_whole, least=0)),
    )
    return prompt.fitted_to(size_hw)


def _box(values: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = (_number(value) for value in values)
    return left, top, right, bottom


def _mask(counts: object, size_hw: Size) -> EncodedMask:
    if not isinstance(counts, str):
        raise ValueError("a mask is no text")
    return EncodedMask.received(size_hw, counts)


def _optional(value: object, read: Callable[[Any], T]) -> T | None:
    return None if value is None else read(value)


def _whole(value: object, least: int, most: int | None = None) -> int:
    if type(value) is not int or value < least or (most is not None and value > most):
        raise ValueError("a whole number is none, too small or too large")
    return value


def _number(value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    is_number = type(value) in (int, float) and math.isfinite(value)
    if not is_number or not least <= value <= most:
        raise ValueError("a number is no finite one, too small or too large")
    return float(value)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("what is true or false is neither")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        raise ValueError("a text is none, or too long")
    return value


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no finite number")
