"""∂/∂k of sharp windows of few distances, whose fraction needs no power series.

It is that of `fraction`, of which n, w and what C̃ is made of are found here.  With ∂ = ∂/∂k + ½·y·∂/∂y, little is left
of what is large at a step.  In the sigmoid method n = w′, and as ∂n + ½n is the derivative of ∂w,

    C̃ = w·(∂w)′ − w′·∂w.

The density method has n = (4+y)·n̂, as in `few`, and

    C̃ = (4+y)·(w·(∂n̂ + n̂) − n̂·∂w) − 2n̂·w,

which is put together for each element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .few import Cut, change_multiples, few_distances, weight_multiples
from .fraction import OFFSETS
from .polynomial import Arithmetic, evaluated
from .theta import Regime, quotient, scaled, square

# How many coefficients matter: of w and C̃, or of P, n̂, w and the change of w.
_LENGTHS = {
    ("sigmoid", np.float32): (4, 4),
    ("sigmoid", np.float64): (5, 6),
    ("density", np.float32): (4, 4, 5, 6),
    ("density", np.float64): (5, 6, 7, 8),
}
# Of P, n̂ and w, and of their changes, from SHARP on in float64.
_SHARP_LENGTHS = 4, 4, 6

# Coefficients from the lowest power on.
_Polynomial = list[Any]


def few_changes_regime(method: str, real: Any) -> Regime:
    """The fraction as it is: of the results only ∂/∂k has a meaning.

    With R = (2+y)·n·w + (4+y)·yΔ and C = C̃ − ½(n·w + yΔ), r·R + Y·C is Y·C̃ + (e^(−kr) − (2+y)·b)·(n·w + yΔ) + 2r·yΔ,
    where b = ½ − r: all of it is small at a step, and next to 0.
    """
    functions = elementary(real)
    reduced, hyperbolic, exp = functions.reduced, functions.hyperbolic, functions.exp
    unshifted, zero, one, two, four = shift(real), *map(real, (0, 1, 2, 4))
    first = real(1 - OFFSETS[method])

    def constants_of(count: int, sharp: bool = False) -> Any:
        """Those of up to so many distances; for fewer, results are the same bits, since what belongs to others is 0."""
        polynomials_of = evaluated(_polynomials(method, real, count, sharp), real)

        @kernel
        def constants(sharpness):
            k, radius = real(sharpness[0]), real(sharpness[1])
            return k, polynomials_of((k, radius, exp(-first * k, zero)[0], exp(-k, zero)[0]))

        return constants

    @kernel
    def sigmoid_parts(y, n, n_slope, w, w_slope, changes):
        return horner(y, n), horner(y, n_slope), horner(y, w), horner(y, w_slope), horner(y, changes)

    @kernel
    def density_parts(y, n, n_slope, w, w_slope, n_change, w_change):
        n, n_slope, w, w_slope = horner(y, n), horner(y, n_slope), horner(y, w), horner(y, w_slope)
        limit = four + y
        change = fma(w, horner(y, n_change), -n * horner(y, w_change))
        return limit * n, fma(limit, n_slope, n), w, w_slope, fma(limit, change, -(n + n) * w)

    parts = density_parts if method == "density" else sigmoid_parts

    @kernel
    def point(a, a_low, b, b_low, constants):
        k, polynomials = constants
        z, z_low = scaled(k, a, a_low)
        t, c, s = reduced(z, z_low, unshifted)
        u = power_of_two(t)
        v = reflected(u, one)
        y, _, sinh, _ = hyperbolic(u, v, two, c, s)
        n, n_slope, w, w_slope, changes = parts(y, *polynomials)
        y_delta = y * fma(n_slope, w, -n * w_slope)
        # e^(−kr) − (2+y)·b
        share = fma(-b, two + y, fma(v, c - s, v))
        moving = fma(sinh, changes, fma(share, fma(n, w, y_delta), (a + a) * y_delta))
        w2, w2_low = square(w, zero)
        r = one / w
        return a, one, one, quotient(moving, None, w2, w2_low, r * r)

    return few_distances(method, real, constants_of, point)


def _polynomials(method: str, real: Any, count: int, sharp: bool) -> Callable[..., list[_Polynomial]]:
    """The function of an arithmetic, k, M, the first h and e^(−k) that returns the polynomials for a point."""
    lengths, of_method = _LENGTHS[method, real], _sigmoid if method == "sigmoid" else _density

    def evaluate(arithmetic: Arithmetic, k: Any, radius: Any, first: Any, ratio: Any) -> list[_Polynomial]:
        number, multiply, add = arithmetic.number, arithmetic.multiply, arithmetic.add
        fma, minus = arithmetic.fma, arithmetic.minus
        # h of all distances, which is 0 outside the window.
        powers = [first]
        for j in range(2, count + 1):
            powers.append(multiply(powers[-1], arithmetic.if_most(number(float(j)), radius, ratio)))
        inverses, distances = arithmetic.inverses([add(number(1.0), h) for h in powers]), []
        for j, (h, inverse) in enumerate(zip(powers, inverses, strict=True), 1):
            # p = h/(1+h) without the errors of its inverse, and e = p − p²
            p = multiply(h, inverse)
            p = fma(inverse, fma(minus(p), h, add(h, minus(p))), p)
            distances.append((j - OFFSETS[method], p, fma(minus(p), p, p)))
        n, w, *changes = of_method(Cut(arithmetic, real, k, sharp), distances, lengths)
        return [n, arithmetic.derivative(n), w, arithmetic.derivative(w), *changes]

    return evaluate


def _sigmoid(cut: Cut, distances: list[Any], lengths: tuple[int, ...]) -> tuple[_Polynomial, ...]:
    """n, w and C̃."""
    arithmetic = cut.arithmetic
    number, multiply, fma = arithmetic.number, arithmetic.multiply, arithmetic.fma
    # ∂e is (½ − st)·e.
    numbers = [(e, multiply(e, fma(number(2 * s), part, number(0.5 - s)))) for s, part, e in distances]
    w, change = arithmetic.factors(numbers, lengths[0])
    return arithmetic.derivative(w), w, arithmetic.bilinear(lengths[1], (w, change, change_multiples))


def _density(cut: Cut, distances: list[Any], lengths: tuple[int, ...]) -> tuple[_Polynomial, ...]:
    """n̂, w, ∂n̂ + n̂ and ∂w.

    c are the coefficients of P.  Of these and of e the change is ∂/∂k + y·∂/∂y, since that of e is (1 − st)·e,
    small at first.  So ∂ of a product c_i·c_j·y^m is that of the changes, and (½m − i − j) times itself.
    """
    arithmetic = cut.arithmetic
    number, multiply, fma = arithmetic.number, arithmetic.multiply, arithmetic.fma
    factors_length, n_length, w_length, change_length = lengths
    numbers = []
    for s, part, e in distances:
        growth = fma(number(2.0 * s), part, number(1.0 - s))
        curvature = fma(number(-2.0 * s * s), e, multiply(growth, growth))
        numbers.append((e, multiply(growth, e), multiply(curvature, e)))
    c, c1, c2 = (cut.coefficients(each, 3, _SHARP_LENGTHS[0]) for each in arithmetic.factors(numbers, factors_length))
    # −∂c/∂k
    falls = [None, *(fma(number(float(i)), c[i], arithmetic.minus(c1[i])) for i in range(1, len(c)))]
    n = arithmetic.bilinear(n_length, (c, falls, change_multiples))
    n_change = arithmetic.bilinear(
        n_length, (c, c1, _first_multiples), (c, c2, lambda i, j: change_multiples(j, i)), (c, c, _own_multiples)
    )
    w = arithmetic.bilinear(w_length, (c, c, weight_multiples))
    w_change = arithmetic.bilinear(change_length, (c, c1, _w_multiples), (c, c, _own_w_multiples))
    n, n_change = (cut.coefficients(each, 2, _SHARP_LENGTHS[1]) for each in (n, n_change))
    w, w_change = (cut.coefficients(each, 4, _SHARP_LENGTHS[2]) for each in (w, w_change))
    return n, w, n_change, w_change


def _first_multiples(i: int, j: int) -> Any:
    """Those of c and c1 in ∂n̂ + n̂."""
    return ((i + j - 1, (j - i) * (3 * j - i - 1) / 2),)


def _own_multiples(i: int, j: int) -> Any:
    """Those of c and c in it."""
    return ((i + j - 1, (j - i) ** 2 * (1 - i - j) / 2),) if i < j else ()


def _w_multiples(i: int, j: int) -> Any:
    """Those of c and c1 in ∂w."""
    return tuple((power, multiple * (1 + (i == j))) for power, multiple in weight_multiples(min(i, j), max(i, j)))


def _own_w_multiples(i: int, j: int) -> Any:
    """Those of c and c in it."""
    return tuple((power, multiple * (power / 2 - i - j)) for power, multiple in weight_multiples(i, j))
