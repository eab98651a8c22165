"""Whether the model knows that an object is hidden: its object score on clips with occlusions.

Each object is given by its true mask on the first frame and tracked to the end of a synthetic clip
in which something hides, leaves or comes back. On a frame that shows nothing of an object the
score should be below zero, where it is well visible above; slivers count as neither.

Source: arXiv 2408.00714, section 4 (object score, for frames without the object).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from sam2_demo.core.errors import SettingError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.datasets.clip import Clip
from sam2_demo.datasets.registry import KINDS, DataSet, Holds
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions
from sam2_demo.evaluation.scores import FramesDone, ObjectScore, Stopwatch
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession

CLIPS = 30
OPTIONS = SyntheticOptions(
    size_px=360, aspect_ratio=16 / 9, frames=24, objects=(2, 4), validation=True
)
SMALLEST_SEEN_SHARE = 0.002
"""An object of this share of the frame is well visible."""
HIDDEN_SHARE = 0.05
"""A clip is taken if objects are hidden on this share of their frames."""


@dataclass(frozen=True, slots=True)
class OccludedClip:
    """A synthetic clip, composed when it is needed.

    Attributes:
        name: ``"synthetic-00"`` and so on.
        seed: The same seed gives the same clip.
        source: Composes it of pictures that no training run sees.
    """

    name: str
    seed: int
    source: SyntheticClips

    def compose(self) -> Clip:
        """Returns the clip with the objects that its first frame shows well."""
        for attempt in count():
            clip = self.source.sample(np.random.default_rng((self.seed, attempt)))
            shares = clip.masks.mean(axis=(2, 3))
            shown = shares[0] >= SMALLEST_SEEN_SHARE
            if shown.any() and (shares[:, shown] == 0).mean() >= HIDDEN_SHARE:
                break
        return Clip(clip.frames, clip.masks[:, shown])


class ObjectPresence:
    """The protocol.

    Args:
        model: The model, on its device.
    """

    def __init__(self, model: Sam2) -> None:
        self._model = model

    def clips(self, data: DataSet, names: Collection[str]) -> Sequence[OccludedClip]:
        """Returns the clips of these names, all of them if there are none.

        Raises:
            SettingError: the data are no pack of pictures.
        """
        if KINDS[data.kind].holds is not Holds.SOURCES:
            raise SettingError(
                "object scores are measured on synthetic clips: give --data synthetic:PACK",
                "NO_PACK",
            )
        source = SyntheticClips(SourcePack.load(data.path), OPTIONS)
        clips = [OccludedClip(f"synthetic-{seed:02}", seed, source) for seed in range(CLIPS)]
        return [clip for clip in clips if not names or clip.name in names]

    def work(self, clip: OccludedClip) -> int:
        """Returns how many frames there are to do."""
        return OPTIONS.frames

    def score(self, clip: OccludedClip, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns one score for all objects of the clip."""
        composed = clip.compose()
        stopwatch = Stopwatch()
        hidden: list[bool] = []
        seen: list[bool] = []
        session = VideoSession(self._model, ArrayFrames(list(composed.frames)))
        try:
            for object_id, mask in enumerate(composed.masks[0], 1):
                session.set_prompt(0, object_id, FramePrompt(mask=EncodedMask.encode(mask)))
            for answer in stopwatch.timed(session.propagate(0)):
                for object_id, found in answer.objects.items():
                    share = composed.masks[answer.frame_index, object_id - 1].mean()
                    if share == 0:
                        hidden.append(found.object_score_logits <= 0)
                    elif share >= SMALLEST_SEEN_SHARE and answer.frame_index > 0:
                        seen.append(found.object_score_logits > 0)
                frames_done(1)
        finally:
            session.close()
        percent = {
            "hidden called hidden": 100 * float(np.mean(hidden)),
            "seen called seen": 100 * float(np.mean(seen)) if seen else 100.0,
        }
        return [ObjectScore(clip.name, 0, percent, stopwatch.frames_per_s)]
