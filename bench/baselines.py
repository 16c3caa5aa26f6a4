"""What the machine can do: copying, multiply-adds and divisions."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from llvmlite import binding
from numba import carray, njit, prange, types

from fastround import cache
from fastround.kernels.elementary import fma

# What stays in the first cache; and enough multiply-adds for an element that loading it takes no time.
CACHED, DEPTH = 2048, 8


@njit(parallel=True, cache=True)
def copy(x: Any, out: Any) -> None:
    """One array to one."""
    for i in prange(x.size):
        out[i] = x[i]


@njit(parallel=True, cache=True)
def copy_to_two(x: Any, out: Any, out2: Any) -> None:
    """One array to two."""
    for i in prange(x.size):
        out[i] = x[i]
        out2[i] = x[i]


def copy_like(suffix: str) -> Any:
    """The copy that moves as much memory as the ufunc with this suffix."""
    return copy_to_two if suffix == "_value_and_grad" else copy


def rate(dtype: str, divide: bool) -> Callable[[int, int], None]:
    """A function of the numbers of threads and of repetitions that does arithmetic on numbers in the first cache.

    It is compiled as fastround's loops are, and does DEPTH multiply-adds, or one division, for each of CACHED numbers.
    """
    real = np.dtype(dtype).type
    a, c, one = real(0.5), real(0.25), real(1)

    def run(address: Any, repeat: int) -> None:
        block = carray(address, CACHED)
        for _ in range(repeat):
            for i in range(CACHED):
                y = block[i]
                if divide:
                    y = one / y
                else:
                    for _ in range(DEPTH):
                        y = fma(y, a, c)
                block[i] = y

    name = f"rate.{dtype}.{divide}"
    signature = types.void(types.CPointer(types.float32 if real is np.float32 else types.float64), types.intp)
    code = cache.object_code(cache._optimised(cache.numba_module(name, run, signature), name))
    engine = cache._engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ssize_t)(engine.get_function_address(name))
    pool = ThreadPoolExecutor()

    def threaded(threads: int, repeat: int) -> None:
        blocks = np.full((threads, CACHED), 0.7, real)
        list(pool.map(lambda block: function(block.ctypes.data, repeat), blocks))

    return threaded
