"""The sample clips that ship: each opens, is small, and its first click lies inside of it."""

import json
from pathlib import Path

import av
import pytest

FOLDER = Path(__file__).parents[3] / "assets" / "samples"
SAMPLES = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample["file"]))
def test_sample_can_be_played_and_is_credited(sample):
    path = FOLDER / sample["file"]
    assert path.stat().st_size <= 2_500_000
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert sample["hint"]["frame"] < stream.frames
        x, y = sample["hint"]["point"]
        assert 0 <= x < stream.width
        assert 0 <= y < stream.height
    assert (FOLDER / sample["poster"]).is_file()
    row = next(
        line for line in (FOLDER / "README.md").read_text().splitlines() if sample["file"] in line
    )
    assert sample["licence"].split()[0] in row
