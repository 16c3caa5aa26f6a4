"""Every helper of `fastround.sharpness` against the rounding functions, and against its own inverse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracle import oracle

import fastround as fr
from fastround import sharpness
from fastround.arguments import Method

methods = pytest.mark.parametrize("method", ["sigmoid", "density"])

SOFT_TO_SHARP = np.geomspace(0.5, 1e6, 60)


@methods
def test_width(method: Method) -> None:
    """Half a width to the right of a step, the function has risen to 90 %."""
    widths = sharpness.width(SOFT_TO_SHARP, method)
    rise = getattr(fr, f"{method}_floor")([-widths / 2, widths / 2], SOFT_TO_SHARP)
    np.testing.assert_allclose(rise + 1, [[0.1] * 60, [0.9] * 60], rtol=3e-15)
    np.testing.assert_allclose(sharpness.width([0.0, np.inf], method), [0.8, 0.0], rtol=1e-15)
    assert (np.diff(widths) < 0).all()


@methods
def test_width_and_its_inverse(method: Method) -> None:
    k = np.geomspace(4, 1e6, 60)
    np.testing.assert_allclose(sharpness.from_width(sharpness.width(k, method), method), k, rtol=1e-12)
    widths = np.geomspace(1e-9, 0.8, 60)
    found = sharpness.from_width(widths, method)
    np.testing.assert_allclose(sharpness.width(found, method), widths, rtol=3e-15)
    assert found[-1] == 0.0


def test_width_of_sharp_steps_in_closed_form() -> None:
    k = np.geomspace(80, 1e9, 20)
    np.testing.assert_allclose(sharpness.width(k), 2 * np.log(9) / k, rtol=1e-14)
    np.testing.assert_allclose(sharpness.width(k, "density"), np.log(9) / k, rtol=1e-14)


@methods
@pytest.mark.parametrize("distance", [0.03125, 0.1875, 0.4375])
@pytest.mark.parametrize("k", [0.5, 3.0, 12.0, 100.0, 2000.0])
def test_tolerance(method: Method, k: float, distance: float) -> None:
    """No position that far from the half-integers differs more from hard rounding, and the nearest one does."""
    x = np.linspace(distance - 0.5, 0.5 - distance, 1001)
    differences = np.abs(getattr(fr, f"{method}_round")(np.add.outer([0.0, 3.0, -7.0], x), k) - [[0.0], [3.0], [-7.0]])
    tolerance = sharpness.tolerance(k, distance, method)
    assert differences.max() == pytest.approx(tolerance, abs=1e-15)
    assert differences[0].max() == pytest.approx(tolerance, rel=1e-14)
    assert sharpness.tolerance(k, distance) <= np.exp(-k * distance) / (1 + np.exp(-k * distance)) * (1 + 1e-12)


@methods
def test_tolerance_at_the_smallest_distances(method: Method) -> None:
    """1/2 - distance is no float, and a rounding error there would be multiplied by k."""
    k, distance = 1e12, 1e-11
    exact = oracle(method, 0.5, -distance, k).value
    assert abs(sharpness.tolerance(k, distance, method) / exact - 1) < 1e-15


@methods
def test_tolerance_and_its_inverses(method: Method) -> None:
    tol, distance = np.meshgrid(np.geomspace(1e-300, 0.49, 30), np.geomspace(1e-6, 0.5, 25))
    k = sharpness.from_tolerance(tol, distance, method)
    assert (sharpness.tolerance(k, distance, method) <= tol).all()
    # It is the least: the identity is within the tolerance, or a slightly softer function is not.
    identity = tol >= 0.5 - distance
    assert (k[identity] == 0.0).all()
    softer = sharpness.tolerance(k * (1 - 1e-12), distance, method)
    assert (softer > tol)[~identity & (k > 2)].all()
    far = sharpness.distance(k, tol, method)
    np.testing.assert_allclose(far[k > 2], distance[k > 2], rtol=1e-12)
    assert (sharpness.tolerance(k, np.maximum(far, 1e-300), method) <= tol).all()


@methods
def test_the_ends_of_tolerance(method: Method) -> None:
    assert sharpness.from_tolerance([0.0, 0.4, 0.5, 7.0, np.inf], 0.125, method).tolist() == [
        np.inf,
        0.375 < 0.4 and 0.0,
        0.0,
        0.0,
        0.0,
    ]
    assert sharpness.from_tolerance([0.0, 1e-9], 0.5, method).tolist() == [0.0, 0.0]
    assert sharpness.tolerance([0.0, np.inf], 0.125, method).tolist() == [0.375, 0.0]
    assert sharpness.distance([0.0, 5.0, np.inf], 0.5, method).tolist() == [0.0, 0.0, 0.0]
    assert sharpness.distance([0.0, np.inf], 0.125, method).tolist() == [0.375, 0.0]


@methods
def test_slope(method: Method) -> None:
    """No slope is smaller than that at the integers."""
    x = np.linspace(-2, 2, 401)
    for k in (0.3, 2.0, 7.0, 40.0, 400.0):
        slopes = getattr(fr, f"{method}_round_grad")(x, k)
        least = sharpness.slope(k, method)
        assert slopes.min() >= least * (1 - 2e-15)
        assert slopes[100] == pytest.approx(least, rel=1e-15)


@methods
def test_slope_and_its_inverse(method: Method) -> None:
    k = np.geomspace(3, 700 if method == "density" else 1400, 40)
    np.testing.assert_allclose(sharpness.from_slope(sharpness.slope(k, method), method), k, rtol=1e-11)
    slopes = np.geomspace(1e-307, 1, 50)
    found = sharpness.from_slope(slopes, method)
    assert (sharpness.slope(found, method) >= slopes).all()
    assert (sharpness.slope(found[:-1] * (1 + 1e-12), method) < slopes[:-1]).all()
    assert sharpness.from_slope(0.0, method) == np.inf
    # Where the theta series is its own Fourier transform.
    assert sharpness.from_slope(0.5) == pytest.approx(2 * np.pi, rel=1e-14)


def test_slope_in_closed_form() -> None:
    k = np.array([20.0, 60.0, 200.0])
    np.testing.assert_allclose(sharpness.slope(k) / (2 * k * np.exp(-k / 2)) - 1, -2 * np.exp(-k / 2), atol=1e-8)
    np.testing.assert_allclose(sharpness.slope(k, "density") / (8 * k * np.exp(-k)) - 1, -10 * np.exp(-k), atol=1e-10)


def test_density_steps_like_sigmoid_at_twice_the_sharpness() -> None:
    """The difference that the documentation states, everywhere; and the same to a few per cent when sharp."""
    x = np.linspace(0, 0.5, 2001)
    k = np.geomspace(0.01, 70, 500)[:, None]
    largest = np.abs(fr.density_floor(x, k) - fr.sigmoid_floor(x, 2 * k)).max(axis=1)
    bound = np.exp(-k[:, 0] / 2) / 2
    assert (largest <= bound + 1e-16).all()
    sharp = (k[:, 0] > 12) & (k[:, 0] < 60)
    assert (largest[sharp] > 0.99 * bound[sharp]).all()
    assert largest.max() == pytest.approx(0.0486, abs=1e-4)
    assert k[largest.argmax()] == pytest.approx(3.5, abs=0.1)
    assert sharpness.slope(20.0, "density") == pytest.approx(2 * sharpness.slope(40.0), rel=1e-7)
    assert fr.density_floor_grad(0.0, 20.0) == pytest.approx(10 * np.tanh(5.0), rel=4 * np.exp(-20))


# --- The parameters of other packages ---------------------------------------------------------------------------------

OTHERS = {
    "softness": lambda h, p: 1 / (1 + np.exp(-h / p)),
    "alpha": lambda h, p: 0.5 + np.tanh(p * h) / (2 * np.tanh(p / 2)),
    "temperature": lambda h, p: 0.5 + np.tanh(h / p) / (2 * np.tanh(0.5 / p)),
    "mu": lambda h, p: 0.5 * (1 + np.tanh(h / p)),
    "tau": lambda h, p: (np.tanh(h / p) + 1) / 2,
    "weight": lambda h, p: 0.5 + 0.5 * np.tanh(p * h) / np.tanh(p / 2),
}
"""One step of their functions, a distance h past its middle; the softness has further ones on either side."""


@methods
@pytest.mark.parametrize("name", list(OTHERS))
@pytest.mark.parametrize("k", [0.3, 4.0, 12.0, 50.0])
def test_parameters_of_others(name: str, k: float, method: Method) -> None:
    """Their functions, at the parameter for k, are within the documented distance of ours."""
    value = sharpness.parameter(name, k, method)
    assert sharpness.from_parameter(name, value, method) == pytest.approx(k, rel=1e-15)
    h = np.linspace(-0.5, 0.5, 1001)
    step = OTHERS[name](h, value)
    sigmoid_k = k if method == "sigmoid" else 2 * k
    bound = np.exp(-sigmoid_k / 2)
    if name in ("alpha", "temperature", "weight"):
        bound = min(bound, 0.032)
    if name == "softness":
        steps = np.arange(1, int(3 + 40 / sigmoid_k))[:, None]
        step = step + (OTHERS[name](h + steps, value) + OTHERS[name](h - steps, value) - 1).sum(axis=0)
        bound = 1e-14
    if method == "density":
        bound += np.exp(-k / 2) / 2
    assert np.abs(step - 1 - getattr(fr, f"{method}_floor")(h, k)).max() <= bound + 1e-16


def test_the_table_of_parameters() -> None:
    """The documented formulas are those that are computed."""
    rows = re.findall(r"``(\w+)`` +k = (\d) ([*/]) \1 ", sharpness.from_parameter.__doc__ or "")
    assert [name for name, *_ in rows] == list(sharpness.PARAMETERS)
    for name, number, operator in rows:
        expected = int(number) * 0.25 if operator == "*" else int(number) / 0.25
        assert sharpness.from_parameter(name, 0.25) == expected
        assert sharpness.from_parameter(name, 0.25, "density") == expected / 2


@methods
def test_the_ends_of_parameters(method: Method) -> None:
    ends = [0.0, np.inf]
    for name in sharpness.PARAMETERS:
        direct = name in ("alpha", "weight")
        assert sharpness.from_parameter(name, ends, method).tolist() == (ends if direct else ends[::-1])
        assert sharpness.parameter(name, ends, method).tolist() == (ends if direct else ends[::-1])


# --- Schedules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linear", "geometric", "cosine"])
@pytest.mark.parametrize(("start", "stop"), [(2.0, 50.0), (50.0, 2.0), (0.1, 1e6), (3.0, 3.0)])
def test_schedules(name: str, start: float, stop: float) -> None:
    k = getattr(sharpness, name)(start, stop, 101)
    assert k.shape == (101,)
    assert k.dtype == np.float64
    assert (k[0], k[-1]) == (start, stop)
    steps = np.diff(k) * np.sign(stop - start)
    assert (steps > 0).all() or start == stop
    middle = {"geometric": np.sqrt(start * stop)}.get(name, (start + stop) / 2)
    assert k[50] == pytest.approx(middle, rel=1e-14)
    quarter = {"linear": 0.25, "cosine": (1 - np.sqrt(0.5)) / 2}.get(name)
    if quarter:
        assert k[25] == pytest.approx(start + quarter * (stop - start), rel=1e-13)
    else:
        np.testing.assert_allclose(k[1:] / k[:-1], (stop / start) ** 0.01, rtol=1e-12)
    assert getattr(sharpness, name)(start, stop, np.int8(1)).tolist() == [start]
    assert getattr(sharpness, name)(start, stop, 2).tolist() == [start, stop]


def test_schedules_from_zero() -> None:
    assert sharpness.linear(0, 4, 3).tolist() == [0.0, 2.0, 4.0]
    assert sharpness.cosine(4, 0, 3).tolist() == [4.0, 2.0, 0.0]


# --- Complaints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "error", "message"),
    [
        ("width", (-1.0,), ValueError, r"k must be in \[0, inf\], got -1.0"),
        ("width", (1j,), TypeError, "k must be real, not complex128"),
        ("width", (1.0, "gauss"), ValueError, "method must be one of 'sigmoid', 'density', not 'gauss'"),
        ("from_width", (0.0,), ValueError, r"width must be in \(0, 0.8\], got 0.0"),
        ("from_width", ([0.5, 0.81],), ValueError, "got 0.81"),
        ("from_width", (np.nan,), ValueError, "got nan"),
        ("from_width", (0.5, "gauss"), ValueError, "method"),
        ("tolerance", (-1.0, 0.1), ValueError, "k must be in"),
        ("tolerance", (1.0, 0.0), ValueError, r"distance must be in \(0, 0.5\], got 0.0"),
        ("tolerance", (1.0, 0.6), ValueError, "got 0.6"),
        ("tolerance", (1.0, 0.1, "gauss"), ValueError, "method"),
        ("from_tolerance", (-0.1, 0.1), ValueError, "tol must be at least 0, got -0.1"),
        ("from_tolerance", (np.nan, 0.1), ValueError, "got nan"),
        ("from_tolerance", (0.1, np.nan), ValueError, "distance must be in"),
        ("from_tolerance", ("a", 0.1), TypeError, "tol must be real"),
        ("distance", (1.0, 0.0), ValueError, r"tol must be in \(0, 0.5\], got 0.0"),
        ("distance", (np.nan, 0.1), ValueError, "k must be in"),
        ("slope", (-0.5,), ValueError, "k must be in"),
        ("from_slope", (1.5,), ValueError, r"slope must be in \[0, 1\], got 1.5"),
        ("from_slope", (-1e-9,), ValueError, "got -1e-09"),
        ("from_parameter", ("beta", 1.0), ValueError, "name must be one of 'softness', .*, not 'beta'"),
        ("from_parameter", ("tau", -1.0), ValueError, r"tau must be in \[0, inf\], got -1.0"),
        ("from_parameter", ("tau", 1.0, "gauss"), ValueError, "method"),
        ("parameter", ("beta", 1.0), ValueError, "name must be one of"),
        ("parameter", ("tau", np.nan), ValueError, "k must be in"),
        ("linear", (-1, 2, 3), ValueError, r"start must be a number in \[0, inf\), got -1.0"),
        ("linear", (1, np.inf, 3), ValueError, r"stop must be a number in \[0, inf\), got inf"),
        ("linear", ([1, 2], 2, 3), ValueError, "start must be a number"),
        ("linear", (1, 2, 0), ValueError, "steps must be at least 1, got 0"),
        ("linear", (1, 2, 3.0), TypeError, "integer"),
        ("geometric", (0, 2, 3), ValueError, r"start must be a number in \(0, inf\), got 0.0"),
        ("cosine", (1, 2j, 3), TypeError, "stop must be real"),
    ],
)
def test_complaints(name: str, arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        getattr(sharpness, name)(*arguments)


def test_scalars_are_scalars_and_arrays_broadcast() -> None:
    for value in (
        sharpness.width(3),
        sharpness.from_width(0.5),
        sharpness.tolerance(3, 0.25),
        sharpness.from_tolerance(0.1, 0.25),
        sharpness.distance(3, 0.1),
        sharpness.slope(3),
        sharpness.from_slope(0.5),
        sharpness.from_parameter("tau", 2),
        sharpness.parameter("tau", 2),
    ):
        assert type(value) is np.float64
    column, row = np.array([[1.0], [2.0]]), np.array([0.1, 0.2, 0.3], np.float32)
    for array in (
        sharpness.tolerance(column, row),
        sharpness.from_tolerance(column / 9, row),
        sharpness.distance(column, row),
    ):
        assert array.shape == (2, 3)
        assert array.dtype == np.float64


@methods
def test_no_floating_point_errors(method: Method) -> None:
    """Whatever the arguments, and however strict the caller is with NumPy."""
    ends = [0.0, 5e-324, 1e-300, 1.0, 1e300, np.inf]
    with np.errstate(all="raise"):
        sharpness.width(ends, method)
        sharpness.slope(ends, method)
        sharpness.from_width([1e-300, 0.8], method)
        sharpness.from_slope([0.0, 5e-324, 1e-300, 1.0], method)
        sharpness.tolerance(np.array(ends)[:, None], [5e-324, 1e-300, 0.5], method)
        sharpness.from_tolerance(np.array(ends)[:, None], [5e-324, 1e-300, 0.5], method)
        sharpness.distance(np.array(ends)[:, None], [5e-324, 1e-300, 0.5], method)
        for name in sharpness.PARAMETERS:
            sharpness.parameter(name, ends, method)
            sharpness.from_parameter(name, ends, method)
        fr.window_error(np.array(ends)[:, None], [0, 1, 2**63 - 1], method)
        fr.window_radius(ends[3:], 5e-324, method)
    assert sharpness.from_width([], method).shape == (0,)
    assert fr.window_error([], 3, method).shape == (0,)
    assert fr.window_radius([], 0.1, method).shape == (0,)
