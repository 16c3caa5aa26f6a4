"""Calls in the user's own compiled code, beside the ufunc on the same arrays and threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Call, Timed, outputs
from numba import njit, prange
from test_contiguous import call, methods

import fastround as fr


def _value_loop(ufunc: Any, parallel: bool) -> Any:
    @njit(parallel=parallel)
    def run(x: Any, k: float, out: Any) -> None:
        for i in prange(x.size):
            out[i] = ufunc(x[i], k)

    return run


def _pair_loop(ufunc: Any, parallel: bool) -> Any:
    @njit(parallel=parallel)
    def run(x: Any, k: float, out: Any, out2: Any) -> None:
        for i in prange(x.size):
            out[i], out2[i] = ufunc(x[i], k)

    return run


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("suffix", ["", "_value_and_grad"])
@methods
def test_scalar_call(timed: Timed, x: Any, dtype: str, method: str, suffix: str, parallel: bool) -> None:
    name = f"{method}_round{suffix}"
    run = (_pair_loop if suffix else _value_loop)(getattr(fr, name), parallel)
    out, k = outputs(x, suffix), x.dtype.type(10)
    timed(
        Call(run, x, k, *(out if suffix else (out,)), elements=x.size),
        {"ufunc": call(x, name, k, out, threads=None if parallel else 1)},
    )


@pytest.mark.parametrize("suffix", ["", "_value_and_grad"])
@methods
def test_array_call(timed: Timed, x: Any, dtype: str, method: str, suffix: str) -> None:
    """Arrays without a loop around them, in code that is not parallel; so few that the results take no new pages."""
    name = f"{method}_round{suffix}"
    ufunc, x, k = getattr(fr, name), x[: 2**14], x.dtype.type(10)
    timed(
        Call(njit(lambda x, k: ufunc(x, k)), x, k, elements=x.size),
        {"ufunc": Call(ufunc, x, k, elements=x.size, threads=1)},
    )


def test_array_expression(timed: Timed, x: Any, dtype: str) -> None:
    """A sum of squared errors, beside the same expression in NumPy."""

    def loss(x: Any, k: float) -> Any:
        return np.sum((fr.sigmoid_round(x, k) - x) ** 2)

    k = x.dtype.type(10)
    compiled = Call(njit(loss), x, k, elements=x.size)
    timed(compiled, {"interpreted": Call(loss, x, k, elements=x.size, threads=1)})
