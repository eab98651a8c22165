"""Where answers come late, the next frame is computed before; they are the same, in order."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import UInt8
from miniature import random_miniature
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sam2_demo.core.errors import VideoError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking import tracker
from sam2_demo.tracking.in_flight.frames import FrameTracking
from sam2_demo.tracking.in_flight.transfers import Overlapped, Sent, as_bits, of_bits
from sam2_demo.tracking.preprocessing import small_regions, small_regions_on_device
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import FrameMasks

PICTURES = list(np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8))


class LateGpu:
    """Copies nothing until somebody waits for it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._asked: list[tuple[Tensor, Tensor]] = []
        self._marks = 0

    def pinned_copy(self, tensor: Tensor) -> Tensor:
        copy = torch.zeros_like(tensor)
        self._asked.append((copy, tensor))
        return copy

    def mark(self) -> Callable[[], None]:
        asked, self._asked = self._asked, []
        number, self._marks = self._marks, self._marks + 1
        self.log.append(f"asked {number}")

        def wait() -> None:
            self.log.append(f"got {number}")
            for copy, tensor in asked:
                copy.copy_(tensor)

        return wait

    def send(self, tensor: Tensor) -> Sent:
        return lambda: tensor


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> LateGpu:
    gpu = LateGpu()
    monkeypatch.setattr(tracker, "transfers_of", lambda device: Overlapped(gpu))
    return gpu


def prompted(frames: ArrayFrames | None = None) -> VideoSession:
    """Returns a session with two objects, each prompted on a frame of its own."""
    session = VideoSession(random_miniature(seed=3), frames or ArrayFrames(PICTURES))
    session.set_prompt(0, 1, FramePrompt((Point(20, 20),)))
    session.set_prompt(2, 2, FramePrompt(box_xyxy=(30, 10, 60, 40)))
    return session


def values(masks: FrameMasks) -> Any:
    return masks.frame_index, dict(masks.objects)


def test_late_answers_are_those_that_are_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def propagated() -> list[Any]:
        session = prompted()
        found = [values(each) for each in session.propagate(direction=Direction.BOTH)]
        session.set_prompt(3, 1, FramePrompt((Point(40, 30, positive=False),)))
        return found + [values(each) for each in session.propagate(start=1)]

    at_once = propagated()
    monkeypatch.setattr(tracker, "transfers_of", lambda device: Overlapped(LateGpu()))
    assert propagated() == at_once
    assert any(each.mask.area_px for _, masks in at_once for each in masks.values())


def test_the_next_frame_is_asked_for_before_the_last_one_is_fetched(gpu: LateGpu) -> None:
    session = prompted()
    gpu.log.clear()
    found = session.propagate(object_ids=[1])
    next(found)  # the prompted one
    assert gpu.log == ["asked 2"]
    assert next(found).frame_index == 1
    assert gpu.log[1:] == ["asked 3", "got 2"]
    rest = [each.frame_index for each in found]
    assert rest == [2, 3, 4, 5]
    assert gpu.log[3:] == ["asked 4", "got 3", "asked 5", "got 4", "asked 6", "got 5", "got 6"]


def test_what_is_on_its_way_is_lost_where_the_propagation_ends(gpu: LateGpu) -> None:
    session = prompted()
    found = session.propagate(object_ids=[1])
    assert [next(found).frame_index for _ in range(3)] == [0, 1, 2]
    found.close()
    assert session.answer(2, 1) is not None
    assert session.answer(3, 1) is None
    assert [each.frame_index for each in session.propagate(start=3)] == [3, 4, 5]


class DamagedFrames(ArrayFrames):
    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        if frame_index == 4:
            raise VideoError("frame 4 is damaged", "DAMAGED")
        return super().__getitem__(frame_index)


def test_the_frame_before_a_damaged_one_is_not_lost(gpu: LateGpu) -> None:
    session = prompted(DamagedFrames(PICTURES))
    found = []
    with pytest.raises(VideoError, match="frame 4"):
        found.extend(each.frame_index for each in session.propagate())
    assert session.answer(3, 1) is not None
    assert session.answer(3, 2) is not None


WAITING = {"cpu", "numpy", "tolist", "item", "nonzero", "__bool__", "__int__", "__float__"}


class NoWaiting(TorchFunctionMode):
    """Fails wherever the host would wait for a GPU: for values, or to send it its own."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = function.__name__, kwargs or {}
        assert name not in WAITING, name
        assert name not in ("tensor", "as_tensor") or "device" not in kwargs, name
        assert name != "where" or all(isinstance(each, Tensor) for each in args), "scalars are sent"
        indices = args[1] if name in ("__getitem__", "__setitem__") else ()
        indices = indices if isinstance(indices, tuple) else (indices,)
        assert not any(isinstance(each, Tensor) and each.dtype == torch.bool for each in indices)
        return function(*args, **kwargs)


def test_nothing_waits_inside_a_frame(gpu: LateGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = FrameTracking.begin

    def watched(*args: Any) -> Any:
        with NoWaiting():
            return begin(*args)

    session = prompted()
    list(session.propagate(within=(0, 0)))
    monkeypatch.setattr(FrameTracking, "begin", watched)
    assert len(list(session.propagate(direction=Direction.BOTH))) == 6


def test_eight_pixels_are_a_byte() -> None:
    mask = torch.tensor([[1, 0, 0, 0, 0], [0, 0, 1, 1, 0]], dtype=torch.bool)
    packed = as_bits(mask)
    assert packed.tolist() == [0b10000001, 0b10000000]
    assert np.array_equal(of_bits(packed.numpy(), mask.shape), mask.numpy())


def pictures_of_noise() -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(0)
    for share in (0.05, 0.15, 0.25):
        yield torch.rand(2, 1, 40, 30, generator=random) < share


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_a_gpu_finds_the_same_small_regions(limit: int) -> None:
    for mask in pictures_of_noise():
        expected = small_regions(mask, limit)
        assert torch.equal(small_regions_on_device(mask, limit), expected)
        assert expected.any()
