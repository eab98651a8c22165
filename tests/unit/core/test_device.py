"""How torch and the C library are set up: float32 stays float32; with ``mallopt`` and without."""

import ctypes

import pytest
import torch

from sam2_demo.core import device


@pytest.fixture(autouse=True)
def untouched_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)


def test_float32_products_keep_their_precision_on_any_processor() -> None:
    device.prepare_cpu()
    first, second = torch.rand(256, 256), torch.rand(256, 256)
    exact = first.double() @ second.double()
    assert torch.allclose((first @ second).double(), exact, rtol=1e-5)
    assert torch.allclose(torch.bmm(first[None], second[None])[0].double(), exact, rtol=1e-5)


@pytest.mark.parametrize(("is_rounding", "setting"), [(False, "medium"), (True, "highest")])
def test_products_go_through_onednn_where_it_does_not_round_them(
    is_rounding: bool, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_rounds_products", lambda: is_rounding)
    device.prepare_cpu()
    assert torch.get_float32_matmul_precision() == setting


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
