"""Writes what Meta's own SAM 2 answers on miniature weights, for ``test_reference_parity.py``.

    python tests/parity/make_reference_figures.py CHECKOUT [--seed N]

CHECKOUT is a checkout of github.com/facebookresearch/sam2 of 2025 or later, whose requirements are
installed; it is not part of this repository. Without --seed, the weights and frames that are stored
in ``reference`` are used, so that the figures can be compared with those there before. With it, new
ones are drawn first: of the same kind as the stored ones, which are older than this script, but not
the same numbers.
"""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support" / "stand_ins")]

from miniature import REFERENCE  # noqa: E402

SIDE = 256
FIRST, SECOND, BESIDE = (60, 90), (75, 100), (20, 20)
WRONG, MISSING = (30, 160), (120, 110)
BOX_XYXY = (188, 18, 232, 82)
IMAGE_PROMPTS: dict[str, dict[str, Any]] = {
    "one_click": {"point_coords": [FIRST], "point_labels": [1], "multimask": True},
    "box": {"box": BOX_XYXY, "multimask": False},
    "click_and_box": {
        "point_coords": [FIRST, BESIDE],
        "point_labels": [1, 0],
        "box": (30, 60, 90, 120),
        "multimask": False,
    },
}
SCORE_HEAD = "sam_mask_decoder.pred_obj_score_head.layers.2"
EMBEDDINGS = ("token.weight", "tokens.weight", "embed.weight", "gaussian_matrix")
ABSENT_SCALE = 200
"""So much larger are the object scores where some objects shall be absent from some frames."""

MINIATURE = (
    f"++model.image_size={SIDE}",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,2,3,1]",
    "++model.image_encoder.trunk.global_att_blocks=[4,5]",
    "++model.image_encoder.neck.d_model=64",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
    "++model.image_encoder.neck.position_encoding.num_pos_feats=64",
    "++model.memory_attention.d_model=64",
    "++model.memory_attention.num_layers=2",
    "++model.memory_attention.layer.d_model=64",
    "++model.memory_attention.layer.dim_feedforward=128",
    *(
        f"++model.memory_attention.layer.{attention}_attention.{setting}"
        for attention in ("self", "cross")
        for setting in ("embedding_dim=64", "feat_sizes=[16,16]")
    ),
    "++model.memory_attention.layer.cross_attention.kv_in_dim=16",
    "++model.memory_encoder.in_dim=64",
    "++model.memory_encoder.out_dim=16",
    "++model.memory_encoder.position_encoding.num_pos_feats=16",
    "++model.memory_encoder.mask_downsampler.embed_dim=64",
    "++model.memory_encoder.fuser.layer.dim=64",
    # What the released demo sets, but for the holes that it fills: our session is compared without.
    "++model.binarize_mask_from_pts_for_mem_enc=true",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
)
"""The tiny model's configuration, changed to that of ``miniature_config``."""


class _Float32Torch:
    """The module ``torch``, but that its bfloat16 is float32."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def build(weights: str, corrections_condition: bool = False) -> Any:
    """Returns the reference's video predictor with the stored weights of this name, if any."""
    version, suffix = ("sam2.1", "2.1") if "2.1" in weights else ("sam2", "2")
    model = importlib.import_module("sam2.build_sam").build_sam2_video_predictor(
        f"configs/{version}/sam{suffix}_hiera_t.yaml",
        device="cpu",
        apply_postprocessing=False,
        hydra_overrides_extra=[
            *MINIATURE,
            f"++model.add_all_frames_to_correct_as_cond={str(corrections_condition).lower()}",
        ],
    )
    # Its memories are stored as bfloat16, for a GPU's autocast; here they stay float32.
    vars(importlib.import_module("sam2.sam2_video_predictor"))["torch"] = _Float32Torch()
    path = REFERENCE / f"{weights}.pt"
    if path.exists():
        stored = torch.load(path, weights_only=True)["model"]
        model.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    return model


def drawn_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Returns a weight for each name, so large that each part of the network makes a difference."""
    random = np.random.RandomState(seed)
    weights = {}
    for name in sorted(shapes):
        shape = shapes[name]
        numbers = random.standard_normal(shape)
        if "pos_embed" in name or name == "no_mem_pos_enc":
            numbers *= 0.02
        elif "gamma" in name:
            numbers = 0.1 + 0.02 * numbers
        elif len(shape) == 1 and name.endswith("weight"):
            numbers = 1 + 0.02 * numbers
        elif len(shape) == 1:
            numbers *= 0.07
        elif name.startswith(("maskmem_tpos_enc", "no_mem_embed", "no_obj")):
            numbers *= 0.4
        elif not name.endswith(EMBEDDINGS) and "point_embeddings" not in name:
            numbers *= _gain(name) / np.sqrt(3 * np.prod(shape[1:]))
        weights[name] = torch.from_numpy(np.asarray(numbers, np.float32)).half()
    weights[f"{SCORE_HEAD}.bias"] += 2  # else every second object would be absent
    return weights


def _gain(name: str) -> float:
    if any(part in name for part in ("qkv.weight", "q_proj.weight", "k_proj.weight")):
        return 4  # else attention would be all but uniform
    if "hypernetworks" in name:
        return 3
    return 10 if name.startswith("obj_ptr_tpos_proj") else 1


def absent_weights(weights: Mapping[str, Tensor], scores: Iterable[float]) -> dict[str, Tensor]:
    """Returns weights whose object scores are spread around zero, from those on one side of it."""
    bias = float(weights[f"{SCORE_HEAD}.bias"])
    middle = np.median(list(scores)) - bias
    return {
        **weights,
        f"{SCORE_HEAD}.weight": ABSENT_SCALE * weights[f"{SCORE_HEAD}.weight"],
        f"{SCORE_HEAD}.bias": torch.tensor([-ABSENT_SCALE * middle]).half(),
    }


def drawn_frames(seed: int) -> np.ndarray:
    """Returns ten frames of 192 x 256: a disc and a bar that meet over coloured blobs."""
    random = np.random.RandomState(seed)
    coarse = random.randint(0, 256, (12, 16, 3), dtype=np.uint8)
    scene = np.asarray(Image.fromarray(coarse).resize((256, 192), Image.Resampling.BICUBIC))
    y, x = np.mgrid[:192, :256]
    frames = np.repeat(scene[np.newaxis], 10, axis=0)
    for index, frame in enumerate(frames):
        frame[(x - 60 - 12 * index) ** 2 + (y - 90 - 4 * index) ** 2 < 28**2] = (220, 60, 40)
        left, top = 190 - 8 * index, 20 + 6 * index
        frame[top : top + 61, left : left + 41] = (40, 200, 90)
    return frames


class Recording:
    """Plays the session of ``test_reference_parity.py`` and notes the reference's answers."""

    def __init__(self, predictor: Any, frames: np.ndarray) -> None:
        self.predictor = predictor
        self.figures: dict[str, np.ndarray] = {}
        with tempfile.TemporaryDirectory() as folder:
            # The reference wants names that end in .jpg; PNG under such a name loses nothing.
            for index, frame in enumerate(frames):
                Image.fromarray(frame).save(Path(folder) / f"{index:05d}.jpg", format="PNG")
            self.state = predictor.init_state(folder)

    def prompt(self, step: str, frame_index: int, object_id: int, **given: Any) -> None:
        add = self.predictor.add_new_mask if "mask" in given else None
        add = add or self.predictor.add_new_points_or_box
        _, object_ids, logits = add(self.state, frame_index, object_id, **given)
        where = f"{step}/frame{frame_index}"
        self.figures[f"{where}/video_logits"] = logits[..., ::4, ::4].half().numpy()
        self.figures[f"{where}/object_ids"] = np.array(object_ids)

    def propagate(self, step: str, **options: Any) -> None:
        for frame_index, object_ids, _ in self.predictor.propagate_in_video(self.state, **options):
            where = f"{step}/frame{frame_index}"
            self.figures[f"{where}/object_ids"] = np.array(object_ids)
            for object_id in object_ids:
                self._note(f"{where}/object{object_id}", frame_index, object_id)

    def _note(self, where: str, frame_index: int, object_id: int) -> None:
        known = self.state["output_dict_per_obj"][self.state["obj_id_to_idx"][object_id]]
        conditioning, others = known["cond_frame_outputs"], known["non_cond_frame_outputs"]
        answer = conditioning.get(frame_index) or others[frame_index]
        self.figures[f"{where}/low_res_logits"] = answer["pred_masks"][..., ::2, ::2].half().numpy()
        self.figures[f"{where}/pointer"] = answer["obj_ptr"].float().numpy()
        self.figures[f"{where}/object_score_logits"] = answer["object_score_logits"].numpy()

    def play(self) -> None:
        self.prompt("1_click", 0, 1, points=[FIRST], labels=[1])
        self.prompt("2_more_clicks", 0, 1, points=[FIRST, SECOND, BESIDE], labels=[1, 1, 0])
        self.prompt("3_box", 0, 2, box=BOX_XYXY)
        mask = np.zeros((192, 256), bool)
        mask[110:170, 120:200] = True
        self.figures["4_mask/input"] = mask
        self.prompt("4_mask", 2, 3, mask=mask)
        self.propagate("5_forward")
        self.prompt("6_correction", 5, 1, points=[WRONG], labels=[0])
        self.prompt("7_correction", 5, 1, points=[WRONG, MISSING], labels=[0, 1])
        self.propagate("8_forward_again")
        self.propagate("9_backward", start_frame_idx=9, reverse=True)
        self.predictor.remove_object(self.state, 2)
        self.propagate("10_without_object2")

    def ask_of_the_image(self, image: np.ndarray) -> None:
        predictor = importlib.import_module("sam2.sam2_image_predictor").SAM2ImagePredictor(
            self.predictor
        )
        predictor._bb_feat_sizes = [(SIDE // stride, SIDE // stride) for stride in (4, 8, 16)]
        predictor.set_image(image)
        for name, prompt in IMAGE_PROMPTS.items():
            points = {key: np.array(value) for key, value in prompt.items() if key != "multimask"}
            logits, ious, low_res_logits = predictor.predict(
                **points, multimask_output=prompt["multimask"], return_logits=True
            )
            self.figures[f"image/{name}/logits"] = logits[:, ::3, ::3]
            self.figures[f"image/{name}/iou"] = ious
            self.figures[f"image/{name}/low_res_logits"] = low_res_logits[:, ::3, ::3]

    def scores(self) -> list[float]:
        """Returns the object scores; that of a mask prompt, 10, is no prediction."""
        names = [name for name in self.figures if name.endswith("object_score_logits")]
        found = [self.figures[name].item() for name in names]
        return [score for score in found if score != 10]


@torch.inference_mode()
def record(weights: str, frames: np.ndarray, corrections_condition: bool = False) -> Recording:
    """Returns the reference's answers with the stored weights of this name."""
    recording = Recording(build(weights, corrections_condition), frames)
    recording.play()
    recording.ask_of_the_image(frames[0])
    return recording


@torch.inference_mode()
def input_figures(model: Any, frames: np.ndarray, pixels: Tensor) -> dict[str, np.ndarray]:
    """Returns the frames, and the first one's pixels and features."""
    levels = model.forward_image(pixels[None])["backbone_fpn"]
    found = {f"image_features_{index}": level[..., ::4, ::4] for index, level in enumerate(levels)}
    found["pixels_frame0"] = pixels[:, ::4, ::4]
    return {"frames_rgb": frames} | {name: tensor.numpy() for name, tensor in found.items()}


def draw(seed: int) -> np.ndarray:
    """Stores new weights of both versions, and returns new frames."""
    for offset, name in enumerate(("miniature_2.0", "miniature_2.1")):
        (REFERENCE / f"{name}.pt").unlink(missing_ok=True)
        shapes = {key: tuple(weight.shape) for key, weight in build(name).state_dict().items()}
        weights = drawn_weights(shapes, seed + offset)
        torch.save({"model": weights}, REFERENCE / f"{name}.pt")
    return drawn_frames(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    sys.path.insert(0, str(options.checkout))
    importlib.import_module("sam2")  # tells Hydra where the configurations are
    if options.seed is None:
        frames = np.load(REFERENCE / "miniature_2.1.npz")["frames_rgb"]
    else:
        frames = draw(options.seed)
    first = record("miniature_2.1", frames)
    first.figures |= input_figures(first.predictor, frames, first.state["images"][0])
    if options.seed is not None:
        weights = torch.load(REFERENCE / "miniature_2.1.pt", weights_only=True)["model"]
        absent = {"model": absent_weights(weights, first.scores())}
        torch.save(absent, REFERENCE / "miniature_2.1_absent.pt")
    recordings = {
        "miniature_2.1": first,
        "miniature_2.0": record("miniature_2.0", frames),
        "miniature_2.1_corrections_condition": record("miniature_2.1", frames, True),
        "miniature_2.1_absent": record("miniature_2.1_absent", frames),
    }
    for name, recording in recordings.items():
        np.savez_compressed(REFERENCE / f"{name}.npz", **recording.figures)


if __name__ == "__main__":
    main()
