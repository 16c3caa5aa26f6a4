"""Sums over the 2M+1 integers nearest to x, where they differ from the infinite ones.

With y = 2cosh(kr) − 2 and Y = 2sinh(kr), and for every distance s of the window (j − ½ for j = 1 … M in the sigmoid
method, j in the density method) e = 1/(2cosh(ks) + 2) and t = tanh(ks/2), the sigmoid method has S = c + Y·Σ e/(1+ey).
In the density method V = Y·Σ s·t·e/(1+ey)² is the sum of n − c under the weights ρ, and
W = 1/(4+y) + Σ e(2+(1−2e)y)/(1+ey)² that of the weights: D = c + V/W.  Either is one fraction Y·n(y)/w(y), whose
polynomials are those of the three nearest distances, and a short power series in y for all others, where ey < 0.01:
its coefficients are power sums of e.  There are these regimes:

* few: windows of few distances; see `few` for values and slopes, and `few_changes` for ∂/∂k where they are sharp.
* sharp: the fraction.
* smooth: odd polynomials in r, fitted to it.
* soft: below k = ⅛ they are short, since kr is small.  By the Euler–Maclaurin formula their coefficients are
  derivatives of tanh(kz/2) at the end of the window, z = M or M + ½.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .distances import FARTHEST, FARTHEST_SOFT, end_of, sum_of, window
from .elementary import elementary, fma, hoistable, horner, kernel, power_of_two, reflected, shift
from .few import FEW, LEAST, few_regime, polynomial_at
from .few_changes import few_changes_regime
from .fraction import fraction
from .outside import WIDE, outside
from .polynomial import (
    chebyshev_sums,
    linear_map,
    precise_linear_map,
    product,
    rounded,
    row_of,
    series_quotient,
    tanh_series,
    weighted,
    without_noise,
)
from .stages import Repeated, composed
from .theta import Regime, quotient, scaled, square, times

# Of each method and precision, where the sharp regime begins.
_SHARPEST = {
    ("sigmoid", np.float32): 6.0,
    ("sigmoid", np.float64): 5.0,
    ("density", np.float32): 3.7,
    ("density", np.float64): 3.4,
}
# The Euler–Maclaurin formula of the midpoint rule: the coefficients of z/sinh z in powers of (2z)².
_MIDPOINT = (
    *(1.0, -1 / 24, 7 / 5760, -31 / 967680, 127 / 154828800, -73 / 3503554560),
    *(1414477 / 2678117105664000, -8191 / 612141052723200),
)


class Windowed(NamedTuple):
    """A method over windows: where it is the infinite one, where its regimes begin, and these.

    The constants are functions of (k, M), both float64.
    """

    # From this k·M on, what the window leaves out is next to nothing beside any rounding error, but in the soft regime.
    reach: float
    # What k·M − 20/k must reach for it to be so beside ∂/∂k at its largest, which falls like e^(−2π²/k).
    nearer: float
    # The reach in the soft regime.
    soft_reach: float
    # Where the smooth regime ends.
    sharpest: float
    # From where on distances may be few.
    few: float
    # Soft, smooth, sharp, and where distances are few: None where there is nothing left for it.
    regimes: tuple[Regime | None, ...]


@cache
def windowed(method: str, real: Any, picks: tuple[int, ...]) -> Windowed:
    """The method "sigmoid" or "density" for one precision, `real` being np.float32 or np.float64.

    The outputs picked out of (value, ∂/∂x, ∂/∂k) are either ∂/∂k or others.  The rest is of no meaning.
    """
    single, by_k, sharpest = real is np.float32, 2 in picks, _SHARPEST[method, real]
    # Values and slopes are large themselves, and all is nearer: in float32, what is not of few distances is smooth.
    nearer = 24.0 if single else 45.0
    reach, soft_reach = (45.0 if single else FARTHEST, FARTHEST_SOFT) if by_k else (nearer, nearer)
    all_smooth = single and not by_k
    sharpest = nearer / (FEW + 1) if all_smooth else sharpest
    regimes = (
        _soft_regime(method, real),
        _smooth_regime(method, real, sharpest, picks),
        None if all_smooth else _sharp_regime(method, real),
        few_changes_regime(method, real) if by_k else few_regime(method, real),
    )
    # Below, ∂/∂k over few distances is a smaller difference of large terms.
    few = max(sharpest, 4.25 if single else 5.0) if by_k else LEAST
    return Windowed(reach, nearer, soft_reach, sharpest, few, regimes)


def _sharp_regime(method: str, real: Any) -> Regime:
    """The fraction."""
    functions = elementary(real)
    reduced, hyperbolic = functions.reduced, functions.hyperbolic
    unshifted, half, one, two = shift(real), real(0.5), real(1), real(2)
    # All other coefficients are next to nothing there.
    lengths = _LENGTHS[method, real]
    polynomials = fraction(method, lengths, True)
    n_real, w_real, slope_real, change_real = (rounded(real, length) for length in lengths)
    times = product(1, lengths[2])
    at, density = polynomial_at(real), method == "density"

    @kernel
    def constants(distances):
        (k, _), (inverse, inverse_low), sums, _, _ = distances
        n, w, slope, middle, change = polynomials(inverse, *sums)
        start, start_low = sum_of(inverse, inverse_low, w[0])
        start_low = (start - np.float64(real(start))) + start_low
        return (
            (real(k), real(start_low)),
            (n_real(n), w_real((start, *w[1:]))),
            (slope_real(times((k,), slope)), slope_real(slope), change_real(middle), change_real(change)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, start_low), (n, w), (slope, slope_by_k, middle, change) = constants
        z, z_low = scaled(k, a, a_low)
        t, c, s = reduced(z, z_low, unshifted)
        u = power_of_two(t)
        v = reflected(u, one)
        y, y_low, sinh, sinh_low = hyperbolic(u, v, two, c, s)
        total, total_low = at(y, y_low, w)
        if density:
            # 4 + y and the little that n is beside.
            limit, limit_low, _, _ = hyperbolic(u, v, -two, c, s)
            rest = horner(y, n)
            side = limit + rest
            side_low = ((limit - side) + rest) + limit_low
        else:
            side, side_low = at(y, y_low, n)
        rise, rise_low = at(y, y_low, slope)
        total_low = total_low + start_low
        top = sinh * side
        r = one / total
        value = quotient(top, fma(sinh, side_low, fma(sinh_low, side, fma(sinh, side, -top))), total, total_low, r)
        total2, total2_low = square(total, total_low)
        r2 = r * r
        # Y is 2 + y − 2e^(−kr).
        moving = fma(-two * fma(v, c - s, v), horner(y, change), horner(y, middle))
        moving = fma(-b, horner(y, slope_by_k), moving)
        return (
            value if value < half else half,
            one,
            quotient(rise, rise_low, total2, total2_low, r2),
            quotient(moving, None, total2, total2_low, r2),
        )

    return _staged((*window(method, 5), constants), point)


# How many coefficients of n, w, R and those of ∂/∂k matter in the sharp regime.
_LENGTHS = {
    ("sigmoid", np.float32): (3, 3, 4, 5),
    ("sigmoid", np.float64): (4, 4, 7, 7),
    ("density", np.float32): (4, 5, 8, 8),
    ("density", np.float64): (7, 8, 11, 11),
}


def _staged(stages: tuple[Any, ...], point: Any) -> Regime:
    return Regime(hoistable(composed(stages)), point, straight=True, stages=stages)


def _smooth_regime(method: str, real: Any, sharpest: float, picks: tuple[int, ...]) -> Regime:
    """Polynomials in 8r² − 1, fitted to the fraction at Chebyshev's nodes."""
    by_k, double, density = 2 in picks, real is np.float64, method == "density"
    # More nodes than coefficients, so that rounding errors cancel: the most for ∂/∂k.
    count, nodes = (20, 64 if by_k else 32) if double else (11, 16)
    polynomials_of, with_outside = fraction(method, (14, 14, 24, 24), False), by_k and double
    outside_distances, (outside_empty, outside_sums, _), outside_constants, outside_change = outside(method, 10)
    significant = without_noise(count)
    whole = linear_map(np.hstack([np.eye(count), np.eye(count)]))
    # The coefficients of Chebyshev's polynomials, and half the first.
    powers = np.zeros((count, count))
    powers[0, 0] = powers[1, 1] = 1
    for i in range(2, count):
        powers[1:, i] = 2 * powers[:-1, i - 1]
        powers[:, i] -= powers[:, i - 2]
    powers[:, 0] /= 2
    from_sums = np.hstack([np.eye(count, 1), powers])
    polynomial_of, leading_of = linear_map(from_sums), precise_linear_map(from_sums[:2])
    # (2cosh z − 2) and (2 sinh z)/z in powers of z².
    length = next(m for m in range(99) if (sharpest / 2) ** (2 * m) < 2**-56 * math.factorial(2 * m))
    growth = tuple(2 / math.factorial(2 * m) if m else 0.0 for m in range(length))
    sine = tuple(2 / math.factorial(2 * m + 1) for m in range(length))
    packed = _packed(real, count)

    @kernel
    def polynomial_at(y, first, others):
        """A polynomial whose first coefficient is a sum, as a sum."""
        above = horner(y, others)
        result = fma(above, y, first[0])
        return result, fma(above, y, first[0] - result) + first[1]

    @kernel
    def at(r2, r, k, radius, polynomials, outside):
        """The staircase over r, its slope and ∂/∂k over r."""
        n, w, slope, change = polynomials
        z2 = k * k * r2
        y, sinh_rest = horner(z2, growth), horner(z2, sine[1:])
        sinh_over = fma(z2, sinh_rest, sine[0])
        sinh = k * sinh_over
        sinh_low = fma(k, sinh_over, -sinh) + k * fma(z2, sinh_rest, sine[0] - sinh_over)
        side, total, rise = polynomial_at(y, *n), polynomial_at(y, *w), polynomial_at(y, *slope)
        total2, total2_low = square(*total)
        by_k = (rise[0] + sinh * horner(y, change)) / total2
        if with_outside and k * radius > WIDE:
            by_k = outside_change(r2, r, y, sinh, sinh_low, outside)
        inverse = 1.0 / total[0]
        return (
            quotient(*times(sinh, sinh_low, *side), *total, inverse),
            quotient(*times(k, 0.0, *rise), total2, total2_low, inverse * inverse),
            by_k,
        )

    node, row = _chebyshev(nodes, count)
    fits = [_fit(count, precise, pick in picks) for pick, precise in enumerate((False, False, True))]
    (empty, with_values), (empty_slopes, with_slopes), (empty_changes, with_changes) = fits
    empties = empty, empty_slopes, empty_changes

    @kernel
    def prepared(distances):
        """What `at` takes but for what is outside, and what that takes."""
        (k, radius), (inverse, inverse_low), window, (e, e_low), moment = distances
        # n and w at y = 0, as sums.
        if density:
            side, others = (
                times(4.0 * inverse, 4.0 * inverse_low, *moment),
                times(inverse, inverse_low, 8.0 * e, 8.0 * e_low),
            )
            total = sum_of(inverse, inverse_low + others[1], others[0])
        else:
            side, total = times(inverse, inverse_low, e, e_low), (inverse, inverse_low)
        n, w, slope, _, change = polynomials_of(inverse, *window)
        rise, rise_low = times(*side, *total)
        polynomials = (side, n[1:]), (total, w[1:]), ((2.0 * rise, 2.0 * rise_low), slope[1:]), change
        return k, radius, polynomials, window

    @kernel
    def begin(distances):
        k, radius, polynomials, _ = prepared(distances)
        return (k, radius, polynomials, ()), empties

    @kernel
    def begin_outside(distances):
        k, radius, polynomials, window = prepared(distances)
        return (outside_distances(k, radius), (k, radius, polynomials, window)), outside_empty

    @kernel
    def with_outside_constants(state):
        (_, (k, radius, polynomials, window)), sums = state
        return (k, radius, polynomials, outside_constants(k, window, sums)), empties

    @kernel
    def step(i, parts, fits):
        """Two nodes more: what `at` returns there, as sums of differences from the middle.

        For their rounding errors are smaller.
        """
        values, slopes, changes = fits
        number = nodes // 2 - 1 - i
        (right, left, right_r, left_r), chebyshev = node(number), row(number)
        right_value, right_slope, right_change = at(right, right_r, *parts)
        left_value, left_slope, left_change = at(left, left_r, *parts)
        return (
            with_values(number, values, right_value, left_value, chebyshev),
            with_slopes(number, slopes, right_slope, left_slope, chebyshev),
            with_changes(number, changes, right_change, left_change, chebyshev),
        )

    @kernel
    def constants(state):
        _, ((value, values), (slope, slopes), (change, changes)) = state
        values, slopes = significant(values, 2.0**-55 * value), significant(slopes, 2.0**-55 * slope)
        # Its second coefficient is the greatest.
        sums, lost = significant(changes[:count], 2.0**-52 * abs(changes[1])), changes[count:]
        change_0, change_1, low_0, low_1 = leading_of((change, *sums), (0.0, *lost))
        rest = polynomial_of((0.0, *values))
        first, low = sum_of(value, 0.0, rest[0])
        slopes, changes = polynomial_of((slope, *slopes)), polynomial_of((change, *whole(sums + lost)))
        return packed((first, *rest[1:]), low, slopes, (change_0, change_1, *changes[2:]), (low_0, low_1))

    others = (begin_outside, outside_sums, with_outside_constants) if with_outside else (begin,)
    stages = (*window(method, 10), *others, Repeated(nodes // 2, step), constants)
    return _staged(stages, _odd_polynomials(real, True))


def _fit(count: int, precise: bool, picked: bool) -> tuple[Any, Any]:
    """Where the fit of an output begins, and the function that adds two nodes: of nothing, unless it is picked."""
    sums_of = chebyshev_sums(count, precise)
    empty = 0.0, (0.0,) * (count * (1 + precise))

    @kernel
    def with_nodes(number, fit, right, left, chebyshev):
        middle, sums = fit
        if number == 0:
            middle = right
        return middle, sums_of(sums, right - middle, left - middle, chebyshev)

    @kernel
    def with_nothing(number, fit, right, left, chebyshev):
        return fit

    return empty, with_nodes if picked else with_nothing


def _chebyshev(nodes: int, count: int) -> tuple[Any, Any]:
    """The functions of a number i that return Chebyshev's nodes in r², at z and −z, with r, and polynomials at z.

    The nodes go from the middle on.  Polynomials are over half the number of nodes, a power of two: exact.
    """
    steps = np.outer(np.arange(nodes - 1, 0, -2), np.arange(count)) % (4 * nodes)
    # The cosines of step·π/(2·nodes), from the angles to their zeros, or to the poles.
    folded = nodes - np.minimum(steps, 4 * nodes - steps)
    unit, distance = np.pi / (2 * nodes), np.abs(folded)
    near = np.where(2 * distance < nodes, np.sin(distance * unit), np.cos((nodes - distance) * unit))
    chebyshev = np.copysign(near, folded)
    r2 = (1 + chebyshev[:, 1:2] * [1, -1]) / 8
    return row_of(np.hstack([r2, np.sqrt(r2)])), row_of(chebyshev * (2 / nodes))


def _packed(real: Any, count: int) -> Any:
    """Three polynomials of so many coefficients, rounded, each as its first and the others.

    The first coefficient of the value is a sum of two, and so are the first two of the change by k.
    """
    split, real_rest = linear_map(np.eye(count)[1:]), rounded(real, count - 1)
    split_twice, real_others, real_one = linear_map(np.eye(count)[2:]), rounded(real, count - 2), rounded(real, 1)

    @kernel
    def both(x, x_low):
        (high,) = real_one((x,))
        (low,) = real_one(((x - np.float64(high)) + x_low,))
        return high, low

    @kernel
    def packed(value, value_low, slope, change, change_lows):
        return (
            (both(value[0], value_low), real_rest(split(value))),
            (real(slope[0]), real_rest(split(slope))),
            (both(change[0], change_lows[0]), both(change[1], change_lows[1]), real_others(split_twice(change))),
        )

    return packed


@cache
def _odd_polynomials(real: Any, centred: bool) -> Any:
    """The point function of polynomials in r², or in 8r² − 1, which are value/r, slope and (∂/∂k)/r."""
    half, one, eight, double = real(0.5), real(1), real(8), real is np.float64

    @kernel
    def odd(x, a, first, second, others):
        """A polynomial in x, times a: for float64, without the rounding errors of its two greatest terms."""
        (first, first_low), (second, second_low) = first, second
        above = horner(x, others)
        slope = fma(x, above, second)
        result = fma(x, slope, first)
        if not double:
            return a * result
        slope_low = fma(x, above, second - slope) + second_low
        return fma(a, result, a * fma(x, slope_low, fma(x, slope, first - result) + first_low))

    @kernel
    def point(a, a_low, b, b_low, constants):
        ((first, first_low), value), (first_slope, slope), change = constants
        # 8r² − 1, next to the step without the rounding error of r².
        x = fma(-eight * b, one - b, one) if centred else a * a
        value, distance = fma(x, horner(x, value), first_low), first * a
        low = fma(first, a, -distance)
        distance = distance + fma(a, value, low if a_low is None else fma(first + value, a_low, low))
        return (
            distance if distance < half else half,
            one,
            fma(x, horner(x, slope), first_slope),
            odd(x, a, *change),
        )

    return point


def _soft_regime(method: str, real: Any) -> Regime:
    """An odd polynomial in r.

    With f_n the coefficients of the Taylor series of tanh(kz/2) at the end of the window, the sigmoid method has the
    coefficients a_i = Σ_m c_m·(2n)!·f_2n/(2i+1)!, n = i + m.  In the density method, k·W = ∂S/∂x and
    k·V = r·∂S/∂x − k·∂S/∂k of the sigmoid method, for windows that end at z = M + ½.
    """
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
    packed = _packed(real, terms)
    upper, slopes_of = linear_map(np.eye(terms)[1:]), linear_map(slopes)
    minus = linear_map(np.hstack([np.eye(terms), -np.eye(terms)]))
    sigmoid = method == "sigmoid"
    end_low = 0.0 if sigmoid else 0.5
    divided = series_quotient(terms)

    @kernel
    def parts(k, radius):
        end = radius + end_low
        _, (e, _), t, _ = end_of(k, radius, end_low)
        series = series_of(t, 2 * e)
        k2 = k * k
        f = weighted_of(even_of(series), 1.0, k2)
        change = plus(growth_weighted(growth_of(series), k, k2) + weighted_of(odd_of(series), end, k2))
        return end, e, series, f, change

    @kernel
    def sigmoid_constants(sharpness):
        k, radius = sharpness
        _, _, _, f, change = parts(k, radius)
        return packed(a_of(f), 0.0, slope_of(f), a_of(change), (0.0, 0.0))

    @kernel
    def density_constants(sharpness):
        k, radius = sharpness
        end, e, series, f, f_change = parts(k, radius)
        z, k2 = k * end, k * k
        odd = weighted_of(odd_of(series), z, k2)
        # By k: of odd number n, end·((2n+1)·odd/z + z·next).
        odd_change = added(weighted_of(rising_of(series), end, k2) + weighted_of(next_of(series), end * z, k2))
        # tanh(z/2) − z/(2cosh²(z/2)), without what cancels.
        first, first_low = series[0] - odd[0], 0.0
        if z < 4.0:
            z2 = z * z
            cube, others = z2 * z, z2 * horner(z2, _SINH_SERIES)
            cube_low = fma(z2, z, -cube) + z * (fma(z, z, -z2) + 3.0 * z * fma(k, end, -z))
            part = _SIXTH + others
            part_low = (_SIXTH - part) + others + _SIXTH_LOW
            top = cube * part
            top_low = fma(cube, part, -top) + (cube_low * part + cube * part_low)
            first = 2.0 * e * top
            first_low = fma(2.0 * e, top, -first) + 2.0 * e * top_low
        v = minus(v_of((first, *rest(f))) + a_of((0.0, *rest(odd))))
        v_change = minus(v_of((-z * end * 2.0 * series[2], *rest(f_change))) + a_of((0.0, *rest(odd_change))))
        w, w_change = slope_of(f), slope_of(f_change)
        # Where all weights are nearly one, this would underflow.
        alike = z < 1e-20
        inverse = 0.0 if alike else 1 / w[0]
        growth, change = radius * k * (k * (radius + 1) / 6), radius * k * ((radius + 1) / 3)
        d = (growth if alike else quotient(v[0], first_low, w[0], 0.0, inverse), *upper(divided(v, w, inverse)))
        d_change = divided(minus(v_change + times(d, w_change)), w, inverse)
        d_change = (change if alike else d_change[0], *upper(d_change))
        return packed(d, 0.0, slopes_of(d), d_change, (0.0, 0.0))

    rising_of = linear_map(np.eye(length)[1::2] * (2 * n[:, None] + 1) ** 2)
    added = linear_map(np.hstack([np.eye(orders), np.eye(orders)]))
    multiplied, lower = product(terms, terms), linear_map(np.eye(terms, 2 * terms - 1))

    @kernel
    def times(d, w):
        return lower(multiplied(d, w))

    return _staged((sigmoid_constants if sigmoid else density_constants,), _odd_polynomials(real, False))


# (sinh z − z)/z³ in powers of z²: 1/6 as a sum, and what follows.
_SIXTH, _SIXTH_LOW = 1 / 6, float.fromhex("0x1.5555555555555p-57")
_SINH_SERIES = tuple(1 / math.factorial(2 * i + 5) for i in range(19))
