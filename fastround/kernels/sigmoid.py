"""The sigmoid method: S(x) = Σ n·[σ(k(x−n+½)) − σ(k(x−n−½))].

By Jacobi's triple product this is the mean of the integers under the weights e^(−k(x−n)²/2): with h = e^(−k/2) and
p = e^(−k), the theta series of spacing 1 and weights A_l = h^(l²), whose dual has the weights q^(l²), q = e^(−2π²/k).
The weights of G = ½ Σ (l−m)²·W_l·W_m by the total l + m are c_l = h^(l²/2)·½ Σ_d d²·h^(d²/2) over d ≡ l (mod 2), and
H = Σ ½l·c_l·(t^l − t^(−l)).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .elementary import elementary, kernel
from .power_series import monomial
from .theta import Method, Weights, direct_regime, dual_rate, far_regime, or_zero, soft_regime, times


@cache
def sigmoid(real: Any, by_k: bool) -> Method:
    """The sigmoid method for one precision, `real` being np.float32 or np.float64: the same for ∂/∂k as for others."""
    single = real is np.float32
    functions = elementary(np.float64, real)
    exp, reciprocal = functions.exp, functions.reciprocal
    # What q, its powers and those of p must reach, for no coefficient to be subnormal.
    least_q, least_power = (2.0**-96, 2.0**-13) if single else (0.0, 2.0**-54)

    @kernel
    def dual_weights(k):
        rate, rate_low = dual_rate(k, reciprocal(k), 1.0)
        q, q_low = exp(-rate, -rate_low)
        q = or_zero(q, least_q)
        # Exact, as the rate is above 1.
        factor = 1 - rate
        q1 = or_zero(q, least_power)
        q4 = (q1 * q1) * (q1 * q1)
        q9 = q4 * q4 * q1
        return (
            (q, q4, q9)
            + (rate * q, 4 * rate * q4, 9 * rate * q9)
            + (factor * q, (1 - 4 * rate) * q4, (1 - 9 * rate) * q9)
        ), times(factor, -rate_low, q, q_low)

    def weights(l: int) -> Any:
        return monomial(l * l)

    guard = 100 if single else 300
    bounds = (6.0, 48.0, 226.0) if single else (5.5, 96.0, 1528.0)
    terms, pairs = (2, 4) if single else (4, 6)
    return Method(
        bounds,
        (
            soft_regime(real, 1.0, Weights(3, dual_weights)),
            direct_regime(real, 1.0, weights, bounds[0], terms, pairs, centred=not single),
            direct_regime(real, 1.0, weights, bounds[1], 1, 1, guard),
            far_regime(real, 1.0, guard),
        ),
    )
