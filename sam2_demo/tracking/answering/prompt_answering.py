"""Answering a prompt on a frame, stage by stage: from the frame, the memories or what was tracked.

Source: arXiv 2408.00714, §4: a prompt on a frame is answered by the mask decoder, from an embedding
that is conditioned on the object's memories where there are any.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import ImageFeatures, MaskPrediction, Sam2
from sam2_demo.tracking.answering.refinement import least_changed, with_tracked_box
from sam2_demo.tracking.frame_cache import FrameCache
from sam2_demo.tracking.preprocessing import (
    clamp_mask_prompt,
    fill_holes,
    mask_to_model,
    prompt_tensors,
)
from sam2_demo.tracking.track import Answer, Track


class PromptAnswering:
    """Predicts masks for prompts.

    Args:
        model: The model.
        frames: The video.
        cache: Features, logits and memories of the frames.
        hole_area: Largest hole to fill, in pixels of a mask of 256 x 256; 0 to fill none.
    """

    def __init__(self, model: Sam2, frames: FrameSource, cache: FrameCache, hole_area: int) -> None:
        self._model = model
        self._frames = frames
        self._cache = cache
        self._hole_area = hole_area

    def predict(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> tuple[MaskPrediction, EncodedMask | None]:
        """Returns the prediction for the last stage, and the prompt's mask if it is only a mask.

        Args:
            track: The object.
            frame_index: The frame.
            stages: The prompt's stages; there is at least one, and each refines the one before.
            refined: The answer that the first stage refines, if any.
        """
        mask_logits = None if refined is None else self._cache.logits(refined)
        for stage in stages:
            predicted = self._predict_stage(track, frame_index, stage, mask_logits).best()
            mask_logits = fill_holes(predicted.visible_logits(), self._hole_area)
        return predicted, stage.mask if stage.is_mask_alone else None

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> MaskPrediction:
        """Returns the prediction for a single click with all its candidates."""
        mask_logits = None if refined is None else self._cache.logits(refined)
        any_of_them = replace(click, candidate=None)
        return self._predict_stage(track, frame_index, any_of_them, mask_logits)

    def _predict_stage(
        self,
        track: Track,
        frame_index: int,
        prompt: FramePrompt,
        mask_logits: Float[Tensor, "1 1 _ _"] | None,
    ) -> MaskPrediction:
        """Returns the prediction for a prompt that refines the previous mask, if there is one.

        A single click gets all its candidates, or the chosen one. On a frame that was tracked, the
        prediction is conditioned on the object's memories; a model that answers prompts without
        them refines the tracked mask instead.
        """
        features = self._cache.features(frame_index)
        if prompt.is_mask_alone and prompt.mask is not None:
            size, device = self._model.config.image_size, self._model.device
            return self._model.decode_mask(
                features, mask_to_model(prompt.mask.decode(), size, device)
            )
        conditioned = self._cache.conditioned_embedding(track, frame_index)
        is_shown = self._is_shown(prompt)
        if mask_logits is not None and is_shown and not (mask_logits > 0).any():
            mask_logits = None  # it was taken for hidden: an empty mask would say so once more
        if mask_logits is not None:
            mask_logits = clamp_mask_prompt(mask_logits)
            tracked = track.tracked(frame_index) if frame_index in track.steps else None
            are_clicks = prompt.box_xyxy is None and prompt.mask is None
            if tracked is not None and are_clicks and not self._model.config.memory.prompts_attend:
                boxed = with_tracked_box(prompt, tracked.mask)
                return self._refine(conditioned, features, boxed, mask_logits)
        prompts = self._tensors(prompt, mask_logits)
        is_ambiguous = prompts.points.shape[1] <= 1
        candidate = prompt.candidate if is_ambiguous else None
        return self._model.decode(
            conditioned, features, prompts, is_ambiguous, candidate, is_visible=is_shown
        )

    def _is_shown(self, prompt: FramePrompt) -> bool:
        """Returns whether a person shows the object to a model that answers without memories.

        What such a model says of hidden objects rests on little more than the frame: whoever clicks
        on the object knows better.
        """
        includes = prompt.box_xyxy is not None or any(each.positive for each in prompt.points)
        return includes and not self._model.config.memory.prompts_attend

    def _refine(
        self,
        conditioned: Float[Tensor, "1 channels height width"],
        features: ImageFeatures,
        prompt: FramePrompt,
        mask_logits: Float[Tensor, "1 1 _ _"],
    ) -> MaskPrediction:
        """Returns that of the decoder's masks which follows the clicks and changes the least."""
        prompts = self._tensors(prompt, mask_logits)
        is_shown = self._is_shown(prompt)
        decode = partial(self._model.decode, conditioned, features, prompts, is_visible=is_shown)
        single, several = decode(multimask=False), decode(multimask=True)
        chosen = least_changed(
            torch.cat((single.mask_logits, several.mask_logits), dim=1),
            torch.cat((single.ious, several.ious), dim=1),
            mask_logits,
            prompt,
            self._frames.size_hw,
        )
        if chosen == 0:
            return single
        return decode(multimask=True, candidate=chosen - 1)

    def _tensors(
        self, prompt: FramePrompt, mask_logits: Float[Tensor, "1 1 _ _"] | None
    ) -> PromptTensors:
        size, device = self._model.config.image_size, self._model.device
        return prompt_tensors(prompt, self._frames.size_hw, size, device, mask_logits)
