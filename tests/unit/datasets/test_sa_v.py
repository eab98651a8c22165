"""SA-V: masks on every fourth frame of a video, as run lengths that are checked first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import SIZE_HW, photograph, run_lengths, save_jpeg, square
from made_masklets import RED, masklets_of
from media_clips import frame_number, write_clip
from PIL import Image

from sam2_demo.core.errors import DataError
from sam2_demo.core.masks import EncodedMask, fill_exactly
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.formats.run_lengths import BadMask, parse_run_lengths
from sam2_demo.datasets.formats.sa_v import SavVideo
from sam2_demo.datasets.registry import open_clips
from sam2_demo.export.masklets import ObjectLabel
from sam2_demo.export.run_length_files import write_sa_v_json
from sam2_demo.video.ingest.intake import ingest

FRAMES = 22
NOTHING = np.zeros(SIZE_HW, bool)
PLAIN = ClipOptions(size_px=48, frames=3, reversed_share=0.0)


@pytest.fixture
def sa_v(tmp_path: Path) -> Path:
    """One video: object 3 is always there, object 7 from frame 12 on."""
    folder = tmp_path / "sav_000"
    folder.mkdir()
    write_clip(folder / "sav_000001.mp4", FRAMES, size_hw=SIZE_HW, options={"g": "9"})
    rows = [
        [run_lengths(square(index)), run_lengths(square(index, 20) if index >= 12 else NOTHING)]
        for index in range(0, FRAMES, 4)
    ]
    height, width = map(float, SIZE_HW)
    content = {"video_id": "sav_000001", "video_height": height, "video_width": width}
    content |= {"video_frame_count": float(FRAMES), "masklet_id": [3, 7], "masklet": rows}
    (folder / "sav_000001_manual.json").write_text(json.dumps(content))
    return tmp_path


def rewrite(sa_v: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes what the annotation file holds."""
    path = sa_v / "sav_000" / "sav_000001_manual.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_clip_holds_every_fourth_frame_and_the_drawn_masks(sa_v: Path) -> None:
    source = open_clips(f"sa-v:{sa_v}", PLAIN)
    assert (len(source), source.frames) == (1, 3)
    starts = set()
    for seed in range(12):
        clip = source.sample(np.random.default_rng(seed))
        numbers = [frame_number(frame) for frame in clip.frames]
        assert numbers == [numbers[0], numbers[0] + 4, numbers[0] + 8]
        assert clip.masks.shape[1] == (2 if numbers[0] >= 12 else 1)
        rows = ((2 * np.arange(48) + 1) * 32) // 96
        for number, masks in zip(numbers, clip.masks, strict=True):
            assert np.array_equal(masks[0], square(number)[rows])
        starts.add(numbers[0])
    assert starts == {0, 4, 8, 12}


def test_hidden_objects_are_left_out(sa_v: Path) -> None:
    rewrite(sa_v, lambda content: content["masklet"][0].__setitem__(0, None))
    video = SavVideo.read(sa_v / "sav_000" / "sav_000001_manual.json")
    assert list(video.annotated_frames) == [0, 4, 8, 12, 16, 20]
    assert [list(video.true_masks(index)) for index in (0, 4, 12)] == [[], [3], [3, 7]]


def test_automatic_masks_count_as_another_video(sa_v: Path) -> None:
    manual = sa_v / "sav_000" / "sav_000001_manual.json"
    manual.with_name("sav_000001_auto.json").write_bytes(manual.read_bytes())
    assert len(open_clips(f"sa-v:{sa_v}", PLAIN)) == 2


def test_validation_clips_lie_in_folders(tmp_path: Path) -> None:
    for index in range(9):
        save_jpeg(tmp_path / f"JPEGImages_24fps/v/{index:05d}.jpg", photograph(index))
    (tmp_path / "Annotations_6fps/v/000").mkdir(parents=True)
    for index in (0, 4, 8):
        Image.fromarray(square(index)).save(tmp_path / f"Annotations_6fps/v/000/{index:05d}.png")
    clip = open_clips(f"sa-v:{tmp_path}", PLAIN).sample(np.random.default_rng(0))
    assert clip.frames[:, -1, 0, 0] == pytest.approx([0, 40, 80], abs=2)


def test_what_the_app_exports_is_read_back(tmp_path: Path) -> None:
    video = ingest(write_clip(tmp_path / "cat.mp4", 9, size_hw=SIZE_HW), tmp_path / "ingested")
    masks = [{1: square(index)} for index in range(9)]
    masklets = masklets_of(video, masks, {1: ObjectLabel("cat", RED)})
    write_sa_v_json(masklets, tmp_path / "cat_manual.json")
    read = SavVideo.read(tmp_path / "cat_manual.json")
    assert list(read.annotated_frames) == [0, 4, 8]
    assert np.array_equal(read.true_masks(4)[1], square(4))


# What does not fit is named


def test_a_folder_without_annotations_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path} holds no file") as caught:
        open_clips(f"sa-v:{tmp_path}", PLAIN)
    assert caught.value.code == "NOT_SA_V"


def test_a_missing_video_is_named_when_opened(sa_v: Path) -> None:
    (sa_v / "sav_000" / "sav_000001.mp4").unlink()
    with pytest.raises(DataError, match=r"sav_000001\.mp4 is missing"):
        open_clips(f"sa-v:{sa_v}", PLAIN)


def test_a_broken_video_is_named_when_read(sa_v: Path) -> None:
    (sa_v / "sav_000" / "sav_000001.mp4").write_bytes(b"ftypftypftyp")
    with pytest.raises(DataError, match=r"sav_000001\.mp4 is not a video"):
        open_clips(f"sa-v:{sa_v}", PLAIN).sample(np.random.default_rng(0))


@pytest.mark.parametrize("content", [b"", b'{"masklet": [[', b"[" * 100_000, b"[1]", b"\xff\xfe"])
def test_a_file_that_is_no_json_is_named(sa_v: Path, content: bytes) -> None:
    (sa_v / "sav_000" / "sav_000001_manual.json").write_bytes(content)
    with pytest.raises(DataError, match=r"sav_000001_manual\.json cannot be used") as caught:
        open_clips(f"sa-v:{sa_v}", PLAIN).sample(np.random.default_rng(0))
    assert caught.value.code == "BAD_ANNOTATION"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("masklet"), "'masklet' is missing"),
        (lambda content: content.update(masklet_id="3"), "'masklet_id' is missing or no list"),
        (lambda content: content.update(masklet_id=[3, 3]), "the same masklet_id"),
        (lambda content: content.update(masklet_id=[3, 7.5]), "no whole number"),
        (lambda content: content.update(video_height="32"), "'video_height' is '32'"),
        (lambda content: content.update(video_width=float("nan")), "'video_width' is nan"),
        (lambda content: content.update(video_width=999_999), "at most 16.8 million"),
        (
            lambda content: content["masklet"].append([None, None]),
            "frame 24 for a video of 22.0 frames, but .* 22 frames",
        ),
        (lambda content: content.update(video_frame_count=26.0), "video of 26.0 frames, but"),
        (lambda content: content["masklet"][0].pop(), "frame 0 has no mask for each"),
        (lambda content: content["masklet"].__setitem__(0, 5), "frame 0 has no mask for each"),
        (lambda content: content["masklet"][0].__setitem__(0, "P"), "object 3: a mask is str"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    sa_v: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    rewrite(sa_v, change)
    options = ClipOptions(size_px=48, frames=6, reversed_share=0.0)
    with pytest.raises(DataError, match=rf"sav_000001_manual\.json cannot be used: .*{message}"):
        open_clips(f"sa-v:{sa_v}", options).sample(np.random.default_rng(0))


def test_a_video_of_another_size_is_named(sa_v: Path) -> None:
    write_clip(sa_v / "sav_000" / "sav_000001.mp4", FRAMES, size_hw=(64, 96))
    with pytest.raises(DataError, match=r"sav_000001\.mp4, frame \d+, is 96 x 64 pixels"):
        open_clips(f"sa-v:{sa_v}", PLAIN).sample(np.random.default_rng(0))


# Run lengths


@pytest.mark.parametrize("seed", range(8))
def test_run_lengths_are_read_as_they_were_written(seed: int) -> None:
    random = np.random.default_rng(seed)
    size_hw = (int(random.integers(1, 200)), int(random.integers(1, 200)))
    mask = random.random(size_hw) < random.random() ** 2
    encoded = EncodedMask.encode(mask)
    parsed = parse_run_lengths({"size": list(size_hw), "counts": encoded.counts}, size_hw)
    assert np.array_equal(parsed.decode(), mask)
    assert parsed.area_px == mask.sum()
    plain = parse_run_lengths({"size": list(size_hw), "counts": parsed.runs.tolist()}, size_hw)
    assert np.array_equal(plain.decode(), mask)


def test_columns_come_before_rows() -> None:
    """Two pixels outside, three inside, one outside: the second column begins with the fourth."""
    parsed = parse_run_lengths({"size": [3, 2], "counts": [2, 3, 1]}, (3, 2))
    assert parsed.decode().tolist() == [[False, True], [False, True], [True, False]]


@pytest.mark.parametrize(
    "counts",
    [
        "",
        "~~~~",
        "0P9999999999999999",
        "é",
        "P" * 5000,
        "o" * 40,
        "\ud800",
        [],
        [2, 3],
        [2, 5, -1],
        [7],
        [10**4000, 1],
        [2.0, 4.0],
        [True, 5],
        None,
        {"2": 4},
    ],
)
def test_hostile_counts_are_refused_before_anything_is_decoded(counts: object) -> None:
    with pytest.raises(BadMask, match="the counts of a mask"):
        parse_run_lengths({"size": [3, 2], "counts": counts}, (3, 2))


def test_runs_whose_sum_comes_round_to_the_size_fill_nothing() -> None:
    """Four times 2^62 are 0 in 64 bits."""
    assert not fill_exactly(np.array([2**62] * 4 + [6]), (3, 2))
    assert fill_exactly(np.array([2, 4]), (3, 2))


@pytest.mark.parametrize("size", [[2, 3], [3, 2, 1], "32", None, [3.5, 2]])
def test_a_mask_of_another_size_is_refused(size: object) -> None:
    with pytest.raises(BadMask, match=r"its picture \[3, 2\]"):
        parse_run_lengths({"size": size, "counts": [6]}, (3, 2))
