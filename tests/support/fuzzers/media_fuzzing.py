"""Seeded mutations of small files of every kind that is opened, none of which may find a bug."""

import io
import json
import random
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from media_clips import coded_picture, write_clip, write_tone
from PIL import Image

from sam2_demo.core.errors import Sam2DemoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.intake import worker_environment
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.worker import Job
from sam2_demo.video.video import Video

SIZE_HW = (48, 64)
LIMITS = Limits(max_frames=64, timeout_s=10.0, memory_bytes=1024 << 20, threads=1)
PARTS = (WHOLE, WHOLE, Excerpt(start_s=0.2, length_s=0.2), Excerpt(first_frames=3, fps=7.0))
NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x01", b"\x80\0\0\0")
READER = Path(__file__).with_name("forked_reader.py")
CLIPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain.mp4", {"audio_codec": "aac"}),
    ("short.mp4", {"options": {"g": "4"}}),
    ("deep.mp4", {"pixel_format": "yuv420p10le"}),
    ("animation.mov", {"codec": "qtrle", "pixel_format": "argb"}),
    ("motion.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
    ("clip.mkv", {"codec": "ffv1", "pixel_format": "gray", "audio_codec": "flac"}),
    ("clip.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}),
    ("clip.ts", {"codec": "mpeg2video", "time_base": Fraction(1, 25), "audio_codec": "mp2"}),
    ("clip.flv", {"codec": "flv"}),
    ("clip.ogv", {"codec": "libvpx"}),
    ("moving.gif", {"codec": "gif", "pixel_format": "rgb8"}),
    ("moving.apng", {"codec": "apng", "pixel_format": "rgb24"}),
)


def fuzz_media(folder: Path, seed: int, count: int, kinds: Counter[str] | None = None) -> list[str]:
    """Returns a line for each mutated file whose reading ended as by a bug.

    A decoder that crashes is none: it is confined to its process and answered in words.

    Args:
        folder: Files of its own; it is made.
        seed: Same seed, same mutations.
        count: How many files.
        kinds: Counts how the readings ended, if given.
    """
    rng = random.Random(seed)
    folder.mkdir()
    seeds = good_files(folder)
    upload, frames = folder / "mutated", folder / "frames"
    faults = []
    with _reader() as reader:
        for number in range(count):
            name = rng.choice(sorted(seeds))
            data = mutated(seeds[name], rng, list(seeds.values()))
            upload.write_bytes(data)
            frames.mkdir()
            job = Job(upload, frames, name, LIMITS, rng.choice(PARTS))
            ended = _ended(reader, job)
            if kinds is not None:
                kinds[ended.splitlines()[-1] if ended.startswith("bug") else ended] += 1
            if ended.startswith("bug"):
                faults.append(f"{name}, file {number} of seed {seed}: {ended}")
            shutil.rmtree(frames)
    return faults


def mutated(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Returns data in which a few bytes or pieces are changed, lost, doubled or another file's."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        # What is at the start or the end of a file says most about the rest.
        size = len(changed) or 1
        place = rng.choice((rng.randrange(size), rng.randrange(min(size, 200)), -rng.randrange(99)))
        place = max(0, place + size if place < 0 else place)
        length = rng.choice((1, 1, 4, 16, 200))
        match rng.randrange(7):
            case 0 | 1:
                changed[place : place + 1] = bytes([rng.randrange(256)])
            case 2 | 3:
                changed[place : place + 4] = rng.choice(NUMBERS)
            case 4:
                del changed[place : place + length]
            case 5:
                changed[place:place] = changed[place : place + length]
            case _:
                other = rng.choice(others)
                begin = rng.randrange(len(other))
                changed[place : place + length] = other[begin : begin + length]
    return bytes(changed[: rng.randrange(len(changed) + 1)] if rng.random() < 0.1 else changed)


def good_files(folder: Path) -> dict[str, bytes]:
    """Returns a small file of each kind, by its name."""
    for name, options in CLIPS:
        write_clip(folder / name, 12, size_hw=SIZE_HW, **options)
    _write_fragments(folder / "fragments.mp4", folder / "plain.mp4")
    write_tone(folder / "sound.mp4", 0.1)
    pictures = [Image.fromarray(coded_picture(index, SIZE_HW)) for index in range(6)]
    for name in ("one.png", "one.jpg", "one.webp", "one.bmp", "one.tiff", "one.avif"):
        pictures[3].save(folder / name)
    pictures[0].save(folder / "moving.webp", save_all=True, append_images=pictures[1:])
    pictures[0].save(folder / "stack.tiff", save_all=True, append_images=pictures[1:])
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(SIZE_HW)).save(folder / "deep.png")
    with zipfile.ZipFile(folder / "frames.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for index, picture in enumerate(pictures):
            coded = io.BytesIO()
            picture.save(coded, ("PNG", "JPEG", "TIFF")[index % 3])
            archive.writestr(f"{index:03}.{('png', 'jpg', 'tif')[index % 3]}", coded.getvalue())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _write_fragments(path: Path, source: Path) -> None:
    """Writes the video of a file again, with its index in pieces."""
    options = {"movflags": "frag_every_frame+empty_moov"}
    with av.open(str(source)) as video, av.open(str(path), "w", options=options) as output:
        stream = output.add_stream_from_template(video.streams.video[0])
        for packet in video.demux(video.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


@contextmanager
def _reader() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(READER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=worker_environment(),
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _ended(reader: subprocess.Popen[str], job: Job) -> str:
    """Returns how the reading of one file ended; it begins with "bug" if it was by one."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    print(job.to_json(), file=reader.stdin, flush=True)
    answer = json.loads(reader.stdout.readline())
    try:
        said = json.loads(answer["said"] or "{}")
    except ValueError:
        said = {}
    if "bug" in said:
        return f"bug: {said['bug'].strip()}"
    if answer["status"] < 0:
        return f"signal {-answer['status']}"
    if said.get("done"):
        return _checked(job.folder)
    code = str(said.get("code", ""))
    return code if code and said["error"].endswith(".") else f"bug: {answer}"


def _checked(folder: Path) -> str:
    """Returns "opened", or what is wrong with the video in a folder."""
    try:
        video = Video.open(folder)
        shapes = {video[index].shape[:2] for index in range(len(video))}
    except Sam2DemoError as error:
        return f"bug: {error}"
    return "opened" if shapes == {video.size_hw} else f"bug: frames of {shapes}"
