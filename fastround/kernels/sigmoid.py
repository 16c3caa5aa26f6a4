"""The sigmoid method: S(x) = Σ n·[σ(k(x−n+½)) − σ(k(x−n−½))].

By Jacobi's triple product this is the mean of the integers under the weights e^(−k(x−n)²/2): with h = e^(−k/2), the
theta series of spacing 1 and weights A_l = h^(l²), whose dual has the weights q^(l²), q = e^(−2π²/k).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .elementary import elementary, kernel
from .power_series import monomial
from .theta import Method, direct_regime, far_regime, or_zero, soft_regime, times


def _weights(l: int) -> Any:
    """A_l as a power series in h."""
    return monomial(l * l)


@cache
def sigmoid(real: Any, by_k: bool) -> Method:
    """The sigmoid method for one precision, `real` being np.float32 or np.float64, for ∂/∂k or for other outputs."""
    single = real is np.float32
    exp = elementary(real).exp
    one, four, nine = real(1), real(4), real(9)
    # So many terms of the dual series matter.
    terms = 2 if single else 3
    # What q must reach for its powers to matter, and not to be subnormal.
    least = 2.0**-13 if single else 2.0**-54

    @kernel
    def dual_weights(rate, rate_low):
        q, q_low = exp(-rate, -rate_low)
        # Exact, as the rate is above 1.
        factor = one - rate
        q1 = or_zero(q, least)
        q4 = (q1 * q1) * (q1 * q1)
        q9 = q4 * q4 * q1
        rate4, rate9 = four * rate, nine * rate
        changes = rate * q, rate4 * q4, rate9 * q9
        differences = factor * q, (one - rate4) * q4, (one - rate9) * q9
        weights = q, q4, q9
        return weights[:terms] + changes[:terms] + differences[:terms], times(factor, -rate_low, q, q_low)

    guard = 100 if single else 300
    bounds = (6.0 if by_k else 5.5, 48.0, 226.0) if single else (5.5, 96.0, 1528.0)
    return Method(
        bounds,
        (
            soft_regime(real, 1.0, terms, dual_weights),
            direct_regime(real, 1.0, _weights, bounds[0], softest=True),
            direct_regime(real, 1.0, _weights, bounds[1], guard),
            far_regime(real, 1.0, guard),
        ),
    )
