"""The density method: D(x) = Σ n·ρ(k(x−n)) / Σ ρ(k(x−n)) with ρ = σ(1−σ).

Since Σ ρ(k(x−n)) and Σ (x−n)·ρ(k(x−n)) are S′(x−½)/k and ∂S/∂k at x−½, this is the mean of the integers under the
weights e^(−k(x−n)²), and of the half-integers under a fraction β of them: the theta series of spacing ½ with the
weights A_l = p^(l²/4) for even l and γ·p^((l²−1)/4) for odd l, where p = e^(−k) and

    γ = β·p^(1/4) = 4p·(1 + 4p³ + 9p⁸ + 16p¹⁵ + …)/(1 + 9p² + 25p⁶ + 49p¹² + …).

Its dual has the weights Q^(l²), Q = e^(−π²/k), times η = (1−β)/(1+β) for odd l.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .elementary import elementary, fma, horner, kernel
from .power_series import divided, monomial, moved
from .theta import (
    Method,
    direct_regime,
    exact_quotient,
    far_regime,
    or_zero,
    small_square,
    soft_regime,
    times,
)


@cache
def _weights(l: int) -> Any:
    """A_l as a power series in h, where p = h²."""
    if l % 2 == 0:
        return monomial(l * l // 2)
    above = sum(n * n * monomial(2 * (n * n - 1)) for n in range(1, 8))
    below = sum((2 * n - 1) ** 2 * monomial(2 * (n * n - n)) for n in range(1, 8))
    return moved(4 * divided(above, below), 2 + (l * l - 1) // 2)


@cache
def density(real: Any, by_k: bool) -> Method:
    """The density method for one precision, `real` being np.float32 or np.float64, for ∂/∂k or else for other outputs.

    From sharpness 3½ on, a value is a small difference in the dual series, and ∂/∂k in the others.
    """
    single = real is np.float32
    exp = elementary(real).exp
    zero, one, two, four, nine, sixteen = map(real, (0, 1, 2, 4, 9, 16))
    # What Q² must reach for its powers to matter, and not to be subnormal.
    least = 2.0**-32 if single else 2.0**-60
    # Where the dual series ends, and how many terms it needs until there.
    if single:
        end, terms = 3.85 if by_k else 3.5, 2
    else:
        end, terms = (4.3, 4) if by_k else (3.45, 3)

    def line(start: float, slope: float) -> Any:
        """start + slope·rate."""
        coefficients = real(start), real(slope)

        @kernel
        def value(rate):
            return horner(rate, coefficients)

        return value

    above2, above18, below8, below32 = (line(-1, n) for n in (2, 18, 8, 32))
    above2_change, above18_change = line(1.5, -1), line(13.5, -81)
    below8_change, below32_change = line(3, -8), line(12, -128)
    slope_of, rest4, rest16 = line(6, -4), line(1, -4), line(1, -16)

    @kernel
    def dual_weights(rate, rate_low):
        # Powers of Q.
        q2, q2_low = exp(-two * rate, -two * rate_low)
        q1 = or_zero(q2, least)
        q4 = q1 * q1
        q8 = small_square(q4)
        q16 = small_square(q8)
        # η = 2Q·above/below, by Poisson summation of the sums in γ, and its relative change by 2·rate.
        above, less = above2(rate), two * (q4 * below8(rate))
        change_less, below_change = zero, four * (q4 * below8_change(rate))
        if not single:
            above, less = above + q8 * above18(rate), less + two * (q16 * below32(rate))
            change_less = q8 * above18_change(rate)
            below_change += four * (q16 * below32_change(rate))
        below = one - less
        above_change = above2_change(rate) + change_less
        either = one / (above * below)
        inverse = above * either
        relative = two * (above_change * (below * either) + below_change * inverse)
        twice, twice_low = two * q2, two * q2_low
        # 1/below without a division, as that is next to 1.
        w1 = twice * exact_quotient(above, below, (one + less) * fma(less, less, one))
        w3 = q8 * w1
        change1, change3 = rate * (one - relative), rate * (nine - relative)
        # The first weight less its change is 2Q²·(−4·rate² + 6·rate − 1 + others)/below.
        others = -one if single else q8 * above18(rate) * (one - rate) - one
        others += two * rate * fma(below_change * above, inverse, change_less)
        # Exact, as the rate is above 2.
        slope = slope_of(rate)
        top, top_low = times(rate, rate_low, slope, -four * rate_low)
        whole = top + others
        whole_low = ((top - whole) + others) + top_low
        first, first_low = times(whole, whole_low, twice, twice_low)
        rest1 = first * inverse
        rest1_low = inverse * (fma(-rest1, (one - below) - less, fma(-rest1, below, first)) + first_low)
        weights = w1, q4, w3, q16
        changes = change1 * w1, four * rate * q4, change3 * w3, sixteen * rate * q16
        differences = rest1, rest4(rate) * q4, (one - change3) * w3, rest16(rate) * q16
        return weights[:terms] + changes[:terms] + differences[:terms], (rest1, rest1_low)

    guard = 100 if single else 300
    # The last bound is as low as slopes allow that are normal numbers.
    bounds = (end, 9.2 if by_k else 9.7, 42.0, 125.0) if single else (end, 7.0, 96.0, 820.0)
    return Method(
        bounds,
        (
            soft_regime(real, 0.5, terms, dual_weights),
            direct_regime(real, 0.5, _weights, bounds[0], softest=True),
            direct_regime(real, 0.5, _weights, bounds[1]),
            direct_regime(real, 0.5, _weights, bounds[2], guard),
            far_regime(real, 0.5, guard),
        ),
    )
