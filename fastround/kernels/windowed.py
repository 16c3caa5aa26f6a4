"""Sums over the 2M+1 integers nearest to x, where they differ from the infinite ones.

With y = 2cosh(kr) − 2, Y = 2sinh(kr), and for every distance s of the window (j − ½ for j = 1 … M in the sigmoid
method, j in the density method) e = 1/(2cosh(ks) + 2) and t = tanh(ks/2), let

    G(y) = Σ e·(2 + (1−2e)y)/(1+ey)²,     B(y) = Σ s·t·e/(1+ey)².

The sigmoid method has S = c + Y·Σ e/(1+ey), ∂S/∂x = k·G and ∂S/∂k = r·G − Y·B.  In the density method, V = Y·B is the
sum of n − c under the weights ρ, and W = 1/(4+y) + G that of the weights: D = c + V/W.  Three regimes:

* few: M ≤ 3, as one fraction over a power of P(y) = Π (1+ey);
* wide: the first three distances as above.  For all others ey < 0.01, so that they make a short power series in y,
  whose coefficients are power sums of e.
* soft, below k = ⅛: an odd polynomial in r, since kr is small.  By the Euler–Maclaurin formula its coefficients are
  derivatives of tanh(kz/2) at the end of the window, z = M or M + ½.

All terms that matter are positive, but for ∂/∂k, which is small where k is soft and the window wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .polynomial import linear_map, power_sums, product, rounded, series_quotient, tanh_series, weighted
from .theta import Regime, quotient, scaled, square

# Below this sharpness, the soft regime.
SOFT = 0.125
FEW = 3
# The Euler–Maclaurin formula of the midpoint rule: the coefficients of z/sinh z in powers of (2z)².
_MIDPOINT = (
    *(1.0, -1 / 24, 7 / 5760, -31 / 967680, 127 / 154828800, -73 / 3503554560),
    *(1414477 / 2678117105664000, -8191 / 612141052723200),
)


class Windowed(NamedTuple):
    """A method over windows: at which k·M it is the infinite one, for k below SOFT and above, and its regimes.

    The constants of these regimes are functions of (k, M), both float64.
    """

    soft_reach: float
    reach: float
    soft: Regime
    few: Regime
    wide: Regime


@cache
def windowed(method: str, real: Any) -> Windowed:
    """The method "sigmoid" or "density" for one precision, `real` being np.float32 or np.float64."""
    single = real is np.float32
    point = {"sigmoid": _sigmoid_point, "density": _density_point}[method]
    few, wide = (point(real, terms) for terms in (0, 5 if single else 9))
    return Windowed(*((36.0, 21.0) if single else (80.0, 42.0)), _soft_regime(method, real), few, wide)


@cache
def _hyperbolic(real: Any) -> Any:
    """The function of k and a + a_low that returns 2cosh(k·a) − 2 and 2sinh(k·a), each as a sum."""
    functions = elementary(real)
    reduced, hyperbolic = functions.reduced, functions.hyperbolic
    unshifted, one, two = shift(real), real(1), real(2)

    @kernel
    def function(k, a, a_low):
        z, z_low = scaled(k, a, a_low)
        t, c, s = reduced(z, z_low, unshifted)
        u = power_of_two(t)
        return hyperbolic(u, reflected(u, one), two, c, s)

    return function


_wide_hyperbolic = _hyperbolic(np.float64)


@kernel
def _end(k, s, s_low):
    """e = 1/(2cosh(kz) + 2) and t = tanh(kz/2) at z = s + s_low."""
    y, y_low, sinh, sinh_low = _wide_hyperbolic(k, s, s_low)
    total = y + 4.0
    rest = total - y
    total_low = ((y - (total - rest)) + (4.0 - rest)) + y_low
    r = 1.0 / total
    return quotient(1.0, 0.0, total, total_low, r), quotient(sinh, sinh_low, total, total_low, r)


@cache
def _firsts(offset: float) -> Any:
    """e and t of the first distances j − offset, and nothing where the window has fewer."""

    @kernel
    def first(k, radius, j):
        if j <= radius:
            return _end(k, j - offset, 0.0)
        return 0.0, 0.0

    @kernel
    def firsts(k, radius):
        return first(k, radius, 1), first(k, radius, 2), first(k, radius, 3)

    return firsts


@kernel
def _others(e1, e2, e3):
    """Π (1+ey) over all first distances but one, for each of them."""
    return (1.0, e2 + e3, e2 * e3), (1.0, e1 + e3, e1 * e3), (1.0, e1 + e2, e1 * e2)


def _added(count: int) -> Any:
    """The sum of three polynomials of `count` coefficients, one behind the other."""
    return linear_map(np.hstack([np.eye(count)] * 3))


def _series(terms: int, coefficient: Callable[[int], dict[int, int]]) -> Any:
    """A power series in −y from power sums: number i has these multiples of the sums, by their place from i on."""
    matrix = np.zeros((terms, terms + 1))
    for i in range(terms):
        for place, multiple in coefficient(i).items():
            if multiple:
                matrix[i, i + place] = (-1) ** i * multiple
    return linear_map(matrix)


@cache
def _families(offset: float) -> Any:
    """P(y) less 1, P′(y) and the numerators of G, B and kG over P², for the first distances j − offset."""
    squared, by_lead, by_weight, times = product(3, 3), product(2, 5), product(1, 5), product(1, 6)
    sum_g, sum_b = _added(6), _added(5)

    @kernel
    def families(k, firsts):
        (e1, t1), (e2, t2), (e3, t3) = firsts
        q1, q2, q3 = _others(e1, e2, e3)
        q1, q2, q3 = squared(q1, q1), squared(q2, q2), squared(q3, q3)
        s1, s2, s3 = e1 + (e2 + e3), e1 * e2 + (e1 + e2) * e3, e1 * e2 * e3
        g = sum_g(
            by_lead((2 * e1, e1 * (1 - 2 * e1)), q1)
            + by_lead((2 * e2, e2 * (1 - 2 * e2)), q2)
            + by_lead((2 * e3, e3 * (1 - 2 * e3)), q3)
        )
        b = sum_b(
            by_weight(((1 - offset) * t1 * e1,), q1)
            + by_weight(((2 - offset) * t2 * e2,), q2)
            + by_weight(((3 - offset) * t3 * e3,), q3)
        )
        return (s1, s2, s3), (s1, 2 * s2, 3 * s3), g, b, times((k,), g)

    return families


@cache
def _cubes() -> Any:
    """The numerators over P³ that the derivatives of the density method are made of."""
    squared, cubed, by_rise, by_fall = product(3, 3), product(5, 3), product(3, 7), product(2, 7)
    sum_rises, sum_falls = _added(9), _added(8)

    @kernel
    def cubes(firsts):
        (e1, t1), (e2, t2), (e3, t3) = firsts
        q1, q2, q3 = _others(e1, e2, e3)
        q1, q2, q3 = cubed(squared(q1, q1), q1), cubed(squared(q2, q2), q2), cubed(squared(q3, q3), q3)
        m1, m2, m3 = t1 * e1, 2 * t2 * e2, 3 * t3 * e3
        rises = sum_rises(
            by_rise((2 * m1, (1 - 6 * e1) * m1, -e1 * m1), q1)
            + by_rise((2 * m2, (1 - 6 * e2) * m2, -e2 * m2), q2)
            + by_rise((2 * m3, (1 - 6 * e3) * m3, -e3 * m3), q3)
        )
        f1 = by_fall((e1 * (1 - 6 * e1), -e1 * e1 * (1 - 2 * e1)), q1)
        f2 = by_fall((e2 * (1 - 6 * e2), -e2 * e2 * (1 - 2 * e2)), q2)
        f3 = by_fall((e3 * (1 - 6 * e3), -e3 * e3 * (1 - 2 * e3)), q3)
        return rises, sum_falls(f1 + f2 + f3), sum_spread(f1 + f2 + f3)

    sum_spread = linear_map(np.hstack([np.eye(8), 4 * np.eye(8), 9 * np.eye(8)]))
    return cubes


def _sigmoid_point(real: Any, terms: int) -> Regime:
    """The few first distances, and the series over the others if it has any terms."""
    hyperbolic = _hyperbolic(real)
    zero, half, one = real(0), real(0.5), real(1)
    firsts, families = _firsts(0.5), _families(0.5)
    p_real, n_real, g_real, b_real = (rounded(real, count) for count in (3, 3, 6, 5))
    series = power_sums(terms + 1)
    empty = (0.0,) * (terms + 2)
    # The first sum with what it lost to rounding.
    whole = linear_map(np.eye(terms + 1, terms + 2) + np.eye(terms + 1, terms + 2, terms + 1))
    value_of = _series(terms, lambda i: {0: 1})
    slope_of = _series(terms, lambda i: {0: 4 * i + 2, -1: -i})
    change_of = _series(terms, lambda i: {0: i + 1})
    rest_real, times = rounded(real, terms), product(1, terms)

    @kernel
    def constants(sharpness):
        k, radius = sharpness
        p, n, g, b, kg = families(k, firsts(k, radius))
        first = real(k), p_real(p), n_real(n), g_real(kg), g_real(g), b_real(b)
        if terms == 0:
            return first, None
        sums, moments = empty, empty
        for j in range(int(radius), FEW, -1):
            e, t = _end(k, j - 0.5, 0.0)
            sums, moments = series(sums, e, e), series(moments, (j - 0.5) * t * e, e)
        sums, moments = whole(sums), whole(moments)
        rest = slope_of(sums)
        return first, (
            rest_real(value_of(sums)),
            rest_real(times((k,), rest)),
            rest_real(rest),
            rest_real(change_of(moments)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, p, n, kg, g, moments), rest = constants
        y, _, sinh, _ = hyperbolic(k, a, zero if a_low is None else a_low)
        p, p_low = _product(y, p, one)
        r = one / p
        p2, p2_low = square(p, p_low)
        r2 = r * r
        value = sinh * horner(y, n) * r
        slope = quotient(horner(y, kg), zero, p2, p2_low, r2)
        change = quotient(fma(a, horner(y, g), -sinh * horner(y, moments)), zero, p2, p2_low, r2)
        if terms > 0:
            value_rest, slope_rest, change_rest, moments_rest = rest
            value = fma(sinh, horner(y, value_rest), value)
            slope = slope + horner(y, slope_rest)
            change = change + fma(a, horner(y, change_rest), -sinh * horner(y, moments_rest))
        return value if value < half else half, one, slope, change

    return Regime(constants, point)


def _density_point(real: Any, terms: int) -> Regime:
    """As that of the sigmoid method, for D = c + V/W and its derivatives, from those of V and W."""
    hyperbolic = _hyperbolic(real)
    zero, half, one, four = real(0), real(0.5), real(1), real(4)
    firsts, families, cubes = _firsts(0.0), _families(0.0), _cubes()
    p_real, b_real, g_real, one_real, two_real = (rounded(real, count) for count in (3, 5, 6, 9, 8))
    series = power_sums(terms + 1)
    empty = (0.0,) * (terms + 2)
    # The first sum with what it lost to rounding.
    whole = linear_map(np.eye(terms + 1, terms + 2) + np.eye(terms + 1, terms + 2, terms + 1))
    weights_of = _series(terms, lambda i: {0: 4 * i + 2, -1: -i})
    moments_of = _series(terms, lambda i: {0: i + 1})
    rises_of = _series(terms, lambda i: {0: (i + 1) * (4 * i + 2), -1: -i * i})
    falls_of = _series(terms, lambda i: {0: (i + 1) ** 2, 1: -(i + 1) * (4 * i + 6)})
    rest_real = rounded(real, terms)

    @kernel
    def constants(sharpness):
        k, radius = sharpness
        near = firsts(k, radius)
        p, _, g, b, _ = families(k, near)
        rises, falls, spread = cubes(near)
        first = real(k), p_real(p), g_real(g), b_real(b), one_real(rises), two_real(falls), two_real(spread)
        if terms == 0:
            return first, None
        sums, moments, squares = empty, empty, empty
        for j in range(int(radius), FEW, -1):
            e, t = _end(k, float(j), 0.0)
            sums, moments, squares = series(sums, e, e), series(moments, j * t * e, e), series(squares, j * (j * e), e)
        sums, moments, squares = whole(sums), whole(moments), whole(squares)
        return first, (
            rest_real(weights_of(sums)),
            rest_real(moments_of(moments)),
            rest_real(rises_of(moments)),
            rest_real(falls_of(sums)),
            rest_real(falls_of(squares)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, p, g, m, rises, falls, spread), rest = constants
        y, _, sinh, sinh_low = hyperbolic(k, a, zero if a_low is None else a_low)
        p, p_low = _product(y, p, one)
        p2, p2_low = square(p, p_low)
        p3 = p2 * p
        centre = y + four
        weight, moment = horner(y, g), horner(y, m)
        rise, fall, spread = horner(y, rises), horner(y, falls), horner(y, spread)
        if terms > 0:
            weight_rest, moment_rest, rise_rest, fall_rest, spread_rest = rest
            weight, moment = fma(p2, horner(y, weight_rest), weight), fma(p2, horner(y, moment_rest), moment)
            rise, fall = fma(p3, horner(y, rise_rest), rise), fma(p3, horner(y, fall_rest), fall)
            spread = fma(p3, horner(y, spread_rest), spread)
        total = fma(centre, weight, p2)
        total_low = fma(centre, weight, p2 - total) + p2_low
        moment = centre * moment
        top = sinh * moment
        value = quotient(top, fma(sinh, moment, -top) + sinh_low * moment, total, total_low, one / total)
        both = p * total
        both_low = fma(p, total, -both) + fma(p, total_low, p_low * total)
        r = one / both
        drift = value * sinh
        slope = fma(centre, rise, drift * (p3 / centre - centre * fall))
        change = fma(a, slope, centre * fma(value, rise, -sinh * spread))
        return value if value < half else half, one, quotient(k * slope, zero, both, both_low, r), change * r

    return Regime(constants, point)


@kernel
def _product(y, coefficients, one):
    """P(y) as a sum, from its coefficients but the first, which is 1."""
    top = horner(y, coefficients)
    p = fma(top, y, one)
    return p, fma(top, y, one - p)


def _soft_regime(method: str, real: Any) -> Regime:
    """An odd polynomial in r.

    With f_n the coefficients of the Taylor series of tanh(kz/2) at the end of the window, the sigmoid method has the
    coefficients a_i = Σ_m c_m·(2n)!·f_2n/(2i+1)!, n = i + m.  In the density method, k·W = ∂S/∂x and
    k·V = r·∂S/∂x − k·∂S/∂k of the sigmoid method, for windows that end at z = M + ½.
    """
    half, one = real(0.5), real(1)
    terms = 3 if real is np.float32 else 5
    orders = len(_MIDPOINT)
    i, n = np.arange(terms)[:, None], np.arange(orders)
    a = np.array(
        [
            [
                _MIDPOINT[n - i] * math.factorial(2 * n) / math.factorial(2 * i + 1) if n >= i else 0.0
                for n in range(orders)
            ]
            for i in range(terms)
        ]
    )
    slopes = np.diag(2.0 * np.arange(terms) + 1)
    # From the Taylor series of tanh(z/2): number 2n, (2n+1) times number 2n+1, and so on.
    length = 2 * orders + 1
    even_of, odd_of, next_of = (
        linear_map(matrix)
        for matrix in (
            np.eye(length)[0:-1:2],
            np.eye(length)[1::2] * (2 * n[:, None] + 1),
            np.eye(length)[2::2] * ((2 * n[:, None] + 1) * (2 * n[:, None] + 2)),
        )
    )
    growth_of = linear_map(np.eye(length)[2:-1:2] * (2 * n[1:, None]))
    series_of, weighted_of, growth_weighted = tanh_series(length), weighted(orders), weighted(orders - 1)
    rest = linear_map(np.eye(orders)[1:])
    a_of, slope_of, v_of = linear_map(a), linear_map(slopes @ a), linear_map(a * (1 - 2 * (n - i)))
    plus = linear_map(np.hstack([np.eye(orders, orders - 1, -1), np.eye(orders)]))
    real_rest = rounded(real, terms - 1)
    upper, slopes_of = linear_map(np.eye(terms)[1:]), linear_map(slopes)
    minus = linear_map(np.hstack([np.eye(terms), -np.eye(terms)]))
    sigmoid = method == "sigmoid"
    end_low = 0.0 if sigmoid else 0.5
    divided = series_quotient(terms)

    @kernel
    def parts(k, radius):
        end = radius + end_low
        e, t = _end(k, radius, end_low)
        series = series_of(t, 2 * e)
        k2 = k * k
        f = weighted_of(even_of(series), 1.0, k2)
        change = plus(growth_weighted(growth_of(series), k, k2) + weighted_of(odd_of(series), end, k2))
        return end, e, series, f, change

    @kernel
    def packed(value, slope, change):
        return (
            (real(value[0]), real_rest(upper(value))),
            (real(slope[0]), real_rest(upper(slope))),
            (real(change[0]), real_rest(upper(change))),
        )

    @kernel
    def sigmoid_constants(sharpness):
        k, radius = sharpness
        _, _, _, f, change = parts(k, radius)
        return packed(a_of(f), slope_of(f), a_of(change))

    @kernel
    def density_constants(sharpness):
        k, radius = sharpness
        end, e, series, f, change = parts(k, radius)
        z, k2 = k * end, k * k
        odd = weighted_of(odd_of(series), z, k2)
        # By k: of odd number n, end·((2n+1)·odd/z + z·next).
        odd_change = added(weighted_of(rising_of(series), end, k2) + weighted_of(next_of(series), end * z, k2))
        # tanh(z/2) − z/(2cosh²(z/2)), without what cancels.
        first, first_low = series[0] - odd[0], 0.0
        if z < 2.0:
            cube, rest_of_sinh = z * z * z, horner(z * z, _SINH_SERIES)
            cube_low = fma(z * z, z, -cube) + z * (fma(z, z, -(z * z)) + 3.0 * z * fma(k, end, -z))
            top = cube * rest_of_sinh
            top_low = fma(cube, rest_of_sinh, -top) + cube_low * rest_of_sinh
            first = 2.0 * e * top
            first_low = fma(2.0 * e, top, -first) + 2.0 * e * top_low
        v = minus(v_of((first, *rest(f))) + a_of((0.0, *rest(odd))))
        v_change = minus(v_of((-z * end * 2.0 * series[2], *rest(change))) + a_of((0.0, *rest(odd_change))))
        w, w_change = slope_of(f), slope_of(change)
        # At k = 0 all weights are one.
        inverse = 1 / w[0] if w[0] > 1e-300 else 0.0
        d = (quotient(v[0], first_low, w[0], 0.0, inverse), *upper(divided(v, w, inverse)))
        d_change = divided(minus(v_change + times(d, w_change)), w, inverse)
        return packed(d, slopes_of(d), d_change)

    rising_of = linear_map(np.eye(length)[1::2] * (2 * n[:, None] + 1) ** 2)
    added = linear_map(np.hstack([np.eye(orders), np.eye(orders)]))
    multiplied, lower = product(terms, terms), linear_map(np.eye(terms, 2 * terms - 1))

    @kernel
    def times(d, w):
        return lower(multiplied(d, w))

    @kernel
    def point(a, a_low, b, b_low, constants):
        (first, value), (first_slope, slope), (first_change, change) = constants
        a2 = a * a
        value = a2 * horner(a2, value)
        distance = first * a
        distance = fma(a, value, distance if a_low is None else fma(first + value, a_low, distance))
        return (
            distance if distance < half else half,
            one,
            fma(a2, horner(a2, slope), first_slope),
            a * fma(a2, horner(a2, change), first_change),
        )

    return Regime(sigmoid_constants if sigmoid else density_constants, point)


# (sinh z − z)/z³ in powers of z².
_SINH_SERIES = tuple(1 / math.factorial(2 * i + 3) for i in range(12))
