"""Our session beside the transformers library: both track the same, and each frame is timed."""

from transformers_miniature import our_config, video_model

from sam2_demo.evaluation.benchmark import MadeUpClip
from sam2_demo.evaluation.peer import Comparison, compare, described


def test_both_track_every_object_and_agree() -> None:
    clip = MadeUpClip(5, (90, 160), objects=2)
    places = [clip.centre(index, 0) for index in range(2)]
    found = compare(video_model(), our_config(), clip, places, filling=2)
    assert len(found.ours_s) == len(found.theirs_s) == 3
    assert all(seconds > 0 for seconds in found.ours_s + found.theirs_s)
    assert 0 < found.difference < 0.05


def test_the_ratio_is_that_of_the_medians() -> None:
    found = Comparison([1.0, 2.0, 9.0], [3.0, 5.0, 100.0], 0.0002)
    assert found.ratio == 2.5
    assert described(3, found) == (
        "beside transformers, 3 objects",
        "2.50 times as fast (2.00 s against 5.00 s a frame; logits differ by 0.0002 at most)",
    )
