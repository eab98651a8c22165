"""Replays a session file without a page and compares the new masks with the stored ones.

The same part of the video is read again. For each object, prompts are given and frames are tracked
in their original order; then the agreement between new and stored masks is reported. The same model
on the same machine gives the same masks. Where objects were merged, or the file is of a version
that kept no log, all prompts come first and the masks may differ.
"""

import argparse
import statistics
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sam2_demo.checkpoints.loading import LoadedModel, is_model_name, load_model
from sam2_demo.checkpoints.precision import add_precision_argument
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import SettingError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import whole_file
from sam2_demo.export.file_names import clip_name
from sam2_demo.export.mask_files import write_palette_zip
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.session.objects import Objects, ObjectState
from sam2_demo.session.provenance import ModelLabel, Provenance
from sam2_demo.session.session import VideoSession
from sam2_demo.session.session_file import (
    SUFFIX,
    SavedSession,
    read_session,
    session_as_text,
)
from sam2_demo.tracking.prompt_log import Given, Tracked
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.ingest.frame_zip import SUFFIXES
from sam2_demo.video.ingest.intake import DEFAULT_LIMITS, ingest
from sam2_demo.video.video import Video

GREY = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class ReplayScore:
    """How well an object's new masks agree with the stored ones.

    Attributes:
        name: The object's name.
        frames: How many frames have a new or a stored mask.
        mean_iou: Mean over these frames; a frame with only one of the two masks counts as 0.
    """

    name: str
    frames: int
    mean_iou: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("file", type=Path, help=f"session file (…{SUFFIX})")
    parser.add_argument(
        "--video",
        type=Path,
        help="the session's video or folder of images (default: the one of that name next to the "
        "session file)",
    )
    parser.add_argument("--model", help="name or file (default: the session's model)")
    parser.add_argument("--out", type=Path, help="folder for the new session file and palette PNGs")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    add_precision_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Replays a session and prints how well the masks agree.

    Raises:
        InputError: the file or the video cannot be used, or they do not belong together.
        CheckpointError: the model is not available.
    """
    saved = read_session(arguments.file)
    name = arguments.model or _model_of(saved)
    # The name comes from the file: it must not lead out of the folder.
    own_name = Path(saved.made_of.video_name).name.lstrip(".") or "video"
    path = arguments.video or arguments.file.with_name(own_name)
    with tempfile.TemporaryDirectory(prefix="sam2_replay_") as folder:
        upload = _as_upload(path, Path(folder))
        video = _same_part(upload, Path(folder) / "video", saved.made_of)
        device = choose_device(arguments.device)
        if device.type == "cpu":
            prepare_cpu()
        model = load_model(name, device, precision=arguments.precision)
        session = VideoSession(model.model, video)
        replay(saved.objects, session)
        _print_scores(saved, model, session)
        if arguments.out is not None:
            _write(arguments.out, saved, model, video, session.objects)


def replay(objects: Objects, session: VideoSession) -> None:
    """Repeats in a new session what was done to the objects.

    Each object's events are replayed in order; objects tracked together are tracked together again.
    """
    session.restore({object_id: ObjectState() for object_id in objects})
    waiting = {object_id: deque(state.track.log) for object_id, state in objects.items()}
    while any(waiting.values()):
        together: dict[Tracked, list[int]] = {}
        for object_id, events in waiting.items():
            while events:
                event = events.popleft()
                if isinstance(event, Tracked):
                    together.setdefault(event, []).append(object_id)
                    break
                _give(session, object_id, event)
        for way, object_ids in together.items():
            _track(session, object_ids, way)
    for object_id, state in objects.items():
        session.change_settings(object_id, state.settings)


def _give(session: VideoSession, object_id: int, given: Given) -> None:
    if given.prompt is None:
        session.clear_prompt(given.frame_index, object_id)
    else:
        session.set_prompt(given.frame_index, object_id, given.prompt)


def _track(session: VideoSession, object_ids: Sequence[int], way: Tracked) -> None:
    direction = Direction.FORWARD if way.step == 1 else Direction.BACKWARD
    within = min(way.first, way.last), max(way.first, way.last)
    for _ in session.propagate(way.first, direction, within, object_ids=object_ids):
        pass


def replay_scores(stored: Objects, new: Objects) -> list[ReplayScore]:
    """Returns the score of each object, in order."""
    found = []
    for object_id, state in stored.items():
        before, after = state.track.answers, new[object_id].track.answers
        frames = before.keys() | after.keys()
        ious = [
            before[frame].mask.iou(after[frame].mask) if frame in before and frame in after else 0.0
            for frame in frames
        ]
        name = state.settings.name or f"Object {object_id}"
        found.append(ReplayScore(name, len(ious), statistics.fmean(ious) if ious else 1.0))
    return found


def _as_upload(path: Path, folder: Path) -> Path:
    """Returns the file itself, or a zip of a folder's images, packed as the page packs them."""
    if path.is_file():
        return path
    images = [each for each in sorted(path.rglob("*")) if each.suffix.lower() in SUFFIXES]
    if not images:
        raise SettingError(
            f"no video or folder of images at {str(path)[:200]!r}: give --video FILE",
            "VIDEO_NOT_FOUND",
        )
    packed = folder / "images.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for image in images:
            archive.write(image, image.relative_to(path.parent))
    return packed


def _same_part(path: Path, folder: Path, made_of: Provenance) -> Video:
    """Returns the part of a video that a session is of, with its frames in a folder."""
    part = replace(made_of.excerpt, first_frames=made_of.frames)
    limits = replace(DEFAULT_LIMITS, max_frames=max(DEFAULT_LIMITS.max_frames, made_of.frames))
    video = ingest(path, folder, limits, excerpt=part, name=made_of.video_name)
    made_of.offset_in(video)
    if not made_of.is_of(video):
        print(
            "This is another file than the session's own, with the same number of frames of the "
            "same size: masks may differ.",
            file=sys.stderr,
        )
    return video


def _model_of(saved: SavedSession) -> str:
    """Returns the name of a session's model; its file, if it was one, need not exist here."""
    name = saved.made_of.model
    if not is_model_name(name):
        raise SettingError(
            f"the session was made with {name[:80]!r}, which is not one of the named models: "
            "give --model NAME or --model FILE",
            "UNKNOWN_MODEL",
        )
    return name


def _print_scores(saved: SavedSession, model: LoadedModel, session: VideoSession) -> None:
    same = "the same weights" if model.digest == saved.made_of.weights_digest else "other weights"
    print(f"replayed with {model.name} ({same}); the session was made with {saved.made_of.model}")
    for each in replay_scores(saved.objects, session.objects):
        print(f"{each.name!r}: mean IoU {each.mean_iou:.4f} on {each.frames} frames")


def _write(
    folder: Path, saved: SavedSession, model: LoadedModel, video: Video, objects: Objects
) -> None:
    """Writes the new session file and its masks as palette PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    made_of = Provenance.of(video, ModelLabel(model.name, model.source, model.digest))
    name = clip_name(saved.made_of.video_name)
    with whole_file(folder / f"{name}{SUFFIX}") as partial:
        text = session_as_text(replace(saved, made_of=made_of, objects=objects))
        partial.write_text(text, "utf-8")

    def masks(frame_index: int) -> Mapping[int, EncodedMask]:
        answers = {key: each.track.answers.get(frame_index) for key, each in objects.items()}
        return {key: answer.mask for key, answer in answers.items() if answer is not None}

    labels = {key: ObjectLabel(each.settings.name, GREY) for key, each in objects.items()}
    masklets = Masklets(video, labels, masks, range(len(video)))
    write_palette_zip(masklets, folder / f"{name}_masks.zip")
