"""What bounds the loops: the rates of the machine, and what the generated code does for each element."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from baselines import CACHED, DEPTH, rate
from conftest import Call, Timed
from machine_code import compiled, vector_loops
from test_contiguous import copied

from fastround.table import UFUNCS

NAMES = ("sigmoid_round", "sigmoid_round_grad", "sigmoid_round_grad_k", "sigmoid_round_value_and_grad", "density_round")

threads = pytest.mark.parametrize("threads", [1, None], ids=["one thread", "all threads"])


@threads
def test_copy(timed: Timed, x: Any, dtype: str, threads: int | None) -> None:
    timed(copied(x, threads=threads))


@threads
@pytest.mark.parametrize("operation", ["multiply-adds", "divisions"])
def test_rate(timed: Timed, smoke: bool, dtype: str, operation: str, threads: int | None) -> None:
    """Arithmetic on numbers in the first cache; here an element is an operation."""
    count, repeat = threads or numba.config.NUMBA_NUM_THREADS, 1 if smoke else 5000
    divide = operation == "divisions"
    operations = count * repeat * CACHED * (1 if divide else DEPTH)
    timed(Call(rate(dtype, divide), count, repeat, elements=operations))


@pytest.mark.parametrize("name", NAMES)
def test_generated_code(timed: Timed, smoke: bool, dtype: str, name: str) -> None:
    """The time to compile a loop, and what the vectorised loop of each regime of the sharpness does."""
    if smoke and name != "sigmoid_round_grad":
        pytest.skip("one will do for what takes seconds")
    row = next(row for row in UFUNCS if row.name == name)

    real = np.dtype(dtype).type
    loops: list[dict[str, float]] = []

    def compile_anew() -> None:
        loops[:] = vector_loops(compiled(row, real))

    timed(Call(compile_anew), rounds=1, loops=loops, bounds=row.staircase(real).bounds)
