"""Both constructions as the logarithmic derivative of a theta series, in regimes of the sharpness.

Let r = x − c be the position relative to the nearest integer c.  Either construction is the mean of a discrete
Gaussian on a lattice of spacing δ,

    c + δ·Σ_l l·W_l / Σ_l W_l,    W_l = A_|l|·e^(lkr),

where the sigmoid method has δ = 1 and A_l = e^(−l²k/2), and the density method has δ = ½, A_l = e^(−l²k/4) for even
l, and a smaller weight for odd l.  This is δ·Y·Θ′(X)/Θ(X) with X = 2cosh(kr), Y = 2sinh(kr), where Θ(X) = Σ W_l
needs few terms; the slope is δk·G(X)/Θ(X)² with G(X) = ½ Σ (l−m)²·W_l·W_m, again a sum of positive terms.

* direct: as above.
* soft: Poisson summation turns Θ into a series T(X) of X = 2cos(2πr) with weights that fall like e^(−2π²δl²/k), and
  the rounding is r − (2πδ/k)·Y·T′(X)/T(X), Y = 2sin(2πr).
* far: one step of the staircase is left.

A point function takes the offset a = |r|, its distance b = ½ − a to the step, both as unevaluated sums a + a_low and
b + b_low (one of them exact, its low part None), and the constants of k.  It returns the distance of the staircase
from c as a product of two factors, ∂/∂x and ∂/∂k: what a caller leaves unused costs nothing, and what several outputs
share is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .polynomial import (
    about_two,
    antisymmetric,
    derivative,
    linear_map,
    multiplied,
    polynomial,
    powers,
    symmetric,
    weighted,
    with_term,
)
from .power_series import Coefficient, in_powers, moved, of_totals, significant


class Shorter(NamedTuple):
    """A shorter function for the constants of some windows: up to a radius, and from a sharpness on."""

    radius: int
    least: float
    constants: Callable[[Any], Any]


class Regime(NamedTuple):
    """One regime of the sharpness: what depends on k alone, and the point function.

    The distance that the point function returns is in units of 2^−guard.
    """

    constants: Callable[[Any], Any]
    point: Callable[..., Any]
    guard: int = 0
    # Whether it takes x from straight `cells`.
    straight: bool = False
    # Of the constants, where they take loops.
    stages: tuple[Any, ...] = ()
    # How many vectors of elements, each with its sharpness, are best computed at a time.
    vectors: int = 2
    # Others of the same constants, of which the first that serves is taken.
    shorter: tuple[Shorter, ...] = ()


class Method(NamedTuple):
    """A construction: its regimes, and the sharpnesses at which each after the first begins."""

    bounds: tuple[float, ...]
    regimes: tuple[Regime, ...]


# 2π² as a sum, the second part being what a float64 leaves out.
_TWO_PI2 = 2 * math.pi**2
_TWO_PI2_LOW = float.fromhex("0x1.692b71366cc04p-50")


@kernel
def scaled(k, a, a_low):
    """k·(a + a_low) as a sum."""
    y = k * a
    y_low = fma(k, a, -y)
    if a_low is None:
        return y, y_low
    return y, fma(k, a_low, y_low)


@kernel
def exact_quotient(n, d, r):
    """n/d of exact numbers, given r ≈ 1/d."""
    q = n * r
    return fma(fma(-q, d, n), r, q)


@kernel
def quotient(n, n_low, d, d_low, r):
    """(n + n_low)/(d + d_low), given r ≈ 1/d: one rounding, and next to nothing beside."""
    q = n * r
    rest = fma(-q, d_low, fma(-q, d, n))
    return fma(rest if n_low is None else rest + n_low, r, q)


@kernel
def quotient_sum(n, n_low, d, d_low, r):
    """The same as a sum."""
    q = quotient(n, n_low, d, d_low, r)
    return q, r * (fma(-q, d_low, fma(-q, d, n)) + n_low)


@kernel
def square(t, t_low):
    """(t + t_low)² as a sum."""
    t2 = t * t
    return t2, fma(t, t, -t2) + (t + t) * t_low


@kernel
def times(a, a_low, b, b_low):
    """(a + a_low)·(b + b_low) as a sum."""
    product = a * b
    return product, fma(a, b, -product) + (a * b_low + a_low * b)


@kernel
def or_zero(x, least):
    """x ≥ 0, or 0 below `least`, where its powers matter no more.  Arithmetic on subnormal ones would be slow."""
    return x - x if x < least else x


@kernel
def small_square(x):
    """x² for 0 ≤ x ≤ 1, or 0 where that is next to nothing beside 1."""
    x = or_zero(x, 2.0**-40)
    return x * x


def soft_regime(real: Any, spacing: float, terms: int, weights_of: Callable[[Any, Any], Any]) -> Regime:
    """The dual series.

    `weights_of` is the nopython function of 2π²δ/k as a sum that returns the weights of T for l = 1 … terms, then their
    derivatives k·∂/∂k, then what they are more than these; and the first of the latter as a sum.
    """
    functions = elementary(real)
    circular, least_power = functions.circular, functions.least_power
    zero, half, one, two = real(0), real(0.5), real(1), real(2)
    # From (1, the weights): T, E = k·∂T/∂k and M = (T − E)′ in powers of X.
    series, slope, curvature = symmetric(terms), derivative(terms), derivative(terms - 1)
    t, e, difference = (series @ np.eye(terms + 1, 3 * terms + 1, i * terms) for i in range(3))
    e[:, terms] = difference[:, 2 * terms] = 0
    t_of, t1_of, t2_of, e_of, m_of = (
        linear_map(matrix, real) for matrix in (t, slope @ t, curvature @ slope @ t, e, slope @ difference)
    )
    times_t1, times_t2, times_e = (weighted(count, real) for count in (terms, terms - 1, terms + 1))
    # 2π²δ as a sum.
    whole = real(spacing * _TWO_PI2)
    whole_low = real(spacing * _TWO_PI2 - float(whole) + spacing * _TWO_PI2_LOW)
    pi2, half_inverse = real(math.pi**2), real(1 / (2 * spacing))
    # A weight whose square does not matter.
    least = real(2.0**-30 if real is np.float32 else 2.0**-60)

    @kernel
    def constants(k):
        # Below 2^-6 the series is below any rounding error, and underflows to nothing.  Without a branch, of which LLVM
        # moves only a few out of a loop.
        k = real(np.nan if k < 0 else max(k, 0.015625))
        inverse = one / k
        # What it lacks would be magnified in its exponential.
        rate = exact_quotient(whole, k, inverse)
        rate_low = (fma(-rate, k, whole) + whole_low) * inverse
        all_weights, (first, first_low) = weights_of(rate, rate_low)
        w = (one, *all_weights)
        m = m_of(w)
        # 2π²δ/k² as a sum.
        k2, inverse2 = k * k, inverse * inverse
        scale = whole * inverse2
        scale_low = (fma(-scale, k2, whole) + (whole_low - scale * fma(k, k, -k2))) * inverse2
        # Nearly all of the first coefficient is that of the first weight.
        high, low = times(scale, scale_low, first, first_low)
        changes = times_t1(m, scale, one)
        # Where its products would be subnormal, they do not matter.
        square = zero if w[1] < least else k * half_inverse
        return (
            # A nan if k is: the greatest distance.
            half + zero * k,
            t_of(w),
            times_t1(t1_of(w), rate, one),
            (square, times_t2(t2_of(w), pi2 * rate, one)),
            (times_e(e_of(w), inverse, one), (high + fma(scale, m[0] - first, low), *changes[1:])),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        greatest, series, series1, (square, series2), (change, more) = constants
        x, y = circular(a, b)
        r = one / horner(x, series)
        # (2π²δ/k)·T′/T
        quotient = horner(x, series1) * r
        distance = fma(-y, quotient, a)
        distance = distance if a_low is None else distance + a_low
        curvature = fma(square * quotient, quotient, -horner(x, series2) * r)
        bent = max(y, least_power)
        return (
            distance if distance < greatest else greatest,
            one,
            fma(-two, fma(bent * curvature, bent, x * quotient), one),
            y * r * fma(quotient, horner(x, change), horner(x, more)),
        )

    return Regime(constants, point, vectors=2 if real is np.float32 else 4)


# So many terms of Θ, and totals of two, are more than matter anywhere.
_TERMS, _TOTALS = 9, 14


def direct_regime(
    real: Any,
    spacing: float,
    weights: Callable[[int], Any],
    least: float,
    guard: int = 0,
    softest: bool = False,
) -> Regime:
    """The series of Θ and G, in u = q·e^(kr), v = q·e^(−kr), where X = u + v and Y = u − v.

    Here q is the power of two next to h = e^(−k/2).  `weights` are A_l as power series in h, of which is kept what
    matters from the sharpness `least` on.  With the c_t and η_t of their totals, G = c_0 + Σ c_t·(U^t + V^t), and ∂/∂k
    is δ·(r·G − H)/Θ² with H = Σ η_t·(U^t − V^t).

    With a guard, the results stay normal numbers until the last step, while v is 0 where it does not matter.
    In the `softest` of these regimes, more terms are large: where the numerator is a product, their rounding errors are
    taken account of; and in float64, ∂/∂k near the centre is computed as above, not in the form for steps.
    """
    functions = elementary(real)
    split_exp, reduced, hyperbolic = functions.split_exp, functions.reduced, functions.hyperbolic
    zero, half, one = real(0), real(0.5), real(1)
    # There both forms of ∂/∂k are about as accurate at k = 5½.
    farthest = real(0.15625)
    degree = round(1 / spacing)
    # Both series are over mantissa^degree, where h = mantissa·q, so that the leading term of Θ′ is X^lead; u and v are
    # kept times 2^factor_guard, and the numerators times 2^guard.
    lead, factor_guard, single = degree - 1, guard // degree, real is np.float32
    centred = softest and not single
    guarding, factor_unguard = 2.0**guard, 2.0**-factor_guard
    start = guarding * spacing

    def matters(rows: Any, count: int, whole: Any = None) -> tuple[Coefficient, ...]:
        """What is left of the coefficients of a polynomial: at least so many."""
        if guard:
            # What is of a higher degree is next to nothing, and its factors could be beyond the numbers of float32.
            i, n = np.indices(rows.shape)
            rows = np.where(i + n > degree, 0, rows)
        kept = significant(rows, rows if whole is None else whole, least, real)
        return kept[: max([count, *(i for i, each in enumerate(kept, 1) if each.terms)])]

    def coefficients(kept: Sequence[Coefficient], start: float, first: int = 0) -> Any:
        return polynomial(real, kept, start, factor_unguard, first)

    theta = in_powers(symmetric(_TERMS), [moved(weights(l), -l) for l in range(_TERMS + 1)])
    # The leading term becomes a power of two, and is added last; at X = 0, 1 is.
    leading = np.zeros_like(theta)
    leading[0, 0] = leading[degree, 0] = 1
    others = theta - leading
    slope, slope_others = derivative(_TERMS) @ theta, derivative(_TERMS) @ others
    slope_kept = matters(slope_others, 1, slope)
    # From the coefficients of Θ come those of Θ′.
    large = {i for i, each in enumerate(slope_kept, 1) if each.large}
    kept = [each._replace(large=each.large or i in large) for i, each in enumerate(matters(others, degree + 1, theta))]
    terms = len(kept) - 1
    with_leading = with_term(real, terms + 1, degree, 1 / guarding)
    rest_of, t_of = coefficients(kept[:1], 1.0), coefficients(kept, guarding, degree)
    # With a guard, those of Θ may be too small for that.
    n_of = coefficients(slope_kept, start * guarding, degree + 1)
    derivative_of = linear_map(start * derivative(terms), real)
    # With J = H/Y: δ·(r·G − H) = δ·(−b·G + 2v·J + M), where M = ½G − X·J is small, since its leading terms cancel; it
    # is summed here term by term without them.
    c, eta = of_totals(weights, _TOTALS + 2)
    near = [0.5 * (c[t] - moved(c[t + 2], 2)) - eta[t] - moved(eta[t + 2], 2) for t in range(_TOTALS + 1)]
    # In powers of X − 2q all their coefficients are positive.
    g_rows = matters(in_powers(about_two(_TOTALS) @ symmetric(_TOTALS), c), 1)
    j_rows = matters(in_powers(about_two(_TOTALS - 1) @ antisymmetric(_TOTALS), 2 * eta[1:]), 1)
    m_rows = matters(in_powers(about_two(_TOTALS) @ antisymmetric(_TOTALS + 1), near), 1)
    g_of, j_of, m_of = coefficients(g_rows, start), coefficients(j_rows, start, 1), coefficients(m_rows, start)
    shifted_zero = real(shift(real, factor_guard))
    count = max(len(g_rows), len(j_rows) + 1, len(m_rows), degree + terms + 1) + 2
    factors_of, multiplied_of = powers(real, count), multiplied(real, count)
    unit, unguard, tie, tiny = (
        real(factor_unguard),
        real(2.0**-guard),
        real(0.5 * guarding),
        real(float(np.finfo(real).tiny) * guarding),
    )
    # Half of it is a normal number.
    least_v = real(4 * np.finfo(real).tiny)
    negligible = real(2.0 ** (factor_guard - (40 if single else 80)))

    @kernel
    def constants(k):
        k = real(k)
        (m, m_low), (inverse, inverse_low), exponent = split_exp(-half * k)
        shifted = shifted_zero + exponent
        q = power_of_two(shifted)
        h = m * (unit * q)
        rest = rest_of(h, q, (one, m, m * m), (zero, m_low, (m + m) * m_low))[0]
        at_zero = one + rest
        # m^(−degree), T over that at X = 0, and m^(i − 2·degree), i = 0, 1, …
        over, over_low = (inverse, inverse_low) if lead == 0 else square(inverse, inverse_low)
        t0, t0_low = times(over, over_low, at_zero, (one - at_zero) + rest)
        sums = factors_of(*square(over, over_low), m, m_low)
        multiples = multiplied_of(sums, k)
        factors, rests = sums[:count], sums[count:]
        t = t_of(h, q, factors, rests)
        return (
            (k, shifted),
            (t0, *t[1:]),
            t0_low,
            n_of(h, q, factors, rests) if guard else derivative_of(t),
            g_of(h, q, multiples[:count], multiples[count:]),
            g_of(h, q, factors, rests),
            j_of(h, q, factors, rests),
            m_of(h, q, factors, rests),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, shifted), rest_of_theta, theta_low, derivative, slope, g_change, j, m = constants
        theta = with_leading(rest_of_theta)
        q = power_of_two(shifted)
        y, y_low = scaled(k, a, a_low)
        t, c, s = reduced(y, y_low, shifted)
        u = power_of_two(t)
        v = reflected(u, q)
        if guard:
            v = v if v > least_v else zero
        x, x_low, y, y_low = hyperbolic(u, v, zero, c, s)
        # What is next to nothing beside 1 would make subnormal numbers.
        enough = (x if x > negligible else negligible) if guard else x
        growth = x - (q + q)
        t_slope, g_slope = horner(enough, theta[1:]), horner(growth, slope[1:])
        t, g = fma(t_slope, enough, theta[0]), fma(g_slope, growth, slope[0])
        t_low = fma(t_slope, enough, theta[0] - t) + theta_low
        rest = horner(x, derivative)
        # A product of x and y doubles their rounding errors.
        if lead == 0:
            product, n_low, g_low = y, None, None
        else:
            product = y * x
            n_low = fma(y_low, x, fma(y, x, -product))
            if softest:
                rest_low = fma(horner(x, derivative[1:]), x, derivative[0] - rest)
                n_low = fma(y, rest_low, fma(y, x_low, n_low))
                t_low = fma(fma(horner(x, theta[2:]), x, theta[1] - t_slope), x, t_low)
            # The sum of u and v is a tie where v is 2^-24 of u.
            lost = v - ((u + v) - u)
            g_low = fma(horner(growth, slope[2:]), growth, g_slope) * (x_low + lost)
        r = one / t
        r2 = r * r
        # The rounding error of the numerator product + y·rest does not matter in what the quotient lacks.
        value = fma(y, rest, product) * r
        lacking = fma(-value, t_low, fma(y, rest, fma(-value, t, product)))
        value = fma(lacking if n_low is None else lacking + n_low, r, value)
        if lead:
            t_low = fma(fma(horner(x, theta[2:]), x, t_slope), x_low, t_low)
        t2, t2_low = square(t, t_low)
        grown = quotient(g, g_low, t2, t2_low, r2)
        g_by_k, j = horner(growth, g_change), horner(growth, j)
        change = fma(-b, g_by_k, fma(fma(v, c - s, v), j, horner(growth, m)))
        if centred:
            change = change if a > farthest else fma(a, g_by_k, -half * y * j)
        # What is left of the terms there would be subnormal in the division.
        change = zero if a == zero or b == zero else change
        change = quotient(change, None, t2, t2_low, r2)
        if guard:
            grown = unguard * (zero if grown < tiny else grown)
            change = unguard * (zero if abs(change) < tiny else change)
        return (value if value < tie else tie) if b > zero else tie, unguard, grown, change

    return Regime(constants, point, guard, straight=True)


def far_regime(real: Any, spacing: float, guard: int) -> Regime:
    """The step of a sharpness so great that each is alone: σ(−kb/δ)."""
    functions = elementary(real)
    reduced = functions.reduced
    zero, one, rate = real(0), real(1), real(1 / spacing)
    limits = np.finfo(real)
    largest, unguarded = float(limits.max), real(2.0**-guard)
    tie, tiny = real(0.5 * 2.0**guard), real(float(limits.tiny) * 2.0**guard)
    slope_unit = real(2.0**-guard / spacing)
    shifted = shift(real, guard)
    # Beyond e^least all results are 0.
    least = real(-118 if real is np.float32 else -780)
    # The exponential of this part of `least` is 1, and powers of less would be subnormal.
    # From `negligible` on, next to 0, the part would be so itself.
    part = real(float(functions.least_power) / -float(least))
    negligible = real(-2 * float(limits.tiny) / float(part))
    # From what the slope times k is a normal number, over least/k; and what is added to that to keep the product normal
    # too, next to nothing where it matters.
    to_least_slope = real(float(tiny) * spacing / float(least) * (1 - 4 * float(limits.eps)))
    next_to_nothing = real(-(2.0 ** (-2 * guard // 3)))

    @kernel
    def constants(k):
        # At k = ∞ the step is hard: no slope, and a tie stays at the centre that rint chose.
        hard = k == np.inf
        # Without a branch too.
        finite = real(min(k, largest))
        farthest = least / finite
        nearest = part * min(farthest, negligible)
        return (
            (finite, farthest, nearest if farthest < negligible else zero),
            # A nan in every factor: k meets nothing but zeros on the step itself.
            (
                zero if hard else unguarded + zero * finite,
                zero if hard else finite * slope_unit,
                zero if hard else to_least_slope * (farthest + next_to_nothing),
            ),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, farthest, nearest), (unit, to_slope, tiny_slope) = constants
        # Twice the distance is exact, twice a sharpness may be infinite.
        far = -rate * b
        below = far < farthest
        far_low = None if b_low is None else (zero if below else -rate * b_low)
        y, y_low = scaled(k, farthest if below else min(far, nearest), far_low)
        t, c, s = reduced(y, y_low, shifted)
        u = power_of_two(t)
        x = fma(u, s + c, u)
        t = fma(x, unit, one)
        r = one / t
        t2, t2_low = square(t, zero)
        slope = quotient(x, None, t2, t2_low, r * r)
        change = far * slope
        return (
            quotient(x, None, t, zero, r) if b > zero else tie,
            unit,
            to_slope * (zero if below or slope < tiny_slope else slope),
            unit * (zero if abs(change) < tiny or a == zero or b == zero else change),
        )

    return Regime(constants, point, guard, vectors=2 if real is np.float32 else 4)
