"""Where x lies on a staircase: the centre of its cell, and its offset from it to more than working precision.

A cell function takes x to `(position, centre, side, a, a_low, b, b_low)`: `position` is x relative to the point about
which the staircase is odd, the staircase at x is centre − side·s, s belonging to the offset a + a_low = |x − centre|
and the distance b + b_low = ½ − |x − centre| to the step.  The one of a_low and b_low that is zero is None.

The side is 1 or −1.  But next to 0, products of the offset would be subnormal numbers, with which arithmetic is slow,
and there a staircase is a straight line.  For a `straight` one, a is no less than at the end of that line, and the side
is the part of it that x is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .elementary import kernel


@cache
def cells(real: Any, straight: bool) -> dict[str, Callable[[Any], Any]]:
    """The cell functions of the three roundings for one precision, by name."""
    zero, half, one = real(0), real(0.5), real(1)
    # Only next to 0 there are numbers less far from an integer.  Curvature is below all rounding errors there.
    line = np.finfo(real).epsneg
    to_part = 1 / line

    @kernel
    def round_cell(x):
        """Steps at the half-integers: the offset is exact."""
        centre = np.rint(x)
        # 0 for both zeros, of which each is its own centre: so the results are 0 − 0 and −0 − 0, which is −0.
        opposite = centre - x
        a = abs(opposite)
        side = np.copysign(one, opposite)
        if straight:
            a, side = max(a, line), max(-one, min(one, opposite * to_part))
        b = half - a
        return x, centre, side, a, None, b, (half - b) - a

    @kernel
    def floor_cell(x):
        """Steps at the integers, the centre of a cell being n where x is n + ½: the distance is exact."""
        nearest = np.rint(x)
        e = x - nearest
        b = abs(e)
        a = half - b
        # On a step, the centre is the even neighbour, as for rint(x − ½).
        centre = np.rint(nearest - half) if e == zero else (nearest - one if e < zero else nearest)
        return x - half, centre, (one if centre == nearest else -one), a, (half - a) - b, b, None

    @kernel
    def ceil_cell(x):
        """The reflection of the floor."""
        _, centre, side, a, a_low, b, b_low = floor_cell(-x)
        return x + half, -centre, -side, a, a_low, b, b_low

    return {"round": round_cell, "floor": floor_cell, "ceil": ceil_cell}
