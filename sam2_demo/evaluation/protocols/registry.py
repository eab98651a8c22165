"""The protocols by name: what each measures in a line, its options, how it is built."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from sam2_demo.checkpoints.compiling import compile_when_used
from sam2_demo.core.errors import SettingError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.names import nearest_hint
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.palette_folder import PalettePictures
from sam2_demo.evaluation.protocols.baselines import RepeatFirstMask, WarpAlongFlow
from sam2_demo.evaluation.protocols.everything import FindEverything
from sam2_demo.evaluation.protocols.images import SegmentAnything
from sam2_demo.evaluation.protocols.interactive import SESSION_OPTIONS, Interactive, Offline, Online
from sam2_demo.evaluation.protocols.object_scores import ObjectPresence
from sam2_demo.evaluation.protocols.prompted import FirstPrompt, PromptedSession
from sam2_demo.evaluation.protocols.semi_supervised import SemiSupervised
from sam2_demo.evaluation.scores import CountedFrames, FramesDone, ObjectScore
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.everything.grid import Grid
from sam2_demo.tracking.everything.proposals import FindOptions


@runtime_checkable
class Scored(Protocol):
    """A clip, or pictures, scored together."""

    @property
    def name(self) -> str: ...


Clip = TypeVar("Clip", bound=Scored)


@runtime_checkable
class Scorer(Protocol[Clip]):
    """A protocol, ready to score one clip after another."""

    def clips(self, data: DataSet, names: Collection[str]) -> Sequence[Clip]:
        """Returns the clips of these names, all of them if there are none."""
        ...

    def work(self, clip: Clip) -> int:
        """Returns how many frames there are to do at most."""
        ...

    def score(self, clip: Clip, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns the score of each object."""
        ...


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen for a protocol; it reads those that it takes.

    Attributes:
        model: On its device; None for a baseline.
        prompt: What each object gets on the first frame.
        counted: Which frames count.
        saved: Takes predicted masks, or None.
        every: Takes every so many frames, as pictures.
        grid: Where to click to find everything.
        compiles: Whether the model is compiled; what comes up often waits for that.
    """

    model: Sam2 | None
    prompt: FirstPrompt
    counted: CountedFrames
    saved: PalettePictures | None
    every: int
    grid: Grid
    compiles: bool

    @property
    def sam2(self) -> Sam2:
        """The model of a protocol that has the option ``model``."""
        assert self.model is not None
        return self.model

    def on(self, device: torch.device) -> "Choices":
        """Returns the same choices with the model on a device."""
        if self.model is None:
            return self
        model = self.model.to(device)
        if self.compiles:
            compile_when_used(model, in_background=False)
        return replace(self, model=model)


@dataclass(frozen=True, slots=True)
class Entry:
    """A protocol that can be asked for.

    Attributes:
        summary: What it measures, in one line.
        options: The options that it takes besides those of all, by their names on the command line.
        build: Returns it.
    """

    summary: str
    options: frozenset[str]
    build: Callable[[Choices], Scorer[Any]]


def _sessions(model: Sam2) -> Callable[[FrameSource], VideoSession]:
    return partial(VideoSession, model, options=SESSION_OPTIONS)


_MODEL = frozenset({"model", "device", "precision", "compile"})
_VIDEO = frozenset({"all_frames"})
_SAVED = frozenset({"save_masks"})

PROTOCOLS: dict[str, Entry] = {
    "semi-supervised": Entry(
        "prompted on the first frame by mask, box or clicks, then tracked to the end",
        _MODEL | _VIDEO | _SAVED | {"prompt"},
        lambda c: SemiSupervised(PromptedSession(c.sam2, c.prompt), c.counted, c.saved),
    ),
    "interactive-offline": Entry(
        "many passes, 3 clicks on the worst frame after each: J&F with 1 to 8 frames annotated",
        _MODEL | _VIDEO,
        lambda c: Interactive(_sessions(c.sam2), Offline(), c.counted),
    ),
    "interactive-online": Entry(
        "one pass, 3 clicks where the IoU falls below 0.75: J&F with 1 to 8 frames annotated",
        _MODEL | _VIDEO,
        lambda c: Interactive(_sessions(c.sam2), Online(), c.counted),
    ),
    "images": Entry(
        "segment anything on single pictures: mean IoU of 1 click, of 5, and of a box",
        _MODEL | {"every"},
        lambda c: SegmentAnything(c.sam2, c.every),
    ),
    "everything": Entry(
        "a grid of clicks on single pictures: the share of true objects that it finds",
        _MODEL | {"every", "grid"},
        lambda c: FindEverything(c.sam2, FindOptions(grid=c.grid), c.every),
    ),
    "object-scores": Entry(
        "tracked through occlusions in synthetic clips: is what hides said to be hidden?",
        _MODEL,
        lambda c: ObjectPresence(c.sam2),
    ),
    "repeat-first-mask": Entry(
        "baseline, no model: the first frame's true masks on every frame",
        _VIDEO | _SAVED,
        lambda c: SemiSupervised(RepeatFirstMask(), c.counted, c.saved),
    ),
    "flow-warp": Entry(
        "baseline, no model: the first frame's true masks, carried along optical flow",
        _VIDEO | _SAVED,
        lambda c: SemiSupervised(WarpAlongFlow(), c.counted, c.saved),
    ),
}


def listing() -> str:
    """Returns one line for each protocol."""
    width = max(map(len, PROTOCOLS))
    lines = [f"  {name:<{width}}  {entry.summary}" for name, entry in PROTOCOLS.items()]
    return "\n".join(["protocols:", *lines])


def find_protocol(name: str) -> Entry:
    """Returns the protocol of a name.

    Raises:
        SettingError: there is none; the nearest name is given, and all of them.
    """
    if name not in PROTOCOLS:
        raise SettingError(
            f"there is no protocol {name!r}{nearest_hint(name, PROTOCOLS)}\n{listing()}",
            "UNKNOWN_PROTOCOL",
        )
    return PROTOCOLS[name]
