"""``--set``: values at any depth, and refusals that name what was meant."""

import pytest

from sam2_demo.core.errors import SettingError
from sam2_demo.model.config import RELEASED
from sam2_demo.training.experiments.named import EXPERIMENTS, find_experiment
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.loop.schedule import Decay

OVERFIT = EXPERIMENTS["overfit"]


def test_settings_change_nested_values() -> None:
    experiment = with_settings(
        OVERFIT, ["steps=7", "stages.0.videos.clips=2", "model.width=128", "learning_rate=1"]
    )
    assert (experiment.steps, experiment.stages[0].videos.clips) == (7, 2)
    assert experiment.model.width == 128
    assert isinstance(experiment.learning_rate, float)
    assert with_settings(OVERFIT, ["stages.0.scale=(0.1,1)"]).stages[0].scale == (0.1, 1.0)
    deep = with_settings(OVERFIT, ["stages.0.videos.augmentation.colour.contrast=0.5"])
    assert deep.stages[0].videos.augmentation.colour.contrast == 0.5


def test_settings_choose_by_name_and_may_be_none() -> None:
    experiment = with_settings(
        OVERFIT,
        [
            "model=sam2.1-hiera-small",
            "schedule.decay=reciprocal-square-root",
            "image_share=0.5",
            "start=some/model.pt",
            "data=('davis:A','sa-v:B')",
        ],
    )
    assert experiment.model == RELEASED["sam2.1-hiera-small"]
    assert experiment.schedule.decay is Decay.RECIPROCAL_SQUARE_ROOT
    assert experiment.image_share == 0.5
    assert experiment.start == "some/model.pt"
    assert experiment.data == ("davis:A", "sa-v:B")
    assert with_settings(experiment, ["image_share=none"]).image_share is None
    full = with_settings(EXPERIMENTS["full"], ["stages.0.images=None"])
    assert full.stages[0].images is None


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("step=7", "did you mean 'steps'"),
        ("stages.0.videos.clip=2", "did you mean 'clips'"),
        ("stages.3.videos.clips=2", "not an index from 0 to 0"),
        ("stages.0.images.clips=2", "there is no 'clips' to change"),
        ("stages.0.videos=None", "a stage trains on one or both"),
        ("stages.0.videos=3", "give a value like"),
        ("stages.0.videos.augmentation.mirror=2", "mirror is 2.0: give 0 to 1"),
        ("stages.0.videos.rollout.kinds=(0,0,0)", "not all 0"),
        ("stages.0.videos.clips=5", "cannot be divided into 2 equal parts"),
        ("schedule.decay=cosin", "did you mean 'cosine'"),
        ("model=sam2.1-hiera-tny", "did you mean 'sam2.1-hiera-tiny'"),
        ("image_share=much", "give a value like"),
        ("image_share=1.5", "give 0 to 1"),
        ("drop_path=1", "give at least 0 and less than 1"),
        ("steps=-1", "give 0 or more"),
        ("learning_rate=0", "give a number above 0"),
        ("stages.0.share=0", "the share of every stage is 0"),
        ("stages.0.share=-1", "which skips the stage"),
        ("stages.0.images_per_clip=0", "give 1 or more"),
        ("model.image_encoder.heads=3", "3 heads do not divide the width 16"),
        ("data=davis:A", "give a value like"),
        ("steps=many", "give a value like"),
        ("steps=1.5", "give a value like"),
        ("bfloat16=1", "give a value like"),
        ("stages.0.scale=(0.1,)", "give a value like"),
        ("stages.0.image_size=100", "multiple of 32"),
        ("stages.0.scale.2=1", "not an index from 0 to 1"),
        ("model.width=129", "multiple"),
        ("seed.low=1", "'low' is not a setting"),
        ("steps", "name=value"),
    ],
)
def test_bad_settings_are_refused_with_a_hint(setting: str, hint: str) -> None:
    with pytest.raises(SettingError, match=hint):
        with_settings(OVERFIT, [setting])


def test_unknown_experiment_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean 'embedded'"):
        find_experiment("embeded")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_how_long_it_is(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.stages
    assert (experiment.steps > 0) != (experiment.minutes > 0)


def test_the_paper_is_followed() -> None:
    """Source: arXiv 2408.00714, section 4 and appendix D.2."""
    full = EXPERIMENTS["full"]
    videos = full.stages[0].videos
    assert (videos.frames, videos.objects, videos.reversed_share) == (8, 3, 0.5)
    rollout = videos.rollout
    assert (rollout.prompted_frames, rollout.corrections) == (2, 7)
    assert rollout.kinds == (0.5, 0.25, 0.25)
    assert (full.weight_decay, full.gradient_clip, full.drop_path) == (0.1, 0.1, 0.1)
    assert full.layer_decay == 0.8
    assert full.stages[0].images is not None
    assert EXPERIMENTS["pretrain"].schedule.decay is Decay.RECIPROCAL_SQUARE_ROOT
