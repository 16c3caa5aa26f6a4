"""What the benchmarks compare with: a copy by all threads, and the paper's sum as NumPy users write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, prange

# 64 MiB an array, so that no cache holds it.
SIZES = {np.float32: 2**24, np.float64: 2**23}


@njit(parallel=True)
def copy(x: Any, out: Any) -> None:
    """One array to one."""
    for i in prange(x.size):
        out[i] = x[i]


@njit(parallel=True)
def copy_to_two(x: Any, out: Any, out2: Any) -> None:
    """One array to two."""
    for i in prange(x.size):
        out[i] = x[i]
        out2[i] = x[i]


def literal_sum(x: Any, k: float, radius: int = 5) -> Any:
    """The sum over the integers next to x, with an extra axis for them."""
    n = np.rint(x)[..., None] + np.arange(-radius, radius + 1, dtype=x.dtype)
    edge = k * (x[..., None] - n)
    return np.sum(n * (1 / (1 + np.exp(-edge - k / 2)) - 1 / (1 + np.exp(-edge + k / 2))), axis=-1)


@pytest.fixture(scope="session", params=SIZES, ids=lambda real: np.dtype(real).name)
def x(request: pytest.FixtureRequest) -> Any:
    """Positions, as many as the project's speed targets are stated for; few where nothing is timed."""
    real = request.param
    size = 2**12 if request.config.getoption("benchmark_disable") else SIZES[real]
    return np.random.default_rng(0).uniform(-8, 8, size).astype(real)


# Of every timed call: its name, the time for an element in ns, and the name of the call to compare it with.
results: list[tuple[str, float, str]] = []


@pytest.fixture
def timed(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Time a call, after one that compiles what it needs."""

    def run(function: Callable[..., Any], *args: Any, elements: int = 1, beside: str = "", **kwargs: Any) -> None:
        function(*args, **kwargs)
        benchmark(function, *args, **kwargs)
        if benchmark.stats:
            name = request.node.nodeid.partition("::")[2]
            results.append((name, 1e9 * benchmark.stats["min"] / elements, beside))

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What one reads the benchmarks for: ratios of times in one run."""
    if results:
        terminalreporter.section("ns per element, and ratio to the call in the last column")
    times = {name: time for name, time, _ in results}
    for name, time, beside in results:
        ratio = f"{time / times[beside]:8.2f} × {beside}" if beside in times else ""
        terminalreporter.write_line(f"{name:75} {time:10.3f} {ratio}")
