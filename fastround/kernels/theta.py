"""Both constructions as the logarithmic derivative of a theta series, in three regimes of the sharpness.

Let r = x − c be the position relative to the nearest integer c.  Either construction is the mean of a discrete
Gaussian on a lattice of spacing δ,

    c + δ·Σ_l l·W_l / Σ_l W_l,    W_l = A_|l|·e^(lkr),

where the sigmoid method has δ = 1 and A_l = e^(−l²k/2), and the density method has δ = ½, A_l = e^(−l²k/4) for even
l, and a smaller weight for odd l.  This is δ·Y·Θ′(X)/Θ(X) with X = 2cosh(kr), Y = 2sinh(kr), where Θ(X) = Σ W_l
needs few terms; the slope is δk·G(X)/Θ(X)² with G(X) = ½ Σ (l−m)²·W_l·W_m, again a sum of positive terms.

* middle: as above.
* soft: Poisson summation turns Θ into a series T(X) of X = 2cos(2πr) with weights that fall like e^(−2π²δl²/k), and
  the rounding is r − (2πδ/k)·Y·T′(X)/T(X), Y = 2sin(2πr).
* sharp: one step of the staircase is left.

A point function takes the offset a = |r|, its distance b = ½ − a to the step, both as unevaluated sums a + a_low and
b + b_low (one of them exact, its low part None), and the constants of k.  It returns the distance of the staircase
from c as a product of two factors, ∂/∂x and ∂/∂k: what a caller leaves unused costs nothing, and what several outputs
share is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .elementary import elementary, fma, horner, kernel, power_of_two, reflected, shift
from .polynomial import about_two, antisymmetric, derivative, linear_map, polynomial, product, symmetric


class Regime(NamedTuple):
    """One regime of the sharpness: what depends on k alone, in float64, and the point function.

    The distance that the point function returns is in units of 2^−guard.
    """

    constants: Callable[[Any], Any]
    point: Callable[..., Any]
    guard: int = 0


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
def dual_rate(k, spacing):
    """2π²δ/k as a sum: what it lacks would be magnified in its exponential."""
    rate = spacing * _TWO_PI2 / k
    return rate, (fma(-rate, k, spacing * _TWO_PI2) + spacing * _TWO_PI2_LOW) / k


@kernel
def quotient(n, n_low, d, d_low, r):
    """(n + n_low)/(d + d_low), given r ≈ 1/d: one rounding, and next to nothing beside."""
    q = n * r
    return fma(fma(-q, d, n) + fma(-q, d_low, n_low), r, q)


@kernel
def square(t, t_low):
    """(t + t_low)² as a sum."""
    t2 = t * t
    return t2, fma(t, t, -t2) + (t + t) * t_low


class Weights(NamedTuple):
    """A nopython function of k that returns a tuple of weights, and the number of its terms."""

    terms: int
    of: Callable[[Any], Any]


def soft_regime(real: Any, spacing: float, weights: Weights) -> Regime:
    """The dual series.

    `weights` are those of T for l = 1 … terms, then their derivatives k·∂/∂k, then what they are more than these.
    """
    circular = elementary(real).circular
    half, one = real(0.5), real(1)
    terms, weights_of = weights
    # From (1, the weights): T, E = k·∂T/∂k, M = (T − E)′ and derivatives, in powers of X.
    series, slope, curvature = symmetric(terms), derivative(terms), derivative(terms - 1)
    t, e, difference = (series @ np.eye(terms + 1, 3 * terms + 1, i * terms) for i in range(3))
    e[:, terms] = difference[:, 2 * terms] = 0
    t_of, t1_of, t2_of, e_of, m_of = map(linear_map, (t, slope @ t, curvature @ slope @ t, e, slope @ difference))
    t1_t1, t1_t, t2_t = product(terms, terms), product(terms, terms + 1), product(terms - 1, terms + 1)
    # V = X·T′·T + (4 − X²)·(T′² − T″·T) and B = M·T + T′·E, from their products.
    n = 2 * terms
    four_minus = 4 * np.eye(n + 1, n - 1) - np.eye(n + 1, n - 1, -2)
    v = np.hstack([np.eye(n + 1, n, -1), four_minus, -four_minus])
    b = np.hstack([np.eye(n), np.eye(n)])
    t_real, t1_real, v_real, b_real = (
        polynomial(real, matrix, [0] * matrix.shape[1]) for matrix in (t, slope @ t, v, b)
    )
    rate = spacing * _TWO_PI2

    @kernel
    def constants(k):
        # Below 2^-6 the series is below any rounding error, and underflows to nothing.
        k = np.nan if k < 0 else (0.015625 if k < 0.015625 else k)
        w = (1.0, *weights_of(k))
        t, t1, t2, e, m = t_of(w), t1_of(w), t2_of(w), e_of(w), m_of(w)
        v = (*t1_t(t1, t), *t1_t1(t1, t1), *t2_t(t2, t))
        b = (*t1_t(m, t), *t1_t(t1, e))
        # rate/k², rounded once.
        k2 = k * k
        scale = rate / k2
        scale += (fma(-scale, k2, rate) + (spacing * _TWO_PI2_LOW - scale * fma(k, k, -k2))) / k2
        return (
            real(1.0 + 0.0 * k),
            t_real(w, 1.0, 1.0, 1.0),
            t1_real(w, 1.0, 1.0, rate / k),
            v_real(v, 1.0, 1.0, 2 * rate / k),
            b_real(b, 1.0, 1.0, scale),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        unit, series, series1, variance, change = constants
        x, y = circular(a, b)
        r = one / horner(x, series)
        r2 = r * r
        correction = y * horner(x, series1) * r
        distance = a - correction if a_low is None else a + (a_low - correction)
        return (
            distance if distance < half else half,
            unit,
            fma(-horner(x, variance), r2, one),
            y * horner(x, change) * r2,
        )

    return Regime(constants, point)


def middle_regime(real: Any, spacing: float, weights: Weights, pair_weights: Weights) -> Regime:
    """The series of Θ and G, in u = q·e^(kr), v = q·e^(−kr), where X = u + v and Y = u − v.

    Here q is the power of two next to h = e^(−k/2).  `weights` are A_l·h^(−l) for l = 0, 1, …, of which `terms` matter
    beside the first.  `pair_weights` are c_l of G = c_0 + Σ c_l·(u^l + v^l), and then ½c_l − η_l for l ≥ 1, where ∂/∂k
    is δ·(r·G − H)/Θ² with H = Σ η_l·(u^l − v^l).
    """
    functions, split_exp = elementary(real), elementary(np.float64).split_exp
    reduced, hyperbolic = functions.reduced, functions.hyperbolic
    single = real is np.float32
    zero, half, one = real(0), real(0.5), real(1)
    unshifted, wide_unshifted = float(shift(real)), shift(np.float64)
    terms, weights_of = weights
    pairs, pair_weights_of = pair_weights
    theta = symmetric(terms)
    # Both series are over mantissa^(1/δ), where h = mantissa·q, so that the leading term of Θ′ is X^lead.
    lead = round(1 / spacing) - 1
    # With J = H/Y: δ·(r·G − H) = δ·(−b·G + 2v·J + M), where M = ½G − X·J is small, since its leading terms cancel; it
    # is summed here term by term without them.
    degrees = (*range(pairs + 1), *range(1, pairs + 1))
    both = np.eye(2 * pairs + 1)
    c, excess = both[: pairs + 1], np.vstack([0 * both[:1], both[pairs + 1 :]])
    near = excess.copy()
    near[0] = 0.5 * c[0]
    near[: pairs - 1] -= (c - excess)[2:]
    # In powers of X − 2q all their coefficients are positive.
    t_of = polynomial(real, about_two(terms) @ theta, range(terms + 1))
    n_of = polynomial(real, about_two(terms - 1) @ derivative(terms) @ theta, range(terms + 1), 1, lead)
    # T at X = 2q, less 1.
    rest_of = polynomial(np.float64, (about_two(terms) @ theta)[:1] - np.eye(1, terms + 1), range(terms + 1))
    n0_of = polynomial(np.float64, (about_two(terms - 1) @ derivative(terms) @ theta)[:1], range(terms + 1), 1, lead)
    g_of = polynomial(real, about_two(pairs) @ symmetric(pairs) @ c, degrees)
    j_of = polynomial(real, about_two(pairs - 1) @ antisymmetric(pairs) @ (c - 2 * excess)[1:], degrees, 1)
    m_of = polynomial(real, about_two(pairs) @ antisymmetric(pairs + 1) @ near, degrees)

    @kernel
    def constants(k):
        mantissa, mantissa_low, exponent = split_exp(-0.5 * k)
        q = power_of_two(exponent + wide_unshifted)
        h = mantissa * q
        w, pair = weights_of(h), pair_weights_of(h)
        top, top_low = (mantissa, 0.0) if lead == 0 else square(mantissa, 0.0)
        unit = quotient(1.0, 0.0, top, top_low, 1 / top)
        unit_low = unit * (fma(-unit, top, 1.0) - unit * top_low)
        t = t_of(w, h, mantissa, unit)
        rest = rest_of(w, h, mantissa, 1.0)[0]
        start = 1.0 + rest
        t0 = unit * start
        t0_low = fma(unit, start, -t0) + (unit_low * start + unit * ((1.0 - start) + rest))
        n, n0 = n_of(w, h, mantissa, spacing * unit), n0_of(w, h, mantissa, spacing * unit)[0]
        unit2 = unit * unit
        slope = g_of(pair, h, mantissa, unit2 * spacing * k)
        return (
            (real(k), real(unshifted + exponent), real(q), real(2 * q), real(mantissa_low / mantissa)),
            (real(t0), real((t0 - np.float64(real(t0))) + t0_low), t[1], t[2:]),
            (n[0], real(n0 - np.float64(n[0])), n[1:]),
            (slope[0], slope[1], slope[2:]),
            g_of(pair, h, mantissa, unit2 * spacing),
            j_of(pair, h, mantissa, unit2 * spacing),
            m_of(pair, h, mantissa, unit2 * spacing),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, shifted, q, least, lost), (t0, t0_low, t1, t2_up), (n0, n0_low, n1), (g0, g1, g2), g_change, j, m = (
            constants
        )
        y, y_low = scaled(k, a, a_low)
        t, c, s = reduced(y, y_low, shifted)
        u = power_of_two(t)
        v = reflected(u, q)
        x, x_low, y, y_low = hyperbolic(u, v, least, c, s)
        if not single:
            # Where float64 is all there is for the constants, what h lacks.
            x_low, y_low = fma(lost, x + least, x_low), fma(lost, y, y_low)
        # Both polynomials with the rounding errors of x and of the last step.
        t_top = horner(x, t2_up)
        t_slope = fma(t_top, x, t1)
        t = fma(t_slope, x, t0)
        t_low = fma(t_slope if lead == 0 else fma(t_top, x, t_slope), x_low, fma(t_slope, x, t0 - t) + t0_low)
        g_top = horner(x, g2)
        g_slope = fma(g_top, x, g1)
        g = fma(g_slope, x, g0)
        g_low = fma(g_slope if lead == 0 else fma(g_top, x, g_slope), x_low, fma(g_slope, x, g0 - g))
        r = one / t
        r2 = r * r
        n_slope = horner(x, n1)
        rest = fma(n_slope, x, n0)
        if lead == 0:
            n = fma(y, rest, y)
            n_low = y_low
        else:
            product = y * x
            n = fma(y, rest, product)
            rest_low = fma(n_slope, x, n0 - rest) + n0_low
            n_low = fma(y, x, -product) + fma(y, rest, product - n) + fma(y, x_low + rest_low, y_low * (x + rest))
        value = quotient(n, n_low, t, t_low, r)
        t2, t2_low = square(t, t_low)
        change = fma(-b, horner(x, g_change), fma(fma(v, c - s, v), horner(x, j), horner(x, m)))
        return (
            (value if value < half else half) if b > zero else half,
            one,
            quotient(g, g_low, t2, t2_low, r2),
            zero if a == zero or b == zero else quotient(change, zero, t2, t2_low, r2),
        )

    return Regime(constants, point)


def sharp_regime(real: Any, spacing: float, step: Callable[..., Any]) -> Regime:
    """One step, in u = e^(−kb), v = e^(−k/2 − ka), X = u + v and Y = u − v.

    `step(x, y, v, h, b)` are n, m, l and w, where the value is n/(1 + w), the slope k·m/(1 + w)² and ∂/∂k l/(1 + w)²:
    in the sigmoid method of degree 1 in (x, y, v, h), in the density method of degree 2.  Near the centre Y and v
    need h = e^(−k/2), and where v is negligible they do not.
    """
    functions, split_exp = elementary(real), elementary(np.float64).split_exp
    reduced, hyperbolic = functions.reduced, functions.hyperbolic
    single = real is np.float32
    zero, one = real(0), real(1)
    degree = round(1 / spacing)
    # n, m and l are kept times 2^guard, above the subnormal numbers, on which arithmetic is a hundred times slower.
    guard = 60 if single else 200
    factor_guard = guard // degree
    # The inner part is where v matters, while ka < reach.
    reach = real(9 if single else 19)
    # Beyond e^least all results are 0 while k < 10^13 (float32) or 10^31.
    least = (-118.0 if single else -780.0) / degree
    # What is so far down that the results are 0.
    lowest = -(150.0 / degree + 13) if single else -(1075.0 / degree + 28)
    unguard = 2.0**-guard
    tiny = float(np.finfo(real).tiny)
    tiny_change = real(tiny / unguard)
    largest = float(np.finfo(real).max)
    tie = real(0.5 / unguard)
    shift_outer, wide_shift = shift(real, factor_guard), shift(np.float64, factor_guard)
    shift_inner_of = float(shift_outer)

    @kernel
    def constants(k):
        # At k = ∞ the step is hard: no slope, and a tie stays at the centre that rint chose.
        hard = k == np.inf
        finite = largest if k > largest else k
        mantissa, mantissa_low, exponent = split_exp(-0.5 * finite if finite < 4000.0 else -2000.0)
        gone = exponent < lowest
        exponent = lowest if gone else exponent
        mantissa = 0.0 if gone else mantissa
        q = power_of_two(exponent + wide_shift)
        scale, scale_low = (mantissa, mantissa_low) if degree == 1 else square(mantissa, mantissa_low)
        # What n and m lack of themselves since the scale is rounded.
        lost = 0.0 if gone else ((scale - np.float64(real(scale))) + scale_low) / scale
        to_slope = 0.0 if hard else k * unguard
        return (
            (real(finite), real(least / finite)),
            (real(shift_inner_of + exponent), real(q), real(mantissa * q), real(scale), real(lost)),
            # A nan in every factor: k meets nothing but zeros on the step itself.
            (real(0.0 if hard else unguard + 0.0 * k), real(to_slope), real(0.0 if hard else tiny / to_slope)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, farthest), (shift_inner, q, h, mantissa, lost), (unit, to_slope, tiny_slope) = constants
        inner = k * a < reach
        below = -b < farthest
        y, y_low = scaled(
            k,
            a if inner else (farthest if below else -b),
            (zero if a_low is None else a_low) if inner else (zero if b_low is None or below else -b_low),
        )
        t, c, s = reduced(y, y_low, shift_inner if inner else shift_outer)
        u = power_of_two(t)
        v = reflected(u, q) if inner else zero
        x, _, y, _ = hyperbolic(u, v, zero, c, s)
        n, m, l, w = step(x, y, fma(v, c - s, v), q if inner else h, b)
        scale, lost = (mantissa, lost) if inner else (one, zero)
        n, m, l, w = scale * n, scale * m, scale * l, scale * w
        t = fma(w, unit, one)
        t_low = fma(w, unit, one - t)
        r = one / t
        r2 = r * r
        t2, t2_low = square(t, t_low)
        slope, change = quotient(m, lost * m, t2, t2_low, r2), quotient(l, zero, t2, t2_low, r2)
        return (
            quotient(n, lost * n, t, t_low, r) if b > zero else tie,
            unit,
            to_slope * (zero if slope < tiny_slope else slope),
            unit * (zero if abs(change) < tiny_change or a == zero or b == zero else change),
        )

    return Regime(constants, point, guard)
