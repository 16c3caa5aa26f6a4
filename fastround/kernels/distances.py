"""The distances of a window: e = 1/(2cosh(ks) + 2) and t = tanh(ks/2) of each, and sums over them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .elementary import elementary, fma, kernel, power_of_two, reflected, shift
from .fraction import NEAR, OFFSETS
from .polynomial import linear_map, power_sums
from .stages import Repeated
from .theta import quotient, quotient_sum, scaled, square, times

# Below this sharpness, the soft regime.
SOFT = 0.125
# The greatest k·M where windows are not as the infinite sum; and that of soft ones, whose ∂/∂k is up to
# (k·M)²/k·e^(−k·M), which is next to nothing there for every k with which a radius of 64 bits comes so far.
FARTHEST, FARTHEST_SOFT = 85.0, 130.0
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


class Sums(NamedTuple):
    """Σ e^(i+1), Σ s·t·e^(i+1), Σ s²·e^(i+1) over the distances from one number on, as stages.

    Fixed are (k, the first number, how many) and whatever else there is.
    """

    # Where it begins.
    empty: Any
    stage: Repeated
    # What makes of its outcome the sums, and what each lacks for i = 0.
    results: Any


@cache
def sums(method: str, terms: int) -> Sums:
    """So many sums of each kind."""
    offset, series, empty = OFFSETS[method], power_sums(terms), ((0.0,) * (terms + 1),) * 3
    # The first sum with what it lacks.
    whole = linear_map(np.eye(terms, terms + 1) + np.eye(terms, terms + 1, terms))

    @kernel
    def with_low(sums):
        _, low = sum_of(sums[0], 0.0, sums[terms])
        return whole(sums), low

    @kernel
    def count(fixed):
        (_, _, count), _ = fixed
        return count

    @kernel
    def step(i, fixed, sums):
        """One more, from the smallest on."""
        (k, first, _), _ = fixed
        e_sums, moments, squares = sums
        s = (first + i) - offset
        _, (e, e_low), _, (te, te_low) = end_of(k, s, 0.0)
        s2, moment = s * s, s * te
        square = s2 * e
        return (
            series(e_sums, e, e_low, e),
            series(moments, moment, fma(s, te_low, fma(s, te, -moment)), e),
            series(squares, square, fma(s2, e_low, fma(s2, e, -square)), e),
        )

    @kernel
    def results(sums):
        e_sums, moments, squares = sums
        (e_sums, low), (moments, moments_low), (squares, squares_low) = (
            with_low(e_sums),
            with_low(moments),
            with_low(squares),
        )
        return (e_sums, moments, squares), (low, moments_low, squares_low)

    return Sums(empty, Repeated(count, step), results)


@cache
def window(method: str, terms: int) -> tuple[Any, ...]:
    """The stages of a function of (k, M).

    It returns these, 1/e of the first distance, a window for `fraction` of so many terms, Σ e and Σ s·t·e: all but the
    window as sums.
    """
    offset, (empty, stage, results) = OFFSETS[method], sums(method, terms)

    @kernel
    def end(k, radius, j):
        inverse, e, t, te = end_of(k, j - offset, 0.0)
        none = 0.0, 0.0
        return inverse, ((e, t, te, 4.0 * e[0] * e[0] / (1.0 + t)) if j <= radius else (none, 0.0, none, 0.0))

    @kernel
    def moment(j, te):
        return times(j - offset, 0.0, *te)

    @kernel
    def plus(x, others):
        (x, x_low), (others, others_low) = x, others
        return sum_of(x, x_low + others_low, others)

    @kernel
    def begin(sharpness):
        k, radius = sharpness
        # No more than that many in any case.
        last = int(radius) if k >= SOFT and 0 <= k * radius < FARTHEST else NEAR
        return ((k, NEAR + 1, last - NEAR), radius), empty

    @kernel
    def near_and_far(state):
        ((k, _, _), radius), far_sums = state
        inverse, (e1, t1, te1, rest1) = end(k, radius, 1)
        (_, (e2, t2, te2, rest2)), (_, (e3, t3, te3, rest3)) = end(k, radius, 2), end(k, radius, 3)
        far, far_low = results(far_sums)
        near = (e1[0], e2[0], e3[0]), (t1, t2, t3), (te1[0], te2[0], te3[0]), (rest1, rest2, rest3)
        whole_e = plus(e1, plus(e2, plus(e3, (far[0][0], far_low[0]))))
        far_moment = far[1][0], far_low[1]
        whole_moment = plus(moment(1, te1), plus(moment(2, te2), plus(moment(3, te3), far_moment)))
        return (k, radius), inverse, (*near, *far), whole_e, whole_moment

    return begin, stage, near_and_far
