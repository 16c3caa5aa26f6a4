"""∂/∂k of a window as that of the infinite sum and of what the window leaves out, where that is little.

Let A = Σ e(2+(1−2e)y)/(1+ey)² and B = Σ s·t·e/(1+ey)² be the sums over the distances outside the window.  Where the
infinite sum S of the sigmoid method has ∂S/∂k, the window has r·A − Y·B less.  Of the density method it has the weight
W, and is D + (D·A − Y·B)/W, where D is the infinite sum.  All of it is about as small as ∂/∂k itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .density import density
from .distances import FARTHEST, SOFT, Sums, sum_of, sums
from .elementary import fma, horner, kernel
from .polynomial import linear_map
from .sigmoid import sigmoid
from .theta import quotient, times

# The k·M from which on ∂/∂k is so little, but for that of the infinite sum, that it must not be a difference.
WIDE = 2.0


def _series(terms: int) -> tuple[Any, ...]:
    """A and B, and their derivatives by k, in powers of y, from `sums`: each a linear map of one of these."""
    i = np.arange(terms)
    sign = (-1.0) ** i
    last, this, following = (np.eye(terms, terms + 1, shift) for shift in (-1, 0, 1))

    def mapped(*multiples: tuple[Any, Any]) -> Any:
        return linear_map(sum(np.diag(sign * multiple) @ where for multiple, where in multiples))

    return (
        mapped((4 * i + 2, this), (-i, last)),
        mapped((i + 1, this)),
        mapped((-(4 * i + 2) * (i + 1), this), (i * i, last)),
        mapped(((i + 1) * (4 * i + 6), following), (-((i + 1) ** 2), this)),
    )


class Outside(NamedTuple):
    """What the window leaves out."""

    # The function of k and M: of which distances are `sums`.
    distances: Any
    sums: Sums
    # The function of k, the window and the sums that returns the constants of the next.
    constants: Any
    # The function of r², r, y, Y/r as a sum, and these: (∂/∂k)/r.
    change: Any


def outside(method: str, window_terms: int) -> Outside:
    """That of a window of so many power sums."""
    terms, is_sigmoid = 16, method == "sigmoid"
    # Windows are in the smooth regime only where the infinite sum is in its first.
    first_regime = (sigmoid if is_sigmoid else density)(np.float64, True).regimes[0]
    infinite_constants, infinite, summed = first_regime.constants, first_regime.point, sums(method, terms + 1)
    results = summed.results
    a_of, b_of, a_change_of, b_change_of = _series(terms)
    inner_of, _, inner_change_of, _ = _series(window_terms)
    slope_of, rest_of = linear_map(np.diag(np.arange(1.0, terms), 1)[:-1]), linear_map(np.eye(terms)[1:])
    inner_slope_of = linear_map(np.diag(np.arange(1.0, window_terms), 1)[:-1])

    @kernel
    def distances(k, radius):
        reached = k * radius
        # Up to where terms are next to nothing beside the first, or beside any rounding error.
        some = (k >= SOFT) & (reached > WIDE) & (reached < FARTHEST)
        farthest = min(reached + 46.0, 90.0) / k if some else 0.0
        first = int(radius) + 1 if some else 1
        return k, first, int(farthest) + 1 - first

    @kernel
    def sigmoid_constants(k, window, sums):
        (e_sums, moments, _), (e_low, moments_low, _) = results(sums)
        a, b = a_of(e_sums), b_of(moments)
        return infinite_constants(k), ((a[0], 2.0 * e_low), rest_of(a)), ((b[0], moments_low), rest_of(b))

    @kernel
    def density_constants(k, window, sums):
        (e_sums, moments, squares), (_, moments_low, squares_low) = results(sums)
        a, b = a_of(e_sums), b_of(moments)
        a_change, b_change = a_change_of(moments), b_change_of(squares)
        # Of B and the derivatives by k, the first coefficient is a sum.
        first_b_change = sum_of(-squares[0], -squares_low, 6.0 * squares[1])
        firsts = (b[0], moments_low), (a_change[0], -2.0 * moments_low), first_b_change
        changes = firsts, (slope_of(a), slope_of(b)), (rest_of(a_change), rest_of(b_change))
        e, _, te, _, inner_sums, inner_moments, _ = window
        inner = inner_of(inner_sums)
        inside = (e, te), (inner, inner_slope_of(inner), inner_change_of(inner_moments))
        return infinite_constants(k), a, rest_of(b), changes, inside

    @kernel
    def sigmoid_change(r2, r, y, sinh, sinh_low, parts):
        constants, (first_a, a), (first_b, b) = parts
        _, _, _, change = infinite(r, None, 0.5 - r, None, constants)
        weights, lacking = sum_of(*first_a, y * horner(y, a)), sum_of(*first_b, y * horner(y, b))
        moving, moving_low = times(sinh, sinh_low, *lacking)
        return (change / r - weights[0] + moving) + (moving_low - weights[1])

    @kernel
    def weight(s, e, te, y, growth):
        """e(2+(1−2e)y)/(1+ey)² and its derivative by k."""
        r = 1.0 / (1.0 + e * y)
        above, by_y = e * (2.0 + (1.0 - 2.0 * e) * y), e * (1.0 - 2.0 * e)
        change = by_y * growth - s * te * (2.0 + y - 4.0 * e * y)
        return above * r * r, (change - 2.0 * above * r * (e * growth - s * te * y)) * r * r

    @kernel
    def density_change(r2, r, y, sinh, sinh_low, parts):
        constants, a, b, changes, inside = parts
        ((e1, e2, e3), (te1, te2, te3)), (inner, inner_slope, inner_change) = inside
        (first_b, first_a_change, first_b_change), (a_slope, b_slope), (a_change, b_change) = changes
        distance, _, _, change = infinite(r, None, 0.5 - r, None, constants)
        distance, change = distance / r, change / r
        # ∂y/∂k and ∂(Y/r)/∂k
        growth, rise = r2 * sinh, sum_of(2.0, 0.0, y)
        weights, lacking = horner(y, a), sum_of(*first_b, y * horner(y, b))
        weights_change = sum_of(*first_a_change, fma(growth, horner(y, a_slope), y * horner(y, a_change)))
        lacking_change = sum_of(*first_b_change, fma(growth, horner(y, b_slope), y * horner(y, b_change)))
        more = distance * weights - sinh * lacking[0]
        # What cancels, as sums.
        moving, moving_low = times(sinh, sinh_low, *lacking_change)
        rising, rising_low = times(*rise, *lacking)
        gained, gained_low = times(distance, 0.0, *weights_change)
        lost, lost_low = sum_of(moving, moving_low + rising_low, rising)
        more_change, more_low = sum_of(gained, change * weights + (gained_low - lost_low), -lost)
        w1, change1 = weight(1.0, e1, te1, y, growth)
        w2, change2 = weight(2.0, e2, te2, y, growth)
        w3, change3 = weight(3.0, e3, te3, y, growth)
        own = 1.0 / (4.0 + y)
        w = own + w1 + w2 + w3 + horner(y, inner)
        w_change = change1 + change2 + change3 - growth * own * own
        w_change += horner(y, inner_change) + growth * horner(y, inner_slope)
        inverse = 1.0 / w
        return change + quotient(more_change, more_low - more * w_change * inverse, w, 0.0, inverse)

    constants, change = (sigmoid_constants, sigmoid_change) if is_sigmoid else (density_constants, density_change)
    return Outside(distances, summed, constants, change)
