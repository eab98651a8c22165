"""Two processes that torchrun starts train the model that one process would."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from sam2_demo.training.processes import Processes

SETTINGS = ("steps=3", "stages.0.videos.clips=2", "stages.0.videos.frames=2")
COMMAND = ["-m", "sam2_demo", "train", "overfit", *(f"--set={each}" for each in SETTINGS)]


def test_parts_are_dealt_out() -> None:
    assert [list(Processes(rank, 3).share(7)) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]


def test_two_processes_give_the_weights_that_one_gives(tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen(
            [sys.executable, *launcher, *COMMAND, "--out", str(tmp_path / name)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, launcher in (("one", []), ("two", torchrun))
    ]
    for run in runs:
        _, messages = run.communicate(timeout=240)
        assert run.returncode == 0, messages
        assert messages.count("samples/s over") == 1
    one, two = (
        torch.load(tmp_path / name / "resume.pt", weights_only=True)["model"]
        for name in ("one", "two")
    )
    for name, weight in one.items():
        torch.testing.assert_close(weight, two[name], rtol=1e-4, atol=1e-6, msg=name)
