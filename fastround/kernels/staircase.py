"""A rounding function: a method's step, repeated over the cells of a staircase."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .cells import cells
from .distances import SOFT
from .elementary import fma, kernel, subnormal
from .few import FEW
from .theta import Method, Regime
from .windowed import Windowed, windowed


class Staircase(NamedTuple):
    """A rounding function for one precision: the sharpness at which the regimes change, and the regimes.

    Here a regime's point function is `(x, constants)` ↦ (value, ∂/∂x, ∂/∂k).
    """

    bounds: tuple[float, ...]
    regimes: tuple[Regime, ...]

    def chosen(self, functions: list[Callable[..., Any]]) -> Callable[..., Any]:
        """The nopython function that does, for a sharpness as its first argument, what that of its regime does."""
        function = functions[-1]
        for bound, below in zip(self.bounds[::-1], functions[-2::-1], strict=True):
            function = _either(bound, below, function)
        return function


# What stands for the sharpness where distances are few: more than that of any window that is not as the infinite sum.
_FEW_BEGIN = 1e3


class Windows(NamedTuple):
    """The same over windows, where (k, radius) takes the place of the sharpness.

    It has regimes of its own where it differs from the infinite sum.
    """

    infinite: Staircase
    windowed: Windowed
    own: tuple[Regime, ...]

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """Those of the infinite sum, and its own."""
        return self.infinite.regimes + self.own

    @property
    def bounds(self) -> tuple[float, ...]:
        """Where its own regimes begin, by what `number` returns, with −1 for windows that are as the infinite sum."""
        beginnings = 0.0, SOFT, self.windowed.sharpest, _FEW_BEGIN
        return tuple(bound for bound, regime in zip(beginnings, self.windowed.regimes, strict=True) if regime)

    def number(self) -> Any:
        """The nopython function of (k, radius) that tells its own regimes: k, or more where distances are few."""
        least = self.windowed.few

        @kernel
        def number(sharpness):
            k, radius = sharpness
            return _FEW_BEGIN if (radius <= FEW) & (k >= least) else k

        return number

    def of_infinite(self) -> Any:
        """The nopython function of (k, radius): whether it differs from the infinite sum, and else the k of that.

        This is -1 where k or the radius is negative.
        """
        reach, nearer, soft_reach = self.windowed.reach, self.windowed.nearer, self.windowed.soft_reach

        @kernel
        def differs_or_k(sharpness):
            k, radius = sharpness
            # Without `and`, whose many branches would not leave a loop of nopython code.
            reached = k * radius
            # Further out, what the window leaves out is below any rounding error.
            near = (reached < reach) & ((reached - nearer) * k < 20.0)
            differs = (radius > 0) & (reached >= 0) & (near | ((k < SOFT) & (reached < soft_reach)))
            k = -1.0 if (radius < 0) | (k < 0) else k
            return differs, np.inf if (radius == 0) & (k >= 0) else k

        return differs_or_k

    def chosen_own(self, functions: list[Callable[..., Any]]) -> Any:
        """As `chosen`, for its own regimes, where it differs from the infinite sum."""
        number, function = self.number(), _without_number(functions[-1])
        for bound, below in zip(self.bounds[:0:-1], functions[-2::-1], strict=True):
            function = _either(bound, _without_number(below), function)

        @kernel
        def choose(sharpness, *args):
            return function(number(sharpness), sharpness, *args)

        return choose

    def chosen(self, functions: list[Callable[..., Any]]) -> Any:
        """As that of a `Staircase`."""
        count = len(self.infinite.regimes)
        whole, own, of_infinite = (
            self.infinite.chosen(functions[:count]),
            self.chosen_own(functions[count:]),
            self.of_infinite(),
        )

        @kernel
        def choose(sharpness, *args):
            differs, k = of_infinite(sharpness)
            if differs:
                return own(sharpness, *args)
            return whole(k, *args)

        return choose


@cache
def staircase(method: Callable[[Any, bool], Method], place: str, real: Any, by_k: bool) -> Staircase:
    """The rounding function of a method with the steps of `place`: "round", "floor" or "ceil"."""
    bounds, regimes = method(real, by_k)
    # A sharpness of this precision is compared with numbers of this precision.
    bounds = tuple(float(real(bound)) for bound in bounds)
    return Staircase(bounds, tuple(_on_line(regime, place, real) for regime in regimes))


@cache
def windows(
    method: str, build: Callable[[Any, bool], Method], place: str, real: Any, picks: tuple[int, ...]
) -> Windows:
    """The rounding function of a method over windows, for outputs picked out of (value, ∂/∂x, ∂/∂k)."""
    infinite, parts = staircase(build, place, real, 2 in picks), windowed(method, real, picks)
    own = tuple(_on_line(regime, place, real) for regime in parts.regimes if regime)
    return Windows(infinite, parts, own)


def at_point(regime: Regime) -> Any:
    """The nopython function of the sharpness and x that returns all outputs, in one regime."""
    constants_of, point = regime.constants, regime.point

    @kernel
    def results(sharpness, x):
        return point(x, constants_of(sharpness))

    return results


def _either(bound: float, below: Callable[..., Any], above: Callable[..., Any]) -> Any:
    @kernel
    def either(k, *args):
        if k < bound:
            return below(k, *args)
        return above(k, *args)

    return either


def _without_number(function: Callable[..., Any]) -> Any:
    @kernel
    def called(number, *args):
        return function(*args)

    return called


def _on_line(regime: Regime, place: str, real: Any) -> Regime:
    """The regime for all x, from that for one cell."""
    step, guard, cell = regime.point, regime.guard, cells(real, regime.straight)[place]
    zero, one = real(0), real(1)

    @kernel
    def signed(change, side):
        # Zero is positive.
        return zero - side * change

    @kernel
    def point(x, constants):
        _, centre, side, a, a_low, b, b_low = cell(x)
        distance, unit, slope, change = step(a, a_low, b, b_low, constants)
        return fma(-side, distance * unit, centre), slope, signed(change, side)

    if not guard:
        return regime._replace(point=point)
    limits = np.finfo(real)
    # From units of 2^-guard to least normal numbers, and from these to least subnormal ones.
    to_normal, to_least = real(2.0**-guard / float(limits.tiny)), real(limits.tiny / limits.smallest_subnormal)

    @kernel
    def guarded_point(x, constants):
        position, centre, side, a, a_low, b, b_low = cell(x)
        distance, unit, slope, change = step(a, a_low, b, b_low, constants)
        number = distance * to_normal * abs(side)
        near = number < one
        # Each factor by itself, or LLVM would take the product of unit and distance before it selects.
        value = fma(-side * (zero if near else distance), unit, centre)
        # A subnormal result is made without arithmetic on it, which is slow; others would overflow.
        value = subnormal(min(number, one) * to_least) if near and centre == zero else value
        return np.copysign(value, position), slope, signed(change, side)

    return regime._replace(point=guarded_point)
