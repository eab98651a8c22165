"""Find everything: which of the true objects are among the proposals."""

from pathlib import Path

import pytest
from data_sets import photograph, save_jpeg, save_palette, square
from miniature import random_miniature

from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.protocols.everything import FindEverything
from sam2_demo.tracking.everything.grid import Grid
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    """A clip of two frames; object 1 is 8 x 8 pixels and moves by 2 a frame."""
    for index in range(2):
        save_jpeg(tmp_path / f"JPEGImages/cat/{index:05d}.jpg", photograph(index))
        save_palette(tmp_path / f"Annotations/cat/{index:05d}.png", square(index).astype("uint8"))
    return DataSet("davis", tmp_path)


def test_an_object_is_found_where_a_proposal_comes_close(data: DataSet) -> None:
    """Proposed is always frame 0's mask: of frame 1's, two columns of eight are missing."""
    protocol = FindEverything(random_miniature(), FindOptions(Grid((1,))))
    proposals = [Proposal(EncodedMask.encode(square(index)), 0.9, 1.0) for index in (0, 9)]
    protocol._search.find = lambda picture: proposals  # type: ignore[assignment]
    (clip,) = protocol.clips(data, [])
    (score,) = protocol.score(clip, lambda count: None)
    assert score.details["best IoU of each frame"] == [1.0, pytest.approx(48 / 80)]
    assert score.percent == {"found": 50.0, "best": pytest.approx(80.0), "proposals": 2.0}


def test_where_nothing_is_proposed_nothing_is_found(data: DataSet) -> None:
    options = FindOptions(Grid((2,)), least_iou=1.0)  # a predicted IoU of 1 is never reached
    protocol = FindEverything(random_miniature(), options, every=2)
    (clip,) = protocol.clips(data, [])
    (score,) = protocol.score(clip, lambda count: None)
    assert score.percent == {"found": 0.0, "best": 0.0, "proposals": 0.0}
