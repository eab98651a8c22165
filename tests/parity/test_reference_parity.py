"""The model and the session answer what Meta's implementation answers, on miniature weights.

The figures hold every second or fourth value of each row and column, in half precision where they
are logits of a session. ``make_reference_figures.py`` writes them.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from miniature import REFERENCE, reference_miniature, tracker_of

from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.image_predictor import ImagePredictor
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import FrameMasks
from sam2_demo.tracking.tracker import TrackerOptions

IMAGE_TOLERANCE = 1e-4
SESSION_TOLERANCE = 2e-2
CERTAIN_LOGIT = 0.05
SCORE_SCALE = {"miniature_2.1_absent": 200.0}
"""There the object score's last layer is multiplied, and so is its error."""

FRAMES = np.load(REFERENCE / "miniature_2.1.npz")["frames_rgb"]


def assert_same_logits(answered: np.ndarray, expected: np.ndarray, what: str) -> None:
    expected = expected.astype(np.float32)
    error = np.abs(answered - expected).max()
    assert error <= SESSION_TOLERANCE, f"{what}: off by {error}"
    flipped = ((answered > 0) != (expected > 0)) & (np.abs(expected) > CERTAIN_LOGIT)
    assert not flipped.any(), f"{what}: {flipped.sum()} signs differ"


class Replay:
    """Plays the reference's session and compares each answer as it comes."""

    def __init__(self, weights: str, figures: str, corrections_condition: bool) -> None:
        self.figures = np.load(REFERENCE / f"{figures}.npz")
        self.score_tolerance = SESSION_TOLERANCE * SCORE_SCALE.get(figures, 1.0)
        options = SessionOptions(corrections_condition, tracker=TrackerOptions(hole_area=0))
        model = reference_miniature(f"{weights}.pt")
        self.session = VideoSession(model, ArrayFrames(list(FRAMES)), options)

    def prompt(self, step: str, frame_index: int, object_id: int, prompt: FramePrompt) -> None:
        self.session.set_prompt(frame_index, object_id, prompt)
        where = f"{step}/frame{frame_index}"
        object_ids = self.figures[f"{where}/object_ids"].tolist()
        for row, known_id in enumerate(object_ids):
            expected = self.figures[f"{where}/video_logits"][row, 0]
            answered = self.session.mask_logits(frame_index, known_id)
            if answered is None:  # nothing was said of this object here yet
                assert (expected == -1024).all()
            else:
                assert_same_logits(answered[::4, ::4], expected, f"{where}, object {known_id}")

    def propagate(self, step: str, frames: Iterator[FrameMasks]) -> None:
        seen = 0
        for masks in frames:
            where = f"{step}/frame{masks.frame_index}"
            object_ids = self.figures[f"{where}/object_ids"].tolist()
            assert object_ids == list(masks.objects)
            for object_id in object_ids:
                self._compare(masks.frame_index, object_id, f"{where}/object{object_id}")
            seen += 1
        assert seen == sum(
            name.startswith(f"{step}/") and name.endswith("object_ids")
            for name in self.figures.files
        )

    def _compare(self, frame_index: int, object_id: int, where: str) -> None:
        answer = self.session.answer(frame_index, object_id)
        assert answer is not None
        logits = self.session.mask_logits(frame_index, object_id, at_video_size=False)
        assert logits is not None
        expected = self.figures[f"{where}/low_res_logits"][0, 0]
        assert_same_logits(logits[::2, ::2], expected, where)
        pointer = tracker_of(self.session).pointer(answer, frame_index).numpy()
        assert np.abs(pointer - self.figures[f"{where}/pointer"][0]).max() <= SESSION_TOLERANCE
        score = self.figures[f"{where}/object_score_logits"].item()
        assert answer.object_score_logits == pytest.approx(score, abs=self.score_tolerance)


@pytest.mark.parametrize(
    ("weights", "figures", "corrections_condition"),
    [
        ("miniature_2.0", "miniature_2.0", False),
        ("miniature_2.1", "miniature_2.1", False),
        ("miniature_2.1", "miniature_2.1_corrections_condition", True),
        ("miniature_2.1_absent", "miniature_2.1_absent", False),
    ],
)
def test_session(weights: str, figures: str, corrections_condition: bool) -> None:
    replay = Replay(weights, figures, corrections_condition)
    session = replay.session
    first, second, beside = Point(60, 90), Point(75, 100), Point(20, 20, positive=False)
    replay.prompt("1_click", 0, 1, FramePrompt((first,)))
    replay.prompt("2_more_clicks", 0, 1, FramePrompt((first, second, beside)))
    replay.prompt("3_box", 0, 2, FramePrompt(box_xyxy=(188, 18, 232, 82)))
    mask = EncodedMask.encode(replay.figures["4_mask/input"])
    replay.prompt("4_mask", 2, 3, FramePrompt(mask=mask))
    replay.propagate("5_forward", session.propagate())
    wrong, missing = Point(30, 160, positive=False), Point(120, 110)
    replay.prompt("6_correction", 5, 1, FramePrompt((wrong,)))
    replay.prompt("7_correction", 5, 1, FramePrompt((wrong, missing)))
    replay.propagate("8_forward_again", session.propagate())
    replay.propagate("9_backward", session.propagate(9, Direction.BACKWARD))
    session.remove_object(2)
    replay.propagate("10_without_object2", session.propagate())


def test_image_features() -> None:
    figures = np.load(REFERENCE / "miniature_2.1.npz")
    from sam2_demo.tracking.preprocessing import frame_to_pixels

    pixels = frame_to_pixels(FRAMES[0], 256, torch.device("cpu"))
    assert np.array_equal(pixels[0, :, ::4, ::4].numpy(), figures["pixels_frame0"])
    with torch.inference_mode():
        features = reference_miniature("miniature_2.1.pt").encode_image(pixels)
    levels = (features.stride4, features.stride8, features.stride16)
    for index, level in enumerate(levels):
        expected = figures[f"image_features_{index}"]
        assert np.abs(level[..., ::4, ::4].numpy() - expected).max() <= IMAGE_TOLERANCE


@pytest.mark.parametrize("version", ["miniature_2.0", "miniature_2.1", "miniature_2.1_absent"])
@pytest.mark.parametrize(
    ("name", "prompt", "multimask"),
    [
        ("one_click", FramePrompt((Point(60, 90),)), True),
        ("box", FramePrompt(box_xyxy=(188, 18, 232, 82)), False),
        (
            "click_and_box",
            FramePrompt((Point(60, 90), Point(20, 20, positive=False)), (30, 60, 90, 120)),
            False,
        ),
    ],
)
def test_image_predictions(version: str, name: str, prompt: FramePrompt, multimask: bool) -> None:
    figures = np.load(REFERENCE / f"{version}.npz")
    predictor = ImagePredictor(reference_miniature(f"{version}.pt"), FRAMES[0])
    candidates = predictor.predict(prompt, multimask)
    for answered, field in (
        (candidates.mask_logits[:, ::3, ::3], "logits"),
        (candidates.low_res_logits[:, ::3, ::3], "low_res_logits"),
        (candidates.ious, "iou"),
    ):
        expected = figures[f"image/{name}/{field}"]
        assert np.abs(answered.numpy() - expected).max() <= IMAGE_TOLERANCE, field
