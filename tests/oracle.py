"""Sigmoid and density rounding in multiple precision: the truth the tests measure against.

Everything here starts from the two definitions

    S(x) = sum over n of n [sigma(k(x-n+1/2)) - sigma(k(x-n-1/2))]
    D(x) = sum over n of n rho(k(x-n)) / sum over n of rho(k(x-n)),      rho = sigma'

taken relative to the nearest integer c of x, with r = x - c.  Two expansions of each are kept,
and `tests/test_reference.py` holds them against each other and against the sums above: the
window series, whose terms fall like exp(-k j), and its Poisson dual, whose terms fall like
exp(-2 pi^2 m / k).  Results carry at least 30 digits: relative to the result for the value (also
where c = 0 and the value is tiny) and the gradient, relative to the largest one over x for the
derivative in k.

`oracle` takes the machine numbers x and k for the exact numbers they are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple, SupportsFloat

import mpmath
import numpy as np

Method = Literal["sigmoid", "density"]

mp = mpmath.MPContext()
"""A context of our own, so that the precision set here disturbs nobody else's."""

DIGITS_AS_BITS = 128
"""Working precision.  The contract is 1e-25; this leaves 13 digits for what the sums cancel."""

SWITCH = 16.0
"""Window series above, dual series below: summed in integers, the dual is much the cheaper."""

HARD = 5000
"""Beyond k d = HARD the distance from hard rounding, exp(-k d), is far below every float."""


class Jet(NamedTuple):
    """A function, its derivative in x and its derivative in k, at one point."""

    value: mpmath.mpf
    grad: mpmath.mpf
    grad_k: mpmath.mpf


# --- The window series ----------------------------------------------------------------------------


class Window:
    """The sum over the `2 radius + 1` integers nearest to x; over all that matter by default."""

    def __init__(self, method: Method, k: float, radius: int | None = None, bits: int = 0) -> None:
        # d = 1/2 - a is rounded to the working precision and then multiplied by k, and the
        # derivative in k of the density loses the bits of k to cancellation.
        self.bits = (bits or DIGITS_AS_BITS) + max(0, math.frexp(k)[1])
        mp.prec = self.bits
        self.k = mp.mpf(k)
        # Where exp(-k) is no more than a few thousand bits down, a product saves an exponential.
        self.soft = k < HARD
        # The terms past this one are below 2^-bits of the first.
        enough = 2 + int((bits or DIGITS_AS_BITS) * 0.7 / k) if k > 0 else math.inf
        self.radius = int(enough if radius is None else min(radius, enough))
        self.sum = self._sigmoid if method == "sigmoid" else self._density
        integers = range(1, self.radius + 1)
        half = mp.mpf(1) / 2
        if method == "sigmoid":
            self.constants = [(j - half, self._exp(j - half)) for j in integers]
        else:
            self.constants = [(mp.mpf(j), self._exp(j)) for j in integers]
            self.odd = [-mp.expm1(-2 * self.k * j) for j in integers]

    def _exp(self, distance: mpmath.mpf) -> mpmath.mpf:
        """exp(-k distance), or 0 where it would take a hundred thousand digits to see it."""
        z = self.k * distance
        return mp.exp(-z) if z < 1e5 else mp.zero

    def __call__(self, r: mpmath.mpf) -> Jet:
        """The jet at c + r, less c, for -1/2 <= r <= 1/2."""
        mp.prec = self.bits
        a = abs(r)
        if self.k * (0.5 - a) > HARD:
            return Jet(mp.zero, mp.zero, mp.zero)
        jet = self.sum(a)
        return jet if r >= 0 else Jet(-jet.value, jet.grad, -jet.grad_k)

    def _sigmoid(self, a: mpmath.mpf) -> Jet:
        """Each step b = j - 1/2 ahead, against its mirror image behind."""
        k, one = self.k, mp.one
        value = grad = grad_k = mp.zero
        w = self._exp(a)
        for b, h in self.constants:
            # exp(-k(b-a)) and exp(-k(b+a))
            e, f = (h / w if self.soft else self._exp(b - a)), h * w
            ie, jf = one / (one + e), one / (one + f)
            rho_e, rho_f = e * ie * ie, f * jf * jf
            value += e * ie * jf
            grad += rho_e + rho_f
            grad_k += (b + a) * rho_f - (b - a) * rho_e
        # sigma(-k(b-a)) - sigma(-k(b+a)) = e (1 - w^2) / ((1+e)(1+f))
        return Jet(value * -mp.expm1(-2 * k * a), k * grad, grad_k)

    def _density(self, a: mpmath.mpf) -> Jet:
        """Moments of n under the weights rho, of tanh(k z / 2) and of z tanh(k z / 2), z = x - n.

        The logarithm of rho(k z) has the derivatives -k tanh(k z / 2) and -z tanh(k z / 2).
        """
        k, one = self.k, mp.one
        w = self._exp(a)
        # At n = 0 the weight is w / (1+w)^2; dividing all by w keeps them from underflowing.
        i0 = one / (one + w)
        total = i0 * i0
        weighted_t = total * (one - w) * i0
        weighted_g = weighted_t * a
        moment = moment_t = moment_g = mp.zero
        for (j, p), odd in zip(self.constants, self.odd, strict=True):
            # Weights relative to w: exp(-k(j-2a)) ahead and exp(-k j) behind.
            ahead = p / w / w if self.soft else self._exp(j - 2 * a)
            e, f = w * ahead, w * p
            ie, jf = one / (one + e), one / (one + f)
            rho_e, rho_f = ahead * ie * ie, p * jf * jf
            t_e, t_f = (e - one) * ie * rho_e, (one - f) * jf * rho_f
            g_e, g_f = (a - j) * t_e, (a + j) * t_f
            total += rho_e + rho_f
            weighted_t += t_e + t_f
            weighted_g += g_e + g_f
            moment += j * (rho_e * jf * jf) * odd
            moment_t += j * (t_e - t_f)
            moment_g += j * (g_e - g_f)
        # rho_e - rho_f = ahead (1 - w^2)(1 - p^2) / ((1+e)(1+f))^2 with p = exp(-k j)
        value = moment * -mp.expm1(-2 * k * a) / total
        return Jet(
            value,
            -k * (moment_t - value * weighted_t) / total,
            -(moment_g - value * weighted_g) / total,
        )


# --- The dual series ------------------------------------------------------------------------------


class Fourier:
    """A finite sum of a_m sin(m t) or a_m cos(m t), m = 1, 2, ..., in scaled integers.

    Integers cost a tenth of `mpf` here.  The scale is the first coefficient, as it may be smaller
    than any fixed point would show.
    """

    BITS = 176

    def __init__(self, coefficients: list[mpmath.mpf]) -> None:
        self.scale = mp.ldexp(abs(coefficients[0]), -self.BITS)
        self.integers = [int(mp.nint(a / self.scale)) for a in reversed(coefficients)]

    def _clenshaw(self, two_cos: int) -> tuple[int, int]:
        b, c = 0, 0
        for a in self.integers:
            b, c = a + (two_cos * b >> self.BITS) - c, b
        return b, c

    def sines(self, two_cos: int, sin: mpmath.mpf) -> mpmath.mpf:
        return self._clenshaw(two_cos)[0] * self.scale * sin

    def cosines(self, two_cos: int, sin: mpmath.mpf) -> mpmath.mpf:
        b, c = self._clenshaw(two_cos)
        return ((two_cos * b >> (self.BITS + 1)) - c) * self.scale


class Dual:
    """The Fourier series of x - S(x) and of both sums in D(x), which have period 1."""

    def __init__(self, method: Method, k: float, bits: int = 0) -> None:
        self.bits = (bits or DIGITS_AS_BITS) + 32
        mp.prec = self.bits
        self.k = mp.mpf(k)
        # The terms past this one are below 2^-bits of the first.
        count = 2 + int(self.bits * 0.7 * k / 19.7)
        self.sum = self._sigmoid if method == "sigmoid" else self._density
        pi, k_ = mp.pi, self.k
        # With y = 2 pi^2 m / k: phi(2 pi m) = y / sinh y, and its derivatives in t and in k.
        phi, phi_k, phi_t, phi_tk = [], [], [], []
        for m in range(1, count + 1):
            y = 2 * pi * pi * m / k_
            e = mp.exp(-y)
            sinh, cosh = (1 - e * e) / (2 * e), (1 + e * e) / (2 * e)
            first = (sinh - y * cosh) / sinh**2
            second = (y * (cosh**2 + 1) - 2 * sinh * cosh) / sinh**3
            phi.append(y / sinh)
            phi_k.append(-y / k_ * first)
            phi_t.append(pi / k_ * first)
            phi_tk.append(-pi / k_**2 * (first + y * second))
        ms = range(1, count + 1)
        if method == "sigmoid":
            sign = [(-1) ** m for m in ms]
            self.value = Fourier([s * f / (pi * m) for s, f, m in zip(sign, phi, ms, strict=True)])
            self.grad = Fourier([s * f * 2 for s, f in zip(sign, phi, strict=True)])
            self.grad_k = Fourier([s * f / (pi * m) for s, f, m in zip(sign, phi_k, ms, strict=True)])
        else:
            self.top = Fourier([2 * f for f in phi_t])
            self.top_x = Fourier([4 * pi * m * f for f, m in zip(phi_t, ms, strict=True)])
            self.top_k = Fourier([2 * f for f in phi_tk])
            self.bottom = Fourier([2 * f for f in phi])
            self.bottom_x = Fourier([-4 * pi * m * f for f, m in zip(phi, ms, strict=True)])
            self.bottom_k = Fourier([2 * f for f in phi_k])

    def __call__(self, r: mpmath.mpf) -> Jet:
        """The jet at c + r, less c, for -1/2 <= r <= 1/2."""
        mp.prec = self.bits
        two_cos = int(mp.nint(mp.ldexp(mp.cospi(2 * r), Fourier.BITS + 1)))
        return self.sum(r, two_cos, mp.sinpi(2 * r))

    def _sigmoid(self, r: mpmath.mpf, two_cos: int, sin: mpmath.mpf) -> Jet:
        return Jet(
            r + self.value.sines(two_cos, sin),
            1 + self.grad.cosines(two_cos, sin),
            self.grad_k.sines(two_cos, sin),
        )

    def _density(self, r: mpmath.mpf, two_cos: int, sin: mpmath.mpf) -> Jet:
        top, bottom = self.top.sines(two_cos, sin), 1 + self.bottom.cosines(two_cos, sin)
        quotient = top / bottom
        top_x, bottom_x = self.top_x.cosines(two_cos, sin), self.bottom_x.sines(two_cos, sin)
        top_k, bottom_k = self.top_k.sines(two_cos, sin), self.bottom_k.cosines(two_cos, sin)
        return Jet(
            r + quotient,
            1 + (top_x - quotient * bottom_x) / bottom,
            (top_k - quotient * bottom_k) / bottom,
        )


# --- Evaluation at machine numbers ----------------------------------------------------------------


@lru_cache(maxsize=4096)
def series(method: Method, k: float, radius: int | None = None) -> Window | Dual:
    """The better expansion for this sharpness, with all that depends on k alone."""
    if radius is None and k < SWITCH:
        return Dual(method, k)
    return Window(method, k, radius)


def split(x: float, shift: float) -> tuple[int, mpmath.mpf]:
    """c = rint(x + shift), ties to even, and r = x + shift - c.

    r is exact for shift 0.  Otherwise it is rounded to the working precision, which is enough
    because r is then near 1/2 wherever it is not exact.
    """
    nearest = round(x)
    rest = mp.mpf(x - nearest)
    if shift == 0:
        return nearest, rest
    lower = nearest + round(shift - 0.5)  # the integers either side of nearest + shift
    if rest == 0:
        c = lower + lower % 2
    else:
        c = lower + (rest > 0)
    return c, rest + (mp.mpf(nearest - c) + shift)


def oracle(
    method: Method,
    shift: float,
    x: SupportsFloat,
    k: SupportsFloat,
    radius: int | None = None,
) -> Jet:
    """Value, derivative in x and derivative in k of `method` rounding at x + shift.

    Parameters
    ----------
    method : {"sigmoid", "density"}
    shift : {0, -0.5, 0.5}
        0 rounds, -1/2 gives the floor, 1/2 the ceiling.
    x, k : float
        Machine numbers of any width, taken exactly.
    radius : int, optional
        Sum over the `2 radius + 1` integers nearest to x + shift only.
    """
    x, k = float(x), float(k)
    if math.isnan(x) or not k >= 0:
        return Jet(mp.nan, mp.nan, mp.nan)
    if math.isinf(x):
        return Jet(mp.mpf(x), mp.nan, mp.nan)
    if k == 0 and radius is None:
        mp.prec = 2200  # x + 1/2 exactly, for every x
        return Jet(mp.mpf(x) + shift, mp.one, mp.zero)
    if math.isinf(k) or radius == 0:
        return Jet(mp.mpf(split(x, shift)[0]), mp.zero, mp.zero)
    expansion = series(method, k, radius)
    mp.prec = expansion.bits
    c, r = split(x, shift)
    jet = expansion(r)
    return jet if c == 0 else Jet(c + jet.value, jet.grad, jet.grad_k)


@lru_cache(maxsize=4096)
def max_abs_grad_k(method: Method, k: float, radius: int | None = None) -> mpmath.mpf:
    """The largest absolute derivative in k over all x, to some 10 digits."""
    k = float(k)
    if math.isinf(k) or radius == 0 or (k == 0 and radius is None):
        return mp.zero
    if k > 100:
        # One step alone: d rho(k d) for the sigmoid and 2 d rho(2 k d) for the density, whose
        # maximum is that of z rho(z), where z tanh(z/2) = 1.
        mp.prec = 64
        z = mp.findroot(lambda z: z * mp.tanh(z / 2) - 1, 1.5434)
        return z * mp.exp(-z) / (1 + mp.exp(-z)) ** 2 / mp.mpf(k)
    bits = 80
    if radius is None and k < SWITCH:
        expansion: Window | Dual = Dual(method, k, bits)
    else:
        expansion = Window(method, k, radius, bits)

    def size(d: mpmath.mpf) -> mpmath.mpf:
        return abs(expansion(0.5 - d).grad_k)

    mp.prec = bits
    width = mp.mpf(min(0.5, 8 / k) if k else 0.5)
    grid = [width * i / 16 for i in range(17)]
    best = max(range(17), key=lambda i: size(grid[i]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, 16)]
    golden = (mp.sqrt(5) - 1) / 2
    largest = size(grid[best])
    for _ in range(24):
        left, right = high - golden * (high - low), low + golden * (high - low)
        at_left, at_right = size(left), size(right)
        largest = max(largest, at_left, at_right)
        if at_left > at_right:
            high = right
        else:
            low = left
    return largest


def ulp_of(exact: mpmath.mpf | float, dtype: object = np.float64) -> mpmath.mpf:
    """The spacing of `dtype` in the binade of `exact`; the smallest subnormal below them all."""
    info = np.finfo(np.dtype(dtype))  # type: ignore[call-overload]
    exact = mp.mpf(exact)
    # mp.mag gives e with 2^(e-1) <= |exact| < 2^e.
    exponent = mp.mag(exact) - 1 if exact else info.minexp
    return mp.ldexp(mp.one, int(max(exponent, info.minexp)) - info.nmant)


def ulp_error(got: SupportsFloat, exact: mpmath.mpf, dtype: object = np.float64) -> float:
    """The error of `got` in units of the last place of the exact result, in `dtype`.

    Equal infinities and two NaNs agree; any other meeting with one is an infinite error.
    """
    got = float(got)
    if math.isnan(got) or mp.isnan(exact):
        return 0.0 if math.isnan(got) and mp.isnan(exact) else math.inf
    if math.isinf(got) or mp.isinf(exact):
        return 0.0 if got == exact else math.inf
    if got == exact:
        return 0.0
    mp.prec = 2 * DIGITS_AS_BITS
    return float(abs(mp.mpf(got) - exact) / ulp_of(exact, dtype))
