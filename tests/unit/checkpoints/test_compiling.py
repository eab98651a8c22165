"""Parts are compiled for what comes up often; nobody waits, and what fails stays as it was."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from miniature import random_miniature
from torch import Tensor

from sam2_demo.checkpoints import compiling
from sam2_demo.checkpoints.compiling import OFTEN, SHAPES_AT_MOST, CompiledCalls
from sam2_demo.checkpoints.cuda_graphs import GraphedPart

Job = Callable[[], None]


class Compiler:
    """In place of ``torch.compile``: notes what is compiled and how often it is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compiled: list[str] = []
        self.called = 0
        self.fails = False
        monkeypatch.setattr(torch, "compile", self)

    def __call__(self, part: Callable[..., Any], dynamic: bool, backend: str) -> Callable[..., Any]:
        if self.fails:
            raise RuntimeError("no compiler was found\nfurther lines")
        self.compiled.append(part.__name__)

        def faster(*inputs: Any) -> Any:
            self.called += 1
            return part(*inputs)

        return faster


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    return Compiler(monkeypatch)


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def doubled(tensor: Tensor) -> Tensor:
    return 2 * tensor


def test_a_part_is_called_as_it_is_until_it_is_compiled(compiler: Compiler) -> None:
    jobs: list[Job] = []
    call = CompiledCalls(random_miniature(), jobs.append)
    for _ in range(2 * OFTEN):
        assert torch.equal(call(doubled, torch.ones(3)), torch.full((3,), 2.0))
    assert compiler.compiled == []
    (job,) = jobs
    job()
    assert (compiler.compiled, compiler.called) == (["doubled"], 1)
    call(doubled, torch.ones(3))
    assert compiler.called == 2
    call(doubled, torch.ones(4))  # another shape
    assert compiler.called == 2


def test_one_part_is_compiled_after_another_and_few_in_all(compiler: Compiler) -> None:
    jobs: list[Job] = []
    call = CompiledCalls(random_miniature(), jobs.append)
    for size in (1, 2):
        for _ in range(OFTEN):
            call(doubled, torch.ones(size))
    assert len(jobs) == 1
    jobs.pop()()
    for size in range(1, 3 * SHAPES_AT_MOST):
        for _ in range(OFTEN):
            call(doubled, torch.ones(size))
            while jobs:
                jobs.pop()()
    assert len(compiler.compiled) == SHAPES_AT_MOST


def test_a_failed_compilation_is_one_line_and_the_part_stays(
    compiler: Compiler, caplog: pytest.LogCaptureFixture
) -> None:
    compiler.fails = True
    call = CompiledCalls(random_miniature(), lambda job: job())
    for _ in range(3 * OFTEN):
        assert torch.equal(call(doubled, torch.ones(1)), torch.tensor([2.0]))
    (record,) = caplog.records
    assert record.getMessage().endswith("RuntimeError: no compiler was found")
    assert not compiling._COMPILING.locked()


def test_outside_of_inference_nothing_is_compiled(compiler: Compiler) -> None:
    call = CompiledCalls(random_miniature(), lambda job: job())
    with torch.inference_mode(False):
        for _ in range(3 * OFTEN):
            call(doubled, torch.ones(1))
    assert compiler.compiled == []


@pytest.mark.parametrize("compiles", [False, True])
def test_the_program_ends_whether_or_not_something_is_compiled(compiles: bool) -> None:
    code = "from sam2_demo.checkpoints import compiling\n"
    code += "compiling._COMPILING.acquire()\n" if compiles else ""
    code += "print('bye')\ncompiling.leave(2)\n"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "bye\n"), ended.stderr


class Tape:
    """A graph that does its work again, into the results that it gave first."""

    def __init__(self) -> None:
        self.replays = 0

    def record(self, work: Callable[[], Any]) -> Any:
        self._work, self._results = work, work()
        for result in self._results if isinstance(self._results, tuple) else (self._results,):
            result.zero_()  # recording computes nothing
        return self._results

    def replay(self) -> None:
        self.replays += 1
        again = self._work()
        if isinstance(again, Tensor):
            self._results.copy_(again)
        else:
            for result, value in zip(self._results, again, strict=True):
                result.copy_(value)


def test_a_graph_gets_each_input_and_its_results_are_not_overwritten() -> None:
    tape = Tape()
    part = GraphedPart(lambda tensor, factor: tensor * factor, [torch.zeros(2), 3], tape)
    first = part(torch.tensor([1.0, 2.0]), 3)
    second = part(torch.ones(1).expand(2), 3)
    assert (first.tolist(), second.tolist()) == ([3, 6], [3, 3])
    assert tape.replays == 2


def test_a_graph_has_as_many_results_as_the_part() -> None:
    part = GraphedPart(lambda tensor: (tensor + 1, tensor - 1), [torch.zeros(1)], Tape())
    assert [each.tolist() for each in part(torch.tensor([5.0]))] == [[6], [4]]


def test_what_cannot_be_recorded_is_called_as_it_is(
    compiler: Compiler, caplog: pytest.LogCaptureFixture
) -> None:
    class Torn(Tape):
        def record(self, work: Callable[[], Any]) -> Any:
            raise RuntimeError("the stream is capturing")

    call = CompiledCalls(random_miniature(), lambda job: job(), Torn)
    for _ in range(2 * OFTEN):
        assert torch.equal(call(doubled, torch.ones(1)), torch.tensor([2.0]))
    assert len(caplog.records) == 1


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_a_model_that_torch_compiles_answers_the_same() -> None:
    model = random_miniature(seed=3)
    pixels = torch.randn(1, 3, 256, 256)
    plain = model.encode_image(pixels)
    model.call = CompiledCalls(model, lambda job: job(), Tape, backend="eager")
    for _ in range(OFTEN + 1):
        found = model.encode_image(pixels)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, plain, strict=True))
