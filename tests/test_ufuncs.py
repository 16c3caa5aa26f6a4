"""The ufuncs as NumPy and its friends see them: every way to pass operands gives the bits of the plain call."""

from __future__ import annotations

import ctypes
import ctypes.util
import doctest
import itertools
import math
import pickle
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import dask.array as da
import distributed
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dask.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import compile_ahead, run

import fastround as fr
from fastround.table import FUNCTIONS, UFUNCS

# Those over windows, of three operands, are in test_windows.py.
ROWS = [row for row in UFUNCS if not row.function.windowed]
ALL = {row.name: getattr(fr, row.name) for row in ROWS}

# For what would be slow to compile for all: both precisions and methods, all places and outputs.
SAMPLES = (
    ("sigmoid_round", np.float64),
    ("density_floor_value_and_grad", np.float32),
    ("sigmoid_ceil_grad_k", np.float64),
)

# At least one sharpness in each regime of both methods and all precisions.
SHARPNESSES = (0.5, 5.0, 10.0, 100.0, 300.0, 2000.0)

# The loops go through memory in blocks of 1024, and arrays from 32768 on are shared among threads.
SIZES = (*range(71), 1023, 1024, 1025, 2047, 2048, 2049, 32767, 32768, 32769, 65537)

every_ufunc = pytest.mark.parametrize("name", ALL)
samples = pytest.mark.parametrize(("name", "real"), SAMPLES, ids=[name for name, _ in SAMPLES])


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    samples = [f"{name}.{real.__name__}" for name, real in SAMPLES]
    compile_ahead([f"{row.name}.float64" for row in ROWS] + samples + [f"{name}.varying" for name in samples])


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def assert_same(result: Any, expected: Any) -> None:
    """Alike in number, dtype, shape and every bit."""
    for got, want in zip(outputs(result), outputs(expected), strict=True):
        got, want = np.asarray(got), np.asarray(want)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        integer = f"u{got.itemsize}"
        np.testing.assert_array_equal(got.view(integer), want.view(integer))


def positions(shape: Any, real: Any = np.float64, seed: int = 0) -> Any:
    """Numbers to round: anywhere between −3 and 3, a quarter of them integers and half-integers."""
    x = np.random.default_rng(seed).uniform(-3, 3, shape)
    return np.where(np.rint(x * 1000) % 4 == 0, np.rint(2 * x) / 2, x).astype(real)


def sharpnesses(shape: Any, real: Any = np.float64, seed: int = 1) -> Any:
    """Sharpnesses of all regimes."""
    return np.exp(np.random.default_rng(seed).uniform(-3, 8, shape)).astype(real)


def one_by_one(ufunc: np.ufunc, x: Any, k: Any) -> tuple[Any, ...]:
    """What calls on single numbers return, as arrays."""
    x, k = np.broadcast_arrays(x, k)
    results = [outputs(ufunc(*numbers)) for numbers in zip(x.flat, k.flat, strict=True)]
    return tuple(np.array(column, x.dtype).reshape(x.shape) for column in zip(*results, strict=True))


# --- What they are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_a_numpy_ufunc(row: Any) -> None:
    """A `numpy.ufunc` of its name, for each precision, and without a unit element."""
    ufunc = ALL[row.name]
    assert type(ufunc) is np.ufunc
    assert (ufunc.__name__, ufunc.nin, ufunc.nout, ufunc.identity) == (row.name, 2, row.nout, None)
    assert ufunc.types == [f"{c}{c}->{c * row.nout}" for c in "efd"]


@every_ufunc
def test_the_examples_of_the_docstring_run(name: str) -> None:
    """Each docstring has examples, and they pass."""
    test = doctest.DocTestParser().get_doctest(ALL[name].__doc__ or "", {}, name, None, None)
    runner = doctest.DocTestRunner()
    runner.run(test)
    assert runner.summarize().attempted >= 2
    assert runner.summarize().failed == 0


@every_ufunc
@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_pickled_by_name(name: str, pickler: Any) -> None:
    """Unpickling gives the very same object."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickler.dumps(ALL[name], protocol)) is ALL[name]


# --- Special values, and the floating-point status ----------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_special_values(row: Any) -> None:
    """At k = 0 the identity, at k = ∞ hard rounding, both shifted, and nan only of what is undefined; all silently."""
    shift = {"round": 0.0, "floor": -0.5, "ceil": 0.5}[row.function.place]
    x = np.array([-np.inf, -(2.0**53), -2.5, -1.5, -1.25, -0.5, -0.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.5, np.inf, np.nan])
    undefined = np.where(np.isfinite(x), 0, np.nan)
    position = x + shift if shift else x
    expected = {
        0.0: (position, 1 + undefined, undefined),
        np.inf: (np.rint(position), undefined, undefined),
        np.nan: 3 * (np.full(x.shape, np.nan),),
    }
    for k, wanted in expected.items():
        with np.errstate(all="raise"):
            result = outputs(ALL[row.name](x, k))
            assert_same(ALL[row.name](x, k or -k), result)
        for got, pick in zip(result, row.output.picks, strict=True):
            np.testing.assert_array_equal(got, wanted[pick], f"k = {k}")
            if pick == 0:
                real = ~np.isnan(wanted[0])
                np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(wanted[0][real]), f"k = {k}")


@every_ufunc
@pytest.mark.parametrize("k", [-1.0, -np.inf, -5e-324])
def test_a_negative_sharpness_is_invalid(name: str, k: float) -> None:
    """nan, with NumPy's warning, or what `np.errstate` makes of it."""
    x = np.array([0.3, 1.0, np.inf, np.nan])
    with pytest.warns(RuntimeWarning, match=f"invalid value encountered in {name}$"):
        result = ALL[name](x, k)
    assert np.isnan(result).all()
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="invalid value"):
        ALL[name](0.3, k)
    with np.errstate(invalid="ignore", divide="raise", over="raise", under="raise"):
        assert_same(ALL[name](x, k), result)


@samples
def test_one_negative_sharpness_among_many_is_found(name: str, real: Any) -> None:
    """Wherever it is, in a small array or one shared among threads, and it harms no other element."""
    for n, place in [(1, 0), (7, 6), (1500, 1200), (40000, 0), (40000, 39999)]:
        x, k = positions(n, real), sharpnesses(n, real)
        expected = outputs(ALL[name](x, k))
        k[place] = -1
        with pytest.warns(RuntimeWarning, match="invalid value"):
            result = outputs(ALL[name](x, k))
        for got, want in zip(result, expected, strict=True):
            want[place] = got[place]
            assert np.isnan(got[place])
            assert_same(got, want)


HUGE = 1e308
TINY = 5e-324
EXTREME_X = np.array([s * x for x in (0, TINY, 1e-308, 1e-20, 0.25, 0.5, 0.75, 1, 2.5, 1e15, HUGE) for s in (1, -1)])
EXTREME_K = np.array([0, TINY, 1e-308, 1e-9, 0.01, 1, 3, 5, 6, 30, 100, 1400, 1500, 1e6, 1e18, HUGE, np.inf])


@every_ufunc
def test_valid_numbers_raise_no_floating_point_error(name: str) -> None:
    """Neither overflow nor underflow nor anything else is reported for a finite x and k ≥ 0."""
    with np.errstate(all="raise"):
        for k in EXTREME_K:
            assert np.isfinite(ALL[name](EXTREME_X, k)).all()


@samples
def test_valid_numbers_raise_no_floating_point_error_in_any_loop(name: str, real: Any) -> None:
    """Nor do they where the sharpness varies, or in float32."""
    limits = np.finfo(real)
    x = np.clip(EXTREME_X, limits.min, limits.max).astype(real)[:, None]
    k = np.where(np.isinf(EXTREME_K), np.inf, np.minimum(EXTREME_K, limits.max)).astype(real)
    with np.errstate(all="raise"):
        result = ALL[name](x, k)
        assert np.isfinite(result).all()
        assert_same(result, one_by_one(ALL[name], x, k))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_value_and_grad_is_both_calls(function: Any) -> None:
    """The fused call returns the bits of the separate ones, at each sharpness."""
    x = positions(1100)
    separate, fused = (ALL[function.name], ALL[f"{function.name}_grad"]), ALL[f"{function.name}_value_and_grad"]
    for k in (*SHARPNESSES, 0.0, np.inf):
        assert_same(fused(x, k), tuple(ufunc(x, k) for ufunc in separate))


# --- Blocks and lanes ---------------------------------------------------------------------------------------------


@samples
def test_every_size_gives_the_bits_of_calls_on_single_numbers(name: str, real: Any) -> None:
    """Whole blocks, remainders and the shares of threads, with one sharpness and with many."""
    ufunc, n = ALL[name], max(SIZES)
    for k in (*map(real, SHARPNESSES), sharpnesses(n, real)):
        # At the end of each size, as many single calls as matter.
        x = positions(n, real)
        whole = outputs(ufunc(x, k))
        for size in SIZES:
            assert_same(ufunc(x[:size], k if np.ndim(k) == 0 else k[:size]), tuple(y[:size] for y in whole))
        chosen = np.r_[:2200, n - 1100 : n]
        ks = k if np.ndim(k) == 0 else k[chosen]
        assert_same(tuple(y[chosen] for y in whole), one_by_one(ufunc, x[chosen], ks))


_DIGEST = """
import hashlib
import numpy as np, fastround as fr
digest, random = hashlib.sha256(), np.random.default_rng(6)
for name, real in (("sigmoid_round", np.float32), ("density_floor_value_and_grad", np.float64)):
    x, k = random.uniform(-3, 3, 3000).astype(real), (10 ** random.uniform(-2, 4, 3000)).astype(real)
    for n in (*range(1, 71), 1023, 1024, 1025, 2047, 2048, 2049, 3000):
        digest.update(np.stack(getattr(fr, name)(x[:n], k[:n])).tobytes())
print(digest.hexdigest())
"""


def test_every_processor_computes_the_same(tmp_path: Path) -> None:
    """With and without the instructions for vectors, of which some sort elements by their sharpness."""
    assert run(_DIGEST, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_ENABLE_AVX="0") == run(_DIGEST)


@samples
def test_a_scalar_sharpness_gives_the_bits_of_an_array(name: str, real: Any) -> None:
    """The loops for one sharpness and for many agree, also at the ends of the regimes."""
    row = next(row for row in ROWS if row.name == name)
    bounds = row.staircase(np.float32 if real is np.float16 else real).bounds
    ends = [k for bound in bounds for k in (np.nextafter(real(bound), real(0)), real(bound))]
    x = positions(500, real)
    for k in map(real, (0, 1e-30, 1 / 64, *SHARPNESSES, *ends, 1e30, np.inf, np.nan)):
        ks, expected = np.full(500, k), outputs(ALL[name](x, k))
        # With others among them, it is the loop for many.
        ks[::50] = 7
        for y, other in zip(expected, outputs(ALL[name](x[::50], real(7))), strict=True):
            y[::50] = other
        assert_same(ALL[name](x, ks), expected)
        assert_same(ALL[name](x, k), ALL[name](x, np.asarray(k)))


@samples
def test_runs_of_equal_sharpnesses(name: str, real: Any) -> None:
    """Long or short, they give the bits of calls for one sharpness, and a negative one among them is reported."""
    random, ufunc, choice = np.random.default_rng(5), ALL[name], (1, 2, 126, 127, 128, 129, 200, 255, 256, 1000, 40_000)
    for trial in range(30):
        lengths = random.choice(choice[: 10 + trial % 2], 12)
        values = random.choice((*SHARPNESSES, 0.0, -0.0, np.inf, np.nan, 9.5), 12).astype(real)
        x, k = positions(lengths.sum(), real, trial), np.repeat(values, lengths)
        parts = np.split(x, np.cumsum(lengths)[:-1])
        each = [outputs(ufunc(part, value)) for part, value in zip(parts, values, strict=True)]
        expected = tuple(map(np.concatenate, zip(*each, strict=True)))
        assert_same(ufunc(x, k), expected)
        assert_same(ufunc(x, np.repeat(k, 3)[::3]), expected)
        assert_same(ufunc(x[::-1], k[::-1]), tuple(y[::-1] for y in expected))
        taken = k.copy()
        assert_same(ufunc(x, taken, out=(taken, *map(np.empty_like, expected[1:]))), expected)
        k[random.integers(k.size)] = -1
        with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
            ufunc(x, k)


@samples
def test_sharpnesses_of_one_regime(name: str, real: Any) -> None:
    """Or of one but for nan and zeros with a sign: the bits of single calls, and no warning but of negative ones."""
    nan, inf = np.nan, np.inf
    x, ufunc = positions(20, real), ALL[name]
    for values in ([-1], [nan], [-0.0], [inf], [-1, -2], [-1, -0.0], [0, -0.0], [inf, nan], [8, 12], [12, nan, -0.0]):
        k = np.resize(np.array(values, real), x.size)
        with np.errstate(invalid="ignore"):
            expected = one_by_one(ufunc, x, k)
        with np.errstate(all="raise", invalid="ignore" if (k < 0).any() else "raise"):
            assert_same(ufunc(x, k), expected)
        if (k < 0).any():
            with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
                ufunc(x, k)


@samples
def test_special_numbers_are_alone_in_their_lanes(name: str, real: Any) -> None:
    """A special x or k gives the same bits in every lane of a vector and in the remainder, and stays there."""
    n, bits = 37, f"u{np.dtype(real).itemsize}"
    payload = (np.array([np.nan], real).view(bits) + 12345).view(real)[0]
    x, ks = positions(n, real), (real(10), sharpnesses(n, real))
    specials = [np.nan, payload, -payload, np.inf, -np.inf, 0.0, -0.0, np.finfo(real).smallest_subnormal]
    for k, special, lane in itertools.product(ks, map(real, specials), range(n)):
        changed = x.copy()
        changed[lane] = special
        expected = outputs(ALL[name](x, k))
        for y, y_lane in zip(expected, outputs(ALL[name](special, np.broadcast_to(k, n)[lane])), strict=True):
            y[lane] = y_lane
        assert_same(ALL[name](changed, k), expected)
    for special, lane in itertools.product(map(real, (0, np.inf, np.nan, payload)), range(n)):
        changed = ks[1].copy()
        changed[lane] = special
        expected = outputs(ALL[name](x, ks[1]))
        for y, y_lane in zip(expected, outputs(ALL[name](x[lane], special)), strict=True):
            y[lane] = y_lane
        assert_same(ALL[name](x, changed), expected)


# --- Layouts ------------------------------------------------------------------------------------------------------


class Layout:
    """An array somewhere in a larger buffer whose bytes say whether anything was written beside it."""

    def __init__(self, shape: tuple[int, ...], steps: Any, margins: Any, order: Any, dtype: Any) -> None:
        sizes = [2 * margin + abs(step) * n for n, step, margin in zip(shape, steps, margins, strict=True)]
        memory = np.full(math.prod(sizes) * np.dtype(dtype).itemsize, 0x5A, np.uint8).view(dtype)
        self.buffer = memory.reshape([sizes[axis] for axis in order]).transpose(np.argsort(order))
        self.index = tuple(
            slice(start, start + abs(step) * n, abs(step)) for n, step, start in zip(shape, steps, margins, strict=True)
        )
        self.flips = tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)

    def array(self, buffer: Any = None) -> Any:
        """The array, here or at the same place in another buffer."""
        return (self.buffer if buffer is None else buffer)[(*self.index, ...)][(*self.flips, ...)]

    def filled(self, values: Any) -> Any:
        array = self.array()
        array[...] = values
        return array

    def expected(self, values: Any, where: Any = True) -> Any:
        """The whole buffer if these values are written to the array, and nothing else."""
        buffer = self.buffer.copy(order="K")
        np.copyto(self.array(buffer), values, where=where)
        return buffer


@st.composite
def layouts(draw: Any, shape: tuple[int, ...], dtype: Any) -> Layout:
    """Steps and offsets along every axis, and the axes in any order."""
    steps = [draw(st.sampled_from((1, 1, -1, 2, -3))) for _ in shape]
    margins = [draw(st.integers(0, 3)) for _ in shape]
    return Layout(shape, steps, margins, draw(st.permutations(range(len(shape)))), dtype)


shapes = st.lists(st.integers(0, 7), max_size=3).map(tuple) | st.sampled_from([(1030,), (3, 1030), (1030, 2), (2500,)])


@samples
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_layout_gives_the_bits_of_a_contiguous_call(name: str, real: Any, data: st.DataObject) -> None:
    """Whatever the strides and offsets of x, k, out and where: nothing is written that was not asked for."""
    draw, ufunc = data.draw, ALL[name]
    shape = draw(shapes)
    seed = draw(st.integers(0, 99))
    x = draw(layouts(shape, real)).filled(positions(shape, real, seed))
    # k may lack leading axes and have length 1 along others.
    k_shape = tuple(draw(st.sampled_from((n, 1))) for n in shape)[draw(st.integers(0, len(shape))) :]
    k = draw(layouts(k_shape, real)).filled(sharpnesses(k_shape, real, seed))
    where = draw(layouts(shape, bool)).filled(np.random.default_rng(seed).random(shape) < 0.7)
    if draw(st.booleans()):
        where = np.ones(shape, bool)
    outs = [draw(layouts(shape, real)) for _ in range(ufunc.nout)]

    plain = outputs(ufunc(np.array(x, order="C"), np.array(np.broadcast_to(k, shape), order="C")))
    assert_same(ufunc(x, k), plain)
    buffers = [layout.expected(y, where) for layout, y in zip(outs, plain, strict=True)]
    result = outputs(ufunc(x, k, out=tuple(layout.array() for layout in outs), where=where))
    for layout, y, buffer in zip(outs, result, buffers, strict=True):
        assert y.base is layout.array().base
        assert_same(layout.buffer, buffer)


@samples
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_operands_may_overlap_in_every_way(name: str, real: Any, data: st.DataObject) -> None:
    """Outputs anywhere in the memory of the inputs: the result is as if it had been computed elsewhere first."""
    ufunc, n = ALL[name], data.draw(st.sampled_from((2, 5, 40, 1500)))
    memory = sharpnesses(4 * n + 10, real)

    def piece() -> slice:
        step = data.draw(st.sampled_from((1, 1, 2, 3, -1, -2)))
        start = data.draw(st.integers(0, 9))
        first, last = (start, start + step * n) if step > 0 else (start - step * (n - 1), start - 1)
        return slice(first, last if last >= 0 else None, step)

    pieces = [piece() for _ in range(2 + ufunc.nout)]
    x, k, *outs = (memory[piece] for piece in pieces)
    k = data.draw(st.sampled_from((k, k[:1], real(10))))
    # Where outputs overlap each other, what they hold afterwards is for NumPy to say.
    if any(np.shares_memory(a, b) for a, b in itertools.combinations(outs, 2)):
        outs[1] = np.empty(n, real)
    expected = ufunc(x.copy(), np.copy(k))
    ufunc(x, k, out=tuple(outs))
    assert_same(tuple(outs), expected)


@pytest.mark.parametrize("varying", [False, True], ids=["one k", "many k"])
@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1:2], np.s_[: 2**16]),
        (np.s_[-2::-1], np.s_[:-1]),
        (np.s_[:-1], np.s_[:-1]),
        (np.s_[: 2**16], np.s_[2**16 : -1]),
        (np.s_[:-1:2], np.s_[1::2]),
    ],
    ids=["ahead", "behind", "ahead by stride", "against", "same", "beside", "between"],
)
def test_operands_that_threads_share_may_overlap(varying: bool, inputs: Any, output: Any) -> None:
    """No thread overwrites what another is still to read."""
    for seed in range(5):
        memory = positions(2**17 + 1, seed=seed)
        x, out = memory[inputs], memory[output]
        k = sharpnesses(x.size) if varying else 10.0
        expected = fr.sigmoid_round(x.copy(), k)
        assert_same(fr.sigmoid_round(x, k, out=out), expected)
        assert_same(out, expected)


@samples
def test_results_may_replace_the_operands(name: str, real: Any) -> None:
    """`out` may be x or k itself, for either output, also where all of a block are of one regime."""
    ufunc = ALL[name]
    for n, alike in itertools.product((1, 3, 1024, 5000, 50000), (False, True)):
        x, k = positions(n, real), np.linspace(12, 15, n).astype(real) if alike else sharpnesses(n, real)
        expected = one_by_one(ufunc, x, k) if n == 1024 else ufunc(x, k)
        for places in itertools.permutations(("x", "k", "elsewhere", "apart"), ufunc.nout):
            operands = {
                "x": x.copy(),
                "k": k.copy(),
                "elsewhere": np.empty(n, real),
                "apart": np.empty(2 * n, real)[::2],
            }
            result = ufunc(operands["x"], operands["k"], out=tuple(operands[place] for place in places))
            assert all(y is operands[place] for y, place in zip(outputs(result), places, strict=True))
            assert_same(result, expected)


def test_methods_of_ufuncs_apply_it_in_order() -> None:
    """`reduce`, `accumulate`, `reduceat`, `at` and `outer` do what repeated calls do."""
    ufunc, k = fr.sigmoid_round, np.r_[2.3, sharpnesses(3000)]
    steps = list(itertools.accumulate(k, ufunc))
    assert_same(ufunc.accumulate(k), np.array(steps))
    assert_same(ufunc.reduce(k), steps[-1])
    table = np.stack([k, k[::-1]], axis=1)
    assert_same(ufunc.reduce(table, axis=0)[0], steps[-1])
    assert_same(ufunc.accumulate(table, axis=0)[:, 0], np.array(steps))
    assert_same(ufunc.reduceat(k, [0, 7])[0], steps[6])
    x = positions(5)
    expected = x.copy()
    for i in (0, 3, 3):
        expected[i] = ufunc(expected[i], 10.0)
    ufunc.at(x, [0, 3, 3], 10.0)
    assert_same(x, expected)
    x, k = positions((2, 3)), sharpnesses(4)
    assert_same(ufunc.outer(x, k), ufunc(x[..., None], k))


@samples
def test_a_sharpness_broadcasts_along_any_axis(name: str, real: Any) -> None:
    """Every shape that NumPy can stretch to that of x, and x to that of k."""
    x = positions((3, 4, 5), real)
    for k_shape in [(), (1,), (5,), (4, 1), (4, 5), (3, 1, 1), (3, 1, 5), (3, 4, 1), (1, 4, 5), (2, 3, 4, 5)]:
        k = sharpnesses(k_shape, real)
        assert_same(ALL[name](x, k), one_by_one(ALL[name], x, k))
    assert_same(ALL[name](x[0, 0, 0], k), one_by_one(ALL[name], x[0, 0, 0], k))
    with pytest.raises(ValueError, match="could not be broadcast"):
        ALL[name](x, sharpnesses(3, real))


@samples
def test_zero_dimensions_and_no_elements(name: str, real: Any) -> None:
    """Scalars for 0-d operands, an array for a 0-d out, and empty results for empty operands."""
    ufunc = ALL[name]
    for x in (real(0.3), np.array(0.3, real)):
        assert all(type(y) is real for y in outputs(ufunc(x, 10.0)))
    assert all(type(y) is np.float64 for y in outputs(ufunc(0.3, 10.0)))
    out = tuple(np.empty((), real) for _ in range(ufunc.nout))
    assert all(y is z for y, z in zip(outputs(ufunc(real(0.3), 10.0, out=out)), out, strict=True))
    assert_same(out, ufunc(real(0.3), 10.0))
    for shape in [(0,), (3, 0), (0, 4, 2)]:
        for k in (10.0, np.empty(shape, real), np.empty(shape[-1:], real)):
            assert {y.shape for y in outputs(ufunc(np.empty(shape, real), k))} == {shape}


@samples
def test_foreign_memory(name: str, real: Any) -> None:
    """Operands of another byte order, unaligned or read-only are as good, and the results are plain."""
    ufunc, x, k = ALL[name], positions(2500, real), sharpnesses(2500, real)
    expected = ufunc(x, k)

    def swapped(a: Any) -> Any:
        return a.astype(a.dtype.newbyteorder())

    def unaligned(a: Any) -> Any:
        moved = np.frombuffer(bytearray(b"\x5a" + a.tobytes()), a.dtype, offset=1)
        assert not moved.flags.aligned
        return moved

    def frozen(a: Any) -> Any:
        a = a.copy()
        a.flags.writeable = False
        return a

    for change in (swapped, unaligned, frozen):
        assert_same(ufunc(change(x), change(k)), expected)
        assert_same(ufunc(change(x), k[7]), ufunc(x, k[7]))
    for change in (swapped, unaligned):
        out = tuple(change(np.empty(2500, real)) for _ in range(ufunc.nout))
        ufunc(x, k, out=out)
        assert_same(tuple(y.astype(real) for y in out), expected)
    with pytest.raises(ValueError, match="read-only"):
        ufunc(x, k, out=tuple(frozen(x) for _ in range(ufunc.nout)))


def test_results_take_the_order_asked_for() -> None:
    """By default that of x."""
    x = np.asfortranarray(positions((30, 40)))
    assert fr.sigmoid_round(x, 10.0).flags.f_contiguous
    assert fr.sigmoid_round(x, 10.0, order="C").flags.c_contiguous
    assert fr.sigmoid_round(x.T, 10.0, order="F").flags.f_contiguous
    assert_same(fr.sigmoid_round(x, 10.0, order="C"), fr.sigmoid_round(x.copy("C"), 10.0))


# --- Types --------------------------------------------------------------------------------------------------------


def test_types_of_the_results() -> None:
    """Narrow floats stay so beside a Python number; integers become what they do in `np.arctan2`."""
    ufunc, x = fr.density_floor_value_and_grad, positions(20)
    cases: list[tuple[Any, Any, Any]] = [
        (x.astype(np.float32), 10.0, np.float32),
        (x.astype(np.float32), 10, np.float32),
        (x.astype(np.float32), np.float32(10), np.float32),
        (x.astype(np.float32), np.float64(10), np.float64),
        (x.astype(np.float32), np.full(1, 10.0), np.float64),
        (x, np.float32(10), np.float64),
        (x.astype(np.float16), 10.0, np.float16),
        (x.astype(np.float16), np.float32(10), np.float32),
        (np.arange(20, dtype=np.int8), 10, np.float16),
        (np.arange(20, dtype=np.uint8), np.float16(10), np.float16),
        (np.arange(20, dtype=np.int16), 10, np.float32),
        (np.arange(20), 10, np.float64),
        (np.arange(20), 10.0, np.float64),
        (np.arange(20, dtype=np.uint64), 10.0, np.float64),
        (x > 0, 10.0, np.float64),
        (3, 10, np.float64),
        (True, 10, np.float64),
        ([0.25, 1], [2], np.float64),
    ]
    for x, k, real in cases:
        assert np.arctan2(x, k).dtype == real
        assert_same(ufunc(x, k), ufunc(np.asarray(x, real), np.asarray(k, real)))


@pytest.mark.parametrize("name", ["sigmoid_round", "density_floor_value_and_grad", "sigmoid_ceil_grad_k"])
def test_half_precision(name: str) -> None:
    """Every float16 gives the result of float32, rounded as NumPy does, in every layout."""
    ufunc = ALL[name]
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    for k in np.array([0, 2e-7, 0.3, 4, 10, 100, 60000, np.inf], np.float16):
        with np.errstate(over="ignore"):
            wide = outputs(ufunc(x.astype(np.float32), np.float32(k)))
            expected = tuple(y.astype(np.float16) for y in wide)
        with np.errstate(all="raise"):
            assert_equal(ufunc(x, k), expected)
            assert_equal(ufunc(x, np.full(x.shape, k)), expected)
        assert_equal(ufunc(x[::-3], k), tuple(y[::-3] for y in expected))
        out = tuple(np.full(2 * x.size, 7, np.float16) for _ in expected)
        ufunc(x, k, out=tuple(y[::2] for y in out))
        assert_equal(tuple(y[::2] for y in out), expected)
        assert all((y[1::2] == 7).all() for y in out)
    with pytest.warns(RuntimeWarning, match=f"invalid value encountered in {name}$"):
        ufunc(np.float16(1), np.float16(-1))


def assert_equal(result: Any, expected: Any) -> None:
    """Alike in number and dtype, and in every bit but those of nan."""
    for got, want in zip(outputs(result), outputs(expected), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        real = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(want[real]))


@every_ufunc
@pytest.mark.parametrize(
    "x", [1j, "1", b"1", None, object(), np.datetime64("2020-01-01"), np.ones(2, "V8")], ids=lambda x: type(x).__name__
)
def test_what_is_no_real_number_is_a_type_error(name: str, x: Any) -> None:
    """In either operand, and also inside an object array."""
    for operands in [(x, 1.0), (1.0, x), (np.array([x], object), 1.0)]:
        with pytest.raises(TypeError):
            ALL[name](*operands)


def test_dtype_and_casting() -> None:
    """`dtype`, `casting` and `signature` choose the loop, and forbid what is not allowed."""
    ufunc, x = fr.density_floor_value_and_grad, positions(50)
    single = ufunc(x.astype(np.float32), 10.0)
    assert_same(ufunc(x, 10.0, dtype=np.float32), single)
    assert_same(ufunc(x, 10.0, signature=ufunc.types[1], casting="same_kind"), single)
    assert_same(ufunc(x.astype(np.float32), 10.0, dtype="f8"), ufunc(x.astype(np.float32).astype(np.float64), 10.0))
    out = tuple(np.empty(50, np.float32) for _ in range(ufunc.nout))
    ufunc(x, 10.0, out=out)
    assert_same(out, tuple(y.astype(np.float32) for y in outputs(ufunc(x, 10.0))))
    with pytest.raises(TypeError, match="Cannot cast"):
        ufunc(x, 10.0, dtype=np.float32, casting="safe")
    with pytest.raises(TypeError, match="Cannot cast"):
        ufunc(x, 10.0, out=tuple(np.empty(50, int) for _ in range(ufunc.nout)))


# --- Other libraries ----------------------------------------------------------------------------------------------


class Labelled(np.ndarray[Any, Any]):
    """A subclass that carries an attribute along, and counts how often it was asked to wrap a result."""

    label: str = ""

    def __array_finalize__(self, other: Any) -> None:
        self.label = getattr(other, "label", "")

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        wrapped: Any = super().__array_wrap__(array, context, return_scalar)
        wrapped.label = f"{self.label} by {context[0].__name__}"
        return wrapped


@pytest.mark.parametrize("name", ["sigmoid_round", "density_floor_value_and_grad"])
def test_subclasses_of_arrays_are_kept(name: str) -> None:
    """A subclass wraps every output; a masked array keeps its mask."""
    x = positions((4, 5))
    labelled = x.view(Labelled)
    labelled.label = "lengths"
    for y, plain in zip(outputs(ALL[name](labelled, 10.0)), outputs(ALL[name](x, 10.0)), strict=True):
        assert type(y) is Labelled
        assert y.label == f"lengths by {name}"
        assert_same(y.view(np.ndarray), plain)
        assert type(ALL[name](labelled, 10.0, subok=False)) is not Labelled
    masked = np.ma.masked_array(x, x < 0)
    for y, plain in zip(outputs(ALL[name](masked, 10.0)), outputs(ALL[name](x, 10.0)), strict=True):
        assert type(y) is np.ma.MaskedArray
        np.testing.assert_array_equal(y.mask, x < 0)
        assert_same(y.compressed(), plain[x >= 0])


@pytest.mark.parametrize("name", ["sigmoid_round", "density_floor_value_and_grad"])
def test_pandas(name: str) -> None:
    """A Series keeps its index and name, for each output; a frame its labels."""
    x = positions(6)
    series = pd.Series(x, index=list("abcdef"), name="length")
    frame = pd.DataFrame({"a": x[:3], "b": x[3:]}, index=[2, 3, 5])
    for y, plain in zip(outputs(ALL[name](series, 10.0)), outputs(ALL[name](x, 10.0)), strict=True):
        pd.testing.assert_series_equal(y, pd.Series(plain, index=series.index, name="length"), check_exact=True)
    if ALL[name].nout == 1:
        expected = pd.DataFrame({"a": ALL[name](x[:3], 10.0), "b": ALL[name](x[3:], 10.0)}, index=[2, 3, 5])
        pd.testing.assert_frame_equal(ALL[name](frame, 10.0), expected, check_exact=True)
    # Operands are aligned by their labels.
    k = pd.Series([1.0, 2.0], index=["b", "a"])
    assert_same(fr.sigmoid_round(series[:2], k).loc["a"], fr.sigmoid_round(x[0], 2.0))


def test_xarray() -> None:
    """A DataArray keeps its name, dimensions and coordinates; two outputs go through `apply_ufunc`."""
    x = xr.DataArray(positions((2, 3)), dims=("a", "b"), coords={"a": [10, 20]}, name="length")
    k = xr.DataArray([1.0, 5.0, 9.0], dims="b")
    xr.testing.assert_identical(fr.sigmoid_round(x, k), x.copy(data=fr.sigmoid_round(x.values, k.values)))
    results = xr.apply_ufunc(fr.density_floor_value_and_grad, x, 10.0, output_core_dims=[[], []])
    for result, plain in zip(results, fr.density_floor_value_and_grad(x.values, 10.0), strict=True):
        xr.testing.assert_identical(result, x.copy(data=plain))


def test_dask_arrays_stay_lazy() -> None:
    """Nothing is computed when a dask array is passed, and block by block later."""
    x = positions((400, 500))
    blocks = da.from_array(x, chunks=(100, 250))
    computations: list[Any] = []
    with Callback(start=computations.append):
        y = fr.sigmoid_round(blocks, 10.0)
        pair = da.apply_gufunc(fr.density_floor_value_and_grad, "(),()->(),()", blocks, 10.0)
        assert isinstance(y, da.Array)
        assert y.chunks == blocks.chunks
        assert not computations
        assert_same(y.compute(), fr.sigmoid_round(x, 10.0))
        assert len(computations) == 1
    assert_same(tuple(a.compute() for a in pair), fr.density_floor_value_and_grad(x, 10.0))


def test_distributed_processes() -> None:
    """Ufuncs travel to other processes by name, alone and in the graph of a dask array."""
    x = positions((300, 200))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        pair = client.submit(fr.density_floor_value_and_grad, x, 10.0).result()
        assert_same(pair, fr.density_floor_value_and_grad(x, 10.0))
        y = fr.sigmoid_round(da.from_array(x, chunks=(100, 200)), 10.0)
        assert_same(client.compute(y).result(), fr.sigmoid_round(x, 10.0))


# --- Nothing is left behind ---------------------------------------------------------------------------------------


@samples
def test_references_are_given_back(name: str, real: Any) -> None:
    """Ten thousand calls of each kind leave the reference counts of all they touched as they were."""
    ufunc, x, k = ALL[name], positions(3, real), sharpnesses(3, real)
    out = tuple(np.empty(3, real) for _ in range(ufunc.nout))
    calls: list[Callable[[], Any]] = [
        lambda: ufunc(x, k),
        lambda: ufunc(x, 10.0, out=out),
        lambda: ufunc(real(0.3), 10.0),
        lambda: ufunc(x, k, out=out, where=x > 0),
    ]
    touched = (ufunc, x, k, *out, x.dtype, real, None, True)
    for call in calls:
        call()
        before = [sys.getrefcount(thing) for thing in touched]
        for _ in range(10_000):
            call()
        after = [sys.getrefcount(thing) for thing in touched]
        # A reference lost at each call would be ten thousand.
        assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True))


def test_results_that_share_one_place_leave_the_last() -> None:
    """Though there are enough of them to be shared among threads."""
    x = np.random.default_rng(0).normal(size=500_000)
    y, dy = np.zeros(1), np.zeros(1)
    places = [np.lib.stride_tricks.as_strided(result, x.shape, (0,)) for result in (y, dy)]
    for _ in range(20):
        fr.sigmoid_round_value_and_grad(x, 10.0, out=tuple(places))
        assert (y[0], dy[0]) == fr.sigmoid_round_value_and_grad(x[-1], 10.0)


def test_the_module_may_be_reloaded_or_removed() -> None:
    """The ufuncs outlive it, though NumPy knows no more of them than addresses."""
    code = """
import gc, importlib, sys
import numpy as np, fastround as fr
f, x = fr.sigmoid_round, np.linspace(-3, 3, 100_000)
expected = f(x, 10.0)
importlib.reload(fr.ufuncs)
importlib.reload(fr)
for name in [name for name in sys.modules if name.startswith("fastround")]:
    del sys.modules[name]
del fr
gc.collect()
filling = [bytearray(size) for size in range(8, 256, 8) for _ in range(10_000)]
np.testing.assert_array_equal(f(x, 10.0), expected)
import fastround as fr
np.testing.assert_array_equal(fr.sigmoid_round(x, 10.0), expected)
"""
    run(code)


_UPWARD = {"x86_64": 0x800, "AMD64": 0x800, "aarch64": 0x400000, "arm64": 0x400000}


@pytest.mark.skipif(sys.platform == "win32" or platform.machine() not in _UPWARD, reason="no known way to round upward")
@pytest.mark.parametrize("size", [100, 100_000])
def test_the_rounding_of_the_thread_is_of_no_concern(size: int) -> None:
    """Which another library may have left in another state than the usual."""
    mathematics = ctypes.CDLL(ctypes.util.find_library("m"))
    x, k = np.random.default_rng(0).normal(scale=5, size=size), np.float64(1e4)
    expected, y = fr.sigmoid_round(x, k), np.zeros(size)
    assert mathematics.fesetround(_UPWARD[platform.machine()]) == 0
    fr.sigmoid_round(x, k, out=y)
    rounding = mathematics.fegetround()
    mathematics.fesetround(0)
    np.testing.assert_array_equal(y, expected)
    assert rounding == _UPWARD[platform.machine()]
