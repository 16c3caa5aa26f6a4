"""The same names in nopython code, with the bits of the ufuncs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import cfunc, errors, float32, float64, guvectorize, njit, prange, types, vectorize
from processes import compile_ahead, run

import fastround as fr
from fastround.table import UFUNCS, Ufunc

# Those over windows, of three operands, are in test_windows.py.
ROWS = [row for row in UFUNCS if not row.function.windowed]
X = np.linspace(-3, 3, 60).reshape(5, 12)
NUMBERS = [-np.inf, -1e6 - 0.25, -2.5, -0.3, -0.0, 0.0, 0.5, 0.7, 3.0, np.inf, np.nan]
SHARPNESSES = [0.0, 0.5, 4.0, 20.0, 200.0, 1e30, np.inf, np.nan]


@pytest.fixture(scope="module", autouse=True)
def _ufuncs() -> None:
    compile_ahead(f"{row.name}.float64" for row in ROWS)


def assert_same(result: Any, expected: Any) -> None:
    """Alike in number, dtype, shape and every bit but those of nan."""
    assert isinstance(result, tuple) == isinstance(expected, tuple)
    for got, want in zip(*(y if isinstance(y, tuple) else (y,) for y in (result, expected)), strict=True):
        got, want = np.asarray(got), np.asarray(want)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(got, want)
        real = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[real]), np.signbit(want[real]))


@njit
def value(x: Any, k: Any) -> Any:
    return fr.sigmoid_round(x, k)


@njit
def both(x: Any, k: Any) -> Any:
    a, (b, c) = fr.sigmoid_round(x, k), fr.density_floor_value_and_grad(x, k)
    return a, b, c


def expected_both(x: Any, k: Any) -> Any:
    return fr.sigmoid_round(x, k), *fr.density_floor_value_and_grad(x, k)


# --- Scalars and arrays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_name_on_scalars(row: Ufunc) -> None:
    """All 24 names; two outputs are a tuple, and k < 0 gives nan."""
    ufunc = getattr(fr, row.name)
    scalar = njit(lambda x, k: ufunc(x, k))
    for k in SHARPNESSES:
        for x in NUMBERS:
            assert_same(scalar(x, k), ufunc(x, k))
    assert np.isnan(scalar(0.3, -1.0)).all()


def test_types_of_scalars() -> None:
    """Integers and booleans become float64, float32 stays beside float32, and mixtures are float64."""
    assert_same(both(2, 3), expected_both(2.0, 3.0))
    x: Any
    k: Any
    for x, k in [(True, 0.5), (np.uint8(2), True)]:
        assert_same(value(x, k), float(fr.sigmoid_round(float(x), float(k))))
    single, seven = np.float32(0.3), np.float32(7)
    # Numba returns it as a Python float, and says what it was.
    assert both(single, seven) == expected_both(single, seven)
    assert set(both.nopython_signatures[-1].return_type) == {float32}
    for x, k in [(single, 7.0), (0.3, seven), (single, 7)]:
        assert_same(value(x, k), float(fr.sigmoid_round(np.float64(x), np.float64(k))))


@pytest.mark.parametrize(
    "x",
    [X, X.T, X[::2, ::-3], X[0], X[0, ::-2], np.array(0.3), X[:0], X.astype(np.float32)],
    ids=["C", "F", "strided", "1-d", "reversed", "0-d", "empty", "float32"],
)
def test_arrays_of_any_layout(x: Any) -> None:
    """With one sharpness, and with one that broadcasts along an axis."""
    assert_same(both(x, x.dtype.type(7)), expected_both(x, 7.0))
    if x.ndim == 2:
        k = np.linspace(0.1, 90, len(x), dtype=x.dtype)[:, None]
        assert_same(both(x, k), expected_both(x, k))


def test_a_scalar_and_many_sharpnesses() -> None:
    """The result has the shape of k."""
    k = np.array([SHARPNESSES, SHARPNESSES])
    assert_same(both(0.3, k), expected_both(0.3, k))


def test_arrays_that_do_not_broadcast_are_a_value_error() -> None:
    for function in (value, both):
        with pytest.raises(ValueError, match="broadcast"):
            function(X, np.ones((4, 1)))


def test_array_expressions() -> None:
    """Beside other arithmetic, inside and around a call, on arrays of any layout."""

    def expression(x: Any, k: Any) -> Any:
        return 2 * fr.sigmoid_round(x / 2 - k, k) + x

    compiled = njit(expression)
    for x in (X, X[::2, ::-3], np.array([NUMBERS])):
        for k in SHARPNESSES[:-2]:
            assert_same(compiled(x, k), expression(x, k))
    many = np.linspace(0.1, 90, len(X))[:, None]
    assert_same(compiled(X, many), expression(X, many))


def test_an_output_by_position() -> None:
    """As in NumPy, with any strides, and it is returned."""

    @njit
    def into(x: Any, k: Any, out: Any) -> Any:
        return fr.sigmoid_round(x, k, out)

    for out in (np.zeros(X.shape), np.zeros(X.T.shape).T, np.zeros((10, 12))[::-2], X.copy()):
        assert_same(into(X, 7.0, out), fr.sigmoid_round(X, 7.0))
        assert_same(out, fr.sigmoid_round(X, 7.0))


@pytest.mark.parametrize("name", ["sigmoid_round", "sigmoid_round_value_and_grad", "density_floor_windowed"])
def test_keywords_are_a_typing_error(name: str) -> None:
    """Which says so, for NumPy's `out=` is not there."""
    ufunc = getattr(fr, name)
    for function in (lambda x, y: ufunc(x, k=7.0), lambda x, y: ufunc(x, 7.0, out=y)):
        with pytest.raises(errors.TypingError, match=rf"{name}\(\) takes no keyword arguments in nopython code"):
            njit(function)(X, X)


@pytest.mark.parametrize("name", ["sigmoid_round", "sigmoid_round_value_and_grad", "density_floor_windowed"])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_wrong_number_of_operands_is_a_typing_error(name: str, count: int) -> None:
    ufunc = getattr(fr, name)
    with pytest.raises(errors.TypingError, match=name):
        njit(lambda operands: ufunc(*operands))((1.0,) * count)


def test_arrays_of_integers() -> None:
    """They become float64, whatever their size."""
    for x in (np.arange(-3, 4), np.arange(7, dtype=np.int8)):
        assert_same(value(x, 2), fr.sigmoid_round(x.astype(np.float64), 2.0))


@pytest.mark.parametrize("function", [value, both])
@pytest.mark.parametrize("x", [1j, "1", X + 1j, None], ids=["complex", "str", "complex array", "None"])
def test_what_is_no_real_number_is_a_typing_error(function: Any, x: Any) -> None:
    """In either operand."""
    with pytest.raises(errors.TypingError):
        function(x, 3.0)
    with pytest.raises(errors.TypingError):
        function(3.0, x)


# --- Under the decorators of Numba --------------------------------------------------------------------------------


@njit(parallel=True)
def _parallel(x: Any, k: Any) -> Any:
    y, dy, again = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i in prange(x.size):
        y[i], dy[i] = fr.density_floor_value_and_grad(x[i], k)
        again[i] = fr.sigmoid_round(x[i], k)
    return 2 * fr.sigmoid_round(x, k) + again, y, dy


def test_parallel_loops_and_expressions() -> None:
    """Scalars in a `prange` and array expressions beside it, both spread among threads."""
    x = np.linspace(-3, 3, 10_001)
    for k in (0.5, 7.0, 200.0):
        once, y, dy = expected_both(x, k)
        assert_same(_parallel(x, k), (2 * once + once, y, dy))


def test_fast_mathematics_of_the_caller_stays_there() -> None:
    """`fastmath=True` around a call changes no bit of it, and no nan or infinity."""
    fast = njit(fastmath=True)(lambda x, k: fr.sigmoid_round(x, k))
    assert_same(fast(X, 7.0), fr.sigmoid_round(X, 7.0))
    for k in SHARPNESSES:
        assert_same(fast(np.array(NUMBERS), k), fr.sigmoid_round(NUMBERS, k))
        assert_same(fast(-2.5, k), fr.sigmoid_round(-2.5, k))


def test_ufuncs_of_the_caller() -> None:
    """Inside `@vectorize`, with signatures and without, and `@guvectorize`."""
    eager = vectorize([float32(float32, float32), float64(float64, float64)])(lambda x, k: fr.sigmoid_round(x, k) + 1)
    lazy = vectorize(lambda x, k: fr.sigmoid_round(x, k) + 1)
    for ufunc in (eager, lazy):
        assert_same(ufunc(X, 7.0), fr.sigmoid_round(X, 7.0) + 1)
    single = X.astype(np.float32)
    expected = (fr.sigmoid_round(single, 7.0).astype(np.float64) + 1).astype(np.float32)
    assert_same(eager(single, np.float32(7)), expected)

    @guvectorize([(float64[:], float64, float64[:], float64[:])], "(n),()->(n),(n)")
    def rows(x: Any, k: Any, y: Any, dy: Any) -> None:
        y[:] = fr.sigmoid_round(x, k)
        for i in range(x.size):
            dy[i] = fr.density_floor_value_and_grad(x[i], k)[1]

    k = np.linspace(0.1, 90, len(X))
    assert_same(rows(X, k), expected_both(X, k[:, None])[::2])


def test_callbacks_of_the_caller() -> None:
    """Inside `@cfunc`, as for SciPy's integrators."""
    callback = cfunc(float64(float64, float64))(lambda x, k: fr.density_floor_value_and_grad(x, k)[1])
    for k in SHARPNESSES:
        assert_same(callback.ctypes(0.3, k), float(fr.density_floor_grad(0.3, k)))


def test_array_expressions_fuse() -> None:
    """An expression around a call is one loop: it allocates what the same arithmetic alone does, parallel or not."""
    code = """
import numpy as np, fastround as fr
from numba import njit
from numba.core.runtime import rtsys
x = np.linspace(-3, 3, 600)
for parallel in (False, True):
    def allocations(function):
        function = njit(parallel=parallel)(function)
        y = function(x, 7.0)
        before = rtsys.get_allocation_stats()
        function(x, 7.0)
        after = rtsys.get_allocation_stats()
        return y, after.alloc - before.alloc, after.mi_alloc - before.mi_alloc
    y, *smooth = allocations(lambda x, k: 2 * fr.sigmoid_round(x, k) + 1)
    _, *plain = allocations(lambda x, k: 2 * (x * k) + 1)
    np.testing.assert_array_equal(y, 2 * fr.sigmoid_round(x, 7.0) + 1)
    print(*smooth, *plain)
"""
    lines = run(code, NUMBA_NRT_STATS="1").splitlines()
    assert len(lines) == 2
    for line in lines:
        blocks, objects, plain_blocks, plain_objects = map(int, line.split())
        assert (blocks, objects) == (plain_blocks, plain_objects)
        assert objects > 0


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sigmoid_round", "density_floor", "sigmoid_ceil_grad", "density_round_grad_k"])
def test_no_number_raises_a_flag(name: str, real: Any) -> None:
    """In a ufunc of the user's, for which NumPy looks at them: but for what is lost below the least numbers."""
    ufunc = getattr(fr, name)
    own = vectorize(lambda x, k: ufunc(x, k))
    x = np.concatenate([np.linspace(-3, 3, 49), 10.0 ** np.arange(-30, 30)]).astype(real)
    with np.errstate(all="raise", under="ignore"):
        for k in (0, 1e-3, 0.5, 3, 5, 8, 20, 50, 100, 130, 220, 250, 1000, 1e4, 1e30, np.inf):
            assert_same(own(x, real(k)), ufunc(x, real(k)))


def test_the_caller_may_cache(tmp_path: Path) -> None:
    """A function with `cache=True` is loaded by the next process, where it has the same bits."""
    (tmp_path / "caller.py").write_text(
        "import fastround as fr\n"
        "from numba import njit\n"
        "@njit(cache=True)\n"
        "def f(x, k):\n"
        "    y, dy = fr.sigmoid_round_value_and_grad(x, k)\n"
        "    return fr.sigmoid_round(x, k) + y * dy\n"
        "@njit(cache=True, parallel=True)\n"
        "def g(x, k):\n"
        "    return fr.sigmoid_round(x, k) + 1\n"
    )
    x = np.linspace(-3, 3, 60)
    y, dy = fr.sigmoid_round_value_and_grad(x, 7.0)
    expected = [(y + y * dy).tobytes().hex(), (y + 1).tobytes().hex()]
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import caller, numpy as np
x = np.linspace(-3, 3, 60)
for function in (caller.f, caller.g):
    print(function(x, 7.0).tobytes().hex(), sum(function.stats.cache_hits.values()))
"""
    for hits in ("0", "1"):
        words = run(code, NUMBA_CACHE_DIR=str(tmp_path)).split()
        assert (words[::2], words[1::2]) == (expected, [hits, hits])


def _pair_loop(x: Any, k: float, y: Any, dy: Any) -> None:
    for i in range(x.size):
        y[i], dy[i] = fr.sigmoid_round_value_and_grad(x[i], k)


def _pair_of_arrays(x: Any, k: float, y: Any, dy: Any) -> Any:
    return fr.sigmoid_round_value_and_grad(x, k)


def _array(x: Any, k: float, y: Any, dy: Any) -> Any:
    return fr.sigmoid_round(x, k)


def _array_into(x: Any, k: float, y: Any, dy: Any) -> Any:
    return fr.sigmoid_round(x, k, y)


def _expression(x: Any, k: float, y: Any, dy: Any) -> Any:
    return fr.sigmoid_round(2 * x, k) - x


@pytest.mark.parametrize("function", [_pair_loop, _pair_of_arrays, _array, _array_into, _expression])
def test_loops_over_arrays_are_computed_in_vector_registers(function: Any) -> None:
    """For that, what is called for an element must be inlined before LLVM looks at the loop."""
    dimensions = {_pair_loop: 1}.get(function, 2)
    array = types.Array(types.float64, dimensions, "C")
    compiled = njit((array, types.float64, array, array))(function)
    assert re.search(r"fma\.v\d+f64", compiled.inspect_llvm(compiled.signatures[0]))


def test_messages_name_the_function() -> None:
    with pytest.raises(errors.TypingError, match="density_ceil_grad_k"):
        njit(lambda x: fr.density_ceil_grad_k(x, 1.0))("x")


def test_a_ufunc_is_no_argument() -> None:
    """As those of NumPy: compiled code can name it, and not be given it."""
    function = njit(lambda f, x: f(x, 2.0))
    for ufunc in (fr.sigmoid_round, fr.sigmoid_round_value_and_grad, np.arctan2):
        with pytest.raises(errors.TypingError):
            function(ufunc, 1.0)


_DEBUGGED = """
import warnings
import numpy as np
import fastround as fr
from numba import njit, vectorize

@njit
def loop(x, k, y):
    for i in range(x.size):
        y[i] = fr.sigmoid_round(x[i], k)

@njit
def expression(x, k):
    return fr.sigmoid_round(x, k) - x + fr.sigmoid_round_value_and_grad(x, k)[0]

@vectorize(["float64(float64, float64)"])
def function(x, k):
    return fr.sigmoid_round(x, k)

# Numba makes a function of each array expression, and misses the source of it.
warnings.filterwarnings("ignore", ".*__numba_array_expr")
x, y = np.linspace(-3, 3, 60), np.empty(60)
expected = fr.sigmoid_round(x, 10.0)
loop(x, 10.0, y)
np.testing.assert_array_equal(y, expected)
np.testing.assert_array_equal(function(x, 10.0), expected)
np.testing.assert_array_equal(expression(x, 10.0), expected - x + expected)
"""


def test_functions_that_are_not_to_be_inlined(tmp_path: Path) -> None:
    """As Numba has it where NUMBA_DEBUGINFO asks for information on all functions."""
    path = tmp_path / "debugged.py"
    path.write_text(_DEBUGGED)
    run(f"import runpy; runpy.run_path({str(path)!r})", NUMBA_DEBUGINFO="1", NUMBA_CACHE_DIR=str(tmp_path))
