"""The same weights give the same answers here and in the ``transformers`` library.

A miniature with random weights; its state dict comes over through our table of names.
"""

import numpy as np
import pytest
import torch
from transformers import Sam2VideoInferenceSession
from transformers_miniature import image_model, our_config, video_model

from sam2_demo.checkpoints.checking import build_model
from sam2_demo.checkpoints.transformers_names import to_released
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.image_predictor import ImagePredictor
from sam2_demo.tracking.preprocessing import frame_to_pixels, image_to_pixels
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.tracker import TrackerOptions

HEIGHT, WIDTH, SIZE = 192, 256, 256
CLICK_XY, BOX_XYXY = (100.0, 60.0), (150.0, 40.0, 230.0, 120.0)
CPU = torch.device("cpu")


def video(length: int) -> np.ndarray:
    """Returns frames with two textured patches that move over a gradient."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 256, (2, 60, 60, 3), dtype=np.uint8)
    ramp = np.linspace(40, 200, WIDTH, dtype=np.uint8)[None, :, None]
    frames = np.repeat(np.broadcast_to(ramp, (1, HEIGHT, WIDTH, 3)), length, axis=0).copy()
    for t, frame in enumerate(frames):
        frame[40:100, 70 + 4 * t : 130 + 4 * t] = patches[0]
        frame[50 + 3 * t : 110 + 3 * t, 160:220] = patches[1]
    return frames


def to_model_xy(*xy: float) -> list[list[float]]:
    """Returns places of the video in pixels of the model's picture."""
    pairs = zip(xy[::2], xy[1::2], strict=True)
    return [[x * SIZE / WIDTH, y * SIZE / HEIGHT] for x, y in pairs]


@pytest.fixture(scope="module")
def ours_for_pictures() -> Sam2:
    """Returns our model with the image model's weights; those of the memory stay random."""
    torch.manual_seed(0)
    state = Sam2(our_config()).state_dict() | to_released(image_model().state_dict())
    return build_model(state, our_config(), "miniature")


@pytest.mark.parametrize("kind", ["click", "box"])
def test_image_answers_are_the_same(ours_for_pictures: Sam2, kind: str) -> None:
    picture = video(1)[0]
    pixels = image_to_pixels(picture, SIZE, CPU)
    if kind == "click":
        prompt = FramePrompt(points=(Point(*CLICK_XY),))
        given = {
            "input_points": torch.tensor([[to_model_xy(*CLICK_XY)]]),
            "input_labels": torch.tensor([[[1]]]),
        }
    else:
        prompt = FramePrompt(box_xyxy=BOX_XYXY)
        corners = [value for pair in to_model_xy(*BOX_XYXY) for value in pair]
        given = {"input_boxes": torch.tensor([[corners]])}
    multimask = kind == "click"
    with torch.inference_mode():
        theirs = image_model()(pixel_values=pixels, multimask_output=multimask, **given)
    ours = ImagePredictor(ours_for_pictures, picture).predict(prompt, multimask)
    assert torch.allclose(ours.low_res_logits, theirs.pred_masks[0, 0], atol=1e-4, rtol=0)
    assert torch.allclose(ours.ious, theirs.iou_scores[0, 0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("is_2_1", [True, False])
def test_video_answers_are_the_same(is_2_1: bool) -> None:
    frames = video(10)
    library = video_model(is_2_1=is_2_1)
    pixels = torch.cat([frame_to_pixels(frame, SIZE, CPU) for frame in frames])
    theirs = Sam2VideoInferenceSession(pixels, HEIGHT, WIDTH, dtype=torch.float32)
    theirs.add_point_inputs(
        theirs.obj_id_to_idx(1),
        0,
        {
            "point_coords": torch.tensor([[to_model_xy(*CLICK_XY)]]),
            "point_labels": torch.tensor([[[1]]], dtype=torch.int32),
        },
    )
    theirs.add_point_inputs(
        theirs.obj_id_to_idx(2),
        0,
        {
            "point_coords": torch.tensor([[to_model_xy(*BOX_XYXY)]]),
            "point_labels": torch.tensor([[[2, 3]]], dtype=torch.int32),
        },
    )
    theirs.obj_with_new_inputs = [1, 2]
    with torch.inference_mode():
        first = library(theirs, frame_idx=0).pred_masks
        rest = [answer.pred_masks for answer in library.propagate_in_video_iterator(theirs)]

    model = build_model(to_released(library.state_dict()), our_config(is_2_1), "miniature")
    options = SessionOptions(tracker=TrackerOptions(hole_area=0))
    session = VideoSession(model, ArrayFrames(list(frames)), options)
    session.set_prompt(0, 1, FramePrompt(points=(Point(*CLICK_XY),)))
    session.set_prompt(0, 2, FramePrompt(box_xyxy=BOX_XYXY))
    assert_same(session, 0, first)
    seen = [masks.frame_index for masks in session.propagate(0, Direction.FORWARD)]
    assert seen == list(range(10))
    for frame_index, pred_masks in enumerate(rest):
        assert_same(session, frame_index, pred_masks)


def assert_same(session: VideoSession, frame_index: int, pred_masks: torch.Tensor) -> None:
    """Checks both objects' logits; those far below zero say that the object is not there."""
    for row, object_id in enumerate((1, 2)):
        ours = session.mask_logits(frame_index, object_id, at_video_size=False)
        assert ours is not None
        theirs = pred_masks[row].numpy().reshape(ours.shape)
        assert np.abs(ours - theirs).max() < 2e-2, (frame_index, object_id)
        sure = np.abs(theirs) > 0.05
        assert ((ours > 0) == (theirs > 0))[sure].all()
