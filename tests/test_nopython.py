"""The same names in nopython code, with the bits of the ufuncs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import cfunc, errors, float64, guvectorize, njit, prange, vectorize
from processes import run

import fastround as fr
from fastround.table import UFUNCS, Ufunc

X = np.linspace(-3, 3, 60).reshape(5, 12)


@njit
def _value(x: Any, k: Any) -> Any:
    return fr.sigmoid_round(x, k)


@njit
def _pair(x: Any, k: Any) -> Any:
    return fr.density_floor_value_and_grad(x, k)


@pytest.mark.parametrize("row", UFUNCS, ids=lambda row: row.name)
def test_every_name_on_scalars(row: Ufunc) -> None:
    ufunc = getattr(fr, row.name)
    scalar = njit(lambda x, k: ufunc(x, k))
    for k in (0.0, 4.0, 20.0, 200.0, np.inf):
        np.testing.assert_array_equal(scalar(0.3, k), ufunc(0.3, k))
    assert isinstance(scalar(0.3, 4.0), tuple) == (row.nout == 2)


@pytest.mark.parametrize(
    "x",
    [X, X.T, X[::2, ::-3], X[0], np.asfortranarray(X), np.array(0.3)],
    ids=["C", "F", "strided", "1d", "F-copy", "0d"],
)
def test_arrays_of_any_layout(x: Any) -> None:
    np.testing.assert_array_equal(_value(x, 7.0), fr.sigmoid_round(x, 7.0))
    np.testing.assert_array_equal(_pair(x, 7.0), fr.density_floor_value_and_grad(x, 7.0))
    if x.ndim == 2:
        k = np.linspace(1, 50, x.shape[0])[:, None]
        np.testing.assert_array_equal(_value(x, k), fr.sigmoid_round(x, k))
        np.testing.assert_array_equal(_pair(x, k), fr.density_floor_value_and_grad(x, k))


def test_types() -> None:
    assert _value(2, 3) == 2.0
    assert _value(True, 3) == 1.0
    single = X.astype(np.float32)
    assert _value(single, np.float32(7)).dtype == np.float32
    np.testing.assert_array_equal(_value(single, np.float32(7)), fr.sigmoid_round(single, 7.0))
    assert _pair(single, np.float32(7))[0].dtype == np.float32
    with pytest.raises(errors.TypingError):
        _value(1j, 3.0)
    with pytest.raises(errors.TypingError):
        _pair(1j, 3.0)


def test_parallel_loops() -> None:
    @njit(parallel=True)
    def loss(x: Any, k: float) -> float:
        s = 0.0
        for i in prange(x.size):
            y, _ = fr.sigmoid_round_value_and_grad(x[i], k)
            s += (x[i] - y) ** 2
        return s

    x = np.random.default_rng(0).normal(size=10_000)
    np.testing.assert_allclose(loss(x, 10.0), ((x - fr.sigmoid_round(x, 10.0)) ** 2).sum())


def test_array_expressions_fuse() -> None:
    code = """
import numpy as np, fastround as fr
from numba import njit
from numba.core.runtime import rtsys
@njit
def expression(x, k):
    return 2 * fr.sigmoid_round(x, k) + 1
x = np.linspace(-3, 3, 60)
np.testing.assert_array_equal(expression(x, 7.0), 2 * fr.sigmoid_round(x, 7.0) + 1)
before = rtsys.get_allocation_stats().mi_alloc
expression(x, 7.0)
print(rtsys.get_allocation_stats().mi_alloc - before)
"""
    # The argument and the result, and no temporary array beside.
    assert int(run(code, NUMBA_NRT_STATS="1")) <= 2


def test_inside_ufuncs_and_callbacks() -> None:
    eager = vectorize([float64(float64, float64)])(lambda x, k: fr.sigmoid_round(x, k) + 1)
    lazy = vectorize(lambda x, k: fr.sigmoid_round(x, k) + 1)
    expected = fr.sigmoid_round(X, 7.0) + 1
    np.testing.assert_array_equal(eager(X, 7.0), expected)
    np.testing.assert_array_equal(lazy(X, 7.0), expected)

    def rows(x: Any, k: float, out: Any) -> None:
        for i in range(x.size):
            out[i] = fr.sigmoid_round_value_and_grad(x[i], k)[1]

    generalised = guvectorize([(float64[:], float64, float64[:])], "(n),()->(n)")(rows)
    np.testing.assert_array_equal(generalised(X, 7.0), fr.sigmoid_round_grad(X, 7.0))

    callback = cfunc(float64(float64, float64))(lambda x, k: fr.sigmoid_round(x, k))
    assert callback.ctypes(0.3, 7.0) == fr.sigmoid_round(0.3, 7.0)


def test_the_caller_may_cache(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(
        "import fastround as fr\n"
        "from numba import njit\n"
        "@njit(cache=True)\n"
        "def f(x, k):\n"
        "    y, dy = fr.sigmoid_round_value_and_grad(x, k)\n"
        "    return fr.density_round(x, k) + y * dy\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import caller, numpy as np, fastround as fr
y, dy = fr.sigmoid_round_value_and_grad(0.3, 7.0)
assert caller.f(0.3, 7.0) == fr.density_round(0.3, 7.0) + y * dy
print(sum(caller.f.stats.cache_hits.values()))
"""
    assert [run(code, NUMBA_CACHE_DIR=str(tmp_path)).strip() for _ in range(2)] == ["0", "1"]
