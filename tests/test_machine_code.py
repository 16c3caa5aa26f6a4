"""The arithmetic of every loop is done in vector registers of the full width, as its machine code shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from llvmlite import ir
from machine_code import InnerLoop, compiled, compiled_function, full_width, inner_loops, vector_loops
from numba import njit

import fastround as fr
from fastround import cache
from fastround.kernels.elementary import fma
from fastround.memory import load, store
from fastround.table import UFUNCS, Ufunc

pytestmark = pytest.mark.skipif(full_width() is None, reason="no machine code that is read here")


def at_full_width(loops: list[InnerLoop]) -> list[InnerLoop]:
    return [loop for loop in loops if loop.width == full_width()]


def fallen_back(loops: list[InnerLoop]) -> list[InnerLoop]:
    """The loops that are narrower, and not for what a wide one leaves over, or for overlapping operands."""
    wide = at_full_width(loops)
    return [loop for loop in loops if loop not in wide and not any(map(loop.resembles, wide))]


def cases() -> Iterator[Any]:
    """Every loop.  Those tested by default have between them the arithmetic of all outputs."""
    for row in UFUNCS:
        for real in (np.float32, np.float64, np.float16):
            for varying in (False, True):
                full = row.function.place == "round" and real is not np.float16
                suffixes = ("_grad",) if varying else ("_value_and_grad", "_grad_k")
                short = full and row.output.suffix in suffixes and real is (np.float32, np.float64)[varying]
                # The constants of one window are no loop over elements.
                short = short and (varying or not row.function.windowed)
                marks = () if short else pytest.mark.long
                name = f"{row.name}.{np.dtype(real).name}{'.varying' * varying}"
                yield pytest.param(row, real, varying, id=name, marks=marks)


@pytest.mark.parametrize(("row", "real", "varying"), list(cases()))
def test_no_loop_is_scalar(row: Ufunc, real: Any, varying: bool) -> None:
    """There is a loop of full width for each regime, no other but for what is left over, and nothing from elsewhere.

    Over windows, the ufunc of the infinite sum has the loops for where they are the same.
    """
    module = compiled(row, real, varying)
    assert not cache._may_be_compact() or not cache._has_undefined_symbol(cache.object_code(module))
    loops = inner_loops(module)
    if row.function.windowed:
        # The constants of one wide window are sums, of one term after the other.  Of many, they have in common what
        # depends on the node alone.
        common = varying and row.output.picks == (2,) and real is np.float64
        allowed = len(loops) if not varying else int(common)
    else:
        allowed = 0
    assert len(fallen_back(loops)) <= allowed
    line = row.staircase(np.float32 if real is np.float16 else real)
    assert len(at_full_width(loops)) >= len(line.own if row.function.windowed else line.regimes)


@pytest.mark.skipif(full_width() == 128, reason="read on x86 alone")
def test_loops_of_the_user_are_as_wide_as_others() -> None:
    """LLVM would use registers of half the width on many CPUs, and one a turn, were it not told."""

    @njit
    def values(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = fr.sigmoid_round(x[i], k)

    @njit
    def pairs(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            out[0, i], out[1, i] = fr.density_round_value_and_grad(x[i], k)

    x = np.linspace(-1, 1, 40, dtype=np.float32)
    values(x, np.float32(10), np.empty_like(x))
    pairs(x, np.float32(10), np.empty((2, x.size), x.dtype))
    register = "zmm" if full_width() == 512 else "ymm"
    for function, vectors in ((values, 2), (pairs, 1)):
        (code,) = function.inspect_asm().values()
        assert re.search(rf"\tvfn?madd\d+ps\t.*%{register}", code)
        (compiled_code,) = function.overloads.values()
        assert {loop["vectors"] for loop in vector_loops(compiled_code.library._final_module)} == {vectors}


def test_loops_that_may_not_be_vectorised_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM would take two elements a turn there too, and compute all regimes for each."""

    @njit
    def branching(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            if x[i] > 0:
                out[i] = fr.sigmoid_round(x[i], 10.0)

    @njit
    def varying(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = fr.sigmoid_round(x[i], k[i])

    @njit
    def changing(x: Any, k: Any, out: Any) -> None:
        sharpness = k[0]
        for i in range(x.size):
            out[i] = fr.sigmoid_round(x[i], sharpness)
            sharpness *= 1.5

    @njit
    def double(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = fr.sigmoid_round(x[i], 10.0) - fr.sigmoid_round(x[i], 3.0)

    @njit
    def constant(x: Any, k: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = 2 * fr.sigmoid_round(x[i] / 2, 10.0)

    @njit
    def variable(x: Any, k: Any, out: Any) -> None:
        sharpness = k[0]
        for i in range(x.size):
            out[i] = fr.sigmoid_round(x[i], sharpness)

    marked = set()
    monkeypatch.setattr(ir.Instruction, "set_metadata", lambda self, name, node: marked.add((name, self.function.name)))
    functions = branching, varying, changing, double, constant, variable
    for function in functions:
        function(np.linspace(-1, 1, 40), np.full(40, 10.0), np.empty(40))
    ends = [place for name, place in marked if name == "llvm.loop"]
    assert [f for f in functions if any(f.__name__ in place for place in ends)] == [constant, variable]


@pytest.mark.skipif(full_width() == 128, reason="read on x86 alone")
def test_loops_of_the_user_are_one_for_each_regime() -> None:
    """LLVM chooses the regime outside of the loop, if it need not choose much else."""

    @njit
    def values(x: Any, k: Any, radius: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = fr.density_round_windowed(x[i], k, radius)

    x = np.linspace(-1, 1, 40, dtype=np.float32)
    values(x, np.float32(10), 3, np.empty_like(x))
    (compiled_code,) = values.overloads.values()
    loops = [loop for loop in inner_loops(compiled_code.library._final_module) if loop.operations["fma s"]]
    (row,) = (row for row in UFUNCS if row.name == "density_round_windowed")
    assert len(at_full_width(loops)) == len(row.staircase(np.float32).regimes)


def test_a_scalar_loop_is_seen() -> None:
    """Also beside one that is not: a loop whose elements depend on those before them."""

    def pointwise(args: Any, dims: Any, steps: Any, invalid: Any) -> None:
        source, target = args[0], args[2]
        for i in range(dims[0]):
            x = load(source, i, np.float64)
            store(target, i, ((x * 3.0 + 1.0) * x + 4.0) * x / (x * x + 1.0), np.float64)

    def recurrent(args: Any, dims: Any, steps: Any, invalid: Any) -> None:
        source, target, y = args[0], args[2], 0.0
        for i in range(dims[0]):
            y = ((y * 3.0 + load(source, i, np.float64)) * y + 4.0) * y / (y * y + 1.0)
            store(target, i, y, np.float64)
        for i in range(dims[0]):
            x = load(target, i, np.float64)
            store(source, i, fma(fma(x, x - 1.0, x), x, 3.0) / (x * x), np.float64)

    loops = inner_loops(compiled_function(pointwise, "pointwise"))
    assert at_full_width(loops)
    assert not fallen_back(loops)
    loops = inner_loops(compiled_function(recurrent, "recurrent"))
    assert len(at_full_width(loops)) == 1
    assert {loop.width for loop in fallen_back(loops)} == {0}
