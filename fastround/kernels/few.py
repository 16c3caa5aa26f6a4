"""Values and slopes of windows of few distances, whose fraction needs no power series.

With e and t of each distance s of the window, y and Y as in `windowed`, the sigmoid method is S = c + Y·Σ e/(1+ey).
Of P = Π (1 + ey) that is Y·n/w, n = P′ and w = P, and its slope is kR/w², R = (2+y)·n·w + y(4+y)·(n′w − nw′).

In the density method, weights are slopes of the sigmoid method: w is P² + (4+y)·R, with R of that.  As −∂e/∂k = s·t·e,
D = c + Y·n/w with n = (4+y)·n̂ and n̂ = P·(∂P)′ − P′·∂P, ∂ being −∂/∂k.  The slope is kR/w², R = (4+y)·R̂ and
R̂ = (2+2y)·n̂·w + y(4+y)·(n̂′w − n̂w′).

So all coefficients are those of P, or sums over products of two of P or its change, or in R̂ of n̂ and w.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .polynomial import Arithmetic, evaluated
from .theta import Regime, Shorter, quotient, scaled, square, times

# The greatest radius of such a window, and those for which there is less to compute.
FEW, FEWER = 5, (2, 3)
# From this sharpness on; at less, products with the offset would be subnormal numbers.
LEAST = 2.0**-10
# How many coefficients matter of n, w and R, in the density method of n̂ and R̂.
_LENGTHS = {
    ("sigmoid", np.float32): (5, 5, 7),
    ("sigmoid", np.float64): (5, 6, 10),
    ("density", np.float32): (6, 7, 8),
    ("density", np.float64): (9, 10, 13),
}
# From this sharpness on, in the density method and float64: so many coefficients of P, n̂, w and R̂ matter, and of so
# many distances the second parts of sums.
SHARP, _SHARP_LENGTHS, _NEAR = 7.5, (4, 4, 6, 7), 2
# In float32, a coefficient of a higher power that is less does not matter, and would make subnormal products.
_NEGLIGIBLE = 2.0**-62


class _Sum:
    """A number as a sum of two, the second being next to nothing."""

    def __init__(self, arithmetic: Arithmetic, high: Any, low: Any):
        self.arithmetic, self.high, self.low = arithmetic, high, low

    def times(self, other: _Sum) -> _Sum:
        """The product."""
        multiply, fma = self.arithmetic.multiply, self.arithmetic.fma
        high = multiply(self.high, other.high)
        rest = fma(self.high, other.high, self.arithmetic.minus(high))
        return _Sum(self.arithmetic, high, fma(self.high, other.low, fma(self.low, other.high, rest)))

    def plus(self, other: _Sum) -> _Sum:
        """The sum with one that is not greater."""
        add, minus = self.arithmetic.add, self.arithmetic.minus
        high = add(self.high, other.high)
        rest = add(add(self.high, minus(high)), other.high)
        return _Sum(self.arithmetic, high, add(rest, add(self.low, other.low)))

    def plus_any(self, other: _Sum) -> _Sum:
        """The sum with any other."""
        add = self.arithmetic.add
        high, low = self.arithmetic.exact_sum(self.high, other.high)
        return _Sum(self.arithmetic, high, add(low, add(self.low, other.low)))

    def times_number(self, number: int) -> _Sum:
        """A multiple."""
        factor = self.arithmetic.number(float(number))
        multiply, add, fma = self.arithmetic.multiply, self.arithmetic.add, self.arithmetic.fma
        high, low = multiply(self.high, factor), multiply(self.low, factor)
        if number & (number - 1):
            low = add(fma(self.high, factor, self.arithmetic.minus(high)), low)
        return _Sum(self.arithmetic, high, low)

    def normal(self) -> _Sum:
        """The same, its first part being rounded."""
        add = self.arithmetic.add
        high = add(self.high, self.low)
        return _Sum(self.arithmetic, high, add(add(self.high, self.arithmetic.minus(high)), self.low))


def polynomial_at(real: Any) -> Any:
    """The nopython function of y + y_low and coefficients that returns a polynomial as a sum."""
    two, double = real(2), real is np.float64

    @kernel
    def value(y, y_low, coefficients):
        above = horner(y, coefficients[1:])
        result = fma(above, y, coefficients[0])
        low = fma(above, y, coefficients[0] - result)
        # Float32 has bits to spare for what y lacks; of the slope, small terms are left out.
        return result, fma(y_low, fma(two, above, -coefficients[1]), low) if double else low

    return value


def few_regime(method: str, real: Any) -> Regime:
    """The fraction as it is."""
    density, lengths = method == "density", _LENGTHS[method, real]
    functions, at = elementary(real), polynomial_at(real)
    reduced, hyperbolic, exp = functions.reduced, functions.hyperbolic, functions.exp
    unshifted, zero, half, one, two = shift(real), *map(real, (0, 0.5, 1, 2))

    def constants_of(count: int, sharp: bool = False) -> Any:
        """Those of up to so many distances; for fewer, they are the same bits, since the others are zero."""
        polynomials_of = _density(real, count, lengths, sharp) if density else _sigmoid(real, count, lengths)

        @kernel
        def constants(sharpness):
            k, radius = real(sharpness[0]), real(sharpness[1])
            if density:
                h = exp(-k, zero)
                n, w, slope, lows = polynomials_of((k, radius, *h))
                unit = k + k
            else:
                h = exp(-half * k, zero)
                n, w, slope, lows = polynomials_of((radius, *h, *square(*h)))
                unit = k
            return (k, unit), (n, lows[0]), (w, lows[1]), (slope, lows[2])

        return constants

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, unit), (n, n_first_low), (w, w_first_low), (slope, slope_first_low) = constants
        z, z_low = scaled(k, a, a_low)
        t, c, s = reduced(z, z_low, unshifted)
        u = power_of_two(t)
        v = reflected(u, one)
        y, y_low, sinh, sinh_low = hyperbolic(u, v, two, c, s)
        (n, n_low), (w, w_low), (rise, rise_low) = at(y, y_low, n), at(y, y_low, w), at(y, y_low, slope)
        w_low = w_low + w_first_low
        w2, w2_low = square(w, w_low)
        r = one / w
        top, top_low = times(sinh, sinh_low, n, n_low + n_first_low)
        rise, rise_low = times(unit, zero, rise, rise_low + slope_first_low)
        if density:
            limit, limit_low, _, _ = hyperbolic(u, v, -two, c, s)
            top, top_low = times(top, top_low, limit, limit_low)
            rise, rise_low = times(rise, rise_low, limit, limit_low)
        value = quotient(top, top_low, w, w_low, r)
        return value if value < half else half, one, quotient(rise, rise_low, w2, w2_low, r * r), zero

    return few_distances(method, real, constants_of, point)


def few_distances(method: str, real: Any, constants_of: Callable[..., Any], point: Any) -> Regime:
    """The regime with constants for a number of distances, all of which are FEW: for less, and sharp ones, too."""
    shorter = [Shorter(count, 0.0, constants_of(count)) for count in FEWER]
    if method == "density" and real is np.float64:
        shorter[1:1] = [Shorter(count, SHARP, constants_of(count, True)) for count in (FEWER[1], FEW)]
    # Constants are a long chain of operations, so that four vectors take less time than two.
    return Regime(constants_of(FEW), point, straight=True, shorter=tuple(shorter), vectors=4)


def _distances(h: _Sum, ratio: _Sum, count: int, radius: Any) -> list[tuple[_Sum, _Sum]]:
    """e and t of so many distances; e is 0 outside the window."""
    arithmetic, powers = h.arithmetic, [h]
    number, multiply, add = arithmetic.number, arithmetic.multiply, arithmetic.add
    fma, minus = arithmetic.fma, arithmetic.minus
    for j in range(2, count + 1):
        parts = (arithmetic.if_most(number(float(j)), radius, part) for part in (ratio.high, ratio.low))
        powers.append(powers[-1].times(_Sum(arithmetic, *parts)))
    one, minus_two, distances = number(1.0), number(-2.0), []
    inverses = arithmetic.inverses([add(one, power.high) for power in powers])
    for power, inverse in zip(powers, inverses, strict=True):
        # p = h/(1+h), of which e is p − p² and t is 1 − 2p.  A number less one that is at least half of it is exact.
        high = multiply(power.high, inverse)
        rest = fma(minus(high), power.high, add(power.high, minus(high)))
        p = _Sum(arithmetic, high, multiply(inverse, fma(power.low, inverse, rest)))
        t = fma(minus_two, p.high, one)
        high = fma(minus(p.high), p.high, p.high)
        rest = fma(minus(p.high), p.high, add(p.high, minus(high)))
        e = _Sum(arithmetic, high, fma(p.low, t, rest))
        rest = fma(minus_two, p.high, add(one, minus(t)))
        distances.append((e, _Sum(arithmetic, t, fma(minus_two, p.low, rest))))
    return distances


def _large(arithmetic: Arithmetic, c: list[Any], first: int) -> list[Any]:
    """Coefficients in float32, but 0 for those from the first on that are next to nothing."""
    least = arithmetic.number(_NEGLIGIBLE)
    return [x if i < first else arithmetic.at_least(x, least) for i, x in enumerate(c)]


class Cut:
    """Puts 0 for numbers that do not matter, so that products are not subnormal in float32, and less is to be done.

    The latter in the density method and float64, where k is SHARP or more: a function for these alone leaves them out.
    """

    def __init__(self, arithmetic: Arithmetic, real: Any, k: Any, sharp: bool):
        self.arithmetic, self.single, self.k, self.sharp = arithmetic, real is np.float32, k, sharp

    def coefficients(self, c: list[Any], first: int, length: int) -> list[Any]:
        """Without those from the first on that are next to nothing in float32, or in float64 all from a length on."""
        if self.single:
            return _large(self.arithmetic, c, first)
        return c[:length] if self.sharp else [*c[:length], *map(self._unless_sharp, c[length:])]

    def lows(self, sums: Sequence[_Sum]) -> list[_Sum]:
        """The same for the second parts of sums of far distances."""
        if self.single:
            return [*sums]
        zero = self.arithmetic.number(0.0)
        lows = [zero if self.sharp else self._unless_sharp(each.low) for each in sums[_NEAR:]]
        far = zip(sums[_NEAR:], lows, strict=True)
        return [*sums[:_NEAR], *(_Sum(self.arithmetic, each.high, low) for each, low in far)]

    def _unless_sharp(self, x: Any) -> Any:
        return self.arithmetic.if_most(self.k, self.arithmetic.number(math.nextafter(SHARP, 0.0)), x)


def _cut(lengths: tuple[int, ...], *polynomials: tuple[_Sum, list[Any]]) -> list[list[Any]]:
    """So many coefficients of each as matter, the first of which is a sum; at last what these sums lack."""
    lows = [first.low for first, _ in polynomials]
    cut = [[first.high, *others[1:length]] for length, (first, others) in zip(lengths, polynomials, strict=True)]
    return [*cut, lows]


def _sigmoid(real: Any, count: int, lengths: tuple[int, ...]) -> Any:
    """The nopython function of M, the first h and the ratio of the next to it, both as sums: n, w and R."""

    def evaluate(
        arithmetic: Arithmetic, radius: Any, h: Any, h_low: Any, ratio: Any, ratio_low: Any
    ) -> list[list[Any]]:
        number = arithmetic.number
        distances = _distances(_Sum(arithmetic, h, h_low), _Sum(arithmetic, ratio, ratio_low), count, radius)
        e = [each for each, _ in distances]
        total = functools.reduce(_Sum.plus, e).normal()
        (w,) = arithmetic.factors([(each.high,) for each in e], count + 1)
        w[1] = total.high
        w = _large(arithmetic, w, 4) if real is np.float32 else w
        slope = arithmetic.bilinear(lengths[2], (w, w, slope_multiples))
        one = _Sum(arithmetic, number(1.0), number(0.0))
        return _cut(lengths, (total, arithmetic.derivative(w)), (one, w), (total.times_number(2), slope))

    return evaluated(evaluate, real)


# The multiples that `Arithmetic.bilinear` takes; where both polynomials are the same, i ≤ j stands for j, i as well.


def slope_multiples(i: int, j: int) -> tuple[tuple[int, float], ...]:
    """R of P′/P."""
    if i > j:
        return ()
    total, square = i + j, (j - i) ** 2
    return ((total - 1, -float(total)),) if i == j else ((total - 1, 4.0 * square - 2 * total), (total, float(square)))


def weight_multiples(i: int, j: int) -> tuple[tuple[int, float], ...]:
    """P² + (4+y)·R."""
    if i > j:
        return ()
    total, square = i + j, (j - i) ** 2
    if i == j:
        return (total - 1, -4.0 * total), (total, 1.0 - total)
    return (
        (total - 1, 16.0 * square - 8 * total),
        (total, 2.0 + 8 * square - 2 * total),
        (total + 1, float(square)),
    )


def change_multiples(i: int, j: int) -> tuple[tuple[int, float], ...]:
    """a·b′ − a′·b, as P·(∂P)′ − P′·∂P is."""
    return ((i + j - 1, float(j - i)),)


def _quotient_multiples(i: int, j: int) -> tuple[tuple[int, float], ...]:
    """½R̂, but for the first product."""
    return ((i + j, 1.0 + 2 * (i - j)), (i + j + 1, 1.0 + 0.5 * (i - j))) if i + j else ()


def _density(real: Any, count: int, lengths: tuple[int, ...], sharp: bool) -> Any:
    """The nopython function of k, M and the first h as a sum: n̂, w and ½R̂."""

    def evaluate(arithmetic: Arithmetic, k: Any, radius: Any, h: Any, h_low: Any) -> list[list[Any]]:
        number, add, fma = arithmetic.number, arithmetic.add, arithmetic.fma
        first, one, eight, cut = _Sum(arithmetic, h, h_low), number(1.0), number(8.0), Cut(arithmetic, real, k, sharp)
        e, t = zip(*_distances(first, first, count, radius), strict=True)
        # −∂e/∂k
        changes = cut.lows(
            [tanh.times(each.times_number(j)) for j, (each, tanh) in enumerate(zip(e, t, strict=True), 1)]
        )
        # Sharp changes fall, as e does, and either sum is exact.
        total = functools.reduce(_Sum.plus, cut.lows(e)).normal()
        moment = functools.reduce(_Sum.plus if sharp else _Sum.plus_any, changes).normal()
        p, p_change = arithmetic.factors(
            [(x.high, change.high) for x, change in zip(e, changes, strict=True)], count + 1
        )
        p[1], p_change[1] = total.high, moment.high
        p, p_change = (cut.coefficients(c, 3, _SHARP_LENGTHS[0]) for c in (p, p_change))
        n = arithmetic.bilinear(lengths[0], (p, p_change, change_multiples))
        w = arithmetic.bilinear(lengths[1], (p, p, weight_multiples))
        n, w = cut.coefficients(n, 2, _SHARP_LENGTHS[1]), cut.coefficients(w, 4, _SHARP_LENGTHS[2])
        # It begins with 1 + 8Σe.
        high = fma(eight, total.high, one)
        rest = fma(eight, total.high, add(one, arithmetic.minus(high)))
        begin = _Sum(arithmetic, high, fma(eight, total.low, rest))
        n[0], w[0] = moment.high, high
        slope = arithmetic.bilinear(lengths[2], (n, w, _quotient_multiples))
        # The first product is large in either of the first two.
        rise = moment.times(begin)
        slope[1] = add(rise.high, add(rise.low, slope[1]))
        slope = cut.coefficients(slope, len(slope), _SHARP_LENGTHS[3])
        return _cut(lengths, (moment, n), (begin, w), (rise, slope))

    return evaluated(evaluate, real)
