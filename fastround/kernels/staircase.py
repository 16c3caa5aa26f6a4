"""A rounding function: a method's step, repeated over the cells of a staircase."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .cells import cells
from .elementary import fma, kernel
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

    def on_line(regime: Regime) -> Regime:
        step = regime.point

        @kernel
        def point(x, constants):
            position, centre, side, a, a_low, b, b_low = cell(x)
            distance, unit, slope, change = step(a, a_low, b, b_low, constants)
            # The derivatives at ±∞ are nan.
            undefined = x - x
            negative = side < 0
            return (
                np.copysign(fma(-distance if negative else distance, unit, centre), position),
                slope + undefined,
                (-change if negative else change) + undefined,
            )

        return Regime(regime.constants, point)

    first, second, third = regimes
    return Staircase(bounds, (on_line(first), on_line(second), on_line(third)))
