"""The interactive protocols: frame after frame is annotated with clicks, and the clip tracked anew.

Offline, a person looks through the whole clip after every pass and annotates its worst frame.
Online, there is one pass, which stops where the mask has become bad; what lies before stays. What
comes out is a curve: J&F of the clip when one, two, … eight frames are annotated.

Source: arXiv 2408.00714, section 6.1 (both settings, three clicks a frame) and its appendix.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sam2_demo.core.frames import FrameSource
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.evaluation.protocols.simulated_user import click_object
from sam2_demo.evaluation.scores import (
    CountedFrames,
    FrameScores,
    FramesDone,
    ObjectScore,
    Stopwatch,
    TrueMasks,
)
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.byte_cache import Budget
from sam2_demo.tracking.frame_cache import CacheBudgets
from sam2_demo.tracking.tracker import TrackerOptions

MAX_ANNOTATED_FRAMES = 8
CLICKS_PER_FRAME = 3
PAUSE_BELOW_IOU = 0.75

SESSION_OPTIONS = SessionOptions(
    undo_steps=0,
    tracker=TrackerOptions(
        CacheBudgets(features=Budget(4 << 30, 4096), logits=Budget(1 << 30, 4096))
    ),
)
"""Features and logits of every frame are kept where they fit, for the passes after the first."""


@runtime_checkable
class Course(Protocol):
    """In which order frames are annotated."""

    def next_frame(self, ious: Mapping[int, float], annotated: Collection[int]) -> int | None:
        """Returns the frame to be annotated next, None where that is none.

        Args:
            ious: Mask IoU with the truth by frame.
            annotated: The frames annotated so far.
        """
        ...

    def first_tracked(self, annotated_frame: int) -> int:
        """Returns where tracking starts after a frame was annotated; it goes to the clip's end."""
        ...


class Offline:
    """Many passes: the worst frame is next, and the whole clip is tracked again."""

    def next_frame(self, ious: Mapping[int, float], annotated: Collection[int]) -> int | None:
        """Returns the frame of the lowest IoU that is not annotated yet, the first of equals."""
        others = [frame for frame in ious if frame not in annotated]
        worst = min(others, key=lambda frame: (ious[frame], frame), default=None)
        return None if worst is None or ious[worst] == 1 else worst

    def first_tracked(self, annotated_frame: int) -> int:
        """Returns the clip's first frame."""
        return 0


class Online:
    """One pass: it pauses at the first frame of an IoU below 0.75 and goes on from there.

    Tracking on to the clip's end before the pause is judged gives the figure for the frames
    annotated so far, and changes nothing: masks after the pause are not remembered before it.
    """

    def next_frame(self, ious: Mapping[int, float], annotated: Collection[int]) -> int | None:
        """Returns the first bad frame after the last one that was annotated."""
        latest = max(annotated)
        bad = (frame for frame in sorted(ious) if frame > latest and ious[frame] < PAUSE_BELOW_IOU)
        return next(bad, None)

    def first_tracked(self, annotated_frame: int) -> int:
        """Returns the annotated frame: masks before it have been handed out."""
        return annotated_frame


class Interactive:
    """An interactive protocol. Each object is annotated as if it were the clip's only one.

    Args:
        open_session: Returns a new session for a clip.
        course: In which order frames are annotated.
        counted: Which frames count.
    """

    def __init__(
        self,
        open_session: Callable[[FrameSource], VideoSession],
        course: Course,
        counted: CountedFrames = CountedFrames.INNER,
    ) -> None:
        self._open_session = open_session
        self._course = course
        self._counted = counted

    def clips(self, data: DataSet, names: Collection[str]) -> Sequence[DavisClip]:
        """Returns the clips of these names, all of them if there are none."""
        return open_videos(data, names)

    def work(self, clip: DavisClip) -> int:
        """Returns how many frames there are to do at most."""
        return len(clip) * MAX_ANNOTATED_FRAMES * len(clip.true_masks(clip.annotated_frames[0]))

    def score(self, clip: DavisClip, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns the score of each object that the clip's first frame shows.

        Raises:
            InputError: the clip cannot be scored.
        """
        truth = TrueMasks(clip, self._counted)
        stopwatch = Stopwatch()
        session = self._open_session(clip)
        curves: dict[int, _Curve] = {}
        try:
            # One after another in one session: what the frames were encoded to is kept.
            for object_id in truth.object_ids:
                curves[object_id] = self._annotate(
                    session, truth, object_id, stopwatch, frames_done
                )
                session.remove_object(object_id)
        finally:
            session.close()
        rate = stopwatch.frames_per_s
        return [
            ObjectScore(clip.name, object_id, curve.percent(), rate, curve.details())
            for object_id, curve in curves.items()
        ]

    def _annotate(
        self,
        session: VideoSession,
        truth: TrueMasks,
        object_id: int,
        stopwatch: Stopwatch,
        frames_done: FramesDone,
    ) -> "_Curve":
        """Returns what the object scores with every frame annotated more."""
        curve = _Curve()
        scores = FrameScores(truth, object_id)
        frame: int | None = 0
        while frame is not None and len(curve.annotated) < MAX_ANNOTATED_FRAMES:
            true_mask = truth.mask(frame, object_id)
            with stopwatch.running():
                click_object(session, frame, object_id, true_mask, CLICKS_PER_FRAME)
            start = self._course.first_tracked(frame)
            for answer in stopwatch.timed(session.propagate(start)):
                scores.judge(answer.frame_index, answer.objects[object_id].mask.decode())
                frames_done(1)
            curve.add(frame, scores)
            frame = self._course.next_frame(scores.ious, curve.annotated)
        return curve


@dataclass
class _Curve:
    """What an object scores, in percent, with every frame annotated more.

    Attributes:
        annotated: The annotated frames in their order; fewer than eight where nothing was left to
            be annotated.
        j, f, j_and_f: The scores with so many of them annotated.
    """

    annotated: list[int] = field(default_factory=list)
    j: list[float] = field(default_factory=list)
    f: list[float] = field(default_factory=list)
    j_and_f: list[float] = field(default_factory=list)

    def add(self, annotated_frame: int, scores: FrameScores) -> None:
        """Appends the scores with one more frame annotated."""
        self.annotated.append(annotated_frame)
        self.j.append(scores.j)
        self.f.append(scores.f)
        self.j_and_f.append(scores.j_and_f)

    def percent(self) -> dict[str, float]:
        """Returns J&F by number of annotated frames; it stays where it is once all is well."""
        missing = MAX_ANNOTATED_FRAMES - len(self.annotated)
        values = self.j_and_f + missing * self.j_and_f[-1:]
        return {f"J&F@{count}": value for count, value in enumerate(values, 1)}

    def details(self) -> dict[str, list[float]]:
        """Returns the annotated frames, and J and F after each."""
        return {"annotated frames": list(self.annotated), "J": self.j, "F": self.f}
