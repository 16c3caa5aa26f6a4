"""The accuracy that the documentation promises, and the identities that hold to the bit."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accuracy import BOUNDS, PRECISIONS, positions, sweep
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Method, oracle, ulp_error
from processes import run

import fastround as fr
from fastround import reference
from fastround.table import FUNCTIONS, UFUNCS, Function

SHARPNESSES = (0.0, 1e-3, 0.3, 1.0, 3.3, 3.5, 4.5, 5.5, 7.0, 10.0, 47.0, 48.0, 95.0, 96.0, 200.0, 1e3, 1e5)

# Those over windows, of three operands, are in test_windows.py.
ROWS = [row for row in UFUNCS if not row.function.windowed]

functions = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
precisions = pytest.mark.parametrize("real", PRECISIONS, ids=lambda real: real.__name__)


@functions
@precisions
def test_errors_are_within_the_promised_bounds(function: Function, real: Any) -> None:
    for suffix, worst in sweep(function, real, 9).items():
        assert worst.ulp <= BOUNDS[suffix], (suffix, worst)


@pytest.mark.long
@functions
@precisions
def test_errors_of_a_long_sweep_are_within_the_promised_bounds(function: Function, real: Any) -> None:
    for suffix, worst in sweep(function, real, 150, seed=1).items():
        assert worst.ulp <= BOUNDS[suffix], (suffix, worst)


def _errors_of_float32(ufunc: Any, suffix: str, x: Any, k: Any) -> Any:
    """In ulp, against float64, which has next to no error here."""
    limits, exact = np.finfo(np.float32), ufunc(x.astype(np.float64), np.float64(k))
    # ∂/∂k in ulp of the largest; below the normal numbers a slope may be 0.
    size = np.full_like(x, max(abs(exact).max(), limits.eps)) if suffix == "_grad_k" else np.float32(exact)
    errors = abs(ufunc(x, k) - exact) / np.spacing(abs(size))
    errors[(suffix == "_grad") & (exact < limits.tiny)] = 0
    return errors


@functions
@pytest.mark.parametrize("suffix", BOUNDS)
def test_float32_is_within_the_promised_bounds_of_float64(function: Function, suffix: str) -> None:
    """At many more sharpnesses than mpmath has the time for."""
    rng, ufunc = np.random.default_rng(3), getattr(fr, function.name + suffix)
    x = positions(rng, 1000, np.float32)
    for k in (10 ** rng.uniform(-2, 4, 1000)).astype(np.float32):
        errors = _errors_of_float32(ufunc, suffix, x, k)
        assert errors.max() <= BOUNDS[suffix], (k, x[errors.argmax()])


@pytest.mark.parametrize("method", ["sigmoid", "density"])
@pytest.mark.parametrize("suffix", BOUNDS)
def test_float32_is_within_the_promised_bounds_where_the_dual_series_ends(method: str, suffix: str) -> None:
    """That is where most errors are largest, though for few of the numbers beside a step."""
    rng, ufunc = np.random.default_rng(4), getattr(fr, f"{method}_round{suffix}")
    row = next(row for row in ROWS if row.name == ufunc.__name__)
    x = np.concatenate([rng.uniform(-0.5, 0.5, 50_000), 0.5 - 2 ** rng.uniform(-16, -3, 50_000)]).astype(np.float32)
    for k in (row.staircase(np.float32).bounds[0] * rng.uniform(0.97, 1.06, 60)).astype(np.float32):
        errors = _errors_of_float32(ufunc, suffix, x, k)
        assert errors.max() <= BOUNDS[suffix], (k, x[errors.argmax()])


@pytest.mark.parametrize("method", ["sigmoid", "density"])
@pytest.mark.parametrize("suffix", BOUNDS)
def test_float32_is_within_the_promised_bounds_where_a_sum_of_powers_of_two_is_a_tie(method: str, suffix: str) -> None:
    """That of both exponentials is where one is 2^24 times the other."""
    rng, ufunc = np.random.default_rng(5), getattr(fr, f"{method}_round{suffix}")
    factor = (np.log(2) * rng.uniform(11.5, 12.5, 100_000)).astype(np.float32)
    for k in rng.uniform(18, 60, 60).astype(np.float32):
        x = factor / k
        errors = _errors_of_float32(ufunc, suffix, x, k)
        assert errors.max() <= BOUNDS[suffix], (k, x[errors.argmax()])


@precisions
@pytest.mark.parametrize("radius", [(), (3,)], ids=["infinite", "windowed"])
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_values_next_to_zero_are_within_the_promised_bounds(method: Method, radius: tuple[int, ...], real: Any) -> None:
    """There they are x times the slope at 0, down to the least of numbers."""
    limits, ufunc = np.finfo(real), getattr(fr, f"{method}_round{'_windowed' * len(radius)}")
    x = 2.0 ** np.linspace(np.log2(limits.smallest_subnormal), np.log2(4 * limits.eps), 150)
    x = np.concatenate([-x, x, np.nextafter(limits.epsneg, real([0, 1]))]).astype(real)
    for k in map(real, (*SHARPNESSES[1:], 0.02, 2.0, 20.0, 44.0, 100.0, 120.0, 130.0, 220.0, 1500.0)):
        slope = oracle(method, 0.0, 0.0, k, *radius).grad
        for position, value in zip(x, ufunc(x, k, *radius), strict=True):
            assert ulp_error(value, slope * float(position), real) <= BOUNDS[""], (position, k)
            assert np.signbit(value) == np.signbit(position)


def _numbers(real: Any, count: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    wide = rng.choice([-1, 1], count) * 2.0 ** rng.uniform(-40, 22, count)
    return np.concatenate([rng.uniform(-4, 4, count), wide]).astype(real)


@precisions
@pytest.mark.parametrize("k", SHARPNESSES)
def test_integers_and_half_integers_stay(real: Any, k: float) -> None:
    integers = np.arange(-2000, 2001).astype(real)
    halves = integers + real(0.5)
    for name in ("sigmoid_round", "density_round"):
        function = getattr(fr, name)
        np.testing.assert_array_equal(function(integers, real(k)), integers)
        np.testing.assert_array_equal(function(halves, real(k)), halves)
    for name in ("sigmoid_floor", "sigmoid_ceil", "density_floor", "density_ceil"):
        half = real(-0.5 if "floor" in name else 0.5)
        np.testing.assert_array_equal(getattr(fr, name)(integers, real(k)), integers + half)
        np.testing.assert_array_equal(getattr(fr, name)(halves, real(k)), halves + half)


@precisions
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_kernels_give_the_same_bits_without_the_jit(tmp_path: Path, method: str, real: Any) -> None:
    """In every regime, at and between its ends."""
    rows = [row for row in ROWS if row.function.name == f"{method}_round" and row.nout == 1]
    x = np.concatenate([np.linspace(0, 0.5, 9), 0.5 - 2.0 ** np.arange(-20, -4), [1e-30, 1e-6, 0.49999]]).astype(real)
    ends = {bound for row in rows for bound in row.staircase(real).bounds}
    between = np.sqrt([a * b for a, b in itertools.pairwise((0.1, *sorted(ends), 1e4))])
    k = np.array([1e-3, 0.02, 1.5, *ends, *np.nextafter(np.array([*ends], real), real(0)), *between], real)
    results = {row.name: getattr(fr, row.name)(x, k[:, None]) for row in rows}
    np.savez(tmp_path / "results.npz", x=x, k=k, **results)
    code = """
        import os
        import numpy as np
        from fastround.table import UFUNCS
        np.seterr(all="ignore")
        results = np.load(os.environ["RESULTS"])
        x, k = results["x"], results["k"]
        for row in (row for row in UFUNCS if row.name in results):
            line, pick = row.staircase(x.dtype.type), row.output.picks[0]
            for sharpness, expected in zip(k, results[row.name], strict=True):
                sharpness = np.float64(sharpness)
                regime = line.regimes[sum(not sharpness < bound for bound in line.bounds)]
                constants = regime.constants(sharpness)
                got = [regime.point(each, constants)[pick] for each in x]
                assert got == expected.tolist(), (row.name, sharpness, got, expected)
    """
    run(code, RESULTS=str(tmp_path / "results.npz"), NUMBA_DISABLE_JIT="1")


@precisions
@pytest.mark.parametrize("k", [*SHARPNESSES, np.inf])
def test_rounding_is_odd_to_the_bit(real: Any, k: float) -> None:
    x = np.concatenate([_numbers(real, 2000), np.array([0.0, -0.0, np.inf, 0.5, 1.5], real)])
    for name in ("sigmoid_round", "density_round"):
        for suffix, parity in (("", -1), ("_grad", 1), ("_grad_k", -1)):
            function = getattr(fr, name + suffix)
            np.testing.assert_array_equal(function(-x, real(k)), parity * function(x, real(k)))
    both_zeros = np.array([0.0, -0.0], real)
    assert np.signbit(fr.sigmoid_round(both_zeros, real(k))).tolist() == [False, True]
    for method in ("sigmoid", "density"):
        floor, ceil = getattr(fr, f"{method}_floor"), getattr(fr, f"{method}_ceil")
        np.testing.assert_array_equal(ceil(-x, real(k)), -floor(x, real(k)))


@precisions
@pytest.mark.parametrize("k", [*SHARPNESSES, np.inf])
def test_floor_and_ceil_are_shifted_rounding(real: Any, k: float) -> None:
    # Multiples of 2^-10, so that x ± ½ is exact.
    x = (np.arange(-5000, 5000) / 1024).astype(real)
    for method, suffix in itertools.product(("sigmoid", "density"), ("", "_grad", "_grad_k")):
        around = getattr(fr, f"{method}_round{suffix}")
        half = real(0.5)
        np.testing.assert_array_equal(getattr(fr, f"{method}_floor{suffix}")(x, real(k)), around(x - half, real(k)))
        np.testing.assert_array_equal(getattr(fr, f"{method}_ceil{suffix}")(x, real(k)), around(x + half, real(k)))


@precisions
@pytest.mark.parametrize("k", SHARPNESSES)
def test_translation_by_integers(real: Any, k: float) -> None:
    # Multiples of 2^-10 below 2^12, so that x + n is exact.
    x = (np.random.default_rng(0).integers(-1024, 1024, 2000) / 1024).astype(real)
    for name, n in itertools.product(("sigmoid_round", "density_round", "sigmoid_floor", "density_ceil"), (1, 2, 777)):
        function, gradient = getattr(fr, name), getattr(fr, f"{name}_grad")
        there, here = function(x + real(n), real(k)), function(x, real(k))
        # The two are rounded to numbers of different size.
        assert np.all(np.abs(there - (here + real(n))) <= np.spacing(np.maximum(np.abs(there), np.abs(here))))
        np.testing.assert_array_equal(gradient(x + real(n), real(k)), gradient(x, real(k)))


@precisions
@pytest.mark.parametrize("k", SHARPNESSES)
def test_monotone(real: Any, k: float) -> None:
    grid = np.linspace(-2.5, 2.5, 20001).astype(real)
    for function in FUNCTIONS:
        assert np.all(np.diff(getattr(fr, function.name)(grid, real(k))) >= 0), function.name
        assert np.all(getattr(fr, f"{function.name}_grad")(grid, real(k)) >= 0), function.name


@functions
@precisions
def test_two_outputs_are_those_of_two_calls(function: Function, real: Any) -> None:
    x = _numbers(real, 3000)
    for k in (*SHARPNESSES, np.inf):
        y, dy = getattr(fr, f"{function.name}_value_and_grad")(x, real(k))
        np.testing.assert_array_equal(y, getattr(fr, function.name)(x, real(k)))
        np.testing.assert_array_equal(dy, getattr(fr, f"{function.name}_grad")(x, real(k)))


@functions
@precisions
def test_an_array_of_sharpnesses_gives_what_each_alone_gives(function: Function, real: Any) -> None:
    rng = np.random.default_rng(2)
    x = _numbers(real, 150)
    k = np.concatenate([10.0 ** rng.uniform(-3, 6, x.size - 4), [0.0, np.inf, 5.5, 48.0]]).astype(real)
    for suffix in ("_value_and_grad", "_grad_k"):
        ufunc = getattr(fr, function.name + suffix)
        alone = np.array([ufunc(a, b) for a, b in zip(x, k, strict=True)])
        np.testing.assert_array_equal(np.transpose(ufunc(x, k)), alone)


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.output.suffix in ("_grad", "_grad_k")])
@settings(max_examples=100, deadline=None)
@given(x=st.floats(-50, 50), k=st.floats(0.5, 50))
def test_gradients_are_differences_of_the_reference(name: str, x: float, k: float) -> None:
    value = getattr(reference, name.partition("_grad")[0])
    h = 1e-5
    # Two step widths tell how good the difference itself is.
    if name.endswith("_grad"):
        coarse, fine = ((value(x + s, k) - value(x - s, k)) / (2 * s) for s in (h, h / 2))
    else:
        coarse, fine = ((value(x, k + s) - value(x, k - s)) / (2 * s) for s in (h, h / 2))
    tolerance = 2 * abs(coarse - fine) + 1e-8 * (1 + k)
    assert abs(float(getattr(fr, name)(x, k)) - fine) <= tolerance


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_within_a_few_ulp_of_the_reference(row: Any) -> None:
    if row.nout == 2:
        return
    bound = BOUNDS[row.output.suffix]
    x = _numbers(np.float64, 60)
    for k in (0.0, 0.7, 4.0, 12.0, 90.0, 1e4, np.inf):
        expected = np.array([getattr(reference, row.name)(a, k) for a in x.tolist()])
        got = getattr(fr, row.name)(x, k)
        scale = np.abs(expected) if row.output.suffix != "_grad_k" else np.maximum(np.abs(expected).max(), 2.3e-16)
        tolerance = 2 * bound * np.spacing(np.maximum(scale, 1e-307))
        assert np.all(np.abs(got - expected) <= tolerance), k
