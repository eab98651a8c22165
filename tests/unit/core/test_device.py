"""How the C library is set up: with glibc's ``mallopt``, and without any."""

import ctypes

import pytest
import torch

from sam2_demo.core import device


@pytest.fixture(autouse=True)
def untouched_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("set_num_threads", "set_float32_matmul_precision"):
        monkeypatch.setattr(torch, name, lambda _: None)


def test_freed_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, option: int, size_bytes: int) -> int:
            given.append((option, size_bytes))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library())
    device.prepare_cpu()
    assert given == list(device.MALLOC_OPTIONS.items())
    assert all(0 < size_bytes < 2**31 for _, size_bytes in given)  # they are C's ints


def test_a_c_library_without_these_functions_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    device.prepare_cpu()
    device.release_freed_memory()
