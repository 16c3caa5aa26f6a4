"""∂/∂k of sharp windows of few distances, whose fraction needs no power series.

It is that of `fraction`, of which n, w and C̃ are found here.  With a polynomial comes its change: that is
∂ = ∂/∂k + ½·y·∂/∂y of it, and a multiple of itself if it is large at a step, so that little is left.  In the sigmoid
method n = w′, and as ∂n + ½n is the derivative of ∂w,

    C̃ = w·(∂w)′ − w′·∂w.

The density method has n = (4+y)·n̂ and w = P² + (4+y)·ŵ, as in `few`, and

    C̃ = (4+y)·(w·(∂n̂ + n̂) − n̂·(∂w + 2ŵ)) − 2P²·n̂.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .few import FEW, FEWER, change_multiples, large, slope_multiples, weight_multiples
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
    return Regime(constants_of(FEW), point, straight=True, shorter=shorter, vectors=4)


def _product(i: int, j: int) -> Any:
    return ((i + j, 1.0),)


def _minus_product(i: int, j: int) -> Any:
    return ((i + j, -1.0),)


def _polynomials(method: str, real: Any, count: int) -> Callable[..., list[_Polynomial]]:
    """The function of an arithmetic, M, the first h and e^(−k) that returns n, n′, w, w′ and C̃."""
    lengths, of_method = _LENGTHS[method, real], _sigmoid if method == "sigmoid" else _density

    def evaluate(arithmetic: Arithmetic, radius: Any, first: Any, ratio: Any) -> list[_Polynomial]:
        number, multiply, add = arithmetic.number, arithmetic.multiply, arithmetic.add
        # h of all distances, which is 0 outside the window.
        powers = [first]
        for j in range(2, count + 1):
            powers.append(multiply(powers[-1], arithmetic.if_most(number(float(j)), radius, ratio)))
        inverses, distances = arithmetic.inverses([add(number(1.0), h) for h in powers]), []
        for j, (h, inverse) in enumerate(zip(powers, inverses, strict=True), 1):
            # h/(1+h) and e
            part = multiply(h, inverse)
            distances.append((j - OFFSETS[method], part, multiply(part, inverse)))
        n, w, changes = of_method(arithmetic, real, distances, lengths)
        n_slope, w_slope = _derivative(arithmetic, n), _derivative(arithmetic, w)
        return [n, n_slope, w, w_slope, changes]

    return evaluate


def _derivative(arithmetic: Arithmetic, a: _Polynomial) -> _Polynomial:
    return [arithmetic.multiply(arithmetic.number(float(i)), c) for i, c in enumerate(a)][1:]


def _sigmoid(
    arithmetic: Arithmetic, real: Any, distances: list[Any], lengths: tuple[int, int]
) -> tuple[_Polynomial, ...]:
    """n, w and C̃."""
    number, multiply, fma = arithmetic.number, arithmetic.multiply, arithmetic.fma
    # ∂e is (½ − st)·e.
    numbers = [(e, multiply(e, fma(number(2 * s), part, number(0.5 - s)))) for s, part, e in distances]
    w, change = arithmetic.factors(numbers, lengths[0])
    return (_derivative(arithmetic, w), w, arithmetic.bilinear(lengths[1], (w, change, change_multiples)))


def _density(
    arithmetic: Arithmetic, real: Any, distances: list[Any], lengths: tuple[int, int]
) -> tuple[_Polynomial, ...]:
    """The same.

    c are the coefficients of P.  Of these and of e the change is ∂/∂k + y·∂/∂y, since that of e is (1 − st)·e,
    small at first.  So ∂ of a product c_i·c_j·y^m is that of the changes, and (½m − i − j) times itself.
    """
    number, multiply, fma = arithmetic.number, arithmetic.multiply, arithmetic.fma
    shorter, longer = lengths
    numbers = []
    for s, part, e in distances:
        growth = fma(number(2.0 * s), part, number(1.0 - s))
        curvature = fma(number(-2.0 * s * s), e, multiply(growth, growth))
        numbers.append((e, multiply(growth, e), multiply(curvature, e)))
    c, c1, c2 = (large(arithmetic, real, each, 3) for each in arithmetic.factors(numbers, shorter - 1))
    # −∂c/∂k
    falls = [None, *(fma(number(float(i)), c[i], arithmetic.minus(c1[i])) for i in range(1, len(c)))]
    n = large(arithmetic, real, arithmetic.bilinear(shorter, (c, falls, change_multiples)), 2)
    n_change = arithmetic.bilinear(
        shorter, (c, c1, _first_multiples), (c, c2, lambda i, j: change_multiples(j, i)), (c, c, _own_multiples)
    )
    n_change = _with_limit(arithmetic, large(arithmetic, real, n_change, 2))
    w = large(arithmetic, real, arithmetic.bilinear(shorter, (c, c, weight_multiples)), 4)
    rest = arithmetic.bilinear(shorter + 1, (c, c1, _rest_multiples), (c, c, _own_rest_multiples))
    rest = large(arithmetic, real, rest, 5)
    changes = arithmetic.bilinear(longer, (w, n_change, _product), (n, rest, _minus_product))
    return _with_limit(arithmetic, n)[:shorter], w, changes


def _with_limit(arithmetic: Arithmetic, a: _Polynomial) -> _Polynomial:
    """(4+y)·a"""
    four = arithmetic.number(4.0)
    return [arithmetic.multiply(four, a[0]), *(arithmetic.fma(four, b, c) for c, b in itertools.pairwise(a)), a[-1]]


def _first_multiples(i: int, j: int) -> Any:
    """Those of c and c1 in ∂n̂ + n̂."""
    return ((i + j - 1, (j - i) * (3 * j - i - 1) / 2),)


def _own_multiples(i: int, j: int) -> Any:
    """Those of c and c in it."""
    return ((i + j - 1, (j - i) ** 2 * (1 - i - j) / 2),) if i < j else ()


def _rest_multiples(i: int, j: int) -> Any:
    """Those of c and c1 in (4+y)·(∂w + 2ŵ) + 2P²."""
    return _limit_multiples(*weight_multiples(min(i, j), max(i, j)) * (2 if i == j else 1))


def _own_rest_multiples(i: int, j: int) -> Any:
    """Those of c and c in it."""
    if i > j:
        return ()
    lacking = ((power, multiple * (power / 2 - i - j)) for power, multiple in weight_multiples(i, j))
    twice = ((power, 2 * multiple) for power, multiple in slope_multiples(i, j))
    return _sums((i + j, 4.0 if i < j else 2.0), *_limit_multiples(*lacking, *twice))


def _limit_multiples(*multiples: tuple[int, float]) -> Any:
    """Those of 4 + y times it."""
    return _sums(*((power + n, multiple * 4.0 ** (1 - n)) for power, multiple in multiples for n in (0, 1)))


def _sums(*multiples: tuple[int, float]) -> Any:
    """With one multiple of each power."""
    totals: dict[int, float] = {}
    for power, multiple in multiples:
        totals[power] = totals.get(power, 0.0) + multiple
    return tuple(totals.items())
