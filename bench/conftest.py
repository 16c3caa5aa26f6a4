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
def copy(x, out):
    """One array to one."""
    for i in prange(x.size):
        out[i] = x[i]


@njit(parallel=True)
def copy_to_two(x, out, out2):
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


@pytest.fixture
def timed(benchmark: Any) -> Callable[..., None]:
    """Time a call, after one that compiles what it needs; `extra_info` has the time for each element."""

    def run(function: Callable[..., Any], *args: Any, elements: int = 1, **kwargs: Any) -> None:
        function(*args, **kwargs)
        benchmark(function, *args, **kwargs)
        if benchmark.stats:
            benchmark.extra_info["ns per element"] = 1e9 * benchmark.stats["min"] / elements

    return run
