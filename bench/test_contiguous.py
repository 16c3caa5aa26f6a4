"""Arrays without gaps, larger than caches: outputs beside a copy, sharpnesses and magnitudes of x beside others."""

from __future__ import annotations

from typing import Any

import pytest
from baselines import copy_like
from conftest import Call, Timed, outputs

import fastround as fr
from fastround.table import FUNCTIONS, OUTPUTS

METHODS = ("sigmoid", "density")
SUFFIXES = tuple(output.suffix for output in OUTPUTS)

methods = pytest.mark.parametrize("method", METHODS)
suffixes = pytest.mark.parametrize("suffix", SUFFIXES)


def call(x: Any, name: str, k: Any = 10.0, out: Any = None, **options: Any) -> Call:
    """A call of a ufunc with its output there already."""
    suffix = name.partition("_")[2].removeprefix("round").removeprefix("floor").removeprefix("ceil")
    out = outputs(x, suffix) if out is None else out
    return Call(getattr(fr, name), x, k, out=out, elements=x.size, **options)


def copied(x: Any, suffix: str = "", **options: Any) -> Call:
    """The copy that moves as much memory."""
    out = outputs(x, suffix)
    return Call(copy_like(suffix), x, *(out if isinstance(out, tuple) else (out,)), elements=x.size, **options)


@suffixes
@methods
def test_output(timed: Timed, x: Any, dtype: str, method: str, suffix: str) -> None:
    timed(call(x, f"{method}_round{suffix}"), {"copy": copied(x, suffix)})


@pytest.mark.parametrize("name", [function.name for function in FUNCTIONS if function.place != "round"])
def test_floor_and_ceil(timed: Timed, x: Any, dtype: str, name: str) -> None:
    timed(call(x, name), {"copy": copied(x)})


@pytest.mark.parametrize("k", [0.01, 0.1, 1.0, 3.0, 5.0, 7.0, 20.0, 50.0, 200.0, 1e3, 1e4])
@suffixes
@methods
def test_sharpness(timed: Timed, x: Any, dtype: str, method: str, suffix: str, k: float) -> None:
    part = x[: x.size // 2]
    name, out = f"{method}_round{suffix}", outputs(part, suffix)
    timed(call(part, name, k, out), {"k = 10": call(part, name, 10.0, out)})


@pytest.mark.parametrize("magnitude", [1e-30, 1e-20, 1e-10, 1e10, 1e30])
@suffixes
@methods
def test_magnitude(timed: Timed, x: Any, dtype: str, method: str, suffix: str, magnitude: float) -> None:
    part = x[: x.size // 2]
    name, out = f"{method}_round{suffix}", outputs(part, suffix)
    timed(call(part * part.dtype.type(magnitude), name, out=out), {"x to 8": call(part, name, out=out)})
