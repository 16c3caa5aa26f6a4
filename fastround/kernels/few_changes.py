"""∂/∂k of sharp windows of few distances, whose fraction needs no power series.

It is that of `fraction`, of which n, w and C̃ are found here.  With a number that depends on k comes its change: that is
∂ = ∂/∂k + ½·y·∂/∂y of it, and a multiple of itself if it is large at a step, so that little is left.  In the sigmoid
method w is the product of all 1 + ey, and as n = w′, ∂n + ½n is the derivative of ∂w:

    C̃ = w·(∂w)′ − w′·∂w.

The density method has n = (4+y)·n̂ and w = Π + (4+y)·ŵ with the product Π of all (1+ey)², where

    C̃ = (4+y)·(w·(∂n̂+n̂) − n̂·(∂Π + (4+y)·(∂ŵ+½ŵ))) − 2Π·n̂.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .few import FEW, FEWER
from .fraction import OFFSETS
from .polynomial import Arithmetic, evaluated
from .theta import Regime, quotient, scaled, square

# How many coefficients matter of n and w, and of C̃.
_LENGTHS = {
    ("sigmoid", np.float32): (4, 4),
    ("sigmoid", np.float64): (5, 6),
    ("density", np.float32): (5, 7),
    ("density", np.float64): (7, 10),
}

# Coefficients from the lowest power on.
_Polynomial = list[Any]


def few_changes_regime(method: str, real: Any) -> Regime:
    """The fraction as it is: of the results but ∂/∂k has a meaning.

    With R = (2+y)·n·w + (4+y)·yΔ and C = C̃ − ½(n·w + yΔ), r·R + Y·C is Y·C̃ + (e^(−kr) − (2+y)·b)·(n·w + yΔ) + 2r·yΔ,
    where b = ½ − r: all of it is small at a step, and next to 0.
    """
    functions = elementary(real)
    reduced, hyperbolic, exp = functions.reduced, functions.hyperbolic, functions.exp
    unshifted, zero, one, two = shift(real), *map(real, (0, 1, 2))
    first = real(1 - OFFSETS[method])

    def constants_of(count: int) -> Any:
        """Those of up to so many distances; for fewer, results are the same bits, since what belongs to others is 0."""
        polynomials_of = evaluated(_polynomials(method, real, count), real)

        @kernel
        def constants(sharpness):
            k, radius = real(sharpness[0]), real(sharpness[1])
            return k, polynomials_of((radius, exp(-first * k, zero)[0], exp(-k, zero)[0]))

        return constants

    @kernel
    def point(a, a_low, b, b_low, constants):
        k, (n, n_slope, w, w_slope, changes) = constants
        z, z_low = scaled(k, a, a_low)
        t, c, s = reduced(z, z_low, unshifted)
        u = power_of_two(t)
        v = reflected(u, one)
        y, _, sinh, _ = hyperbolic(u, v, two, c, s)
        n, w, changes = horner(y, n), horner(y, w), horner(y, changes)
        y_delta = y * fma(horner(y, n_slope), w, -n * horner(y, w_slope))
        # e^(−kr) − (2+y)·b
        share = fma(-b, two + y, fma(v, c - s, v))
        moving = fma(sinh, changes, fma(share, fma(n, w, y_delta), (a + a) * y_delta))
        w2, w2_low = square(w, zero)
        r = one / w
        return a, one, one, quotient(moving, None, w2, w2_low, r * r)

    shorter = tuple((count, constants_of(count)) for count in FEWER)
    return Regime(constants_of(FEW), point, straight=True, shorter=shorter)


def _product(i: int, j: int) -> Any:
    return ((i + j, 1.0),)


def _minus_product(i: int, j: int) -> Any:
    return ((i + j, -1.0),)


class _Sums:
    """Sums of products of polynomials, in which None is a coefficient of 0."""

    def __init__(self, arithmetic: Arithmetic, length: int):
        # So many coefficients matter of those of which there are products in turn.
        self.arithmetic, self.length = arithmetic, length

    def of_products(self, *products: tuple[_Polynomial, _Polynomial]) -> _Polynomial:
        """Σ a·b, cut."""
        return self.of_terms(*((a, b, _product) for a, b in products))[: self.length]

    def of_terms(self, *products: tuple[_Polynomial, _Polynomial, Callable[[int, int], Any]]) -> _Polynomial:
        """Σ multiple·a_i·b_j·y^power over the (power, multiple) of all i and j."""
        number, multiply = self.arithmetic.number, self.arithmetic.multiply
        terms: dict[int, list[Any]] = {}
        for a, b, parts in products:
            for (i, c), (j, d) in itertools.product(enumerate(a), enumerate(b)):
                if c is None or d is None:
                    continue
                for power, multiple in parts(i, j):
                    if multiple:
                        exact = abs(multiple) == 1
                        pair = (multiply(number(multiple), c), d) if exact else (number(multiple), multiply(c, d))
                        terms.setdefault(power, []).append(pair)
        return [self.arithmetic.combination(terms[n]) if n in terms else None for n in range(max(terms) + 1)]


def _polynomials(method: str, real: Any, count: int) -> Callable[..., list[_Polynomial]]:
    """The function of an arithmetic, M, the first h and e^(−k) that returns n, n′, w, w′ and C̃."""
    lengths, single = _LENGTHS[method, real], real is np.float32

    def evaluate(arithmetic: Arithmetic, radius: Any, first: Any, ratio: Any) -> list[_Polynomial]:
        number, multiply, add, fma = arithmetic.number, arithmetic.multiply, arithmetic.add, arithmetic.fma
        sums, one = _Sums(arithmetic, lengths[0]), number(1.0)

        def significant(a: _Polynomial, lowest: int, unit: float = 2.0**-58) -> _Polynomial:
            """Rounded from a power on, to multiples of what does not matter: no products of them are subnormal."""
            if not single:
                return a
            return [c if c is None or i < lowest else arithmetic.multiple_of(unit, c) for i, c in enumerate(a)]

        # h of all distances, which is 0 outside the window.
        powers = [first]
        for j in range(2, count + 1):
            powers.append(multiply(powers[-1], arithmetic.if_most(number(float(j)), radius, ratio)))
        inverses, distances = arithmetic.inverses([add(one, h) for h in powers]), []
        for j, (h, inverse) in enumerate(zip(powers, inverses, strict=True), 1):
            # With h/(1+h), e, and t = (1−h)/(1+h).
            part = multiply(h, inverse)
            distances.append((j - OFFSETS[method], part, multiply(part, inverse), fma(number(-2.0), part, one)))
        if method == "sigmoid":
            n, w, changes = _sigmoid(arithmetic, sums, distances)
        else:
            n, w, changes = _density(arithmetic, sums, distances, significant)
        shorter, longer = lengths
        polynomials = (n, _derivative(arithmetic, n), w, _derivative(arithmetic, w), significant(changes, 2, 2.0**-116))
        zero = [number(0.0)]
        return [
            (each + zero * length)[:length]
            for each, length in zip(polynomials, (shorter, shorter - 1, shorter, shorter - 1, longer), strict=True)
        ]

    return evaluate


def _derivative(arithmetic: Arithmetic, a: _Polynomial) -> _Polynomial:
    return [arithmetic.multiply(arithmetic.number(float(i)), c) for i, c in enumerate(a)][1:]


def _sigmoid(arithmetic: Arithmetic, sums: _Sums, distances: list[Any]) -> tuple[_Polynomial, ...]:
    """n, w and C̃."""
    multiply, number, fma = arithmetic.multiply, arithmetic.number, arithmetic.fma
    one = number(1.0)
    w, change = [one], [None]
    for s, part, e, _ in distances:
        # ½ − st
        factor, growth = [one, e], [None, multiply(e, fma(number(2 * s), part, number(0.5 - s)))]
        w, change = sums.of_products((factor, w)), sums.of_products((factor, change), (growth, w))
    return (
        _derivative(arithmetic, w),
        w,
        sums.of_terms((w, change, lambda i, j: ((i + j - 1, float(j - i)),) if i + j else ())),
    )


def _density(
    arithmetic: Arithmetic, sums: _Sums, distances: list[Any], significant: Callable[..., _Polynomial]
) -> tuple[_Polynomial, ...]:
    """The same."""
    multiply, number, add, fma = arithmetic.multiply, arithmetic.number, arithmetic.add, arithmetic.fma
    one, four = number(1.0), number(4.0)
    whole, whole_change = [one], [None]
    n: _Polynomial = []
    for s, part, e, t in distances:
        minus_s, twice_e, te = number(-s), add(e, e), multiply(t, e)
        # ½ − st
        growth = fma(number(2 * s), part, number(0.5 - s))
        factor = significant([one, twice_e, multiply(e, e)], 2)
        factor_change = [None, multiply(twice_e, growth), multiply(add(growth, growth), factor[2])]
        moment, weight = [multiply(number(s), te)], [twice_e, fma(arithmetic.minus(twice_e), e, e)]
        # s·(6es − s + t) and 1 − 2e − st(1−4e), over e, where 1 − t is small at first.
        if s == 1:
            moving = fma(number(6.0), e, multiply(number(-2.0), part))
            last = fma(four, te, add(add(part, part), arithmetic.minus(twice_e)))
            moving, last = significant([moving, last], 0, 2.0**-29)
        else:
            moving = multiply(number(s), fma(number(6.0 * s), e, add(t, minus_s)))
            last = fma(number(4.0 * s), te, fma(minus_s, t, fma(number(-2.0), e, one)))
        moment_change = [multiply(e, moving)]
        weight_change = [fma(number(-2 * s), te, e), multiply(e, last)]
        if not n:
            n, w, n_change, w_change = moment, weight, moment_change, weight_change
        else:
            n_change = sums.of_products(
                (factor, n_change), (factor_change, n), (moment_change, whole), (moment, whole_change)
            )
            w_change = sums.of_products(
                (factor, w_change), (factor_change, w), (weight_change, whole), (weight, whole_change)
            )
            n, w = sums.of_products((factor, n), (moment, whole)), sums.of_products((factor, w), (weight, whole))
        whole_change = sums.of_products((factor, whole_change), (factor_change, whole))
        whole = sums.of_products((factor, whole))
    n, n_change, w, w_change, whole, whole_change = (
        significant(each, 2) for each in (n, n_change, w, w_change, whole, whole_change)
    )
    limit = [four, one]
    w, n_change = sums.of_products(([one], whole), (limit, w)), sums.of_products((limit, n_change))
    w_change = sums.of_products(([one], whole_change), (limit, w_change))
    twice_n, n = [multiply(number(-2.0), c) for c in n], sums.of_products((limit, n))
    return n, w, sums.of_terms((w, n_change, _product), (whole, twice_n, _product), (n, w_change, _minus_product))
