"""A rounding function: a method's step, repeated over the cells of a staircase."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .cells import cells
from .elementary import fma, kernel, subnormal
from .theta import Method, Regime


class Staircase(NamedTuple):
    """A rounding function for one precision: the sharpness at which the regimes change, and the regimes.

    Here a regime's point function is `(x, constants)` ↦ (value, ∂/∂x, ∂/∂k).
    """

    bounds: tuple[float, float]
    regimes: tuple[Regime, Regime, Regime]


@cache
def staircase(method: Callable[[Any], Method], place: str, real: Any) -> Staircase:
    """The rounding function of a method with the steps of `place`: "round", "floor" or "ceil"."""
    bounds, regimes = method(real)
    cell = cells(real)[place]
    zero, one = real(0), real(1)

    def on_line(regime: Regime) -> Regime:
        constants_of, step, guard = regime
        limits = np.finfo(real)
        tiny = real(float(limits.tiny) * 2.0**guard)
        # In two factors, as it may be too large for one.
        to_tiny, tiny_to_least = 1 / tiny, real(limits.tiny / limits.smallest_subnormal)

        @kernel
        def point(x, constants):
            position, centre, side, a, a_low, b, b_low = cell(x)
            distance, unit, slope, change = step(a, a_low, b, b_low, constants)
            value = fma(np.copysign(distance, side), unit, centre)
            return np.copysign(value, position), slope, np.copysign(one, side) * change

        @kernel
        def guarded_point(x, constants):
            position, centre, side, a, a_low, b, b_low = cell(x)
            distance, unit, slope, change = step(a, a_low, b, b_low, constants)
            # A subnormal result is made without arithmetic on it, which is slow.
            near = distance < tiny
            value = fma(np.copysign(zero if near else distance, side), unit, centre)
            value = subnormal(distance * to_tiny * tiny_to_least) if near and centre == zero else value
            return np.copysign(value, position), slope, np.copysign(one, side) * change

        return Regime(constants_of, guarded_point if guard else point, guard)

    first, second, third = regimes
    return Staircase(bounds, (on_line(first), on_line(second), on_line(third)))
