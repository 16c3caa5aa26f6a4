"""Values and slopes of windows of few distances, whose fraction needs no power series.

With e and t of each distance s of the window, y and Y as in `windowed`, and f = 1 + ey, the sigmoid method is
S = c + Y·Σ e/f, and the density method is D = c + Y·Σ (s·t·e/f²) / [1/(4+y) + Σ e(2+(1−2e)y)/f²].  Over the product of
all f, or of all f², these are polynomials in y with positive coefficients: one distance more makes f·Π of a product Π,
and f·Σ + e·Π of the sum Σ of all e/f.  As h = e^(−ks) is a power of the first, e = h/(1+h)² and t = (1−h)/(1+h).

With S or D = c + Y·n/w the slope is kR/w², R = (2+y)·n·w + y(4+y)·(n′w − nw′).  In the density method n has a factor
4 + y: n = (4+y)·n̂ and R = (4+y)·R̂, R̂ = (2+2y)·n̂·w + y(4+y)·(n̂′w − n̂w′).
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .polynomial import Arithmetic, evaluated
from .theta import Regime, quotient, scaled, square, times

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
# A coefficient of a higher power that is less does not matter, and would make subnormal products.
_NEGLIGIBLE = {np.float32: 2.0**-62, np.float64: 2.0**-500}


class _Sum:
    """A number as a sum of two, the second being next to nothing."""

    def __init__(self, arithmetic: Arithmetic, high: Any, low: Any):
        self.arithmetic, self.high, self.low = arithmetic, high, low

    def times(self, other: _Sum) -> _Sum:
        """The product."""
        multiply, add, fma = self.arithmetic.multiply, self.arithmetic.add, self.arithmetic.fma
        high = multiply(self.high, other.high)
        rest = fma(self.high, other.high, self.arithmetic.minus(high))
        return _Sum(self.arithmetic, high, add(rest, fma(self.high, other.low, multiply(self.low, other.high))))

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

    def one_more(self) -> _Sum:
        """1 and such a number that is not greater."""
        add, one = self.arithmetic.add, self.arithmetic.number(1.0)
        high = add(one, self.high)
        return _Sum(self.arithmetic, high, add(add(add(one, self.arithmetic.minus(high)), self.high), self.low))

    def times_number(self, number: int) -> _Sum:
        """A multiple."""
        factor = self.arithmetic.number(float(number))
        multiply, add, fma = self.arithmetic.multiply, self.arithmetic.add, self.arithmetic.fma
        high, low = multiply(self.high, factor), multiply(self.low, factor)
        if number & (number - 1):
            low = add(fma(self.high, factor, self.arithmetic.minus(high)), low)
        return _Sum(self.arithmetic, high, low)

    def over(self, other: _Sum, inverse: Any) -> _Sum:
        """The quotient, given next to 1/other."""
        multiply, add, fma = self.arithmetic.multiply, self.arithmetic.add, self.arithmetic.fma
        high = multiply(self.high, inverse)
        minus = self.arithmetic.minus(high)
        rest = add(fma(minus, other.high, self.high), fma(minus, other.low, self.low))
        return _Sum(self.arithmetic, high, multiply(inverse, rest))

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
    reduced, hyperbolic, exp, less_exp = functions.reduced, functions.hyperbolic, functions.exp, functions.less_exp
    unshifted, zero, half, one, two = shift(real), *map(real, (0, 0.5, 1, 2))

    def constants_of(count: int) -> Any:
        """Those of up to so many distances; for fewer, they are the same bits, since the others are zero."""
        polynomials_of = (_density if density else _sigmoid)(real, count, lengths)

        @kernel
        def constants(sharpness):
            k, radius = real(sharpness[0]), real(sharpness[1])
            if density:
                h = exp(-k, zero)
                n, w, slope, lows = polynomials_of((radius, *h, *less_exp(-k)))
            else:
                h = exp(-half * k, zero)
                n, w, slope, lows = polynomials_of((radius, *h, *square(*h)))
            return k, (n, lows[0]), (w, lows[1]), (slope, lows[2])

        return constants

    @kernel
    def point(a, a_low, b, b_low, constants):
        k, (n, n_first_low), (w, w_first_low), (slope, slope_first_low) = constants
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
        rise, rise_low = times(k, zero, rise, rise_low + slope_first_low)
        if density:
            limit, limit_low, _, _ = hyperbolic(u, v, -two, c, s)
            top, top_low = times(top, top_low, limit, limit_low)
            rise, rise_low = times(rise, rise_low, limit, limit_low)
        value = quotient(top, top_low, w, w_low, r)
        return value if value < half else half, one, quotient(rise, rise_low, w2, w2_low, r * r), zero

    shorter = tuple((count, constants_of(count)) for count in FEWER)
    return Regime(constants_of(FEW), point, straight=True, shorter=shorter)


def _powers(h: _Sum, ratio: _Sum, count: int, radius: Any) -> list[_Sum]:
    """h of all distances, which is 0 outside the window."""
    arithmetic, powers = h.arithmetic, [h]
    for j in range(2, count + 1):
        parts = (arithmetic.if_most(arithmetic.number(float(j)), radius, part) for part in (ratio.high, ratio.low))
        powers.append(powers[-1].times(_Sum(arithmetic, *parts)))
    return powers


def _quotients(powers: list[_Sum]) -> list[tuple[_Sum, _Sum, Any]]:
    """e = h/(1+h)² of all distances, with 1 + h and next to 1/(1+h)²."""
    arithmetic = powers[0].arithmetic
    more = [h.one_more() for h in powers]
    squares = [each.times(each) for each in more]
    inverses = arithmetic.inverses([f.high for f in squares])
    return [
        (h.over(f, inverse).normal(), each, inverse)
        for h, each, f, inverse in zip(powers, more, squares, inverses, strict=True)
    ]


def _slope(arithmetic: Arithmetic, real: Any, n: list[Any], w: list[Any], growth: float, length: int) -> list[Any]:
    """R, where (2 + growth·y)·n·w is the first part of it."""
    terms: list[list[Any]] = [[] for _ in range(length + 1)]
    least = arithmetic.number(_NEGLIGIBLE[real])
    n, w = ([c if i < 2 else arithmetic.at_least(c, least) for i, c in enumerate(each)] for each in (n, w))
    for i, a in enumerate(n):
        for j, b in enumerate(w):
            if i + j < length:
                product = arithmetic.multiply(a, b)
                for power, multiple in ((i + j, 2.0 + 4 * (i - j)), (i + j + 1, growth + i - j)):
                    if multiple:
                        terms[power].append((arithmetic.number(multiple), product))
    return [arithmetic.combination(each) for each in terms[:length]]


def _cut(arithmetic: Arithmetic, lengths: tuple[int, ...], *polynomials: tuple[_Sum, list[Any]]) -> list[list[Any]]:
    """So many coefficients of each as matter, the first of which is a sum; at last what these sums lack."""
    zero, lows = [arithmetic.number(0.0)], [first.low for first, _ in polynomials]
    cut = [
        [first.high, *(others + zero * length)[1:length]]
        for length, (first, others) in zip(lengths, polynomials, strict=True)
    ]
    return [*cut, lows]


def _sigmoid(real: Any, count: int, lengths: tuple[int, ...]) -> Any:
    """The nopython function of M, the first h and the ratio of the next to it, both as sums: n, w and R."""

    def evaluate(
        arithmetic: Arithmetic, radius: Any, h: Any, h_low: Any, ratio: Any, ratio_low: Any
    ) -> list[list[Any]]:
        number, multiply, fma = arithmetic.number, arithmetic.multiply, arithmetic.fma
        powers = _powers(_Sum(arithmetic, h, h_low), _Sum(arithmetic, ratio, ratio_low), count, radius)
        total, *others = (e for e, _, _ in _quotients(powers))
        # w without its first coefficient, which is 1.
        w = [total.high]
        for e in others:
            total = total.plus(e)
            w = [total.high, *(fma(e.high, a, b) for a, b in itertools.pairwise(w)), multiply(e.high, w[-1])]
        total = total.normal()
        w = [number(1.0), total.high, *w[1:]]
        # n is its derivative.
        n = [total.high, *(multiply(number(float(i)), c) for i, c in enumerate(w[2:], 2))]
        slope = _slope(arithmetic, real, n, w, 1.0, lengths[2])
        one = _Sum(arithmetic, number(1.0), number(0.0))
        return _cut(arithmetic, lengths, (total, n), (one, w), (total.times_number(2), slope))

    return evaluated(evaluate, real)


def _density(real: Any, count: int, lengths: tuple[int, ...]) -> Any:
    """The nopython function of M, the first h and 1 less it, both as sums: n̂, w and R̂."""

    def evaluate(arithmetic: Arithmetic, radius: Any, h: Any, h_low: Any, less: Any, less_low: Any) -> list[list[Any]]:
        number, multiply, fma, add = arithmetic.number, arithmetic.multiply, arithmetic.fma, arithmetic.add
        one, four, least = number(1.0), number(4.0), number(_NEGLIGIBLE[real])
        unit = _NEGLIGIBLE[real]

        def sum_of_products(*products: tuple[list[Any], list[Any]]) -> list[Any]:
            """That of polynomials, the first of which is the largest."""
            length = min(lengths[1], max(len(a) + len(b) - 1 for a, b in products))
            sums = [
                arithmetic.combination(
                    [(a[i], b[n - i]) for a, b in products for i in range(len(a)) if 0 <= n - i < len(b)]
                )
                for n in range(length)
            ]
            # In float32, the last could be so small that products of them would be subnormal.
            return sums if real is np.float64 else [*sums[:4], *(arithmetic.multiple_of(unit, c) for c in sums[4:])]

        first, first_less = _Sum(arithmetic, h, h_low), _Sum(arithmetic, less, less_low)
        powers, less = _powers(first, first, count, radius), first_less
        for j, (h, (e, more, inverse)) in enumerate(zip(powers, _quotients(powers), strict=True), 1):
            # t = (1−h)/(1+h)
            t = less.over(more, multiply(inverse, more.high))
            moment = t.times(e.times_number(j))
            less = less.plus(h.times(first_less))
            twice = add(e.high, e.high)
            weight = [twice, fma(arithmetic.minus(twice), e.high, e.high)]
            f2 = [one, twice, arithmetic.at_least(multiply(e.high, e.high), least)]
            if j == 1:
                n, w, whole, moments, total, squares = [moment.high], weight, f2, moment, e, f2[2]
            else:
                n = sum_of_products((f2, n), ([moment.high], whole))
                w = sum_of_products((f2, w), (weight, whole))
                whole = sum_of_products((f2, whole))
                moments, total, squares = moments.plus_any(moment), total.plus(e), add(squares, f2[2])
        # The sum of weights begins with 2Σe and Σe + 4(Σe)² − 6Σe², which have the rounding errors of few.
        moments, total = moments.normal(), total.normal()
        w[0] = add(total.high, total.high)
        w[1] = fma(total.high, fma(four, total.high, one), multiply(number(-6.0), squares))
        # Π + (4 + y)·Σ, which begins with 1 + 8Σe.
        w = sum_of_products(([one], whole), ([four, one], w))
        eight = total.times_number(8)
        high, low = arithmetic.exact_sum(one, eight.high)
        begin = _Sum(arithmetic, high, add(low, eight.low))
        n[0], w[0] = moments.high, high
        slope = _slope(arithmetic, real, n, w, 2.0, lengths[2])
        return _cut(arithmetic, lengths, (moments, n), (begin, w), (moments.times(begin).times_number(2), slope))

    return evaluated(evaluate, real)
