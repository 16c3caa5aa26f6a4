"""How everything here is timed: each call beside what it is compared with, in turns.

A machine is not equally fast from one second to the next.  So a benchmark measures what it compares with itself, and
its rounds alternate between the two: the ratio of the minima is what to read.
"""

from __future__ import annotations

import os
import time
import timeit
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numba
import numpy as np
import pytest

from fastround import cache, threads

# 64 MiB an array, so that caches matter little.
SIZES = {"float32": 2**24, "float64": 2**23}
# What is called fewer times in a round makes longer rounds.
ROUND = 5e-4
BUDGET = 0.4
# Benchmarks whose functions no cache keeps.
COMPILED_ANEW = ("test_ladder", "test_embedding", "test_peers", "test_roofline")
PACKAGES = ("fastround", "numpy", "numba", "llvmlite", "numexpr", "torch", "jax", "jaxlib")


class Call:
    """A function with its operands, the elements that it computes, and the threads it may use (all unless said)."""

    def __init__(
        self,
        function: Callable[..., Any],
        *args: Any,
        elements: int = 1,
        threads: int | None = None,
        pause: float = 0,
        **kwargs: Any,
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.elements, self.threads, self.pause = elements, threads or numba.config.NUMBA_NUM_THREADS, pause
        self.number = 1
        # As one would write it, without a tuple to unpack.
        names = {f"a{i}": operand for i, operand in enumerate(args)} | {f"b_{name}": b for name, b in kwargs.items()}
        operands = ", ".join([*(f"a{i}" for i in range(len(args))), *(f"{name}=b_{name}" for name in kwargs)])
        self.timer = timeit.Timer(f"function({operands})", globals={"function": function, **names})

    def __call__(self) -> Any:
        """The result."""
        return self.function(*self.args, **self.kwargs)

    def prepare(self) -> None:
        """Let it have its threads; a pause lets those of other packages go to sleep."""
        numba.set_num_threads(self.threads)
        if self.pause:
            time.sleep(self.pause)

    def seconds(self) -> float:
        """The time of one round."""
        return self.timer.timeit(self.number)

    def ns(self, seconds: float) -> float:
        """What a round took, in nanoseconds for an element."""
        return 1e9 * seconds / self.number / self.elements


Timed = Callable[..., None]


@pytest.fixture
def smoke(request: pytest.FixtureRequest) -> bool:
    """Whether nothing is timed, so that a few elements will do."""
    return bool(request.config.getoption("benchmark_disable"))


@pytest.fixture(params=SIZES)
def dtype(request: pytest.FixtureRequest, smoke: bool) -> str:
    """The name of a precision."""
    if smoke and request.param == "float64" and request.path.stem in COMPILED_ANEW:
        pytest.skip("float32 will do for what takes seconds to compile")
    return str(request.param)


@pytest.fixture
def x(dtype: str, smoke: bool) -> Any:
    """Positions, as many as the project's speed targets are stated for."""
    return positions(2**12 if smoke else SIZES[dtype], dtype)


_positions: dict[str, Any] = {}


def positions(size: int, dtype: str) -> Any:
    """The first of the positions that all benchmarks share."""
    if dtype not in _positions or _positions[dtype].size < size:
        _positions[dtype] = np.random.default_rng(0).uniform(-8, 8, max(size, 2**12)).astype(dtype)
    return _positions[dtype][:size]


def outputs(x: Any, suffix: str = "") -> Any:
    """What `out=` takes, its pages mapped."""
    out = tuple(np.zeros(x.shape, x.dtype) for _ in range(2 if suffix == "_value_and_grad" else 1))
    return out if len(out) > 1 else out[0]


# Lines of the summary: a benchmark, its ns per element, and the names and ns of what it stands beside.
_lines: list[tuple[str, float, Mapping[str, float]]] = []


@pytest.fixture
def timed(benchmark: Any, request: pytest.FixtureRequest) -> Timed:
    """Time a call and those it is compared with, in turns, after a first round that compiles what they need."""

    def run(call: Call, beside: Mapping[str, Call] | None = None, *, rounds: int | None = None, **facts: Any) -> None:
        beside = beside or {}
        calls = [*beside.values(), call]
        if benchmark.enabled and rounds is None:
            total = 0.0
            for each in calls:
                each.prepare()
                each()
                once = each.seconds()
                each.number = max(1, min(100_000, round(ROUND / max(once, 1e-9))))
                total += each.number * once + each.pause
            rounds = max(4, min(40, round(BUDGET / total)))
        measured: dict[str, list[float]] = {name: [] for name in beside}

        def others() -> None:
            for name, other in beside.items():
                other.prepare()
                measured[name].append(other.ns(other.seconds()))
            call.prepare()

        benchmark.pedantic(call.seconds, setup=others, rounds=rounds or 1)
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
        if benchmark.stats:
            ns, others_ns = call.ns(benchmark.stats["min"]), {name: min(times) for name, times in measured.items()}
            benchmark.extra_info.update(ns=ns, beside=others_ns, elements=call.elements, **facts)
            _lines.append((request.node.nodeid.partition("/")[2] or request.node.nodeid, ns, others_ns))

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What one reads the benchmarks for: ratios of times in one run."""
    if _lines:
        terminalreporter.section("ns per element, and ratios")
    for name, ns, beside in _lines:
        ratios = "  ".join(f"{ns / other:.2f} × {known}" for known, other in beside.items())
        terminalreporter.write_line(f"{name:90} {ns:10.4g}  {ratios}")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """What the times depend on."""
    processor, features = cache.target()
    machine_info["fastround"] = {
        "processor": processor,
        "avx512": "+avx512f" in features,
        "threads": numba.config.NUMBA_NUM_THREADS,
        "cpus": os.cpu_count(),
        "layer": threads.layer(),
        "versions": dict(_versions(PACKAGES)),
        # Of the compiled code, so that a report takes together what belongs together.
        "code": cache._digest(),
    }


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str | None]]:
    for package in packages:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, None
