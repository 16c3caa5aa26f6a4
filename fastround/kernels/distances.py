"""The distances of a window: e = 1/(2cosh(ks) + 2) and t = tanh(ks/2) of each, and sums over them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .elementary import elementary, fma, kernel, power_of_two, reflected, shift
from .fraction import NEAR, OFFSETS
from .polynomial import linear_map, power_sums
from .theta import quotient, quotient_sum, scaled, square, times

# Below this sharpness, the soft regime.
SOFT = 0.125
# The greatest k·M where windows are not as the infinite sum.
FARTHEST = 80.0
_UNSHIFTED = shift(np.float64)
_reduced, _hyperbolic = elementary(np.float64).reduced, elementary(np.float64).hyperbolic


@kernel
def sum_of(a, a_low, b):
    """a + a_low + b as a sum."""
    total = a + b
    rest = total - a
    return total, ((a - (total - rest)) + (b - rest)) + a_low


@kernel
def end_of(k, s, s_low):
    """1/e = 2cosh(kz) + 2, e, t = tanh(kz/2) and t·e at z = s + s_low, all but t as sums."""
    scaled_s, scaled_low = scaled(k, s, s_low)
    n, c, f = _reduced(scaled_s, scaled_low, _UNSHIFTED)
    u = power_of_two(n)
    y, y_low, sinh, sinh_low = _hyperbolic(u, reflected(u, 1.0), 2.0, c, f)
    total, total_low = sum_of(y, y_low, 4.0)
    total2, total2_low = square(total, total_low)
    r = 1.0 / total
    return (
        (total, total_low),
        quotient_sum(1.0, 0.0, total, total_low, r),
        quotient(sinh, sinh_low, total, total_low, r),
        quotient_sum(sinh, sinh_low, total2, total2_low, r * r),
    )


@cache
def sums(method: str, terms: int) -> Any:
    """The function of k and two numbers: Σ e^(i+1), Σ s·t·e^(i+1), Σ s²·e^(i+1) over the distances between these.

    And what each lacks for i = 0.
    """
    offset, series, empty = OFFSETS[method], power_sums(terms), (0.0,) * (terms + 1)
    # The first sum with what it lacks.
    whole = linear_map(np.eye(terms, terms + 1) + np.eye(terms, terms + 1, terms))

    @kernel
    def with_low(sums):
        _, low = sum_of(sums[0], 0.0, sums[terms])
        return whole(sums), low

    @kernel
    def sums_over(k, first, last):
        sums, moments, squares = empty, empty, empty
        # From the smallest on.
        for j in range(last, first - 1, -1):
            s = j - offset
            _, (e, e_low), _, (te, te_low) = end_of(k, s, 0.0)
            s2, moment = s * s, s * te
            square = s2 * e
            sums, moments = series(sums, e, e_low, e), series(moments, moment, fma(s, te_low, fma(s, te, -moment)), e)
            squares = series(squares, square, fma(s2, e_low, fma(s2, e, -square)), e)
        (sums, low), (moments, moments_low), (squares, squares_low) = (
            with_low(sums),
            with_low(moments),
            with_low(squares),
        )
        return (sums, moments, squares), (low, moments_low, squares_low)

    return sums_over


@cache
def window(method: str, terms: int) -> Any:
    """The function of k and M: 1/e of the first distance, a window for `fraction` of so many terms, Σ e and Σ s·t·e.

    All but the window are sums.
    """
    offset, sums_over = OFFSETS[method], sums(method, terms)

    @kernel
    def end(k, radius, j):
        inverse, e, t, te = end_of(k, j - offset, 0.0)
        none = 0.0, 0.0
        return inverse, ((e, t, te, 4.0 * e[0] * e[0] / (1.0 + t)) if j <= radius else (none, 0.0, none, 0.0))

    @kernel
    def moment(j, te):
        return times(j - offset, 0.0, *te)

    @kernel
    def total(x1, x2, x3, others, others_low):
        for x, x_low in (x3, x2, x1):
            others, others_low = sum_of(x, x_low + others_low, others)
        return others, others_low

    @kernel
    def near_and_far(k, radius):
        inverse, (e1, t1, te1, rest1) = end(k, radius, 1)
        (_, (e2, t2, te2, rest2)), (_, (e3, t3, te3, rest3)) = end(k, radius, 2), end(k, radius, 3)
        # No more than that many in any case.
        last = int(radius) if k >= SOFT and 0 <= k * radius < FARTHEST else NEAR
        far, far_low = sums_over(k, NEAR + 1, last)
        near = (e1[0], e2[0], e3[0]), (t1, t2, t3), (te1[0], te2[0], te3[0]), (rest1, rest2, rest3)
        whole_e = total(e1, e2, e3, far[0][0], far_low[0])
        whole_moment = total(moment(1, te1), moment(2, te2), moment(3, te3), far[1][0], far_low[1])
        return inverse, (*near, *far), whole_e, whole_moment

    return near_and_far
