"""Calls on arrays of rows: as NumPy would make them, but computed row by row where the rows are."""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import compile_ahead, run

import fastround as fr
from fastround import entry, threads, ufuncs

# Those over windows that take arrays of k are compiled for test_windows.py as well.
SAMPLES = (
    ("sigmoid_round", np.float64),
    ("density_floor_value_and_grad", np.float32),
    ("sigmoid_ceil_grad_k", np.float64),
    ("density_round", np.float16),
    ("density_round_windowed", np.float32),
    ("sigmoid_round_windowed_grad_k", np.float64),
    ("sigmoid_round_windowed", np.float16),
    ("density_round_windowed_value_and_grad", np.float64),
)
NAMES = [name for name, _ in SAMPLES]
every_sample = pytest.mark.parametrize(("name", "real"), SAMPLES, ids=NAMES)
with_arrays = pytest.mark.parametrize(("name", "real"), SAMPLES[:6], ids=NAMES[:6])

# Layouts of arrays that NumPy would go through piece by piece, as views of larger ones that are contiguous.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "every second": lambda a: a[::2, ::2],
    "half of each row": lambda a: a[:, :200],
    "without margins": lambda a: a[1:-1, 1:-1],
    "reversed": lambda a: a[::-1, 400::-2],
    "columns": lambda a: a[:, :200].T,
    "Fortran order": lambda a: np.asfortranarray(a)[3:-3, ::2],
    "stack": lambda a: a.reshape(3, 300, 301)[:, 5:-5, ::2],
    "small images": lambda a: a.reshape(100, 7, 387)[:, 1:-1, 1:-1],
    "channels last": lambda a: a.reshape(300, 301, 3)[:, 1:-1],
    "four axes": lambda a: a.reshape(4, 75, 7, 129)[1:, :, ::2, 2:].transpose(2, 0, 3, 1),
    "few long rows": lambda a: a.reshape(3, 90300)[:, 7:],
    "one long row": lambda a: a.reshape(2, 3, 45150)[:1, 1:, 100:],
}
every_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    names = [f"{name}.{real.__name__}" for name, real in SAMPLES]
    infinite = [name.replace("_windowed", "") for name in names]
    compile_ahead([*names, *infinite, *(f"{name}.varying" for name in names[:6] + infinite[:6])])
    for name, real in SAMPLES:
        # Rows are computed by loops that are in use.
        for k in (10.0, np.inf):
            getattr(fr, name)(real(0.3), real(k), *radius_of(name))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which functions computed rows, one after the other."""
    calls: list[str] = []

    def noting(name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            calls.append(name)
            return function(*arguments)

        return call

    for name, each in ufuncs._functions.items():
        monkeypatch.setitem(ufuncs._functions, name, noting(name, each))
    return calls


def radius_of(name: str) -> tuple[int, ...]:
    return (5,) * ("windowed" in name)


def positions(real: Any) -> Any:
    """A matrix of 300 rows, whose rows have 903 numbers."""
    return np.random.default_rng(0).uniform(-3, 3, (300, 903)).astype(real)


def enough(x: Any) -> bool:
    """Whether there are as many bytes as is worth it."""
    return bool(x.nbytes >= 2**18)


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def strides(array: Any) -> list[int]:
    """Those that mean something."""
    return [step for n, step in zip(array.shape, array.strides, strict=True) if n > 1]


def assert_same(result: Any, expected: Any) -> None:
    """Alike in number, type, shape, strides and every bit."""
    assert type(result) is type(expected)
    for got, want in zip(outputs(result), outputs(expected), strict=True):
        assert (type(got), got.dtype, got.shape) == (type(want), want.dtype, want.shape)
        assert strides(got) == strides(want)
        np.testing.assert_array_equal(got.view(f"u{got.itemsize}"), want.view(f"u{want.itemsize}"))


def by_numpy(function: Any, *operands: Any, **others: Any) -> Any:
    """The call as NumPy makes it, to which unusual arguments are left."""
    return function(*operands, order="K", **others)


@every_sample
@every_view
def test_rows_are_computed_as_by_numpy(name: str, real: Any, view: Any, taken: list[str]) -> None:
    function, x = getattr(fr, name), view(positions(real))
    for k in (2, 10.0, real(7.5), np.array(300.0, real), np.inf, 0.0):
        assert_same(function(x, k, *radius_of(name)), by_numpy(function, x, k, *radius_of(name)))
    assert len(taken) >= 6 * enough(x)
    assert set(taken) <= {entry.NAME if max(x.shape) > threads.THRESHOLD else entry.ROWS}


@with_arrays
@every_view
def test_a_sharpness_for_each_row(name: str, real: Any, view: Any, taken: list[str]) -> None:
    function, x = getattr(fr, name), view(positions(real))
    # All but the innermost axis, and only the outermost.
    innermost = int(np.argmin(np.abs(x.strides)))
    outermost = int(np.argmax(np.abs(x.strides)))
    for varying in ({*range(x.ndim)} - {innermost}, {outermost}):
        shape = [n if axis in varying else 1 for axis, n in enumerate(x.shape)]
        k = np.exp(np.random.default_rng(1).uniform(-2, 8, shape)).astype(real)
        for each in (k, np.repeat(k, 2, 0)[::2], np.broadcast_to(k, x.shape)):
            assert_same(function(x, each, *radius_of(name)), by_numpy(function, x, each, *radius_of(name)))
    assert bool(taken) == enough(x)


@with_arrays
@every_view
def test_a_sharpness_for_each_element(name: str, real: Any, view: Any, taken: list[str]) -> None:
    function, x = getattr(fr, name), view(positions(real))
    k = np.exp(view(np.random.default_rng(1).uniform(-2, 8, (300, 903)))).astype(real)
    # For each of the innermost axis too, and of a part of the array.
    innermost = int(np.argmin(np.abs(x.strides)))
    columns = k[tuple(slice(None) if axis == innermost else slice(1) for axis in range(x.ndim))]
    few = (slice(0, 2),) * x.ndim
    for each in (k, columns):
        # NumPy's call is the first, so that the loops are there.
        by_numpy(function, x[few], each[few], *radius_of(name))
        by_numpy(function, x[few], each[few], *(0,) * len(radius_of(name)))
        assert_same(function(x, each, *radius_of(name)), by_numpy(function, x, each, *radius_of(name)))
    n = x.shape[innermost]
    assert bool(taken) == (enough(x) and n < threads.THRESHOLD) or n < 128


def test_negative_sharpness_of_an_element_is_an_invalid_value(taken: list[str]) -> None:
    x, k = positions(np.float64)[:, 1:], np.full((300, 902), 10.0)
    k[7, 100] = -1
    fr.sigmoid_round(x, np.abs(k))
    with pytest.warns(RuntimeWarning, match="invalid value encountered in sigmoid_round") as caught:
        result = fr.sigmoid_round(x, k)
    assert (len(caught), caught[0].filename) == (1, __file__)
    np.testing.assert_array_equal(np.argwhere(np.isnan(result)), [[7, 100]])
    # Not in the place of x, which NumPy would then need again.
    expected = np.where(k < 0, np.nan, result)
    del taken[:]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(fr.sigmoid_round(x, k, out=x), expected)
    assert taken == []


@with_arrays
def test_short_rows_are_taken_by_columns(name: str, real: Any, taken: list[str]) -> None:
    function, x = getattr(fr, name), positions(real)
    for width in (3, 7, 21):
        rows, k = x.reshape(-1, width), np.linspace(0.1, 30, width).astype(real)
        cut = ((rows[:, 1:], 10.0), (rows[:, ::-2], k[::-2]))
        for operands in ((rows, k), (rows[::-1], k), *cut, (rows.T, k[:, None])):
            expected = by_numpy(function, *operands, *radius_of(name))
            assert_same(function(*operands, *radius_of(name)), expected)
    stack = x.reshape(300, 301, 3)[:, ::2, ::2]
    for each in (10.0, np.array([8, 100], real), np.linspace(1, 100, 300).astype(real)[:, None, None]):
        assert_same(function(stack, each, *radius_of(name)), by_numpy(function, stack, each, *radius_of(name)))
    # In two parts, if the columns leave some rows, and not at all if rows have too many bytes.
    assert taken == [entry.ROWS] * len(taken)
    assert len(taken) >= 3 * 5 * enough(x[:, 1:])


@pytest.mark.parametrize(("name", "real"), SAMPLES[4:6], ids=NAMES[4:6])
def test_a_window_for_each_row(name: str, real: Any, taken: list[str]) -> None:
    """Some of them as the infinite sum, some of radius 0."""
    function, x = getattr(fr, name), positions(real)
    k, radius = np.exp(np.linspace(-2, 8, 300)).astype(real)[:, None], np.arange(300)[:, None] % 17
    by_columns = (x.reshape(-1, 3), k[100:103, 0], radius[:3, 0])
    for operands in ((x, k, radius), (x, 2.0, radius), (x, k, 3), (x[:, ::2], k[::-1], radius), by_columns):
        assert_same(function(*operands), by_numpy(function, *operands))
    assert len(taken) >= 5
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        function(x, k, -radius)
    # Other types of integers, and numbers that are none, are left to NumPy.
    del taken[:]
    for each in (radius.astype(np.int32), np.int8(3)):
        assert_same(function(x, k, each), by_numpy(function, x, k, each))
    with pytest.raises(TypeError):
        function(x, k, 3.0)
    assert taken == []


def test_the_order_of_results_is_numpys(taken: list[str]) -> None:
    """Where neither that of x nor that of the sharpness is C's."""
    x = positions(np.float64).reshape(30, 10, 903).transpose(2, 0, 1)[1:]
    k = np.linspace(1, 20, 300)
    for each in (k.reshape(30, 10), k.reshape(10, 30).T, np.asfortranarray(k.reshape(1, 30, 10)), k[:30, None], k[:10]):
        assert_same(fr.sigmoid_round(x, each), by_numpy(fr.sigmoid_round, x, each))
    assert len(taken) == 3


def test_a_sharpness_for_each_row_of_one_piece(taken: list[str]) -> None:
    x, k = positions(np.float64), np.linspace(0.1, 30, 300)
    for operands in ((x, k[:, None]), (x.reshape(3, 100, 903), k.reshape(3, 100, 1)), (x.T, k)):
        assert_same(fr.sigmoid_round(*operands), by_numpy(fr.sigmoid_round, *operands))
    assert taken == [entry.ROWS] * 3


@st.composite
def views(draw: Any) -> Any:
    """Any view of up to four axes, and a sharpness for it."""
    ndim = draw(st.integers(2, 4))
    # Enough elements for the least of these lengths.
    lengths = draw(st.lists(st.integers(1, 5), min_size=ndim - 2, max_size=ndim - 2))
    lengths += [draw(st.integers(30, 70)), draw(st.integers(1200, 1300))]
    lengths = draw(st.permutations(lengths))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, -1, -2]), min_size=ndim, max_size=ndim))
    margins = draw(st.lists(st.integers(0, 3), min_size=ndim, max_size=ndim))
    whole = [n * abs(step) + margin for n, step, margin in zip(lengths, steps, margins, strict=True)]
    x = np.random.default_rng(0).uniform(-3, 3, whole)
    cut = [slice(None, None, step) for step in steps]
    x = x[tuple(cut)][tuple(slice(0, n) for n in lengths)].transpose(draw(st.permutations(range(ndim))))
    varying = draw(st.lists(st.booleans(), min_size=ndim, max_size=ndim))
    k_shape = [n if varies else 1 for n, varies in zip(x.shape, varying, strict=True)]
    if np.prod(k_shape) * 30 > x.size:
        k_shape = [1] * ndim
    k_shape = k_shape[draw(st.integers(0, k_shape.index(max(k_shape)))) :]
    k = np.exp(np.random.default_rng(1).uniform(-2, 8, k_shape))
    return x, draw(st.sampled_from([k, 10.0, 1]))


@settings(max_examples=100, deadline=None)
@given(operands=views())
def test_any_view_is_computed_as_by_numpy(operands: Any) -> None:
    assert_same(fr.sigmoid_round(*operands), by_numpy(fr.sigmoid_round, *operands))


@every_sample
@every_view
def test_results_may_have_a_place(name: str, real: Any, view: Any, taken: list[str]) -> None:
    function, x = getattr(fr, name), view(positions(real))
    expected = by_numpy(function, x, 10.0, *radius_of(name))
    count = len(outputs(expected))
    makers = (
        lambda: np.empty_like(x),
        lambda: np.empty(x.shape, real),
        lambda: np.empty(x.shape, real, "F"),
        lambda: view(positions(real)),
        lambda: np.empty((*x.shape, 2), real)[..., 1],
    )
    for make, positional in itertools.product(makers, (False, True)):
        places = tuple(make() for _ in range(count))
        if positional:
            result = function(x, 10.0, *radius_of(name), *places)
        else:
            result = function(x, 10.0, *radius_of(name), out=places if count > 1 else places[0])
        for got, place, want in zip(outputs(result), places, outputs(expected), strict=True):
            assert got is place
            np.testing.assert_array_equal(got, want)
    assert bool(taken) == enough(x)


@every_view
def test_results_may_take_the_place_of_x(view: Any, taken: list[str]) -> None:
    x = view(positions(np.float64))
    expected = by_numpy(fr.sigmoid_round, x, 10.0)
    result = fr.sigmoid_round(x, 10.0, out=x)
    assert result is x
    np.testing.assert_array_equal(result, expected)
    assert taken


def test_what_overlaps_is_left_to_numpy(taken: list[str]) -> None:
    """And computed as if nothing did."""
    inside = (slice(1, -1), slice(1, -1))
    for moved in ((slice(0, -2), slice(1, -1)), (slice(2, None), slice(0, -2))):
        a = positions(np.float64)
        expected = by_numpy(fr.sigmoid_round, a[inside].copy(), 10.0)
        np.testing.assert_array_equal(fr.sigmoid_round(a[inside], 10.0, out=a[moved]), expected)
    # A column of the result, as the sharpness.
    a = np.abs(positions(np.float64))
    expected = by_numpy(fr.sigmoid_round, a[:, 1:].copy(), a[:, :1].copy())
    np.testing.assert_array_equal(fr.sigmoid_round(a[:, 1:], a[:, :1], out=a[:, :-1]), expected)
    # The result in the place of the sharpnesses, some of which are negative: NumPy would need them again.
    x = positions(np.float64)[:, 1:]
    k = np.linspace(-1, 20, x.size).reshape(x.shape)
    by_numpy(fr.sigmoid_round, x, np.abs(k))
    with np.errstate(invalid="ignore"):
        expected = by_numpy(fr.sigmoid_round, x, k)
        np.testing.assert_array_equal(fr.sigmoid_round(x, k, out=k), expected)
    # Two results at one place.
    x = positions(np.float32)[:, 1:]
    y = np.empty(x.shape, np.float32)
    fr.density_floor_value_and_grad(x, 10.0, out=(y, y))
    assert taken == []


def test_elements_of_a_result_that_share_a_place_are_left_to_numpy(taken: list[str]) -> None:
    x = positions(np.float64)[:, 1:]
    strided = np.lib.stride_tricks.as_strided(np.empty(300 + 902), x.shape, (8, 8))
    fr.sigmoid_round(x, 10.0, out=strided)
    assert taken == []


def _unaligned(x: Any) -> Any:
    room = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    room[...] = x
    return room


class _Subclass(np.ndarray[Any, Any]):
    pass


class _Number(np.float64):
    pass


UNUSUAL: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "other byte order": lambda x: (x.astype(">f8")[:, 1:], 10.0),
    "not aligned": lambda x: (_unaligned(x)[:, 1:], 10.0),
    "subclass": lambda x: (x.view(_Subclass)[:, 1:], 10.0),
    "masked": lambda x: (np.ma.masked_greater(x, 2.5)[:, 1:], 10.0),
    "integers": lambda x: (x.astype(np.int64)[:, 1:], 10.0),
    "narrower sharpness": lambda x: (x[:, 1:], np.float32(10)),
    "subclass of a number": lambda x: (x[:, 1:], _Number(10)),
    "wider sharpness": lambda x: (x.astype(np.float32)[:, 1:], np.float64(10)),
    "wide sharpnesses": lambda x: (x.astype(np.float32)[:, 1:], np.full((300, 1), 10.0)),
    "truth as sharpness": lambda x: (x[:, 1:], True),
    "list as sharpness": lambda x: (x[:, 1:], [[10.0]] * 300),
    "sharpness that is not aligned": lambda x: (x[:, 1:], _unaligned(np.full((300, 1), 10.0))),
    "nan as sharpness": lambda x: (x[:, 1:], np.nan),
    "repeated": lambda x: (np.broadcast_to(x.reshape(-1)[:40000], (4, 40000)), 10.0),
    "repeated columns": lambda x: (
        np.broadcast_to(x[:, None, :300], (300, 3, 300)),
        np.linspace(1, 20, 300)[:, None, None],
    ),
    "more axes of the sharpness": lambda x: (x[:, 1:], np.full((2, 300, 1), 10.0)),
    "longer axes of the sharpness": lambda x: (x[None, :, 1:], np.full((2, 1, 1), 9.0)),
    "one axis": lambda x: (x.reshape(1, -1)[:, ::2], 10.0),
    "rows neither short nor long": lambda x: (x.reshape(-1, 21)[:, 1:], 10.0),
    "a sharpness for each element of a whole array": lambda x: (x, np.linspace(1, 20, x.size).reshape(x.shape)),
    "a sharpness for each element of short rows": lambda x: (x.reshape(-1, 129)[:, 10:50], np.linspace(1, 20, 40)),
    "few elements": lambda x: (x[:30, 1:], 10.0),
}


@pytest.mark.parametrize("operands", UNUSUAL.values(), ids=UNUSUAL)
def test_the_unusual_is_left_to_numpy(operands: Callable[[Any], tuple[Any, ...]], taken: list[str]) -> None:
    x, k = operands(positions(np.float64))
    result, expected = fr.sigmoid_round(x, k), by_numpy(fr.sigmoid_round, x, k)
    assert type(result) is type(expected)
    assert (result.dtype, result.shape, result.strides) == (expected.dtype, expected.shape, expected.strides)
    np.testing.assert_array_equal(result, expected)
    assert taken == []


def test_keywords_are_numpys(taken: list[str]) -> None:
    x = positions(np.float64)[:, 1:]
    where, out = x > 0, np.zeros(x.shape)
    expected = np.where(where, by_numpy(fr.sigmoid_round, x, 10.0), 0)
    np.testing.assert_array_equal(fr.sigmoid_round(x, 10.0, out=out, where=where), expected)
    assert fr.sigmoid_round(x, 10.0, dtype=np.float32, casting="same_kind").dtype == np.float32
    assert fr.sigmoid_round(x, 10.0, order="F").flags.f_contiguous
    assert taken == []


def _outcome(function: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[type, str] | None:
    """The error, if there is one."""
    try:
        function(*positional, **named)
    except Exception as error:
        return type(error), str(error)
    return None


def test_operands_may_overrule_the_call() -> None:
    class Number(np.float64):
        def __array_ufunc__(self, *_: Any, **__: Any) -> str:
            return "overruled"

    result: Any = fr.sigmoid_round(positions(np.float64)[:, 1:], Number(10.0))
    assert result == "overruled"


@pytest.mark.parametrize(
    "arguments",
    [
        lambda x: ((x,), {}),
        lambda x: ((x, "sharp"), {}),
        lambda x: ((x, 10.0, x, x), {}),
        lambda x: ((x, 10.0), {"out": "there"}),
        lambda x: ((x, 10.0), {"out": np.empty((2, 2))}),
        lambda x: ((x, 10.0), {"out": np.empty(x.shape, np.int64)}),
        lambda x: ((x, 10.0), {"out": np.broadcast_to(np.empty((300, 1)), x.shape)}),
        lambda x: ((x, 10.0, np.empty(x.shape)), {"out": np.empty(x.shape)}),
        lambda x: ((x, 10.0), {"out": (np.empty(x.shape), np.empty(x.shape))}),
        lambda x: ((x, np.ones((300, 7))), {}),
        lambda x: ((x, 10.0), {"sharpness": 3}),
        lambda x: ((x, 10.0), {"out": 5}),
        lambda x: ((x, 10.0), {"out": ()}),
        lambda x: ((x, 10.0), {"out": (5, np.empty(x.shape))}),
        lambda x: ((x, 10.0, np.empty(x.shape), np.empty(x.shape), np.empty(x.shape)), {}),
        lambda x: ((x, 10.0, 5.0), {"out": np.empty((7, 7))}),
    ],
)
def test_errors_are_numpys(arguments: Any) -> None:
    x = positions(np.float64)[:, 1:]
    positional, named = arguments(x)
    functions = fr.sigmoid_round, fr.sigmoid_floor_value_and_grad, fr.sigmoid_round_windowed
    found = [_outcome(function, positional, named) for function in functions]
    assert found == [_outcome(function, positional, {**named, "order": "K"}) for function in functions]
    assert found[0]


@pytest.mark.parametrize("k", [-1.0, np.float64(-1), np.linspace(-1, 1, 300)[:, None]])
def test_negative_sharpness_is_an_invalid_value_where_the_call_is(k: Any, taken: list[str]) -> None:
    x = positions(np.float64)[:, 1:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(fr.sigmoid_round(x, k)[0]).all()
    assert [(str(each.message), each.filename) for each in caught] == [
        ("invalid value encountered in sigmoid_round", __file__)
    ]
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        fr.sigmoid_round(x, k)
    assert taken == []


def test_sharpness_beyond_the_type_overflows(taken: list[str]) -> None:
    x = positions(np.float32)[:, 1:]
    with pytest.warns(RuntimeWarning, match="overflow"):
        result = fr.sigmoid_round(x, 1e300)
    np.testing.assert_array_equal(result, by_numpy(fr.sigmoid_round, x, np.inf))
    assert taken == []


def test_nothing_is_kept() -> None:
    x, k = positions(np.float64)[:, 1:], np.linspace(1, 20, 300)[:, None]
    counted = (x, k, NotImplemented, fr.sigmoid_round)

    def calls() -> None:
        fr.sigmoid_round(x, k)
        fr.sigmoid_round(x, k, out=np.empty(x.shape))
        # Which is left to NumPy, by the function for rows.
        fr.sigmoid_round(x, np.nan)
        with pytest.raises(TypeError):
            fr.sigmoid_round(x, 10.0, out="there")

    calls()
    before = [sys.getrefcount(each) for each in counted]
    for _ in range(20):
        calls()
    assert [sys.getrefcount(each) for each in counted] == before


def test_threads_call_at_once() -> None:
    x, k = positions(np.float64)[:, 1:], np.linspace(1, 20, 300)[:, None]
    expected = by_numpy(fr.sigmoid_round, x, k)
    failures: list[int] = []

    def calls() -> None:
        for _ in range(30):
            if not np.array_equal(fr.sigmoid_round(x, k), expected):
                failures.append(1)

    workers = [threading.Thread(target=calls) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_rows_are_shared_among_threads(layer: str) -> None:
    """And by as many as there may be, however few rows there are."""
    printed = run(
        """
        import numba, numpy as np, fastround as fr
        x = np.random.default_rng(0).uniform(-3, 3, (300, 6020))
        fr.sigmoid_round(x[0], 10.0)
        for threads in (1, 2, 5):
            numba.set_num_threads(threads)
            for rows in (300, 100, 7, 5, 2):
                for part in (x[:rows, 1:], x.reshape(-1, 301, 100)[: 3 * rows, 1:, 3:]):
                    for k in (10.0, np.linspace(1, 30, len(part)).reshape(-1, *[1] * (part.ndim - 1))):
                        expected = fr.sigmoid_round(part, k, order="K")
                        assert np.array_equal(fr.sigmoid_round(part, k), expected)
        print(numba.threading_layer())
        """,
        NUMBA_NUM_THREADS="5",
        NUMBA_THREADING_LAYER=layer,
    )
    assert printed.split() == [layer]


def test_calls_at_the_very_end() -> None:
    """When Python has taken the contents of modules away."""
    printed = run(
        """
        import sys
        import numpy as np, fastround as fr
        x = np.random.default_rng(0).uniform(-3, 3, (300, 903))[:, 1:]
        fr.sigmoid_round(x, 10.0)
        class Late:
            def __init__(self):
                self.function, self.x, self.write = fr.sigmoid_round, x, sys.stdout.write
            def __del__(self):
                self.write(str(self.function(self.x, 10.0).shape))
        sys.late = Late()
        """
    )
    assert printed == "(300, 902)"


def test_rows_have_what_they_need_compiled() -> None:
    """And no loop for a sharpness of each element."""
    run(
        """
        import numpy as np, fastround as fr
        x = np.random.default_rng(0).uniform(-3, 3, (300, 903))[:, 1:]
        k = np.linspace(1, 20, 300)[:, None]
        # From a process's first call on.
        fr.density_round(0.3, 10.0)
        results, loops = [], {"density_round.float64"}
        calls = [(fr.sigmoid_floor, k), *((fr.sigmoid_round_windowed, each, 5) for each in (2.0, k, 1000.0))]
        needed = ["sigmoid_floor"], ["sigmoid_round_windowed"], ["sigmoid_round"], []
        for (function, *operands), names in zip(calls, needed, strict=True):
            results.append(function(x, *operands))
            loops.update(f"{name}.float64" for name in names)
            assert fr.ufuncs.compiled() == sorted(loops)
        for result, (function, k, *radius) in zip(results, calls, strict=True):
            for row, k_row, expected in zip(x, np.broadcast_to(k, (300, 1)), result):
                assert np.array_equal(function(row, k_row[0], *radius), expected)
        assert fr.ufuncs.compiled() == sorted(loops)
        """
    )
