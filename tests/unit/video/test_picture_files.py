"""Files of one or more pictures: TIFF stacks with all pages, HEIC and AVIF whole and upright."""

import io
import zipfile
from pathlib import Path

import media_clips
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image
from read_videos import codes, numbers, read

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.ingest.limits import Limits

STACK = np.stack([media_clips.coded_picture(index) for index in range(5)])
GREY = STACK[..., 0]


@pytest.mark.parametrize(
    ("pages", "options"),
    [
        (STACK, {"photometric": "rgb"}),
        (STACK.transpose(0, 3, 1, 2), {"photometric": "rgb", "planarconfig": "separate"}),
        (STACK, {"photometric": "rgb", "compression": "lzw", "predictor": True}),
        (STACK, {"photometric": "rgb", "tile": (32, 32), "compression": "deflate"}),
        (GREY, {"compression": "packbits"}),
        (255 - GREY, {"photometric": "miniswhite"}),
        (GREY.astype(np.uint16) * 257, {"compression": "zstd"}),
        (GREY.astype(np.uint16) * 16, {"imagej": True, "metadata": {"axes": "TYX"}}),
        (GREY.astype(np.int16) - 1000, {}),
        (GREY.astype(np.float32) / 255, {"tile": (32, 32)}),
        (GREY.astype(np.float64) * 1e6, {}),
        (STACK.astype(np.uint16) * 16, {"photometric": "rgb"}),
        (GREY, {"bigtiff": True}),
        (GREY, {"byteorder": ">"}),
        (GREY[:4], {"volumetric": True, "tile": (2, 32, 32), "photometric": "minisblack"}),
    ],
)
def test_a_tiff_stack_opens_with_all_its_pages(tmp_path: Path, pages, options) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, pages, **options)
    video = read(path, excerpt=Excerpt(fps=10))
    assert numbers(video) == list(range(len(pages)))
    assert video.size_hw == media_clips.SIZE_HW
    assert video.fps == pytest.approx(10)
    assert video.duration_s == pytest.approx(len(pages) / 10)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LA"])
def test_single_tiff_pictures_of_every_kind_have_their_colours(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (40, 30), (250, 250, 250))
    picture.paste((200, 40, 40), (20, 0, 40, 30))
    path = tmp_path / "picture.tif"
    picture.convert(mode).save(path, compression="tiff_lzw" if mode != "YCbCr" else None)
    video = read(path)
    assert (len(video), video.fps, codes(video)) == (1, 1.0, [])
    shown = np.asarray(picture.convert(mode).convert("RGB"))
    np.testing.assert_allclose(video[0][15, [5, 35]].astype(int), shown[15, [5, 35]], atol=6)


def test_what_a_stack_leaves_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as file:
        for page in GREY:
            file.write(page)
            file.write(page[::4, ::4], subfiletype=1)  # a thumbnail
        file.write(GREY[0, :32])
    video = read(path)
    assert numbers(video) == list(range(5))
    assert codes(video) == ["PICTURES_LEFT_OUT"]
    assert "1 further" in video.warnings[0]
    bands = np.stack([GREY[0]] * 7, axis=-1)
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig")
    assert codes(read_as(path, "bands.tif")) == ["BANDS_LEFT_OUT"]


def read_as(path: Path, name: str):
    """Returns the video read from a file under another name, because each is read once."""
    return read(path.rename(path.with_name(name)))


def test_the_channels_of_a_hyperstack_are_named(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    pages = GREY[:4].reshape(2, 2, *media_clips.SIZE_HW)
    tifffile.imwrite(path, pages, imagej=True, metadata={"axes": "TCYX"})
    video = read(path)
    assert numbers(video) == [0, 1, 2, 3]
    assert codes(video) == ["STACK_OF_CHANNELS"]
    assert "2 channels and 2 times" in video.warnings[0]


def test_a_part_of_a_stack_and_the_limit_of_frames(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GREY)
    with pytest.raises(VideoError) as refusal:
        read(path, Limits(max_frames=4))
    assert refusal.value.code == "TOO_MANY_FRAMES"
    video = read(path, Limits(max_frames=4), Excerpt(start_s=0.1, first_frames=4, fps=10))
    assert numbers(video) == [1, 2, 3, 4]


def test_an_unreadable_page_is_marked_and_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GREY, compression="deflate")
    with tifffile.TiffFile(path) as file:
        start = file.pages[2].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    video = read(path)
    assert (numbers(video), video.bad_frames) == ([0, 1, 1, 3, 4], (2,))
    assert codes(video) == ["UNREADABLE_FRAME"]
    for name, damaged in (("cut", data[: start // 2]), ("empty", data[:8] + bytes(200))):
        other = tmp_path / f"{name}.tif"
        other.write_bytes(damaged)
        with pytest.raises(VideoError) as refusal:
            read(other)
        assert refusal.value.code == "UNREADABLE_FRAME"


def test_a_huge_tiff_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="deflate")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in ("ImageWidth", "ImageLength"):
            file.pages[0].tags[tag].overwrite(60_000)
    with pytest.raises(VideoError) as refusal:
        read(path)
    assert refusal.value.code == "TOO_MANY_PIXELS"


@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("bits", [8, 10])
def test_a_heic_is_read_whole(tmp_path: Path, tile: int, bits: int) -> None:
    path = tmp_path / "photo.heic"
    picture = media_clips.coded_picture(77, (128, 256))
    if bits == 8:
        heif = pillow_heif.from_pillow(Image.fromarray(picture))
    else:
        deep = picture.astype(np.uint16) * 257
        heif = pillow_heif.from_bytes(mode="RGB;16", size=(256, 128), data=deep.tobytes())
    heif.save(path, quality=90, tile_size=tile)
    video = read(path)
    assert (video.size_hw, numbers(video), codes(video)) == ((128, 256), [77], [])
    np.testing.assert_allclose(video[0].astype(int), picture, atol=60)
    assert np.abs(video[0].astype(int) - picture).mean() < 6


@pytest.mark.parametrize("ending", ["heic", "avif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_and_avif_photographs_are_upright(
    tmp_path: Path, ending: str, orientation: int
) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    turn = {1: 0, 3: 180, 6: 90, 8: -90}[orientation]
    stored = Image.fromarray(media_clips.coded_picture(77)).rotate(turn, expand=True)
    path = tmp_path / f"photo.{ending}"
    stored.save(path, exif=exif.tobytes(), quality=90)
    video = read(path)
    assert video.size_hw == media_clips.SIZE_HW
    assert numbers(video) == [77]


def test_a_burst_in_one_heic_is_a_video(tmp_path: Path) -> None:
    heif = pillow_heif.from_pillow(Image.fromarray(STACK[0]))
    for picture in STACK[1:]:
        heif.add_from_pillow(Image.fromarray(picture))
    heif.add_from_pillow(Image.fromarray(STACK[0][:32]))
    path = tmp_path / "burst.heic"
    heif.save(path, quality=90)
    video = read(path, excerpt=Excerpt(fps=5))
    assert numbers(video) == [0, 1, 2, 3, 4]
    assert video.duration_s == pytest.approx(1)
    assert codes(video) == ["PICTURES_LEFT_OUT"]


def test_sequences_of_heif_files_are_videos(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture) for picture in STACK]
    path = tmp_path / "clip.avif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[40, 100, 500, 40, 3000]
    )
    video = read(path)
    assert numbers(video) == [0, 1, 2, 3, 4]
    assert video.frame_times_s == pytest.approx([0, 0.04, 0.14, 0.64, 0.68])
    assert video.duration_s == pytest.approx(3.68)
    # The brand and the name of the track are what tells it from an MP4 file.
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 5).read_bytes()
    path = tmp_path / "clip.heic"
    path.write_bytes(clip.replace(b"ftypisom", b"ftypmsf1", 1).replace(b"\0vide", b"\0pict", 1))
    assert numbers(read(path)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_off_heic_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(Image.fromarray(STACK[0])).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(VideoError):
        read(path)


def test_a_zip_may_hold_every_kind_of_picture_and_says_what_it_drops(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, ending in enumerate(("heic", "avif", "tif", "png", "bmp")):
            buffer = io.BytesIO()
            picture = Image.fromarray(STACK[index])
            if ending == "heic":
                pillow_heif.from_pillow(picture).save(buffer, quality=90)
            elif ending == "tif":
                tifffile.imwrite(buffer, STACK[[index, 0]], photometric="rgb")
            else:
                picture.save(buffer, ending)
            archive.writestr(f"{index}.{ending}", buffer.getvalue())
    video = read(path)
    assert numbers(video) == list(range(5))
    assert codes(video) == ["PICTURES_LEFT_OUT"]
    assert "2.tif" in video.warnings[0]
