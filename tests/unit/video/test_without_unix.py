"""Systems without Unix modules: everything is imported there, and an upload is read."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_clips import write_clip
from no_unix import hide_unix

from sam2_demo.video.ingest.jpeg_files import JpegFiles, frame_path

TOP = Path(__file__).parents[3]

PROGRAM = """
import importlib, pkgutil, sys
from pathlib import Path
import sam2_demo
from sam2_demo.video.excerpt import WHOLE
from sam2_demo.video.ingest import worker
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.limits import Limits

for module in pkgutil.walk_packages(sam2_demo.__path__, "sam2_demo."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert not worker.IS_LIMITED
upload, folder = map(Path, sys.argv[1:])
print(len(ingest(upload, folder / "by a process")))
(folder / "here").mkdir()
job = worker.Job(upload, folder / "here", upload.name, Limits(), WHOLE)
sys.exit(worker.main([job.to_json()]))
"""


def test_all_is_imported_and_an_upload_is_read_without_unix_modules(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=3)
    environment = os.environ | hide_unix(tmp_path)
    environment["PYTHONPATH"] += f"{os.pathsep}{TOP}"
    program = [sys.executable, "-c", PROGRAM, str(clip), str(tmp_path)]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("3\n")
    assert ended.stdout.endswith('{"done": true}\n')


def test_a_frame_is_repeated_on_a_disk_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("operation not supported")

    monkeypatch.setattr("os.link", refuse)
    with JpegFiles(tmp_path, max_bytes=10**6) as files:
        files.add(np.zeros((8, 8, 3), np.uint8))
        files.repeat()
    assert frame_path(tmp_path, 0).read_bytes() == frame_path(tmp_path, 1).read_bytes()
