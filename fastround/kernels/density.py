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

from .elementary import elementary, fma, kernel
from .power_series import moved, monomial, quotient
from .theta import (
    Method,
    Weights,
    direct_regime,
    dual_rate,
    exact_quotient,
    far_regime,
    or_zero,
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
    return moved(4 * quotient(above, below), 2 + (l * l - 1) // 2)


@cache
def density(real: Any, by_k: bool) -> Method:
    """The density method for one precision, `real` being np.float32 or np.float64, for ∂/∂k or else for other outputs.

    From sharpness 3.45 on, a value is a small difference in the dual series, and ∂/∂k in the others.
    """
    single = real is np.float32
    functions = elementary(np.float64, real)
    exp, reciprocal = functions.exp, functions.reciprocal
    # What Q² and its powers must reach, for no coefficient to be subnormal.
    least_q2, least_power = (2.0**-96, 2.0**-24) if single else (0.0, 2.0**-100)
    # Where the dual series ends, and how many terms it needs until there.
    end, terms = (3.7, 3) if single else (4.3, 4) if by_k else (3.45, 3)

    @kernel
    def dual_weights(k):
        rate, rate_low = dual_rate(k, reciprocal(k), 0.5)
        # Powers of Q.
        q2, q2_low = exp(-2 * rate, -2 * rate_low)
        q2 = or_zero(q2, least_q2)
        q1 = or_zero(q2, least_power)
        q4 = q1 * q1
        q8 = q4 * q4
        q16 = q8 * q8
        # η = 2Q·above/below, by Poisson summation of the sums in γ, and its relative change by 2·rate.
        above = 2 * rate - 1 + q8 * (18 * rate - 1)
        less = 2 * (q4 * (8 * rate - 1) + q16 * (32 * rate - 1))
        below = 1 - less
        above_change = 1.5 - rate + q8 * (13.5 - 81 * rate)
        below_change = 4 * (q4 * (3 - 8 * rate) + 4 * q16 * (3 - 32 * rate))
        either = reciprocal(above * below)
        inverse = above * either
        relative = above_change * (below * either) + below_change * inverse
        w1 = 2 * q2 * exact_quotient(above, below, inverse)
        w3 = q8 * w1
        change1, change3 = rate * (1 - 2 * relative), rate * (9 - 2 * relative)
        # The first weight less its change is 2Q²·(−4·rate² + 6·rate − 1 + others)/below.
        others = q8 * (18 * rate - 1) * (1 - rate) + 2 * rate * q8 * (13.5 - 81 * rate)
        others += 2 * rate * below_change * above * inverse
        # Exact, as the rate is above 2.
        slope = 6 - 4 * rate
        slope_low = -4 * rate_low
        top, top_low = times(rate, rate_low, slope, slope_low)
        whole = top + (others - 1)
        whole_low = ((top - whole) + (others - 1)) + top_low
        first, first_low = times(whole, whole_low, 2 * q2, 2 * q2_low)
        least = first * inverse
        least_low = inverse * (fma(-least, (1 - below) - less, fma(-least, below, first)) + first_low)
        weights = w1, q4, w3, q16
        changes = change1 * w1, 4 * rate * q4, change3 * w3, 16 * rate * q16
        differences = least, (1 - 4 * rate) * q4, (1 - change3) * w3, (1 - 16 * rate) * q16
        return weights[:terms] + changes[:terms] + differences[:terms], (least, least_low)

    guard = 100 if single else 300
    bounds = (end, 9.2, 42.0, 139.0) if single else (end, 9.2, 96.0, 820.0)
    return Method(
        bounds,
        (
            soft_regime(real, 0.5, Weights(terms, dual_weights)),
            direct_regime(
                real, 0.5, _weights, bounds[0], 5 if single else 8, 8 if single else 12, centred=not single
            ),
            direct_regime(real, 0.5, _weights, bounds[1], 3 if single else 4, 6 if single else 7),
            direct_regime(real, 0.5, _weights, bounds[2], 2, 2, guard),
            far_regime(real, 0.5, guard),
        ),
    )
