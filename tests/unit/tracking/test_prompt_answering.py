"""Whoever clicks on an object shows it: a model that answers without memories believes that."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from miniature import miniature_config, random_miniature

from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import LEAST_VISIBLE_SCORE, Sam2
from sam2_demo.session.session import VideoSession

PICTURES = list(np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), dtype=np.uint8))
ON_IT = Point(20.0, 20.0)
NOT_IT = Point(40.0, 20.0, positive=False)


def doubting(prompts_attend: bool) -> Sam2:
    """Returns a model that takes everything for hidden."""
    config = miniature_config()
    memory = replace(config.memory, prompts_attend=prompts_attend)
    model = Sam2(replace(config, memory=memory)).eval()
    model.load_state_dict(random_miniature().state_dict())
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-1000.0)
    return model


@pytest.mark.parametrize("prompts_attend", [True, False])
def test_what_is_clicked_is_not_hidden(prompts_attend: bool) -> None:
    session = VideoSession(doubting(prompts_attend), ArrayFrames(PICTURES))
    for prompt in (FramePrompt((ON_IT,)), FramePrompt((ON_IT, NOT_IT))):
        answer = session.set_prompt(0, 1, prompt).objects[1]
        is_seen = answer.object_score_logits == pytest.approx(LEAST_VISIBLE_SCORE)
        assert is_seen == (not prompts_attend)
        assert prompts_attend or answer.mask.area_px > 0


def test_a_frame_on_which_it_counted_as_hidden_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    session = VideoSession(doubting(prompts_attend=False), ArrayFrames(PICTURES))
    session.set_prompt(0, 1, FramePrompt((ON_IT,)))
    *_, last = session.propagate(0)
    assert last.objects[1].mask.area_px == 0
    corrected = session.set_prompt(1, 1, FramePrompt((ON_IT,))).objects[1]
    alone = VideoSession(doubting(prompts_attend=False), ArrayFrames(PICTURES))
    assert corrected.mask == alone.set_prompt(1, 1, FramePrompt((ON_IT,))).objects[1].mask
