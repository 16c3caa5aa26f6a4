"""Sums over windows: `window_error` is the worst error of one, `window_radius` its inverse; and the ufuncs."""

from __future__ import annotations

import itertools
import pickle
import re
from typing import Any

import mpmath
import numpy as np
import pytest
from accuracy import BOUNDS, PRECISIONS, sweep
from numba import errors, float64, guvectorize, int64, njit, prange, types
from oracle import max_abs_grad_k, mp, oracle
from processes import compile_ahead, run

import fastround as fr
from fastround.arguments import Method
from fastround.kernels.few import SHARP
from fastround.table import UFUNCS, WINDOWED

methods = pytest.mark.parametrize("method", ["sigmoid", "density"])


def error_at_the_step(method: Method, k: float, radius: int) -> mpmath.mpf:
    """How much less than 1/2 the window around 0 has at x = 1/2, by the definitions, and whatever cancels."""
    mp.prec = 128 + int(3 * k * radius)
    half = mp.mpf(1) / 2

    def sigma(z: mpmath.mpf) -> mpmath.mpf:
        return 1 / (1 + mp.exp(-k * z))

    if method == "sigmoid":
        # n and -n together, less their share of what is missing outside.
        return half - sum(sigma(1 - j) + sigma(j) - 1 for j in range(1, radius + 1))
    weights = {n: sigma(half - n) * sigma(n - half) for n in range(-radius, radius + 1)}
    return half - sum(n * weight for n, weight in weights.items()) / sum(weights.values())


@methods
@pytest.mark.parametrize("k", [0.05, 0.3, 1.0, 2.5, 6.0, 15.0])
def test_no_x_has_a_larger_error(method: Method, k: float) -> None:
    """The error of the windowed sum grows up to the half-integer, where it is what `window_error` says."""
    x = np.linspace(0, 0.5, 26)
    for radius in (0, 1, 2, 5):
        errors = [oracle(method, 0.0, at, k).value - oracle(method, 0.0, at, k, radius).value for at in x]
        assert errors == sorted(errors)
        assert float(errors[-1]) == pytest.approx(float(fr.window_error(k, radius, method)), rel=1e-13)


@methods
def test_errors_of_the_reference(method: Method) -> None:
    """Floors and ceilings, far from 0: the reference never exceeds the bound, and meets it beside a step."""
    random = np.random.default_rng(0)
    for place, shift in (("round", 0.0), ("floor", -0.5), ("ceil", 0.5)):
        name = f"{method}_{place}"
        for k, radius in ((0.4, 3), (2.0, 1), (3.5, 2)):
            bound = fr.window_error(k, radius, method)
            x = np.concatenate([random.uniform(-1e3, 1e3, 100), np.nextafter(np.arange(-5, 5) + 0.5 - shift, 0.0)])
            windowed = np.array([getattr(fr.reference, f"{name}_windowed")(at, k, radius) for at in x.tolist()])
            errors = np.abs(windowed - getattr(fr, name)(x, k))
            assert errors.max() <= bound + 1e-12
            assert errors[100:] == pytest.approx(bound, rel=1e-9)


@methods
def test_window_error_in_multiple_precision(method: Method) -> None:
    for k in (1e-4, 0.01, 0.0625, 0.06250001, 0.1, 0.7, 3.0, 20.0, 300.0):
        for radius in (1, 2, 3, 7, 40, 150):
            if k * radius < 680:
                exact = error_at_the_step(method, k, radius)
                got = fr.window_error(k, radius, method)
                assert abs(got - exact) / exact < 1e-14 + 2e-16 * k * radius, (k, radius)


@methods
def test_special_windows(method: Method) -> None:
    assert fr.window_error([0.0, 1e-300, 1.0, 1e300, np.inf], 0, method).tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]
    assert fr.window_error(0.0, [1, 10**9, 2**63 - 1], method).tolist() == [0.5] * 3
    assert fr.window_error([1e300, np.inf], [[1], [2**63 - 1]], method).tolist() == [[0.0, 0.0]] * 2
    assert fr.window_radius([0.0, 1e-300, 1.0, np.inf], 0.5, method).tolist() == [0] * 4
    assert fr.window_radius(np.inf, [5e-324, 1.0, np.inf], method).tolist() == [0] * 3
    assert fr.window_radius(700.0, 5e-324, method) == 2
    assert 3e14 < fr.window_radius(1e-12, 1e-200, method) < 2**53


@methods
def test_radius_is_the_least(method: Method) -> None:
    """By `window_error` itself, also next to the errors of whole radii, where a rounding error would show."""
    random = np.random.default_rng(1)
    k = 10.0 ** random.uniform(-6, 3, 300)
    error = fr.window_error(k, np.minimum(random.uniform(0, 40, 300) / k, 1000).astype(int), method)
    error = np.maximum(error, 1e-300)
    tolerances = np.stack([error, np.nextafter(error, 0), np.nextafter(error, 1), 10.0 ** random.uniform(-300, 0, 300)])
    radius = fr.window_radius(k, tolerances, method)
    assert radius.shape == (4, 300)
    assert radius.dtype == np.int64
    assert (fr.window_error(k, radius, method) <= tolerances).all()
    positive = radius > 0
    before = fr.window_error(np.broadcast_to(k, radius.shape)[positive], radius[positive] - 1, method)
    assert (before > tolerances[positive]).all()


def test_radius_of_the_sigmoid_method_in_closed_form() -> None:
    k, tol = np.meshgrid([0.013, 0.7, 3.1, 12.7], [0.3, 1e-3, 1e-9])
    np.testing.assert_array_equal(fr.window_radius(k, tol), np.ceil(np.log(1 / tol - 1) / k))


def test_types_and_shapes() -> None:
    assert type(fr.window_error(1, 2)) is np.float64
    assert type(fr.window_radius(1, 0.1)) is np.int64
    k = np.array([[1], [2]], np.float32)
    assert fr.window_error(k, np.arange(3, dtype=np.uint8)).shape == (2, 3)
    assert fr.window_radius(k, [0.1, 0.01, 0.001]).shape == (2, 3)
    assert fr.window_error(True, True) == fr.window_error(1.0, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1.0, 2), ValueError, r"k must be in \[0, inf\], got -1.0"),
        (([1.0, np.nan], 2), ValueError, r"k must be in \[0, inf\], got nan"),
        ((1j, 2), TypeError, "k must be real, not complex128"),
        (("1", 2), TypeError, "k must be real"),
        ((None, 2), TypeError, "k must be real"),
        ((1.0, [3, -2]), ValueError, "radius must be at least 0, got -2"),
        ((1.0, 2.0), ValueError, "radius must be of an integer type, not float64"),
        ((1.0, 2, "window"), ValueError, "method must be one of 'sigmoid', 'density', not 'window'"),
        ((np.ones(2), np.ones(3, int)), ValueError, "shape mismatch"),
    ],
)
def test_window_error_complains(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fr.window_error(*arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1.0, 0.1), ValueError, "k must be in"),
        ((1.0, 0.0), ValueError, "tol must be greater than 0, got 0.0"),
        ((1.0, [0.1, -1.0]), ValueError, "tol must be greater than 0, got -1.0"),
        ((1.0, np.nan), ValueError, "tol must be greater than 0, got nan"),
        ((1.0, 1j), TypeError, "tol must be real, not complex128"),
        ((1.0, 0.1, "window"), ValueError, "method must be"),
        (([1.0, 0.0], 0.1), ValueError, r"no radius up to 2\*\*53 is enough at k = 0.0 for tol = 0.1"),
        ((1e-17, 0.1, "density"), ValueError, "no radius up to"),
    ],
)
def test_window_radius_complains(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fr.window_radius(*arguments)


# --- The ufuncs over windows --------------------------------------------------------------------------------------

ROWS = [row for row in UFUNCS if row.function.windowed]
ALL = {row.name: getattr(fr, row.name) for row in ROWS}

# For what would be slow to compile for all.
SAMPLES = (
    ("sigmoid_round_windowed", np.float64),
    ("sigmoid_round_windowed_grad_k", np.float64),
    ("density_round_windowed", np.float32),
    ("density_round_windowed_grad", np.float32),
)
# Of all regimes: soft, small windows, wide ones, and those like the infinite sum.
KS = (0.0, 1e-30, 0.1, 0.124, 0.125, 0.7, 3.0, 4.9, 11.0, 50.0, 300.0, np.inf)
RADII = (0, 1, 2, 3, 4, 5, 17, 1000)
X = np.concatenate([np.linspace(-3, 3, 97), [0.5 - 2**-20, 1e-30, 1e6 + 0.3, -0.0, np.inf, -np.inf, np.nan]])

samples = pytest.mark.parametrize(("name", "real"), SAMPLES, ids=[name for name, _ in SAMPLES])
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(scope="module")
def _compiled() -> None:
    names = [f"{name}.{real.__name__}" for name, real in SAMPLES]
    infinite = [name.replace("_windowed", "") for name in names]
    varying = [f"{name}.varying" for name in names[:3] + infinite[:3]]
    compile_ahead([*names, *infinite, *varying, "sigmoid_round_windowed.float64.uint64"])


def assert_same(got: Any, want: Any) -> None:
    """Alike in dtype, shape and every bit, but those of nan."""
    got, want = np.asarray(got), np.asarray(want)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got[got == got]), np.signbit(want[want == want]))


@rows
def test_it_is_a_ufunc_of_three_operands(row: Any) -> None:
    ufunc = ALL[row.name]
    assert type(ufunc) is np.ufunc
    assert (ufunc.__name__, ufunc.nin, ufunc.nout, ufunc.identity) == (row.name, 3, row.nout, None)
    assert ufunc.types == [
        f"{c}{c}{i}->{c * row.nout}" for c in "efd" for i in np.dtype("i8").char + np.dtype("u8").char
    ]
    assert pickle.loads(pickle.dumps(ufunc)) is ufunc


def test_examples_of_the_docstrings_run() -> None:
    """By the reference, where nothing need be compiled."""
    code = """
import doctest
import fastround as fr
from fastround.table import UFUNCS
for row in UFUNCS:
    if row.function.windowed:
        test = doctest.DocTestParser().get_doctest(getattr(fr, row.name).__doc__, {}, row.name, None, None)
        result = doctest.DocTestRunner().run(test)
        assert result.attempted >= 2 and not result.failed
"""
    run(code, NUMBA_DISABLE_JIT="1")


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("sigmoid_round_windowed", np.float64),
        ("density_round_windowed", np.float32),
        ("density_round_windowed", np.float64),
    ],
)
@pytest.mark.usefixtures("_compiled")
def test_errors_are_within_the_promised_bounds(name: str, real: Any) -> None:
    function = next(row.function for row in ROWS if row.name == name)
    for suffix, worst in sweep(function, real, 9).items():
        assert worst.ulp <= BOUNDS[suffix], (suffix, worst)


@pytest.mark.long
@pytest.mark.parametrize(("suffix", "bound"), BOUNDS.items())
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_windows_in_float32_are_as_exact_as_infinite_sums(method: str, suffix: str, bound: float) -> None:
    """By a dense sweep against float64, whose errors are as nothing beside those of float32."""
    ufunc = getattr(fr, f"{method}_round_windowed{suffix}")
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [rng.uniform(0, 0.5, 1500), 2.0 ** rng.uniform(-20, -1, 300), 0.5 - 2.0 ** rng.uniform(-20, -2, 200)]
    )
    x = x.astype(np.float32)
    limits = np.finfo(np.float32)
    for _ in range(1000):
        radius = int(rng.choice([1, 2, 3, 4, 5, 7, 10, 30, 100, 300]))
        k = np.float32(10.0 ** rng.uniform(-3, 1.6))
        expected = ufunc(x.astype(np.float64), np.float64(k), radius)
        size = np.abs(expected)
        unit = np.spacing((max(limits.eps, size.max()) if suffix == "_grad_k" else size).astype(np.float32))
        errors = np.abs(ufunc(x, k, radius) - expected) / unit
        worst = np.argmax(np.where((size >= limits.tiny) | (suffix == "_grad_k"), errors, 0))
        assert errors[worst] <= bound, (x[worst], k, radius)


@pytest.mark.long
@pytest.mark.parametrize("function", WINDOWED, ids=lambda function: function.name)
@pytest.mark.parametrize("real", PRECISIONS, ids=lambda real: real.__name__)
def test_errors_of_a_long_sweep_are_within_the_promised_bounds(function: Any, real: Any) -> None:
    for suffix, worst in sweep(function, real, 60, seed=1).items():
        assert worst.ulp <= BOUNDS[suffix], (suffix, worst)


@pytest.mark.usefixtures("_compiled")
def test_special_windows_of_the_ufuncs() -> None:
    """Radius 0 and k = ∞ are hard, k = 0 has the mean of the window, and infinities stay; all silently."""
    value, change, slope = fr.sigmoid_round_windowed, fr.sigmoid_round_windowed_grad_k, fr.density_round_windowed_grad
    hard = np.rint(X)
    with np.errstate(all="raise"):
        for k, radius in [(0.0, 0), (3.0, 0), (np.inf, 0), (np.inf, 5), (0.0, 5), (0.0, 2**63 - 1)]:
            assert_same(value(X, k, radius), hard)
            np.testing.assert_array_equal(slope(X.astype("f4"), k, radius), np.where(np.isfinite(X), 0, np.nan))
        np.testing.assert_array_equal(change(X[:-3], 0.0, 4), 2 * (X[:-3] - hard[:-3]))
        assert np.isnan(change(X, 0.0, 4)[-3:]).all()
        assert np.isnan(value(X, np.nan, RADII[:1])).all()
        assert np.isnan(value(X, np.nan, 2)).all()


@pytest.mark.usefixtures("_compiled")
def test_where_a_window_is_wide_enough_it_is_the_infinite_sum() -> None:
    for k, radius in [(0.01, 10_000), (0.7, 1000), (11.0, 8), (50.0, 2), (0.001, 2**62), (1e-300, 0)]:
        if k * radius > 80:
            assert_same(fr.sigmoid_round_windowed(X, k, radius), fr.sigmoid_round(X, k))
            assert_same(fr.sigmoid_round_windowed_grad_k(X, k, 2**63 - 1), fr.sigmoid_round_grad_k(X, k))


@pytest.mark.parametrize("real", [*PRECISIONS, np.float16], ids=lambda real: real.__name__)
def test_the_ufunc_of_the_infinite_sum_computes_where_a_window_is_as_good(real: Any) -> None:
    """In every layout, by several threads, and nowhere else: what it has compiled is not compiled again."""
    code = f"""
        import numpy as np, fastround as fr
        from fastround.ufuncs import compiled
        x, k = np.linspace(-9, 9, 300_000).astype("{real.__name__}"), np.{real.__name__}(300)
        own, infinite = fr.sigmoid_round_windowed_value_and_grad, fr.sigmoid_round_value_and_grad
        own(x[:5], k, np.zeros(1, int)), own(x[0], k, 1000)
        names = [f"sigmoid_round{{kind}}_value_and_grad.{real.__name__}" for kind in ("", "_windowed")]
        assert compiled() == names, compiled()
        def same(got, want):
            assert [y.tobytes() for y in got] == [y.tobytes() for y in want]
        same(own(x, k, 1000), infinite(x, k))
        same(own(x.reshape(500, -1)[:, ::-3].T, k, 1000), infinite(x.reshape(500, -1)[:, ::-3].T, k))
        same(own(x, np.inf, 1, out=(y := x.copy(), x[::-1].copy())), infinite(x, np.inf))
        same(own(y, k, 7, out=(y, np.empty_like(y))), infinite(infinite(x, np.inf)[0], k))
        same(own(x[11:12], k, 7), infinite(x[11:12], k))
        same(own(x[11], k, 7), infinite(x[11], k))
        for arguments in ((x, -k, 9), (x, k, -9), (x[:1], k, -1)):
            try:
                with np.errstate(invalid="raise"):
                    own(*arguments)
            except FloatingPointError:
                continue
            raise AssertionError(arguments)
        assert compiled() == names
    """.replace("np.inf", f"np.{real.__name__}(np.inf)")
    run(code)


@samples
@pytest.mark.usefixtures("_compiled")
def test_odd_and_monotone_between_the_jumps(name: str, real: Any) -> None:
    x = np.linspace(-0.5, 0.5, 2001).astype(real)
    for k, radius in itertools.product(KS, RADII):
        y = ALL[name](x, real(k), radius)
        even = name.endswith("_grad")
        np.testing.assert_array_equal(ALL[name](-x, real(k), radius), y if even else -y)
        if name.endswith("windowed"):
            assert (np.diff(y) >= 0).all()
            assert (np.abs(y) <= 0.5).all()


def test_arrays_of_windows_compile_the_loop_of_the_infinite_sum_when_they_need_it() -> None:
    """For float16 that of float32, in which it is computed."""
    code = """
        import numpy as np, fastround as fr
        from fastround.ufuncs import compiled
        value, loop = fr.sigmoid_round_windowed, "sigmoid_round.float32.varying"
        x = np.linspace(-3, 3, 3001).astype(np.float16)
        k, radius = np.linspace(1, 8, x.size).astype(x.dtype), np.arange(x.size) % 3 + 1
        def same(got):
            want = [value(*each) for each in zip(x, k, radius)]
            assert got.tobytes() == np.array(want).tobytes()
        value(x, k, radius)
        assert loop not in compiled()
        # What a run has raised outlives the compilation that the rest needs.
        with np.errstate(invalid="raise"):
            try:
                value(x[:100], np.r_[np.full(40, -1, x.dtype), k[:60]], np.r_[np.full(99, 1), 0])
            except FloatingPointError:
                pass
            else:
                raise AssertionError
        assert loop in compiled()
        k[::3], radius[::7] = 60, 0
        same(value(x, k, radius))
        same(value(x, k, radius, out=x.copy()))
        radius[5] = -1
        with np.errstate(invalid="ignore"):
            same(value(x, k, radius))
        with np.errstate(invalid="raise"):
            value(np.delete(x, 5), np.delete(k, 5), np.delete(radius, 5))
            try:
                value(x, k, radius)
            except FloatingPointError:
                pass
            else:
                raise AssertionError
    """
    run(code)


@pytest.mark.parametrize(("name", "real"), SAMPLES[1:3], ids=[name for name, _ in SAMPLES[1:3]])
@pytest.mark.usefixtures("_compiled")
def test_arrays_of_windows_give_the_bits_of_single_ones(name: str, real: Any) -> None:
    """Whatever broadcasts, has gaps, or is masked; among threads too."""
    ufunc, x = ALL[name], X.astype(real)
    k, radius = np.array(KS).astype(real)[:, None], np.array(RADII)[:, None, None]
    whole = ufunc(x, k, radius)
    for i, j in itertools.product(range(len(RADII)), range(len(KS))):
        assert_same(whole[i, j], ufunc(x, k[j, 0], RADII[i]))
        assert_same(whole[i, j], ufunc(x, np.broadcast_to(k[j], x.shape), RADII[i]))
        assert_same(whole[i, j], ufunc(x, k[j], np.full(x.shape, RADII[i], np.int16)))
    x = np.random.default_rng(0).uniform(-3, 3, 100_000).astype(real)
    radii = np.random.default_rng(1).integers(0, 9, x.size)
    operands: Any
    for operands in [(x, real(2.5), 3), (x[::-2], real(0.6), 7), (x[:50_000], real(2.5), radii[::2])]:
        y = ufunc(*operands)
        assert_same(
            np.concatenate(
                [ufunc(*(a[i : i + 999] if np.ndim(a) else a for a in operands)) for i in range(0, y.size, 999)]
            ),
            y,
        )
        out, where = np.full(2 * y.size, 7, real), np.arange(y.size) % 3 > 0
        ufunc(*operands, out=out[::2], where=where)
        assert_same(out[::2], np.where(where, y, real(7)))
        assert (out[1::2] == 7).all()
    # Runs of equal windows, and others.
    k, radii = np.repeat(KS, 150).astype(real), np.repeat(RADII, 225)
    np.random.default_rng(2).shuffle(radii[1000:1300])
    y = ufunc(x[: k.size], k, radii)
    assert_same(
        np.concatenate([ufunc(x[i : i + 50], k[i : i + 50], radii[i : i + 50]) for i in range(0, y.size, 50)]), y
    )
    # Runs of different ones that are as the infinite sum, and others.
    for trial in range(20):
        random = np.random.default_rng(trial)
        lengths = random.choice([1, 5, 15, 16, 17, 40, 128, 500], 9)
        k = random.uniform(1, 4, lengths.sum()) * np.repeat(random.choice([1, 40], 9), lengths)
        k[random.integers(k.size, size=2)] = np.nan, np.inf
        k, radii = k.astype(real), np.full(k.size, 3) if trial % 2 else random.integers(2, 5, k.size)
        y = ufunc(x[: k.size], k, radii)
        assert_same(np.array([ufunc(*each) for each in zip(x, k, radii, strict=False)]), y)
        assert_same(ufunc(x[: k.size], k[::-1].copy()[::-1], np.repeat(radii, 2)[::2]), y)
        taken = k.copy()
        assert_same(ufunc(x[: k.size], taken, radii, out=taken), y)
    radii = np.random.default_rng(1).integers(0, 9, x.size)
    radii[70_000] = -1
    with pytest.warns(RuntimeWarning, match=f"invalid value encountered in {name}$"):
        y = ufunc(x, real(2.5), radii)
    assert np.flatnonzero(np.isnan(y)).tolist() == [70_000]


_SHARP_SAMPLES = [(f"density_round_windowed{suffix}", np.float64) for suffix in ("_grad", "_grad_k")]


@pytest.mark.parametrize(("name", "real"), [*SAMPLES[::2], *_SHARP_SAMPLES])
@pytest.mark.usefixtures("_compiled")
def test_blocks_of_windows_give_the_bits_of_single_ones(name: str, real: Any) -> None:
    """Blocks of 1024 of one regime, told by the least and greatest k and radius of each, and of several."""
    ufunc, random = ALL[name], np.random.default_rng(3)
    # Few distances, two, three and more; few and others; smooth, soft, as the infinite sum, and hard ones too.
    kinds = [(0.2, 3, 1, 2), (0.2, 3, 1, 3), (0.2, 3, 3, 5), (0.2, 3, 4, 9), (0.2, 1, 6, 9), (0.01, 0.1, 1, 9)]
    # The last but one is softer than what few distances are apart for.
    kinds += [(50, 90, 1, 9), (0.01, 90, 1, 9), (0.0003, 0.1, 1, 9), (0.2, 3, 0, 5)]
    # Where few distances are sharp, and beside that.
    kinds += [(SHARP, 9, 1, 5), (SHARP, 15, 1, 3), (0.97 * SHARP, 1.03 * SHARP, 1, 5), (6, SHARP, 1, 2)]
    k = np.concatenate([random.uniform(*kind[:2], 1024) for kind in kinds]).astype(real)
    radius = np.concatenate([random.integers(kind[2], kind[3] + 1, 1024) for kind in kinds])
    k[[100, 7000]] = np.nan
    beside = real(SHARP), np.nextafter(real(SHARP), real(0)), np.nextafter(real(SHARP), real(9))
    k[-1500::25] = np.resize(beside, 60)
    x = random.uniform(-3, 3, k.size).astype(real)
    expected = np.array([ufunc(*each) for each in zip(x, k, radius, strict=True)])
    assert_same(ufunc(x, k, radius), expected)
    assert_same(ufunc(np.repeat(x, 2)[::2], np.repeat(k, 2)[::2], np.repeat(radius, 2)[::2]), expected)
    for taken in (0, 1):
        operands = [x.copy(), k.copy(), radius]
        assert_same(ufunc(*operands, out=operands[taken]), expected)
    # The first blocks are as the infinite sum, or the last.
    for one, order in itertools.product((2, 3, 5, 6), (-1, 1)):
        ordered = np.sort(np.where(np.isnan(k), real(1), k))[::order].copy()
        expected = np.array([ufunc(*each, one) for each in zip(x, ordered, strict=True)])
        assert_same(ufunc(x, ordered, one), expected)


@pytest.mark.parametrize(
    ("method", "real", "x", "k", "radius"),
    [
        ("sigmoid", np.float64, 0.23784139600268459, 5.0398633843752, 4),
        ("density", np.float64, 0.4999999999947181, 4.316532737045807, 3),
        ("density", np.float32, 0.5, 4.282425880432129, 3),
    ],
)
def test_change_where_errors_were_largest(method: Method, real: Any, x: float, k: float, radius: int) -> None:
    """Beside where few distances begin to have a fraction for ∂/∂k: these were found by dense sweeps."""
    operands = real(x), real(k), radius
    got = getattr(fr, f"{method}_round_windowed_grad_k")(*operands)
    unit = np.spacing(real(max_abs_grad_k(method, float(operands[1]), radius)))
    assert abs(float(got) - oracle(method, 0.0, *operands).grad_k) <= BOUNDS["_grad_k"] * unit


@samples
@pytest.mark.usefixtures("_compiled")
def test_extreme_operands_raise_no_floating_point_error(name: str, real: Any) -> None:
    """Nor do they take long, whatever the radius."""
    limits = np.finfo(real)
    x = np.array([0, limits.smallest_subnormal, limits.tiny, 1e-20, 0.25, 0.5, 1, 2.5, 1e15, limits.max], real)
    ks = [limits.smallest_subnormal, limits.tiny, 1e-30, 1e-9, *KS, 13.9, 14.1, 20.9, 41.9, 1e6, limits.max]
    for k, radius in itertools.product(map(real, ks), (*RADII, 10**6, 10**12, 2**53 + 1, 2**63 - 1)):
        with np.errstate(all="raise"):
            assert np.isfinite(ALL[name](x, k, radius)).all()


@pytest.mark.usefixtures("_compiled")
def test_an_operand_may_be_the_output() -> None:
    """As one element follows another."""
    ufunc, n = fr.sigmoid_round_windowed_grad_k, 3000
    x, k, radius = np.linspace(-3, 3, n), np.linspace(0.1, 9, n), np.arange(n) % 7
    expected = ufunc(x, k, radius)
    for i in range(2):
        operands = [x.copy(), k.copy(), radius]
        ufunc(*operands, out=operands[i])
        assert_same(operands[i], expected)
    shared = radius.copy()
    ufunc(x, k, shared, out=shared.view(np.float64))
    assert_same(shared.view(np.float64), expected)
    memory = np.r_[x, 0.0]
    ufunc(memory[:-1], 2.0, 3, out=memory[1:])
    assert_same(memory[1:], ufunc(x, 2.0, 3))


@pytest.mark.usefixtures("_compiled")
def test_types_of_the_radius() -> None:
    """Any integer type will do, and none changes the type of the result."""
    value, single = fr.sigmoid_round_windowed, fr.density_round_windowed
    x = X.astype(np.float32)
    for kind in "?bBhHiIlLqQ":
        assert_same(value(X, 2.0, np.ones(1, kind)), value(X, 2.0, 1))
    for radius in (2, np.int8(2), np.uint32(2), np.array(2), np.array([2])):
        assert_same(single(x, 2.0, radius), single(x, np.float32(2), 2))
    for huge in (2**63 - 1, np.uint64(2**63), np.uint64(2**64 - 1)):
        assert_same(value(X, 0.3, huge), fr.sigmoid_round(X, 0.3))
        assert_same(value(X, 0.0, huge), np.rint(X))
    assert value(True, 2, 3) == value(1.0, 2.0, 3)


@rows
def test_a_radius_of_another_type_is_an_error(row: Any) -> None:
    radius: Any
    for radius in (3.0, np.float32(3), [1.5], 1j, "3", None, np.timedelta64(3)):
        with pytest.raises(TypeError, match=row.name):
            ALL[row.name](0.3, 2.0, radius)
    with pytest.raises(OverflowError):
        ALL[row.name](0.3, 2.0, 2**63)
    with pytest.raises(TypeError):
        ALL[row.name](0.3, 2.0)


@samples
@pytest.mark.usefixtures("_compiled")
def test_a_negative_radius_is_invalid(name: str, real: Any) -> None:
    """nan, with NumPy's warning, or what `np.errstate` makes of it; as for a negative sharpness."""
    for k, radius in [(2.0, -1), (0.0, -(2**63)), (np.inf, -5), (-1.0, 3), (-np.inf, 0), (-1e-30, 4)]:
        with pytest.warns(RuntimeWarning, match=f"invalid value encountered in {name}$"):
            assert np.isnan(ALL[name](X.astype(real), real(k), radius)).all()
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="invalid value"):
        ALL[name](real(0.3), real(2), -1)


def test_in_nopython_code() -> None:
    """Numbers and arrays, one output and two, with the bits of the ufuncs."""
    single = njit(lambda x, k, radius: fr.sigmoid_round_windowed(x, k, radius))
    for k, radius in itertools.product(KS, (0, 2, np.int8(7), np.uint64(1000))):
        assert_same(single(X, k, radius), fr.sigmoid_round_windowed(X, k, radius))
        assert_same(single(0.3, k, radius), fr.sigmoid_round_windowed(0.3, k, radius))
    radii = np.arange(X.size) % 6 - 1
    with np.errstate(invalid="ignore"):
        assert_same(single(X, 2.0, radii), fr.sigmoid_round_windowed(X, 2.0, radii))
    assert np.isnan(single(0.3, 2.0, -1))
    for radius in (3.0, np.ones(X.size), None):
        with pytest.raises(errors.TypingError):
            single(X, 2.0, radius)


@njit(parallel=True)
def _in_parallel(x: Any, k: float, radius: int) -> Any:
    y = np.empty_like(x)
    for i in prange(x.size):
        y[i] = fr.sigmoid_round_windowed(x[i], k, radius)
    return y, 2 * fr.sigmoid_round_windowed(x, k, radius) + x


def test_under_the_decorators_of_numba() -> None:
    """`prange` and array expressions beside it; strided arrays, and those of windows."""
    ufunc = fr.sigmoid_round_windowed
    y = ufunc(X, 3.0, 7)
    for got, want in zip(_in_parallel(X, 3.0, 7), (y, 2 * y + X), strict=True):
        assert_same(got, want)
    compiled = njit(lambda x, k, radius: ufunc(x, k, radius))
    k, radii = np.arange(9.0), np.arange(27).reshape(3, 9)
    assert_same(compiled(2.7, k, radii), ufunc(2.7, k, radii))
    for x in (X[:96].reshape(8, 12)[::2, ::-3], X[:96].reshape(8, 12)[:0, ::-1]):
        assert_same(compiled(x, 3.0, 2), ufunc(x, 3.0, 2))


@pytest.mark.long
def test_in_nopython_code_of_any_kind() -> None:
    """Operands of more layouts and types, and inside a ufunc of the caller."""
    ufunc, x = fr.sigmoid_round_windowed, X[:96]
    compiled = njit(lambda x, k, radius: ufunc(x, k, radius))
    for operand in (x.reshape(8, 12), x.reshape(8, 12).T, np.array(0.3), x[:0]):
        assert_same(compiled(operand, 3.0, 2), ufunc(operand, 3.0, 2))
    assert_same(compiled(x.astype("f4"), 3.0, 2), ufunc(x.astype("f4"), np.float64(3), 2))

    @guvectorize([(float64[:], float64, int64, float64[:])], "(n),(),()->(n)")
    def rows(x: Any, k: Any, radius: Any, y: Any) -> None:
        y[:] = fr.sigmoid_round_windowed(x, k, radius)

    k, radius = np.array([0.1, 3.0, 20.0]), np.array([7, 2, 7])
    assert_same(rows(x, k, radius), ufunc(x, k[:, None], radius[:, None]))


def _array(x: Any, k: float, radius: int, y: Any) -> Any:
    return fr.sigmoid_round_windowed(x, k, radius)


def _loop(x: Any, k: float, radius: int, y: Any) -> None:
    for i in range(x.size):
        y[i] = fr.sigmoid_round_windowed(x[i], k, radius)


@pytest.mark.parametrize("function", [_array, _loop])
def test_nopython_loops_have_their_constants_before_them(function: Any) -> None:
    """For each regime there is a loop in vector registers, for which its constants cannot be in it."""
    array = types.Array(types.float64, 1, "C")
    compiled = njit((array, types.float64, types.int64, array))(function)
    code = compiled.inspect_llvm(compiled.signatures[0])
    loops = re.findall(r"^vector\.body.*?^  br [^\n]*", code, re.M | re.S)
    # In a loop of the caller, LLVM may leave two of the seven regimes together.
    assert len(loops) >= (7 if function is _array else 6)
    assert ".outlined" in code
    assert not any(".outlined" in loop for loop in loops)


@pytest.mark.long
@rows
def test_every_name_in_nopython_code(row: Any) -> None:
    ufunc = ALL[row.name]
    compiled = njit(lambda x, k, radius: ufunc(x, k, radius))
    for k, radius in itertools.product((0.1, 3.0, 300.0), (0, 2, 7)):
        assert_same(compiled(X, k, radius), ufunc(X, k, radius))
        assert_same(compiled(0.3, k, radius), ufunc(0.3, k, radius))


def test_kernels_without_the_jit() -> None:
    """They run as plain Python, within a few ulp of the reference."""
    code = """
import itertools
import numpy as np
from fastround import reference
from fastround.table import OUTPUTS, WINDOWED
np.seterr(all="ignore")
for function, real, output in itertools.product(WINDOWED, (np.float32, np.float64), OUTPUTS):
    line = function.staircase(real, output.picks)
    point = line.chosen([lambda s, x, regime=regime: regime.point(x, regime.constants(s)) for regime in line.regimes])
    for k, radius, x in itertools.product((0.0, 0.1, 0.7, 3.0, 20.0), (0, 1, 3, 6), (-0.4, 0.1, 2.5, 7.3)):
        results = point((np.float64(real(k)), float(radius)), real(x))
        for pick in output.picks:
            y, suffix, scale = results[pick], ("", "_grad", "_grad_k")[pick], (0, 0, max(radius, 1))[pick]
            expected = getattr(reference, function.name + suffix)(float(real(x)), float(real(k)), radius)
            assert type(y) is real
            tolerance = 9 * np.finfo(real).eps * max(abs(expected), scale)
            assert abs(y - expected) <= tolerance, (function.name, output.suffix, k, radius, x)
"""
    run(code, NUMBA_DISABLE_JIT="1")
