"""Where x lies on a staircase: the centre of its cell, and its offset from it to more than working precision.

A cell function takes x to `(position, centre, opposite, a, a_low, b, b_low)`: `position` is x relative to the point
about which the staircase is odd, the staircase at x is centre − s or centre + s as `opposite` is positive or negative,
a + a_low = |x − centre| is the offset and b + b_low = ½ − |x − centre| the distance to the step.  The one of a_low and
b_low that is zero is None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .elementary import kernel


@cache
def cells(real: Any) -> dict[str, Callable[[Any], Any]]:
    """The cell functions of the three roundings for one precision, by name."""
    zero, half, one = real(0), real(0.5), real(1)

    @kernel
    def round_cell(x):
        """Steps at the half-integers: the offset is exact."""
        centre = np.rint(x)
        # 0 for both zeros, of which each is its own centre: so the results are 0 − 0 and −0 − 0, which is −0.
        opposite = centre - x
        a = abs(opposite)
        b = half - a
        return x, centre, opposite, a, None, b, (half - b) - a

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
        _, centre, opposite, a, a_low, b, b_low = floor_cell(-x)
        return x + half, -centre, -opposite, a, a_low, b, b_low

    return {"round": round_cell, "floor": floor_cell, "ceil": ceil_cell}
