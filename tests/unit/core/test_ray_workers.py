"""Workers on a cluster of two cores: the same files as without it, and none is lost with one."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from media_clips import write_clip as write_video
from miniature import random_miniature
from scored_clips import FRAMES, write_two_clips

from sam2_demo.__main__ import main
from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core import ray_workers
from sam2_demo.core.errors import InputError, SettingError
from sam2_demo.core.ray_workers import RayWorkers
from sam2_demo.core.workers import Running, Told

TOP = str(Path(__file__).parents[3])


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Connects this process to a cluster of its own; the commands then use that."""
    ray = pytest.importorskip("ray")
    environment = {"PYTHONPATH": TOP}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 << 20,
            log_to_driver=False,
            runtime_env={"env_vars": environment},
        )
        yield ray
        ray.shutdown()


@pytest.fixture
def model(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "model" / "m.pt"
    save_checkpoint(path, random_miniature())
    return ("--model", str(path), "--device", "cpu")


@pytest.fixture
def killed(ray: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kills the first worker that is seen at its work; holds its number."""
    killed: list[int] = []
    running = ray_workers._Crew.running

    def seen(self: Any) -> list[Running]:
        found = running(self)
        busy = [actor for actor, at in self._awaited.values() if at is not None]
        if busy and not killed:
            killed.append(ray.get(busy[0].__ray_call__.remote(lambda self: os.getpid())))
            os.kill(killed[0], signal.SIGKILL)
        return found

    monkeypatch.setattr(ray_workers._Crew, "running", seen)
    return killed


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_masklets_are_the_same_though_a_worker_is_killed(
    ray: Any, killed: list[int], model: tuple[str, ...], tmp_path: Path
) -> None:
    videos = tmp_path / "in"
    videos.mkdir()
    for name in "ab":
        write_video(videos / f"{name}.mp4", 5, size_hw=(64, 96))
    (videos / "text.mp4").write_text("no video")
    found: list[dict[str, bytes]] = []
    for name, options in (("here", ()), ("there", ("--ray", "local"))):
        out = tmp_path / name
        loose = ("--least-iou", "0", "--least-stability", "0", "--grid", "2", "--most", "2")
        command = ["masklets", *map(str, sorted(videos.iterdir())), "--out", str(out), *model]
        assert main([*command, *loose, *options]) == 0
        found.append(contents(out))
    assert len(killed) == 1
    here, there = found
    lines = [sorted(each.pop("manifest.jsonl").splitlines()) for each in found]
    assert lines[0] == lines[1]
    assert here == there
    assert all(json.loads(here[f"{name}_auto.json"])["masklet_num"] == 2 for name in "ab")


def test_scores_are_the_same(ray: Any, model: tuple[str, ...], tmp_path: Path) -> None:
    write_two_clips(tmp_path / "davis")
    found: list[dict[str, bytes]] = []
    for name, options in (("here", ()), ("there", ("--ray", "local"))):
        data = ("--data", str(tmp_path / "davis"), "--save-masks", "--prompt", "1-click")
        out = ("--out", str(tmp_path / name))
        assert main(["evaluate", "semi-supervised", *data, *out, *model, *options]) == 0
        found.append(contents(tmp_path / name))
    scores = [each.pop("scores.json").decode() for each in found]
    speed = re.compile(r'"frames/s": [\d.e-]+')
    assert speed.sub("", scores[0]) == speed.sub("", scores[1])
    pictures = [
        {path: data for path, data in each.items() if path.endswith(".png")} for each in found
    ]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 2 * FRAMES


def test_what_a_worker_dies_of_is_given_up_and_costs_no_other(
    ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_workers, "ATTEMPTS", 2)

    def make(device: torch.device) -> Callable[[int, Told], int]:
        def job(item: int, told: Told) -> int:
            if item == 1:
                os._exit(1)
            if item == 2:
                raise InputError("two is refused", "TWO")
            return torch.get_num_threads()

        return job

    workers = RayWorkers(ray, cores=1, may_use_gpus=True)
    done = {each.item: each for each in workers.do(make, range(4), lambda running: None)}
    assert [done[item].get() for item in (0, 3)] == [1, 1]
    with pytest.raises(InputError, match="two is refused"):
        done[2].get()
    with pytest.raises(InputError, match="2 workers died of it"):
        done[1].get()


def test_a_worker_that_finds_no_room_is_not_waited_for(ray: Any) -> None:
    """Somebody else has one of the two cores."""

    class Other:
        def ready(self) -> None: ...

    def make(device: torch.device) -> Callable[[int, Told], int]:
        return lambda item, told: item + 1

    other = ray.remote(num_cpus=1)(Other).remote()
    ray.get(other.ready.remote())
    workers = RayWorkers(ray, cores=1, may_use_gpus=True)
    found = [each.get() for each in workers.do(make, range(3), lambda running: None)]
    ray.kill(other)
    assert found == [1, 2, 3]


def test_a_cluster_without_room_for_a_worker_is_refused(ray: Any) -> None:
    with pytest.raises(SettingError, match="has 3 cores"):
        RayWorkers(ray, cores=3, may_use_gpus=True)
