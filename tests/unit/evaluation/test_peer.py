"""Our session beside the transformers library: both track the same, and each frame is timed."""

from collections.abc import Iterator

from transformers_miniature import our_config, video_model

from sam2_demo.checkpoints.checking import build_model
from sam2_demo.checkpoints.transformers_names import to_released
from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.evaluation.benchmark.peer import (
    Comparison,
    as_figures,
    compare,
    in_process,
    prompted_at,
    their_frames,
)


def test_both_track_every_object_and_agree() -> None:
    clip = MadeUpClip(5, (90, 160), objects=2)
    places = [clip.centre(index, 0) for index in range(2)]
    model = build_model(to_released(video_model().state_dict()), our_config(), "its weights")
    session = prompted_at(model, clip, places)
    theirs = their_frames(video_model, our_config(), clip, places)
    found = compare(theirs, {"float32": session}, frames=5, filling=2)["float32"]
    assert len(found.ours_s) == len(found.theirs_s) == 3
    assert all(seconds > 0 for seconds in found.ours_s + found.theirs_s)
    assert 0 < found.difference < 1e-4


def test_the_ratio_is_that_of_the_medians() -> None:
    found = Comparison([1.0, 2.0, 9.0], [3.0, 5.0, 100.0], 0.0002)
    assert found.ratio == 2.5
    [figure] = as_figures(3, "float32", found)
    assert figure.what == "beside transformers, 3 objects, float32"
    assert str(figure) == (
        "2.50 times as fast (2.00 s against 5.00 s a frame; logits differ by 0.0002 at most)"
    )


def squares(count: int) -> Iterator[int]:
    """Yields the first squares."""
    for number in range(count):
        yield number * number


def test_a_process_of_its_own_yields_the_same_and_ends() -> None:
    assert list(in_process(squares, 4)) == [0, 1, 4, 9]
