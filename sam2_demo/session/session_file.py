"""One file that holds a whole session: prompts, masks, scores, which model and which video.

Opened on another machine with the same video, it gives the same masks: they are stored, not
computed again. A session made on part of a video also fits the whole video. The file holds what is
needed to correct the masks and to propagate further; only a frame's memory features are computed
again, from the frame's mask, as they are for another model.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from sam2_demo.core.errors import ExportError, InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.formats.annotation_json import count_values
from sam2_demo.session.objects import Objects, ObjectSettings, ObjectState
from sam2_demo.session.provenance import Provenance
from sam2_demo.session.schemas import (
    FORMAT,
    VERSION,
    AnswerRow,
    EventRow,
    ObjectSchema,
    PromptSchema,
    ProvenanceSchema,
    SessionSchema,
    SettingsSchema,
    first_problem,
)
from sam2_demo.tracking.prompt_log import Event, Given, Tracked, log_of
from sam2_demo.tracking.track import Answer, PromptedFrame, Track
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.video import Video

SUFFIX = ".sam2.json"
MAX_SESSION_BYTES = 64 << 20
"""A minute of video with five objects takes some 8 MB; this bounds what a hostile file costs."""
MAX_VALUES = 4_000_000
"""100 objects on 5,400 frames make that many lists and numbers; 64 MB of commas would take 2 GB."""
MAX_PROBLEM_LENGTH = 120

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SavedSession:
    """What a session file holds.

    Attributes:
        made_of: The video and the model; frame 0 of the objects is the first frame of its part.
        objects: Prompts, masks, scores and settings.
        active_s: How many seconds a person has worked on it.
    """

    made_of: Provenance
    objects: Objects
    active_s: float = 0.0

    def objects_on(self, video: Video) -> Objects:
        """Returns the objects as they are on a video, which may begin earlier in the same file.

        Raises:
            InputError: the video lacks some of their frames, or has another size.
        """
        offset = self.made_of.offset_in(video)
        return {
            object_id: replace(state, track=state.track.shifted(offset))
            for object_id, state in self.objects.items()
        }


def session_as_text(saved: SavedSession) -> str:
    """Returns the contents of a session file: JSON.

    Raises:
        ExportError: it would be larger than a session file may be, or could not be opened again.
    """
    try:
        contents = SessionSchema(
            format=FORMAT,
            version=VERSION,
            made_of=ProvenanceSchema.model_validate(saved.made_of, from_attributes=True),
            active_s=saved.active_s,
            objects=[_object_schema(key, state) for key, state in saved.objects.items()],
        )
    except ValidationError as error:  # such as a score that is not a number
        raise ExportError(
            f"The session cannot be saved ({first_problem(error)[:MAX_PROBLEM_LENGTH]}): "
            "download the masks as run lengths (COCO) instead.",
            "SESSION_NOT_SAVED",
        ) from error
    text = json.dumps(contents.model_dump(by_alias=True))
    if len(text) > MAX_SESSION_BYTES:
        raise ExportError(
            f"The session takes {len(text) >> 20} MB, but a session file holds at most "
            f"{MAX_SESSION_BYTES >> 20} MB: remove some objects, or download run lengths (COCO).",
            "SESSION_TOO_LARGE",
        )
    return text


def read_session(path: Path, video: Video | None = None) -> SavedSession:
    """Returns what a session file holds; every field has been checked.

    Args:
        path: The file.
        video: The video that it must fit, which is checked before any mask is read.

    Raises:
        InputError: it is too large, not a session file of this version, damaged or changed, or does
            not fit the video.
    """
    # Bounds come first: once read, a hostile file would already have taken the memory.
    try:
        is_bounded = path.stat().st_size <= MAX_SESSION_BYTES
        content = path.read_bytes() if is_bounded else b""
    except OSError as error:
        raise _refusal(str(error)) from error
    if not is_bounded:
        raise _refusal(f"it is larger than {MAX_SESSION_BYTES >> 20} MB")
    return parse_session(content, video)


def parse_session(content: bytes, video: Video | None = None) -> SavedSession:
    """Returns what the contents of a session file hold, likewise.

    Raises:
        InputError: as above.
    """
    try:
        contents = _contents_of(content)
        made_of = _provenance(contents.made_of)
        if video is not None:
            made_of.offset_in(video)
        return _session(contents, made_of)
    except ValidationError as error:
        raise _refusal(first_problem(error)) from error
    except (PromptError, RecursionError, ValueError) as error:
        raise _refusal(str(error)) from error


def _refusal(problem: str) -> InputError:
    return InputError(
        f"This session file cannot be opened ({problem[:MAX_PROBLEM_LENGTH]}): choose a file that "
        f"ends in {SUFFIX} and was not changed since it was saved.",
        "BAD_SESSION_FILE",
    )


def _contents_of(content: bytes) -> SessionSchema:
    # Once parsed, a hostile file would already have taken the memory.
    if count_values(content) > MAX_VALUES:
        raise ValueError("it holds more values than any session does")
    return SessionSchema.model_validate(json.loads(content, parse_constant=_refuse_number))


def _session(contents: SessionSchema, made_of: Provenance) -> SavedSession:
    objects: dict[int, ObjectState] = {}
    for each in contents.objects:
        if each.id in objects:
            raise ValueError(f"it holds object {each.id} twice")
        track = _track(each, made_of.frames, made_of.size_hw)
        objects[each.id] = ObjectState(_settings(each.settings), track)
    return SavedSession(made_of, objects, max(0.0, contents.active_s))


def _provenance(contents: ProvenanceSchema) -> Provenance:
    fields = {name: getattr(contents, name) for name in ProvenanceSchema.model_fields}
    return Provenance(**fields | {"excerpt": Excerpt(**contents.excerpt.model_dump())})


def _settings(contents: SettingsSchema) -> ObjectSettings:
    name = "".join(character for character in contents.name if character.isprintable())
    return contents.model_copy(update={"name": name}).settings()


def _object_schema(object_id: int, state: ObjectState) -> ObjectSchema:
    track = state.track
    return ObjectSchema(
        id=object_id,
        settings=SettingsSchema.of(state.settings),
        prompts=[
            (frame_index, PromptSchema.of(prompt), None if base is None else _answer_row(base))
            for frame_index, (prompt, base) in track.prompts.items()
        ],
        masks=[
            (frame_index, _answer_row(answer), track.steps.get(frame_index, 0))
            for frame_index, answer in sorted(track.answers.items())
        ],
        conditioning=sorted(track.conditioning),
        log=[_event_row(event) for event in track.log],
    )


def _track(contents: ObjectSchema, frames: int, size_hw: Size) -> Track:
    frame = _frame_check(frames)
    track = Track(conditioning={frame(index) for index in contents.conditioning})
    for index, answer, step in contents.masks:
        track.answers[frame(index)] = _answer(answer, size_hw)
        if step:
            track.steps[index] = step
    for index, prompt, base in contents.prompts:
        tracked = None if base is None else _answer(base, size_hw)
        track.prompts[frame(index)] = PromptedFrame(prompt.received(size_hw), tracked)
    if not track.conditioning | track.prompts.keys() <= track.answers.keys():
        raise ValueError(f"object {contents.id} has no mask on one of its prompted frames")
    if contents.log is None:  # a file of an older version
        given = {index: prompted.prompt for index, prompted in track.prompts.items()}
        track.log = log_of(given, track.steps)
    else:
        track.log = [_event(row, frame, size_hw) for row in contents.log]
    return track


def _frame_check(frames: int) -> Callable[[int], int]:
    """Returns a function that returns a frame's index if a video of so many frames has it."""

    def checked(frame_index: int) -> int:
        if frame_index >= frames:
            raise ValueError(f"it names frame {frame_index} of a video of {frames} frames")
        return frame_index

    return checked


def _event_row(event: Event) -> EventRow:
    if isinstance(event, Given):
        prompt = None if event.prompt is None else PromptSchema.of(event.prompt)
        return "prompt", event.frame_index, prompt
    return "track", event.first, event.last, event.step


def _event(row: EventRow, frame: Callable[[int], int], size_hw: Size) -> Event:
    if row[0] == "prompt":
        _, index, prompt = row
        return Given(frame(index), None if prompt is None else prompt.received(size_hw))
    _, first, last, step = row
    if step == 0 or (last - first) * step < 0:
        raise ValueError(f"its log tracks from frame {first} to {last} in direction {step}")
    return Tracked(frame(first), frame(last), step)


def _answer_row(answer: Answer) -> AnswerRow:
    return answer.mask.counts, answer.iou, answer.object_score_logits, answer.is_prompted


def _answer(row: AnswerRow, size_hw: Size) -> Answer:
    counts, iou, object_score_logits, is_prompted = row
    mask = EncodedMask.received(size_hw, counts)
    return Answer(mask, iou, object_score_logits, is_prompted)


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not a finite number")
