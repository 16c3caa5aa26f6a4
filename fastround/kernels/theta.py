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
* sharp: where the weights of Θ would underflow, one step of the staircase is left, in u = e^(−k(½−|r|)/δ).

A point function takes the offset a = |r|, its distance b = ½ − a to the step, both as unevaluated sums a + a_low and
b + b_low (one of them exact), and the constants of k.  It returns the distance of the staircase from c as a product
of two factors, ∂/∂x and ∂/∂k: what a caller leaves unused costs nothing, and what several outputs share is computed
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .elementary import elementary, fma, horner, kernel, quotient
from .polynomial import antisymmetric, derivative, linear_map, polynomial, product, symmetric


class Regime(NamedTuple):
    """One regime of the sharpness: what depends on k alone, in float64, and the point function."""

    constants: Callable[[Any], Any]
    point: Callable[..., Any]


class Method(NamedTuple):
    """A construction: the sharpness at which the middle and the sharp regime begin, and the three regimes."""

    bounds: tuple[float, float]
    regimes: tuple[Regime, Regime, Regime]


# 2π² as a sum, the second part being what a float64 leaves out.
_TWO_PI2 = 2 * math.pi**2
_TWO_PI2_LOW = float.fromhex("0x1.692b71366cc04p-50")


@kernel
def dual_rate(k, spacing):
    """2π²δ/k as a sum: what it lacks would be magnified in its exponential."""
    rate = spacing * _TWO_PI2 / k
    return rate, (fma(-rate, k, spacing * _TWO_PI2) + spacing * _TWO_PI2_LOW) / k


class Weights(NamedTuple):
    """A nopython function of k that returns a tuple of weights, and the number of its terms."""

    terms: int
    of: Callable[[Any], Any]


def soft_regime(real: Any, spacing: float, weights: Weights) -> Regime:
    """The dual series.

    `weights` are those of T for l = 1 … terms, then their derivatives k·∂/∂k, then what they are more than these.
    """
    circular = elementary(real).circular
    zero, one = real(0), real(1)
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
            t_real(w, 1.0, 1.0),
            t1_real(w, 1.0, rate / k),
            v_real(v, 1.0, 2 * rate / k),
            b_real(b, 1.0, scale),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        series, series1, variance, change = constants
        x, y = circular(a, b)
        t = horner(x, series)
        t2 = t * t
        t2_low = fma(t, t, -t2)
        r = one / t
        r2 = r * r
        return (
            a + (a_low - y * horner(x, series1) * r),
            one,
            one - quotient(horner(x, variance), zero, t2, t2_low, r2),
            quotient(y * horner(x, change), zero, t2, t2_low, r2),
        )

    return Regime(constants, point)


def middle_regime(real: Any, spacing: float, weights: Weights, pair_weights: Weights) -> Regime:
    """The series of Θ and G, in u = h·e^(kr), v = h·e^(−kr), where h = e^(−k/2) and X = u + v, Y = u − v.

    `weights` are A_l·h^(−l) for l = 1 … terms.  `pair_weights` are c_0 … c_terms of G = c_0 + Σ c_l·(u^l + v^l), and
    then ½c_l − η_l for l = 1 … terms, where ∂/∂k is δ·(r·G − H)/Θ² with H = Σ η_l·(u^l − v^l).
    """
    hyperbolic, exp_sum = elementary(real).hyperbolic, elementary(np.float64).exp_sum
    zero, half, one, two, four = real(0), real(0.5), real(1), real(2), real(4)
    terms, weights_of = weights
    pairs, pair_weights_of = pair_weights
    theta = symmetric(terms)
    # The leading term of δ·Θ′ has weight 1, and is kept apart: it is 1 for spacing 1, and X for spacing ½.
    leads = spacing == 0.5
    # With J = H/Y, and X − Y = 2v: r·G − H = M − b·G + 2v·J, where M = ½G − X·J is small, since its leading terms
    # cancel; it is summed here term by term without them.
    degrees = (*range(pairs + 1), *range(1, pairs + 1))
    both = np.eye(2 * pairs + 1)
    c, excess = both[: pairs + 1], np.vstack([0 * both[:1], both[pairs + 1 :]])
    near = excess.copy()
    near[0] = 0.5 * c[0]
    near[: pairs - 1] -= (c - excess)[2:]
    constant_of = polynomial(np.float64, theta, range(terms + 1))
    d_of = polynomial(real, theta, range(terms + 1))
    n_of = polynomial(real, spacing * derivative(terms) @ theta, range(terms + 1), 1, lead=int(leads))
    g_of = polynomial(real, symmetric(pairs) @ c, degrees)
    j_of = polynomial(real, antisymmetric(pairs) @ (0.5 * c - excess)[1:], degrees, 1)
    m_of = polynomial(real, antisymmetric(pairs + 1) @ near, degrees)

    @kernel
    def constants(k):
        h, h_low = exp_sum(-0.5 * k)
        p = h * h
        w, pair = (1.0, *weights_of(h)), pair_weights_of(h)
        rounded, inverse = real(h), real(1 / k)
        d0, d = constant_of(w, p, 1.0)[0], d_of(w, p, 1.0)
        g = g_of(pair, p, spacing * k)
        return (
            (
                real(k),
                inverse,
                real(fma(-k, np.float64(inverse), 1.0) / k),
                rounded,
                real((h - np.float64(rounded) + h_low) / h),
            ),
            (d[0], real(d0 - np.float64(d[0])), d[1:], n_of(w, p, 1.0)),
            (g[0], g[1:], j_of(pair, p, spacing), m_of(pair, p, spacing)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, inverse, inverse_low, h, h_error), (d0, d0_low, d, tail), (g0, g, odd, small) = constants
        z = k * a
        x, x_low, y, y_low, v = hyperbolic(z, fma(k, a_low, fma(k, a, -z)), h)
        x_low, y_low = fma(h_error, x, x_low), fma(h_error, y, y_low)
        # Θ and its square, as sums; what X lacks is told by the slope of the leading terms.
        rise = horner(x, d)
        t = fma(rise, x, d0)
        t_low = fma(rise, x, d0 - t) + fma(fma(two, rise, -d[0]), x_low, d0_low)
        t2 = t * t
        t2_low = fma(t, t, -t2) + two * t * t_low
        r = one / t
        r2 = r * r
        # δ·Y·Θ′.
        lead, lead_low = (x, x_low) if leads else (one, zero)
        tail_sum = horner(x, tail)
        rest = y * tail_sum
        n = fma(y, lead, rest)
        n_low = fma(y, lead, -n) + fma(y_low, lead + tail_sum, fma(y, lead_low, rest))
        value = quotient(n, n_low, t, t_low, r)
        # δk·G.
        ascent = horner(x, g)
        m = fma(ascent, x, g0)
        m_low = g0 - fma(-ascent, x, m) + fma(two, ascent, -g[0]) * x_low
        # δ·(r·G − H), near the centre and elsewhere.
        j = horner(x, odd)
        near = four * a < b
        offset = a if near else -b
        scale = offset * inverse
        scale_low = fma(offset, inverse, -scale) + offset * inverse_low
        rest = -y * j if near else fma(v + v, j, horner(x, small))
        change = fma(scale, m, fma(scale, m_low, fma(scale_low, m, rest)))
        return (
            (value if value < half else half) if b > zero else half,
            one,
            quotient(m, m_low, t2, t2_low, r2),
            quotient(change, zero, t2, t2_low, r2) if b > zero else zero,
        )

    return Regime(constants, point)


def sharp_regime(real: Any, spacing: float, start: Callable[..., Any], ratio: Callable[..., Any]) -> Regime:
    """One step, n/(1 + u) with u = e^(−kb/δ) and w = e^(−ka).

    `ratio(w, gap, a, b)` are n/u for the value, for the slope over k/δ, and for ∂/∂k, where gap = 1 − w² without
    cancellation.  Near the centre `start` of X = 2cosh(ka) and Y = 2sinh(ka), each a sum as is the result, is
    n·e^(k/2δ) more accurately.
    """
    functions = elementary(real)
    scaled_exp, hyperbolic, wide_exp = functions.scaled_exp, functions.hyperbolic, elementary(np.float64).scaled_exp
    single = real is np.float32
    zero, half, one, two = real(0), real(0.5), real(1), real(2)
    # u and n are kept times 2^guard, above the subnormal numbers, on which arithmetic is a hundred times slower.
    guard, limit, least = real(48 if single else 108), real(20 if single else 40), real(-103.98 if single else -745.2)
    unguard = 2.0 ** -float(guard)
    negligible = real(2.0 ** float(guard - 40) if single else 2.0 ** float(guard - 80))
    tiny = float(np.finfo(real).tiny)
    tiny_change = real(tiny / unguard)
    largest = float(np.finfo(real).max) / 4
    tie = real(0.5 / unguard)
    steepness = 1 / spacing

    @kernel
    def constants(k):
        # At k = ∞ the step is hard: no slope, and a tie stays at the centre that rint chose.
        hard = k == np.inf
        exponent = -0.5 * steepness * k
        to_slope = 0.0 if hard else k * unguard * steepness
        return (
            (real(largest if k > largest else k), real(-steepness * (largest if k > largest else k))),
            real(
                0.0 if exponent < least else wide_exp(least if exponent < least else exponent, 0.0, np.float64(guard))
            ),
            # A nan in every factor: k meets nothing but zeros on the step itself.
            (real(0.0 if hard else unguard + 0.0 * k), real(to_slope), real(0.0 if hard else tiny / to_slope)),
        )

    @kernel
    def point(a, a_low, b, b_low, constants):
        (k, rate), u0, (unit, to_slope, tiny_slope) = constants
        exponent = rate * b
        exponent_low = fma(rate, b_low, fma(rate, b, -exponent))
        below = exponent < least
        u = scaled_exp(least if below else exponent, zero if below else exponent_low, guard)
        u = zero if below else u
        z = k * a
        far = z > limit
        x, x_low, y, y_low, w = hyperbolic(limit if far else z, zero, one)
        w = zero if far else w
        gap = fma(-w, w, one) if w < half else w * y
        to_n, to_m, to_change = ratio(w, gap, a, b)
        # 1 + u and its square, as sums.
        u1 = (negligible if u < negligible else u) * unit
        t = u1 + one
        t_low = (one - t) + u1
        t2 = t * t
        t2_low = fma(t, t, -t2) + two * t * t_low
        r = one / t
        r2 = r * r
        n, m = u * to_n, u * to_m
        n_low, m_low = fma(u, to_n, -n), fma(u, to_m, -m)
        y, y_low = start(x, x_low, y, y_low)
        n0 = u0 * y
        n0_low = fma(u0, y, -n0) + u0 * y_low
        n, n_low = (n, n_low) if w < half else (n0, n0_low)
        slope, change = quotient(m, m_low, t2, t2_low, r2), quotient(u * to_change, zero, t2, t2_low, r2)
        return (
            quotient(n, n_low, t, t_low, r) if b != zero else tie,
            unit,
            to_slope * (zero if slope < tiny_slope else slope),
            unit * (zero if abs(change) < tiny_change or b == zero else change),
        )

    return Regime(constants, point)
