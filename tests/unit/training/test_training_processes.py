"""Two processes that torchrun starts train the model that one process would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sam2_demo.training.command import set_matmul_precision
from sam2_demo.training.data.data_mix import mix_opener
from sam2_demo.training.experiments.named import EXPERIMENTS
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.loop.processes import Processes
from sam2_demo.training.loop.trainer import Trainer

SETTINGS = ("steps=3", "stages.0.videos.clips=2", "stages.0.videos.frames=2")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
TRAIN = ("-m", "sam2_demo", "train", "overfit", *(f"--set={each}" for each in SETTINGS))


def test_parts_are_dealt_out() -> None:
    assert [list(Processes(rank, 3).share(7)) for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]


@pytest.mark.slow
def test_two_processes_give_the_weights_that_one_gives(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, *TORCHRUN, *TRAIN, "--out", str(tmp_path / "two")],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        experiment = with_settings(EXPERIMENTS["overfit"], SETTINGS)
        set_matmul_precision(torch.device("cpu"))  # as the command does
        one = Trainer(experiment, mix_opener(experiment), tmp_path / "one")
        one.run()
        _, messages = run.communicate(timeout=300)
    assert run.returncode == 0, messages
    assert messages.count("samples/s over") == 1  # one of them talks
    two = torch.load(tmp_path / "two" / "resume.pt", weights_only=True)
    assert two["step"] == 3
    for name, weight in one.model.state_dict().items():
        torch.testing.assert_close(weight, two["model"][name], rtol=1e-4, atol=1e-5, msg=name)
