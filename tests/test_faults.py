"""Bad input, odd numbers, odd states of the processor, long use: nothing crashes, leaks or goes wrong in silence."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from processes import compile_ahead, run

import fastround as fr
from fastround import ufuncs
from fastround.kernels.windowed import windowed

NAMES = ("sigmoid_round", "density_floor_value_and_grad", "sigmoid_ceil_grad_k")
_LINUX = sys.platform.startswith("linux")

samples = pytest.mark.parametrize("name", NAMES)
precisions = pytest.mark.parametrize("real", [np.float16, np.float32, np.float64], ids=lambda real: real.__name__)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kinds = itertools.product(NAMES, ("float16", "float32", "float64"), ("", ".varying"))
    compile_ahead(f"{name}.{real}{kind}" for name, real, kind in kinds)


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


# --- Numbers ------------------------------------------------------------------------------------------------------


@samples
@precisions
def test_signalling_nan_is_quiet(name: str, real: Any) -> None:
    """In either operand and every lane of a vector and its remainder: nan there, and no error anywhere."""
    ufunc, n, bits = getattr(fr, name), 37, f"u{np.dtype(real).itemsize}"
    signalling = np.array(np.inf, real).view(bits) + np.array(1, bits)
    x, k = np.linspace(-3, 3, n).astype(real), np.linspace(0.3, 60, n).astype(real)
    expected = outputs(ufunc(x, k))
    for operand, lane in itertools.product((0, 1), range(n)):
        operands = [x.copy(), k.copy()]
        operands[operand].view(bits)[lane] = signalling
        with np.errstate(all="raise"):
            result = outputs(ufunc(*operands))
        for y, plain in zip(result, expected, strict=True):
            assert np.isnan(y[lane])
            others = np.arange(n) != lane
            np.testing.assert_array_equal(y[others], plain[others])


@contextmanager
def flushing_subnormals() -> Iterator[None]:
    """Subnormal numbers count as 0, as after loading a library that was compiled with `-ffast-math`."""
    mathematics = ctypes.CDLL(ctypes.util.find_library("m"))
    before = (ctypes.c_uint32 * 16)()
    assert mathematics.fegetenv(before) == 0
    changed = (ctypes.c_uint32 * 16)(*before)
    # Flush-to-zero and denormals-are-zero of MXCSR, or flush-to-zero of FPCR.
    place, flags = (7, 0x8040) if platform.machine() == "x86_64" else (0, 1 << 24)
    changed[place] |= flags
    mathematics.fesetenv(changed)
    try:
        yield
        mathematics.fegetenv(changed)
        assert changed[place] & flags == flags
    finally:
        mathematics.fesetenv(before)


@pytest.mark.skipif(not _LINUX or platform.machine() not in ("x86_64", "aarch64"), reason="no known way to flush")
@samples
@pytest.mark.parametrize("size", [100, 100_000])
def test_the_treatment_of_subnormal_numbers_is_of_no_concern(name: str, size: int) -> None:
    """Which another library may have left in another state than the usual."""
    ufunc = getattr(fr, name)
    x = np.random.default_rng(0).normal(scale=2, size=size) * np.repeat([1, 1e-308], size // 2)
    for k in (np.float64(5e-324), np.float64(1.5), np.float64(1400)):
        expected, got = (tuple(np.empty(size) for _ in range(ufunc.nout)) for _ in range(2))
        ufunc(x, k, out=expected)
        with flushing_subnormals():
            ufunc(x, k, out=got)
            zero = np.float64(5e-324) * 1.0 == 0
        assert zero
        for y, plain in zip(got, expected, strict=True):
            np.testing.assert_array_equal(y.view(np.uint64), plain.view(np.uint64))


def meets_subnormals(call: Callable[..., None], *operands: Any) -> bool:
    """Whether it computes with subnormal numbers, which takes tens of times as long: a flag of MXCSR tells."""
    mathematics = ctypes.CDLL(ctypes.util.find_library("m"))
    before = (ctypes.c_uint32 * 16)()
    assert mathematics.fegetenv(before) == 0
    environment = (ctypes.c_uint32 * 16)(*before)
    environment[7] &= ~2
    mathematics.fesetenv(environment)
    call(*operands)
    mathematics.fegetenv(environment)
    mathematics.fesetenv(before)
    return bool(environment[7] & 2)


_SLOTS = {slot.name: slot for slot in ufuncs._slots}
_INFINITE = [
    pytest.param(f"{method}_{place}{suffix}", real, marks=() if suffix in chosen else pytest.mark.long)
    for method in ("sigmoid", "density")
    for place, chosen in (("round", ("", "_grad_k")), ("floor", ("_grad",)), ("ceil", ()))
    for suffix in ("", "_grad", "_grad_k")
    for real in (np.float32, np.float64)
]


@pytest.mark.skipif(not _LINUX or platform.machine() != "x86_64", reason="no flag that is known")
@pytest.mark.parametrize(("name", "real"), _INFINITE)
def test_normal_numbers_make_no_subnormal_ones(name: str, real: Any) -> None:
    """The time does not depend on the magnitude of x, nor on k, where x and the results are normal numbers."""
    slot, limits, ufunc = _SLOTS[f"{name}.{real.__name__}"], np.finfo(real), getattr(fr, name)
    ufunc(np.ones(10, real), real(1))
    loop = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(slot.data[0])
    bounds = np.array(slot.ufunc.staircase(real).bounds, real)
    bounds = np.append(bounds, np.nextafter(bounds, real(0)))
    sharpnesses = np.concatenate([np.geomspace(1e-3, 1e6, 45), np.geomspace(1e7, 1e38, 15), bounds])
    # The distance to a step has a small factor in ∂/∂k.
    least = limits.minexp + (40 if name.endswith(("floor_grad_k", "ceil_grad_k")) else 0)
    x = _of_all_magnitudes(real, least)

    def meets(x: Any, k: Any) -> bool:
        return meets_subnormals(_call_directly, loop, x, k)

    assert meets(np.full(32, limits.tiny / 2), real(1))
    for k in map(real, sharpnesses):
        for row, result in zip(x, ufunc(x, k), strict=True):
            kept = row[(abs(result) >= limits.tiny) | (row == np.rint(2 * row) / 2)]
            assert not meets(kept, k), (k, kept)


def _of_all_magnitudes(real: Any, least: int) -> Any:
    """Rows of numbers from 2^least on, and one of integers and half-integers."""
    x = np.random.default_rng(0).uniform(1, 2, (50, 32)).astype(real)
    x = np.ldexp(x, np.linspace(least, 25, 50).astype(int)[:, None])
    return np.append(x, np.arange(64, dtype=real).reshape(2, 32) / 2, axis=0)


def _call_directly(loop: Any, x: Any, *others: Any) -> None:
    """Call a uniform loop, as ufuncs leave flags as they were."""
    operands = x, *(np.array([each]) for each in others), np.empty_like(x)
    args = (ctypes.c_void_p * len(operands))(*(operand.ctypes.data for operand in operands))
    dims = (ctypes.c_ssize_t * 1)(x.size)
    steps = (ctypes.c_ssize_t * len(operands))(x.itemsize, *[0] * len(others), x.itemsize)
    loop(args, dims, steps, (ctypes.c_ssize_t * 4)())


@pytest.mark.skipif(not _LINUX or platform.machine() != "x86_64", reason="no flag that is known")
@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("suffix", ["", "_grad", "_grad_k"])
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_windows_of_few_distances_make_no_subnormal_numbers(method: str, suffix: str, real: Any) -> None:
    """The same, in their own regime."""
    name, limits = f"{method}_round_windowed{suffix}", np.finfo(real)
    parts = windowed(method, real, (2,) if suffix == "_grad_k" else (0, 1))
    ufunc, x = getattr(fr, name), _of_all_magnitudes(real, limits.minexp)
    ufunc(x[0], real(1), 1)
    loop = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(_SLOTS[f"{name}.{real.__name__}"].data[0])
    for radius in (1, 2, 3, 4, 5):
        # Where they become as the infinite sum.
        end = (parts.nearer + (parts.nearer**2 + 80 * radius) ** 0.5) / (2 * radius)
        for k in np.geomspace(parts.few, max(parts.few, 0.9999 * end), 12).astype(real):
            for row, result in zip(x, ufunc(x, k, radius), strict=True):
                kept = row[(abs(result) >= limits.tiny) | (row == np.rint(2 * row) / 2)]
                if kept.size:
                    assert not meets_subnormals(_call_directly, loop, kept, k, radius), (k, radius, kept)


# --- Bad input ----------------------------------------------------------------------------------------------------

_X = np.linspace(-1, 1, 5)

BAD: dict[str, Callable[[Any], Any]] = {
    "no operands": lambda f: f(),
    "one operand": lambda f: f(_X),
    "too many operands": lambda f: f(*[_X] * 8),
    "an unknown keyword": lambda f: f(_X, 1.0, radius=3),
    "k by name": lambda f: f(_X, k=1.0),
    "complex": lambda f: f(_X + 1j, 1.0),
    "complex k": lambda f: f(_X, 1j),
    "a string": lambda f: f("1", 1.0),
    "an array of strings": lambda f: f(np.array(["1"]), 1.0),
    "None": lambda f: f(None, 1.0),
    "a date": lambda f: f(np.datetime64("2020-01-01"), 1.0),
    "a record": lambda f: f(np.zeros(2, [("a", float)]), 1.0),
    "an array of objects": lambda f: f(np.array(["a"], object), 1.0),
    "out of integers": lambda f: f(_X, 1.0, out=tuple(np.empty(5, int) for _ in range(f.nout))),
    "a strided out of integers": lambda f: f(_X, 1.0, out=tuple(np.empty(10, int)[::2] for _ in range(f.nout))),
    "out of another shape": lambda f: f(_X, 1.0, out=tuple(np.empty(4) for _ in range(f.nout))),
    "out that is no array": lambda f: f(_X, 1.0, out=tuple([0.0] * 5 for _ in range(f.nout))),
    "too many outs": lambda f: f(_X, 1.0, out=tuple(np.empty(5) for _ in range(f.nout + 1))),
    "shapes that do not match": lambda f: f(_X, np.ones(3)),
    "an unknown dtype": lambda f: f(_X, 1.0, dtype="c16"),
    "unsafe casting": lambda f: f(_X, 1.0, dtype="f4", casting="safe"),
    "an unknown casting": lambda f: f(_X, 1.0, casting="wild"),
    "a where of numbers": lambda f: f(_X, 1.0, where=_X, out=tuple(np.empty(5) for _ in range(f.nout))),
    "an unknown order": lambda f: f(_X, 1.0, order="Z"),
    "an unknown signature": lambda f: f(_X, 1.0, signature="FF->" + "F" * f.nout),
    "an unhashable signature": lambda f: f(_X, 1.0, signature=[1]),
}


@samples
@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_bad_input_fails_as_with_functions_of_numpy(name: str, call: Callable[[Any], Any]) -> None:
    """With the same kind of error, and a message that names the function where NumPy's does."""
    ufunc = getattr(fr, name)
    with pytest.raises((TypeError, ValueError)) as theirs:
        call(np.logaddexp)
    with pytest.raises(theirs.type) as ours:
        call(ufunc)
    assert ("logaddexp" in str(theirs.value)) <= (name in str(ours.value))


@samples
def test_a_negative_sharpness_raises_if_it_is_to(name: str) -> None:
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match=f"invalid value encountered in {name}"):
        getattr(fr, name)(_X, -1.0)


# --- Any input ----------------------------------------------------------------------------------------------------

_dtypes = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(sizes=(64, 128)),
    npst.datetime64_dtypes(),
    npst.unicode_string_dtypes(max_len=3),
)
_shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
_arrays = npst.arrays(_dtypes, _shapes)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=2),
    st.binary(max_size=2),
    st.fractions(),
    st.decimals(),
)
_operands = st.one_of(_arrays, _scalars, st.lists(_scalars, max_size=3), st.lists(st.floats(), max_size=3))
_keywords = st.fixed_dictionaries(
    {},
    optional={
        "where": st.booleans() | npst.arrays(bool, _shapes),
        "dtype": st.sampled_from(["e", "f", "d", "i", "D", None, "nothing"]),
        "casting": st.sampled_from(["no", "equiv", "safe", "same_kind", "unsafe", "other"]),
        "order": st.sampled_from(["C", "F", "A", "K", "B"]),
        "subok": st.booleans(),
        "k": st.just(1.0),
    },
)


def _outcome(ufunc: Any, operands: list[Any], keywords: dict[str, Any]) -> Any:
    try:
        with np.errstate(all="ignore"):
            result = ufunc(*operands, **keywords)
    except Exception as error:
        return type(error)
    return [(type(y), np.asarray(y).dtype, np.shape(y)) for y in outputs(result)]


def _check_any_input(operands: list[Any], keywords: dict[str, Any]) -> None:
    # It has the same loops, and one for long double, which is not among the operands.
    assert _outcome(fr.sigmoid_round, operands, keywords) == _outcome(np.logaddexp, operands, keywords)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(operands=st.lists(_operands, min_size=1, max_size=3), keywords=_keywords)
def test_any_input_has_the_outcome_of_a_function_of_numpy(operands: list[Any], keywords: dict[str, Any]) -> None:
    """A result of the same type, dtype and shape, or the same kind of error."""
    _check_any_input(operands, keywords)


@pytest.mark.long
@settings(max_examples=30_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(operands=st.lists(_operands, min_size=1, max_size=4), keywords=_keywords)
def test_much_input_has_the_outcome_of_a_function_of_numpy(operands: list[Any], keywords: dict[str, Any]) -> None:
    """The same for some minutes."""
    _check_any_input(operands, keywords)


# --- Memory -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not _LINUX, reason="memory is measured as Linux does")
def test_calls_leak_no_memory() -> None:
    """A hundred thousand calls of each kind, errors and warnings included."""
    code = """
import os, warnings
import numpy as np, fastround as fr
warnings.simplefilter("ignore")
x, k, out = np.linspace(-3, 3, 40), np.linspace(1, 9, 40), np.empty(40)
large = np.zeros(40_000)
def fails():
    try:
        fr.sigmoid_round("x", 1.0)
    except TypeError:
        pass
calls = {
    100_000: [
        lambda: fr.sigmoid_round(x, k),
        lambda: fr.sigmoid_round(x[::-2], 10.0, out=out[::2]),
        lambda: fr.sigmoid_round(0.3, 10.0),
        lambda: fr.sigmoid_round(x, -1.0),
        lambda: fr.density_floor_value_and_grad(x, 10.0),
        fails,
    ],
    5_000: [lambda: fr.sigmoid_round(large, 10.0, out=large)],
}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for count, functions in calls.items():
    for function in functions:
        for _ in range(count // 10):
            function()
        before = resident()
        for _ in range(count):
            function()
        assert resident() - before < 2**20, resident() - before
"""
    run(code)


@pytest.mark.large
@pytest.mark.parametrize("varying", [False, True], ids=["one k", "many k"])
def test_more_elements_than_an_int_counts(varying: bool) -> None:
    """In place, shared among threads, in float16 for the sake of memory."""
    n, pattern = 2**31 + 12345, np.linspace(-8, 8, 2**20, dtype=np.float16)
    if _LINUX:
        with open("/proc/meminfo") as file:
            available = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
        if available < (n * (4 if varying else 2)) / 1000 + 2**20:
            pytest.skip("there is too little memory")
    x = np.empty(n, np.float16)
    for start in range(0, n, pattern.size):
        x[start : start + pattern.size] = pattern[: n - start]
    k = np.full(n if varying else 1, 7, np.float16)
    # Too short runs of equal ones for a call each.
    k[1 :: 2**14] = 8
    expected = fr.sigmoid_round(pattern, k[: pattern.size])
    fr.sigmoid_round(x, k, out=x)
    for start in range(0, n, pattern.size):
        np.testing.assert_array_equal(x[start : start + pattern.size], expected[: n - start])
