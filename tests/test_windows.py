"""`window_error` is the worst error of the sums over windows, and `window_radius` its inverse."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from oracle import mp, oracle

import fastround as fr
from fastround.arguments import Method

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
