"""What travels between page and server: JSON in, checked field by field; JSON out."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point, check_frame_index, check_object_id
from sam2_demo.server.app_state import AppState
from sam2_demo.session.journal import PromptMap
from sam2_demo.session.objects import MAX_NAME_LENGTH, Color, ObjectSettings
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.reply import Reply
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import FrameMasks, ObjectMask

MAX_BODY_BYTES = 1024 * 1024
MAX_OBJECTS_NAMED = 1000
"""Enough for a mask of fine lace; the page says so itself where one is finer still."""

ALIKE_IOU = 0.95
"""Candidates that overlap by more look alike; nobody could choose between them."""

Fields = Mapping[str, object]


def parse_body(body: bytes) -> Fields:
    """Returns the fields of a request.

    Raises:
        InputError: the body is too large, or is not one JSON object with finite numbers.
    """
    if len(body) > MAX_BODY_BYTES:
        raise InputError(f"the request has more than {MAX_BODY_BYTES} bytes", "TOO_LARGE")
    try:
        fields = json.loads(body or b"{}", parse_constant=_refuse_number)
    except (ValueError, RecursionError) as error:
        raise InputError("the request is not JSON", "BAD_JSON") from error
    if not isinstance(fields, dict):
        raise InputError("the request is not a JSON object", "BAD_JSON")
    return fields


def frame_index_in(fields: Fields, frame_count: int, name: str = "frame") -> int:
    """Returns the frame that a field names, from 0 to ``frame_count`` - 1."""
    frame_index = fields.get(name)
    if type(frame_index) is not int:
        raise PromptError(f"{_shown(frame_index)} is no number of a frame", "BAD_FRAME")
    check_frame_index(frame_index, frame_count)
    return frame_index


def bounds_in(fields: Fields, frame_count: int) -> tuple[int, int]:
    """Returns the first and the last frame that may be visited; all where none are named."""
    whole: Fields = {"first": 0, "last": frame_count - 1}
    first, last = (frame_index_in({**whole, **fields}, frame_count, name) for name in whole)
    if first > last:
        raise PromptError(f"frame {first} lies behind frame {last}: set them anew", "BAD_FRAME")
    return first, last


def object_ids_in(fields: Fields) -> tuple[int, ...] | None:
    """Returns the objects that the fields name; None where they name none, which means all."""
    object_ids = fields.get("objects")
    if object_ids is None:
        return None
    if not isinstance(object_ids, list) or not 0 < len(object_ids) <= MAX_OBJECTS_NAMED:
        raise PromptError("objects are a list of their numbers", "BAD_OBJECT")
    return tuple(object_id_in({"object": object_id}) for object_id in object_ids)


def object_id_in(fields: Fields, name: str = "object") -> int:
    """Returns the object that the fields name, from 1."""
    object_id = fields.get(name)
    if type(object_id) is not int:
        raise PromptError(f"{_shown(object_id)} is no number of an object", "BAD_OBJECT")
    check_object_id(object_id)
    return object_id


def prompt_in(
    fields: Fields, size_hw: tuple[int, int], standing: FramePrompt | None
) -> FramePrompt:
    """Returns the prompt that the fields hold.

    Args:
        fields: Clicks, a box, a mask and the number of a candidate, or some of them.
        size_hw: Size of the video.
        standing: The prompt that is there now; a mask of ``true`` means that prompt's.
    """
    points = fields.get("points") or []
    box = fields.get("box")
    if not isinstance(points, list) or not all(isinstance(point, list) for point in points):
        raise PromptError("clicks are a list of [x, y, sign]", "BAD_SHAPE")
    return FramePrompt(
        points=tuple(_point(point) for point in points),
        box_xyxy=None if box is None else _box(box),
        mask=_mask(fields.get("mask"), size_hw, standing),
        candidate=_candidate(fields.get("candidate")),
    )


def direction_in(fields: Fields) -> Direction:
    """Returns the way to propagate: forward, backward or both."""
    name = fields.get("direction", "forward")
    directions = {direction.name.lower(): direction for direction in Direction}
    if not isinstance(name, str) or name not in directions:
        raise InputError(
            f"there is no direction {_shown(name)}: it is one of {', '.join(directions)}",
            "BAD_DIRECTION",
        )
    return directions[name]


def text_in(fields: Fields, name: str, max_length: int = 1024) -> str:
    """Returns a text without control characters and without blanks around it."""
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise InputError(f"{name} is not a text", "BAD_TEXT")
    if len(text) > max_length:
        raise InputError(
            f"the {name} has {len(text)} characters: use at most {max_length}", "LABEL_TOO_LONG"
        )
    return "".join(character for character in text if character.isprintable()).strip()


def number_in(fields: Fields, name: str, lowest: float, highest: float) -> float | None:
    """Returns the number that a field holds, None where there is no such field."""
    value = fields.get(name)
    if value is None:
        return None
    number = _number(value)
    if not lowest <= number <= highest:
        raise InputError(f"{name} is {lowest:g} to {highest:g}, not {number:g}", "OUT_OF_RANGE")
    return number


def place_in(fields: Fields) -> int:
    """Returns the place in the order of objects that the fields name, from 0."""
    place = fields.get("place")
    if type(place) is not int or place < 0:
        raise InputError(f"{_shown(place)} is no place in a list: use 0 or more", "BAD_PLACE")
    return place


def settings_in(fields: Fields) -> dict[str, object]:
    """Returns the settings of an object that the fields change: name, color, visible, locked."""
    changes: dict[str, object] = {}
    if "name" in fields:
        changes["name"] = text_in(fields, "name", MAX_NAME_LENGTH)
    if "color" in fields:
        changes["color"] = _color(fields["color"])
    for name in ("visible", "locked"):
        if name in fields:
            if type(fields[name]) is not bool:
                raise InputError(f"{name} is true or false, not {_shown(fields[name])}", "BAD_FLAG")
            changes[f"is_{name}"] = fields[name]
    return changes


def about_json(state: AppState) -> dict[str, object]:
    """Returns what the page shows before a video is open."""
    limits = state.settings.video_limits
    return {
        "models": list(state.shelf.offered),
        "default": state.shelf.default,
        "paths_allowed": state.shelf.allow_paths,
        "notice": state.shelf.notice,
        "samples": state.samples.as_json(),
        "accepted": (
            f"MP4, MOV, WebM, MKV, AVI, GIF, a picture or a zip of pictures; "
            f"up to {limits.max_bytes // 2**20} MB and {limits.max_frames} frames; "
            "with it, or before it, a saved session"
        ),
    }


def frame_json(masks: FrameMasks) -> list[object]:
    """Returns [frame_index, [[object_id, COCO counts, IoU, object score], …]]."""
    objects = [
        [object_id, found.mask.counts, round(found.iou, 3), round(found.object_score_logits, 2)]
        for object_id, found in masks.objects.items()
    ]
    return [masks.frame_index, objects]


def candidates_json(candidates: Sequence[ObjectMask]) -> list[object]:
    """Returns [number, COCO counts, IoU] of each candidate that is unlike all surer ones."""
    order = sorted(range(len(candidates)), key=lambda index: -candidates[index].iou)
    unlike: list[int] = []
    for index in order:
        mask = candidates[index].mask
        if mask.area_px and all(mask.iou(candidates[i].mask) < ALIKE_IOU for i in unlike):
            unlike.append(index)
    return [[i, candidates[i].mask.counts, round(candidates[i].iou, 3)] for i in unlike]


def reply_json(reply: Reply) -> dict[str, object]:
    """Returns what an event changed, in the form in which the page takes it in."""
    fields: dict[str, object] = {
        "sequence": reply.number,
        "frames": [frame_json(frame) for frame in reply.frames],
        "undo": reply.undoable,
        "redo": reply.redoable,
    }
    if reply.prompts is not None:
        fields["prompts"] = prompts_json(reply.prompts)
    if reply.objects is not None:
        fields["objects"] = objects_json(reply.objects)
    if reply.moment is not None:
        fields["moment"] = {"step": reply.moment.step, "whole": reply.moment.is_whole}
    return fields


def objects_json(objects: Mapping[int, ObjectSettings]) -> list[object]:
    """Returns [object_id, name, color, is_visible, is_locked] of every object, in order."""
    return [
        [object_id, each.name, each.color, each.is_visible, each.is_locked]
        for object_id, each in objects.items()
    ]


def prompts_json(prompts: PromptMap) -> list[object]:
    """Returns every prompt as [object_id, frame_index, points, box, has_mask, candidate].

    The masks themselves stay here: a page that draws them all day would get them all each time.
    """
    return [
        [
            object_id,
            frame_index,
            [[point.x, point.y, int(point.positive)] for point in prompt.points],
            prompt.box_xyxy,
            int(prompt.mask is not None),
            prompt.candidate,
        ]
        for (object_id, frame_index), prompt in prompts.items()
    ]


def video_json(video: OpenVideo) -> dict[str, object]:
    """Returns what the page has to know about an open video."""
    height, width = video.video.size_hw
    return {
        "token": video.token,
        "name": video.video.name,
        "width": width,
        "height": height,
        "fps": video.video.fps,
        "frame_times_s": [round(time_s, 4) for time_s in video.video.frame_times_s],
        "warnings": list(video.video.warnings),
        "model": video.model.name,
        "source": video.model.source,
        "objects": objects_json(video.session.settings),
        "undo": video.session.undoable,
        "redo": video.session.redoable,
        "prompts": prompts_json(video.session.prompts),
    }


def _point(values: list[object]) -> Point:
    if len(values) != 3:
        raise PromptError(f"a click is [x, y, sign], not {len(values)} numbers", "BAD_SHAPE")
    x, y, sign = values
    if sign not in (0, 1):
        raise PromptError(
            f"the sign of a click is 1 (on the object) or 0 (beside it), not {_shown(sign)}",
            "BAD_LABEL",
        )
    return Point(_number(x), _number(y), bool(sign))


def _box(values: object) -> tuple[float, float, float, float]:
    if not isinstance(values, list) or len(values) != 4:
        raise PromptError("a box is [left, top, right, bottom]", "BAD_SHAPE")
    left, top, right, bottom = (_number(value) for value in values)
    return left, top, right, bottom


def _mask(
    value: object, size_hw: tuple[int, int], standing: FramePrompt | None
) -> EncodedMask | None:
    if value is None:
        return None
    if value is True:
        if standing is None or standing.mask is None:
            raise PromptError(
                "the mask that this refines is not there any more: draw it again", "MASK_GONE"
            )
        return standing.mask
    if not isinstance(value, str):
        raise PromptError("a mask is a text of run lengths", "BAD_MASK")
    return EncodedMask.received(size_hw, value)


def _color(value: object) -> Color | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 3 and all(type(part) is int for part in value):
        red, green, blue = value
        return red, green, blue
    raise PromptError(
        f"{_shown(value)} is no colour: use [red, green, blue] from 0 to 255", "BAD_COLOR"
    )


def _candidate(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise PromptError(f"{_shown(value)} is no number of a candidate", "BAD_CANDIDATE")


def _number(value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise PromptError(f"{_shown(value)} is no finite number", "BAD_NUMBER")
    return number


def _refuse_number(name: str) -> float:
    raise PromptError(f"{name} is no finite number", "BAD_NUMBER")


def _shown(value: object) -> str:
    try:
        return repr(value)[:40]
    except ValueError:  # a whole number of thousands of digits
        return "a number this long"
