"""The reference against the oracle, and the oracle against the definitions."""

from __future__ import annotations

import ast
import doctest
import inspect
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterator

import mpmath
import numpy as np
import oracle
import pytest
from oracle import Dual, Method, Window, max_abs_grad_k, ulp_error, ulp_of

from fastround import reference

METHODS: tuple[Method, ...] = ("sigmoid", "density")
STEPS = {"round": 0.0, "floor": -0.5, "ceil": 0.5}
FAMILIES = [(method, step) for method in METHODS for step in STEPS]
EPSILON = sys.float_info.epsilon
SMALLEST_NORMAL = sys.float_info.min

exact = mpmath.MPContext()
"""For the sums as they are defined.  Its precision is set where it is used."""

Triple = tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]


def functions(name: str) -> tuple[Callable[..., float], ...]:
    """The value and the two derivatives."""
    return tuple(getattr(reference, name + suffix) for suffix in ("", "_grad", "_grad_k"))


def places(k: float, count: int, rng: random.Random) -> Iterator[float]:
    """Places to try: dense, far out, next to integers and half-integers, and on the step."""
    for _ in range(count):
        sign = rng.choice([-1, 1])
        kind = rng.randrange(6)
        if kind < 2:
            yield rng.uniform(-3, 3)
        elif kind == 2:
            yield sign * 2 ** rng.uniform(-40, 30)
        elif kind == 3:
            yield rng.choice([-2, 0, 0, 0, 1]) + sign * 2 ** rng.uniform(-60, -1)
        elif kind == 4:
            yield rng.choice([-1.5, -0.5, -0.5, 0.5, 0.5, 2.5]) + sign * 2 ** rng.uniform(-54, -1)
        else:
            yield rng.choice([0.0, 0.5, 1.5]) + sign * min(0.5, rng.uniform(0, 30) / k)


def sharpnesses(count: int, rng: random.Random) -> Iterator[float]:
    """Log-uniform over nine decades, and around the places where the expansions change over."""
    for switch in (3.5, 6.0):
        yield from (math.nextafter(switch, 0), switch, math.nextafter(switch, math.inf))
    yield from (4.0, 4.5, 5.0, 7.0, 8.0, 12.0, 20.0, 30.0)
    for i in range(count):
        yield 10 ** rng.uniform(-3, 6) if i % 3 else 10 ** rng.uniform(0.3, 1.6)


# --- The definitions, summed as they stand --------------------------------------------------------


def logistic(z: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + exact.exp(-z))


def rho(z: mpmath.mpf) -> mpmath.mpf:
    e = exact.exp(-z)
    return e / (1 + e) ** 2


def sigmoid_sum(x: mpmath.mpf, k: mpmath.mpf, integers: range) -> Triple:
    """The published sum over these integers, with what leaks from them."""
    edges = [x - n + 0.5 for n in integers] + [x - integers[-1] - 0.5]
    sigmas = [logistic(k * z) for z in edges]
    rhos = [sigma * (1 - sigma) for sigma in sigmas]

    def difference(at_edges: list[mpmath.mpf]) -> mpmath.mpf:
        """The sum of n [f(x - n + 1/2) - f(x - n - 1/2)]."""
        return sum(n * (at_edges[i] - at_edges[i + 1]) for i, n in enumerate(integers))

    grad_k = difference([z * rho_z for z, rho_z in zip(edges, rhos, strict=True)])
    return difference(sigmas), k * difference(rhos), grad_k


def sigmoid_window(x: mpmath.mpf, k: mpmath.mpf, c: int, radius: int) -> Triple:
    """The first terms of the leak-free series about c, and their derivatives."""
    r = x - c
    value = grad = grad_k = exact.zero
    for j in range(1, radius + 1):
        b = j - exact.mpf(0.5)
        value += exact.sinh(k * r) / (exact.cosh(k * r) + exact.cosh(k * b))
        grad += k * (rho(k * (b - r)) + rho(k * (b + r)))
        grad_k += (b + r) * rho(k * (b + r)) - (b - r) * rho(k * (b - r))
    return c + value, grad, grad_k


def density_sum(x: mpmath.mpf, k: mpmath.mpf, integers: range) -> Triple:
    """The mean of these integers, and its derivatives as covariances."""
    weights = [rho(k * (x - n)) for n in integers]
    total = sum(weights)

    def mean(values: list[mpmath.mpf]) -> mpmath.mpf:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / total

    value = mean([exact.mpf(n) for n in integers])
    if abs(value) < exact.mpf(2) ** (60 - exact.prec):  # what rounding has left of 0
        value = exact.zero
    tanh = [exact.tanh(k * (x - n) / 2) for n in integers]
    grad = -k * mean([(n - value) * t for n, t in zip(integers, tanh, strict=True)])
    grad_k = -mean([(n - value) * (x - n) * t for n, t in zip(integers, tanh, strict=True)])
    return value, grad, grad_k


def enough_bits(x: float, k: float, reach: float) -> int:
    """Enough for the sums above to cancel down to `reach` cells from x and leave 100 bits."""
    return 300 + int(3 * k * reach) + 2 * max(0, math.frexp(x)[1])


# --- The oracle -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [0.9, 4.4, 7.0, 12.0, 20.0])
def test_oracle_expansions_agree_with_the_definition(method: Method, k: float) -> None:
    largest = max_abs_grad_k(method, k)
    reach = 3 + int(130 / k)
    # The terms of the window series cancel in the derivative in k, which is tiny for small k.
    slack_k = {Window: max(1e-30 * largest, 1e-35), Dual: 1e-30 * largest}
    for x in (1e-200, 1e-9, 0.1, -0.21, 0.3, 0.49999, 0.5, -0.5):
        exact.prec = 1000 if abs(x) < 1e-100 else enough_bits(x, k, reach)
        summed = sigmoid_sum if method == "sigmoid" else density_sum
        truth = summed(exact.mpf(x), exact.mpf(k), range(-reach, reach + 1))
        for expansion, slack in slack_k.items():
            got = expansion(method, k)(oracle.mp.mpf(x))
            assert abs(got.value - truth[0]) <= 1e-30 * abs(truth[0])
            assert abs(got.grad - truth[1]) <= 1e-30 * abs(truth[1])
            assert abs(got.grad_k - truth[2]) <= slack


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_oracle_at_any_place(method: Method, step: str) -> None:
    """Centre, sign and shift, against the definition at x + shift."""
    shift = STEPS[step]
    for k, x in itertools.product((1.5, 9.0, 25.0), (-1.75, -0.5, -1e-30, 0.0, 1e-30, 0.4, 5.3)):
        reach = 3 + int(130 / k)
        exact.prec = enough_bits(x, k, reach)
        y = exact.mpf(x) + shift
        middle = int(exact.nint(y))
        summed = sigmoid_sum if method == "sigmoid" else density_sum
        window = range(middle - reach, middle + reach + 1)
        truth = summed(y, exact.mpf(k), window)
        got = oracle.oracle(method, shift, x, k)
        assert abs(got.value - truth[0]) <= 1e-30 * max(abs(truth[0]), 1e-24)
        assert abs(got.grad - truth[1]) <= 1e-30 * abs(truth[1])
        assert abs(got.grad_k - truth[2]) <= 1e-30 * max_abs_grad_k(method, k)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [16.0, 1e3, 1e6, 1e100, 1e300])
def test_oracle_near_a_step(method: Method, k: float) -> None:
    """A single step is the logistic function itself, and twice as steep for the density."""
    steepness = k if method == "sigmoid" else 2 * k
    for z in (1e-3, 0.5, 2.0):
        x = z / steepness
        got = oracle.oracle(method, -0.5, x, k)
        exact.prec = 200
        z_exact = exact.mpf(steepness) * exact.mpf(x)
        # The next step is exp(-k/2) away.
        slack = oracle.mp.mpf(1e-25 + math.exp(-k / 2))
        assert abs(got.value - (logistic(z_exact) - 1)) <= slack
        assert abs(got.grad / steepness - rho(z_exact)) <= slack
        truth_k = (1 if method == "sigmoid" else 2) * exact.mpf(x) * rho(z_exact)
        assert abs(got.grad_k - truth_k) <= 8 * slack / k


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("radius", [None, 2])
@pytest.mark.parametrize("k", [0.5, 3.0, 12.0, 40.0, 99.0, 101.0])
def test_largest_derivative_in_k(method: Method, radius: int | None, k: float) -> None:
    largest = max_abs_grad_k(method, k, radius)
    width = min(0.5, 10 / k)
    sizes = [abs(oracle.oracle(method, -0.5, i / 128 * width, k, radius).grad_k) for i in range(129)]
    assert max(sizes) <= largest * (1 + 1e-9)
    assert max(sizes) >= largest * (1 - 1e-3)


def test_ulp_error() -> None:
    assert ulp_error(1.0, oracle.mp.mpf(1.0)) == 0
    assert ulp_error(1.0 + EPSILON, oracle.mp.mpf(1.0)) == 1
    assert ulp_error(1.0 - EPSILON / 2, oracle.mp.mpf(1.0)) == 0.5
    assert ulp_error(1.0, oracle.mp.mpf(1.0 - EPSILON / 2)) == 1
    assert ulp_error(np.float32(1.0), oracle.mp.mpf(1) + oracle.mp.mpf(2) ** -24, "f4") == 0.5
    assert ulp_error(5e-324, oracle.mp.mpf(0)) == 1
    assert ulp_error(0.0, oracle.mp.mpf(5e-324) / 4) == 0.25
    assert ulp_error(0.0, oracle.mp.mpf(2) ** -150, np.float32) == 0.5
    assert ulp_error(-0.0, oracle.mp.mpf(0)) == 0
    assert ulp_error(math.nan, oracle.mp.nan) == 0
    assert ulp_error(math.nan, oracle.mp.one) == math.inf
    assert ulp_error(math.inf, oracle.mp.inf) == 0
    assert ulp_error(math.inf, oracle.mp.mpf(1e308)) == math.inf


# --- The functions over all integers --------------------------------------------------------------


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_accuracy(method: Method, step: str) -> None:
    shift = STEPS[step]
    value_and_grad = getattr(reference, f"{method}_{step}_value_and_grad")
    _, _, grad_k = functions(f"{method}_{step}")
    rng = random.Random(method)  # the same k for every step: the oracle remembers what it needs
    most = {"value": 4.0 if method == "sigmoid" else 5.0, "grad": 6.0, "grad_k": 8.0}
    for k in list(sharpnesses(52, rng)):
        unit_k = ulp_of(max(oracle.mp.mpf(EPSILON), max_abs_grad_k(method, k)))
        for x in places(k, 14, rng):
            truth = oracle.oracle(method, shift, x, k)
            value, grad = value_and_grad(x, k)
            where = f"at x = {x!r}, k = {k!r}"
            assert ulp_error(value, truth.value) <= most["value"], where
            if truth.grad >= SMALLEST_NORMAL:
                assert ulp_error(grad, truth.grad) <= most["grad"], where
            else:
                assert 0 <= grad <= SMALLEST_NORMAL, where
            assert abs(grad_k(x, k) - truth.grad_k) <= most["grad_k"] * unit_k, where


@pytest.mark.parametrize(("method", "step"), FAMILIES)
@pytest.mark.parametrize("k", [5e-324, 1e-300, 1e-30, 1e8, 1e30, 1e300, sys.float_info.max])
def test_accuracy_at_extreme_sharpness(method: Method, step: str, k: float) -> None:
    shift = STEPS[step]
    value, grad, grad_k = functions(f"{method}_{step}")
    unit_k = ulp_of(max(oracle.mp.mpf(EPSILON), max_abs_grad_k(method, k)))
    near = [sign * z / k for sign in (-1, 1) for z in (1e-3, 1.0, 30.0, 700.0)] if k > 1 else []
    for x in (0.0, 5e-324, 1e-300, 0.3, -0.5, 0.5, 1.5, 2.75, -(2.0**30) - 0.25, 1e300, *near):
        truth = oracle.oracle(method, shift, x, k)
        assert ulp_error(value(x, k), truth.value) <= 5
        if truth.grad >= SMALLEST_NORMAL:
            assert ulp_error(grad(x, k), truth.grad) <= 6
        assert abs(grad_k(x, k) - truth.grad_k) <= 8 * unit_k


@pytest.mark.parametrize(("method", "step"), FAMILIES)
@pytest.mark.parametrize("form", ["", "_windowed"])
def test_value_and_grad_are_those_of_their_own(method: Method, step: str, form: str) -> None:
    name = f"{method}_{step}{form}"
    value, grad, _ = functions(name)
    radius = (3,) if form else ()
    for x, k in itertools.product((-1.7, 0.0, 0.2, 0.5, 1e6 + 0.3), (0.0, 0.5, 5.0, 80.0)):
        pair = getattr(reference, name + "_value_and_grad")(x, k, *radius)
        assert pair == (value(x, k, *radius), grad(x, k, *radius))
        assert type(pair) is tuple


ALL_K = (5e-324, 1e-3, 1.0, 3.4, 3.5, 5.9, 6.0, 20.0, 1e3, 1e9, 1e300)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [0.0, *ALL_K])
def test_fixed_points(method: Method, k: float) -> None:
    value, _, grad_k = functions(f"{method}_round")
    floor, _, floor_k = functions(f"{method}_floor")
    ceil, _, ceil_k = functions(f"{method}_ceil")
    for n in (-(2.0**51), -1e6, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 7.0, 2.0**40 + 1):
        assert value(n, k) == n
        assert value(n + 0.5, k) == n + 0.5
        assert grad_k(n, k) == grad_k(n + 0.5, k) == 0
        assert floor(n, k) == n - 0.5
        assert floor(n + 0.5, k) == n
        assert ceil(n, k) == n + 0.5
        assert ceil(n + 0.5, k) == n + 1
        assert floor_k(n, k) == floor_k(n + 0.5, k) == ceil_k(n, k) == ceil_k(n + 0.5, k) == 0
    for huge in (2.0**53, 2.0**53 + 2, -1e17, 1e300, -sys.float_info.max):
        assert value(huge, k) == huge
        assert floor(huge, k) == huge - 0.5
        assert ceil(huge, k) == huge + 0.5


def bits(number: float) -> bytes:
    return np.float64(number).tobytes()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["", "_windowed"])
@pytest.mark.parametrize("k", [0.0, math.inf, *ALL_K])
def test_odd_to_the_bit(method: Method, form: str, k: float) -> None:
    radius = (2,) if form else ()
    rng = random.Random(f"{method} {k}")
    xs = [0.0, 5e-324, 1e-300, 0.25, 0.5, 1.0, 1.5, 2.5, 1e6 + 0.3, 2.0**52 + 1, math.inf]
    xs += list(places(max(k, 1.0), 12, rng))
    for one, other in (("round", "round"), ("floor", "ceil"), ("ceil", "floor")):
        value, grad, grad_k = functions(f"{method}_{one}{form}")
        mirrored, mirrored_grad, mirrored_grad_k = functions(f"{method}_{other}{form}")
        for x in xs:
            expected = -value(x, k, *radius)
            if one != "round" and expected == 0 and x in (-0.5, 0.5):
                expected = 0.0  # x - 1/2 is +0.0 as -x + 1/2 is: IEEE subtraction has no -0.0 here
            assert bits(mirrored(-x, k, *radius)) == bits(expected), x
            assert bits(mirrored_grad(-x, k, *radius)) == bits(grad(x, k, *radius)), x
            assert mirrored_grad_k(-x, k, *radius) == -grad_k(x, k, *radius) or x == math.inf


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [0.0, math.inf, *ALL_K])
def test_sign_of_zero(method: Method, k: float) -> None:
    value, *_ = functions(f"{method}_round")
    windowed, *_ = functions(f"{method}_round_windowed")
    floor, *_ = functions(f"{method}_floor")
    for zero in (-0.0, 0.0):
        assert bits(value(zero, k)) == bits(windowed(zero, k, 2)) == bits(zero)
    assert bits(floor(0.5, k)) == bits(0.0)
    if k > 1e4:
        # Both underflow: the sign is that of x, or of x - 1/2.
        assert bits(value(-0.25, k)) == bits(floor(0.25, k)) == bits(-0.0)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_translation(method: Method, step: str) -> None:
    value, grad, grad_k = functions(f"{method}_{step}")
    for k in (0.01, 2.0, 4.5, 40.0):
        for i in range(-8, 9):
            x = i / 16
            for n in (-2, 2**30):
                assert grad(x + n, k) == grad(x, k)
                assert grad_k(x + n, k) == grad_k(x, k)
                assert abs(value(x + n, k) - (value(x, k) + n)) <= 2 * math.ulp(abs(n) + 1)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_floor_and_ceil_are_the_rounding_moved(method: Method, step: str) -> None:
    moved, plain = functions(f"{method}_{step}"), functions(f"{method}_round")
    for k in (0.01, 2.0, 4.5, 40.0):
        for i in range(-16, 17):
            x = i / 8  # so that x + 1/2 is exact
            shifted = x + STEPS[step]
            assert moved[0](x, k) == pytest.approx(plain[0](shifted, k), rel=4 * EPSILON)
            assert moved[1](x, k) == pytest.approx(plain[1](shifted, k), rel=10 * EPSILON)
            assert moved[2](x, k) == pytest.approx(plain[2](shifted, k), abs=10 * EPSILON)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
@pytest.mark.parametrize("k", [0.1, 2.0, 3.5, 6.0, 20.0, 500.0])
def test_rises_and_never_falls(method: Method, step: str, k: float) -> None:
    value, grad, _ = functions(f"{method}_{step}")
    xs = [i / 16 for i in range(-33, 34)]
    values = [value(x, k) for x in xs]
    assert values == sorted(values)
    assert all(grad(x, k) > 0 for x in xs)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_no_and_infinite_sharpness(method: Method, step: str) -> None:
    shift = STEPS[step]
    value, grad, grad_k = functions(f"{method}_{step}")
    for x in (-2.5, -1.5, -1.0, -0.5, -0.3, 0.0, 0.25, 0.5, 1.0, 1.5, 2.5, 3.7, 1e6 + 0.5):
        for zero in (0.0, -0.0):
            assert value(x, zero) == x + shift
            assert (grad(x, zero), grad_k(x, zero)) == (1, 0)
        assert bits(value(x, math.inf)) == bits(float(np.rint(x + shift)))
        assert (grad(x, math.inf), grad_k(x, math.inf)) == (0, 0)
    # Where x + shift does not fit a float: the exact number is what is rounded.
    assert value(-1e-20, math.inf) == {"round": 0, "floor": -1, "ceil": 0}[step]
    assert value(1e-20, math.inf) == {"round": 0, "floor": 0, "ceil": 1}[step]
    assert value(2.0**53, math.inf) == 2.0**53


@pytest.mark.parametrize("name", [f"{method}_{step}" for method, step in FAMILIES])
@pytest.mark.parametrize("form", ["", "_windowed", "_literal"])
def test_what_is_no_number(name: str, form: str) -> None:
    if form == "_literal" and not name.endswith("_round"):
        name = name.rpartition("_")[0] + "_round"
    value, grad, grad_k = functions(name + form)
    radius = (2,) if form else ()
    nowhere = [(math.nan, 1.0), (math.nan, 0.0), (math.nan, math.inf), (math.nan, -1.0)]
    nowhere += [(0.3, math.nan), (0.3, -1.0), (0.3, -5e-324), (0.3, -math.inf)]
    nowhere += [(math.inf, -1.0), (-math.inf, math.nan)]
    for x, k in nowhere:
        for function in (value, grad, grad_k):
            assert math.isnan(function(x, k, *radius)), (x, k)
    for x, k in itertools.product((math.inf, -math.inf), (0.0, 0.5, 5.0, 1e9, math.inf)):
        assert value(x, k, *radius) == x
        assert math.isnan(grad(x, k, *radius))
        assert math.isnan(grad_k(x, k, *radius))


# --- Windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_windowed_accuracy(method: Method, step: str) -> None:
    shift = STEPS[step]
    value, grad, grad_k = functions(f"{method}_{step}_windowed")
    rng = random.Random(f"windowed {method} {step}")
    for _ in range(50):
        k = 10 ** rng.uniform(-3, 1.7)
        radius = rng.choice([1, 2, 3, 5, 12])
        for x in places(k, 4, rng):
            exact.prec = enough_bits(x, k, radius + 2)
            y = exact.mpf(x) + shift
            c = int(exact.nint(y))  # halves to even
            if method == "sigmoid":
                truth = sigmoid_window(y, exact.mpf(k), c, radius)
            else:
                truth = density_sum(y, exact.mpf(k), range(c - radius, c + radius + 1))
            where = f"at x = {x!r}, k = {k!r}, radius = {radius}"
            assert ulp_error(value(x, k, radius), truth[0]) <= 5, where
            assert ulp_error(grad(x, k, radius), truth[1]) <= 6, where
            slack = 4e-16 * radius * min(radius, 1 / k)
            assert abs(grad_k(x, k, radius) - truth[2]) <= slack, where


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_oracle_windows(method: Method, step: str) -> None:
    rng = random.Random(f"oracle {method} {step}")
    for _ in range(25):
        k = 10 ** rng.uniform(-3, 2)
        radius = rng.choice([1, 2, 5])
        x = next(places(k, 1, rng))
        exact.prec = enough_bits(x, k, radius + 2)
        y = exact.mpf(x) + STEPS[step]
        c = int(exact.nint(y))
        if method == "sigmoid":
            truth = sigmoid_window(y, exact.mpf(k), c, radius)
        else:
            truth = density_sum(y, exact.mpf(k), range(c - radius, c + radius + 1))
        got = oracle.oracle(method, STEPS[step], x, k, radius)
        assert abs(got.value - truth[0]) <= 1e-30 * abs(truth[0])
        assert abs(got.grad - truth[1]) <= 1e-30 * abs(truth[1])
        assert abs(got.grad_k - truth[2]) <= 1e-30 * max_abs_grad_k(method, k, radius)


@pytest.mark.parametrize("step", STEPS)
def test_window_bound(step: str) -> None:
    """|S - S_M| is at most 1 / (1 + exp(kM)), and is that where S_M jumps."""
    whole, windowed = functions(f"sigmoid_{step}")[0], functions(f"sigmoid_{step}_windowed")[0]
    rng = random.Random(step)
    for k, radius in itertools.product((0.05, 0.5, 2.0, 7.0), (0, 1, 2, 5)):
        bound = 1 / (1 + math.exp(k * radius))
        for x in places(k, 60, rng):
            distance = abs(whole(x, k) - windowed(x, k, radius))
            assert distance <= bound + 8 * math.ulp(abs(x) + 1), (x, k, radius)
        for n in (-2.0, 0.0, 1.0, 3.0):
            x = n + 0.5 if step == "round" else n
            distance = abs(whole(x, k) - windowed(x, k, radius))
            assert distance == pytest.approx(bound, abs=1e-14)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_wide_windows_hold_everything(method: Method, step: str) -> None:
    whole, windowed = functions(f"{method}_{step}"), functions(f"{method}_{step}_windowed")
    for k, x in itertools.product((0.9, 4.0, 15.0, 1e3, 1e300), (-1.3, 0.1, 0.499, 2.0, 1e6 + 0.2)):
        for radius in (60, 10**400):
            assert windowed[0](x, k, radius) == pytest.approx(whole[0](x, k), rel=1e-15)
            assert windowed[1](x, k, radius) == pytest.approx(whole[1](x, k), rel=3e-15)
            assert windowed[2](x, k, radius) == pytest.approx(whole[2](x, k), abs=1e-15)


@pytest.mark.parametrize(("method", "step"), FAMILIES)
def test_limits_of_windows(method: Method, step: str) -> None:
    shift = STEPS[step]
    value, grad, grad_k = functions(f"{method}_{step}_windowed")
    for x in (-2.5, -1.5, -1.0, -0.5, -0.3, 0.0, 0.25, 0.5, 1.0, 1.5, 2.5, 3.7):
        c = float(np.rint(x + shift))
        for k in (0.0, 0.3, 5.0, 1e9):
            assert bits(value(x, k, 0)) == bits(c)  # no terms at all
            assert (grad(x, k, 0), grad_k(x, k, 0)) == (0, 0)
        for radius in (1, 4):
            assert bits(value(x, math.inf, radius)) == bits(c)
            assert (grad(x, math.inf, radius), grad_k(x, math.inf, radius)) == (0, 0)
            # Without any sharpness the weights are equal, and the terms of the sigmoid are 0.
            assert value(x, 0.0, radius) == c
            assert grad(x, 0.0, radius) == 0
            leaning = radius * (x + shift - c) / 2 if method == "sigmoid" else 0
            assert grad_k(x, 0.0, radius) == pytest.approx(leaning, abs=1e-15)
            assert value(x, 1e-9, radius) == pytest.approx(value(x, 0.0, radius), abs=1e-8)
            assert grad_k(x, 1e-9, radius) == pytest.approx(leaning, abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_wide_windows_of_soft_steps(method: Method) -> None:
    """As the definition has it; and with any radius, in closed form where the steps are softer still."""
    value, grad, grad_k = functions(f"{method}_round_windowed")
    radius = 10_001
    for x, k in ((0.3, 1e-7), (-0.4999, 4e-5), (2.1, 3e-4), (0.5, 3e-3)):
        exact.prec = 160
        y, c = exact.mpf(x), round(x)
        if method == "sigmoid":
            truth = sigmoid_window(y, exact.mpf(k), c, radius)
        else:
            truth = density_sum(y, exact.mpf(k), range(c - radius, c + radius + 1))
        assert ulp_error(value(x, k, radius), truth[0]) <= 5
        assert ulp_error(grad(x, k, radius), truth[1]) <= 6
        assert abs(grad_k(x, k, radius) - truth[2]) <= 4e-16 * radius * min(radius, 1 / k)
    for huge, k in itertools.product((2**62, 10**400), (0.0, 5e-324, 1e-160, 1e-19, 1e-3)):
        m, t = min(huge, 1e308), math.tanh(k * min(huge, 1e308) / 2)
        lag = t if method == "sigmoid" else 1 - k * m / math.sinh(k * m) if 0 < k * m < 700 else float(k * m > 1)
        assert value(0.25, k, huge) == pytest.approx(0.25 * lag, rel=1e-14)
        assert grad(0.25, k, huge) == pytest.approx(lag, rel=1e-14)
        assert math.isfinite(grad_k(0.25, k, huge))


# --- As published ---------------------------------------------------------------------------------


@pytest.mark.parametrize("center", ["floor", "nearest"])
@pytest.mark.parametrize("method", METHODS)
def test_literal_sums(method: Method, center: str) -> None:
    value, grad, grad_k = functions(f"{method}_round_literal")
    pair = getattr(reference, f"{method}_round_literal_value_and_grad")
    rng = random.Random(f"literal {method} {center}")
    for _ in range(50):
        k = 10 ** rng.uniform(-3, 1.7)
        radius = rng.choice([0, 1, 2, 5, 12])
        for x in places(k, 3, rng):
            c = math.floor(x) if center == "floor" else round(x)
            exact.prec = enough_bits(x, k, radius + 2)
            summed = sigmoid_sum if method == "sigmoid" else density_sum
            truth = summed(exact.mpf(x), exact.mpf(k), range(c - radius, c + radius + 1))
            got = [f(x, k, radius, center) for f in (value, grad, grad_k)]
            assert pair(x, k, radius, center) == (got[0], got[1])
            where = f"at x = {x!r}, k = {k!r}, radius = {radius}"
            size = abs(x) + radius + 1
            if method == "sigmoid":
                assert abs(got[0] - truth[0]) <= 4e-16 * size, where
                assert abs(got[1] - truth[1]) <= 4e-16 * k * size, where
                assert abs(got[2] - truth[2]) <= 2e-15 * size, where
            else:
                assert abs(got[0] - truth[0]) <= 4e-16 * size, where
                if radius > 0:
                    assert ulp_error(got[1], truth[1]) <= 6, where
                else:
                    assert got[1] == 0, where
                slack = 4e-16 * (radius + 1) * min(radius + 1, 1 / k)
                assert abs(got[2] - truth[2]) <= slack, where


def test_the_literal_sum_leaks_and_the_window_does_not() -> None:
    x, k, radius = 1e6 + 0.25, 0.5, 5
    leak = reference.sigmoid_round(x, k) - reference.sigmoid_round_literal(x, k, radius)
    assert leak == pytest.approx(1e6 * 2 / (1 + math.exp(k * (radius + 0.5))), rel=0.02)
    assert abs(reference.sigmoid_round_windowed(x, k, radius) - x) < 0.1
    assert abs(reference.density_round_literal(x, k, radius) - x) < 0.3
    assert reference.sigmoid_round_literal(x, k, radius) == reference.sigmoid_round_literal(
        x, k, radius, center="floor"
    )


def test_literal_density_is_the_windowed_one_about_the_nearest() -> None:
    literal, windowed = functions("density_round_literal"), functions("density_round_windowed")
    for x, k in itertools.product((-2.5, -0.3, 0.1, 1.5, 7.8), (0.0, 0.3, 5.0, 60.0, math.inf)):
        for f, g in zip(literal, windowed, strict=True):
            assert f(x, k, 3, "nearest") == g(x, k, 3)


def test_hard_literal_sums() -> None:
    for name in ("sigmoid_round_literal", "density_round_literal"):
        value, grad, grad_k = functions(name)
        for x in (-1.5, -0.7, 0.5, 1.5, 2.2, 2.8):
            assert value(x, math.inf, 2) == value(x, math.inf, 0, "nearest") == round(x)
            assert (grad(x, math.inf, 2), grad_k(x, math.inf, 2)) == (0, 0)
    # The nearest integer is not in the window.
    assert reference.sigmoid_round_literal(2.8, math.inf, 0) == 0
    assert reference.density_round_literal(2.8, math.inf, 0) == 2


# --- Errors and documentation ---------------------------------------------------------------------

WITH_RADIUS = [name for name in reference.__all__ if "windowed" in name or "literal" in name]
WITH_CENTER = [name for name in reference.__all__ if "literal" in name]


@pytest.mark.parametrize("name", WITH_RADIUS)
def test_radius_must_be_a_whole_number(name: str) -> None:
    function = getattr(reference, name)
    for radius in (1.0, 1.5, "2", None, math.nan):
        with pytest.raises(TypeError, match=rf"^{name}: radius must be an integer, not "):
            function(0.3, 1.0, radius)
    for negative in (-1, np.int8(-3)):
        with pytest.raises(ValueError, match=rf"^{name}: radius must not be negative, got -[13]$"):
            function(0.3, 1.0, negative)
    # An error in the arguments is one for every x and k.
    with pytest.raises(ValueError, match="radius"):
        function(math.nan, -1.0, -1)
    assert function(0.3, 1.0, np.int64(2)) == function(0.3, 1.0, radius=2)


@pytest.mark.parametrize("name", WITH_CENTER)
def test_center_must_be_one_of_two(name: str) -> None:
    function = getattr(reference, name)
    for center in ("round", "", None, 0):
        with pytest.raises(ValueError, match=rf"^{name}: center must be 'floor' or 'nearest', not"):
            function(0.3, 1.0, 2, center)


@pytest.mark.parametrize("name", reference.__all__)
def test_arguments_must_be_numbers(name: str) -> None:
    function = getattr(reference, name)
    radius = (2,) if name in WITH_RADIUS else ()
    for x, k in ((None, 1.0), (0.3, None), (1j, 1.0), ([0.3], 1.0)):
        with pytest.raises(TypeError, match=f"^{name}: "):
            function(x, k, *radius)
    assert function(np.float32(0.25), 3, *radius) == function(0.25, 3.0, *radius)


def test_all_names_are_there() -> None:
    variants = ("", "_grad", "_grad_k", "_value_and_grad")
    bases = [f"{method}_{step}{form}" for method, step in FAMILIES for form in ("", "_windowed")]
    bases += [f"{method}_round_literal" for method in METHODS]
    expected = sorted(base + variant for base in bases for variant in variants)
    assert list(reference.__all__) == expected
    assert len(expected) == 56


@pytest.mark.parametrize("name", reference.__all__)
def test_documentation(name: str) -> None:
    function = getattr(reference, name)
    assert function.__name__ == function.__qualname__ == name
    assert function.__module__ == "fastround.reference"
    parameters = ["x", "k"] + ["radius"] * (name in WITH_RADIUS) + ["center"] * (name in WITH_CENTER)
    assert list(inspect.signature(function).parameters) == parameters
    text = inspect.getdoc(function)
    assert text is not None
    for section in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text
    assert all(f"\n{parameter} : " in text for parameter in parameters)
    assert "2504.19026" in text
    tests = doctest.DocTestFinder().find(function, name)
    assert sum(len(test.examples) for test in tests) == 2
    runner = doctest.DocTestRunner(verbose=False)
    assert all(runner.run(test).failed == 0 for test in tests)


def test_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(inspect.getsource(reference))
    imports = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
    assert imports <= {"__future__", "collections.abc", "inspect", "math", "operator", "typing"}
