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

    bounds: tuple[float, ...]
    regimes: tuple[Regime, ...]


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

    return Staircase(bounds, tuple(map(on_line, regimes)))


def chosen(bounds: tuple[float, ...], functions: list[Callable[..., Any]]) -> Callable[..., Any]:
    """The nopython function that does, for a sharpness as its first argument, what the function of its regime does."""
    function = functions[-1]
    for bound, below in zip(bounds[::-1], functions[-2::-1], strict=True):
        function = _either(bound, below, function)
    return function


def _either(bound: float, below: Callable[..., Any], above: Callable[..., Any]) -> Any:
    @kernel
    def either(k, *args):
        if k < bound:
            return below(k, *args)
        return above(k, *args)

    return either
