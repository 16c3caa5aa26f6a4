"""From the literal sum to the speed of memory: a ladder of small implementations of `sigmoid_round`.

All compute the same sum at a sharpness of about 10, and each is faster than the one before for one reason.  None is
for use: they hold near that sharpness alone, and are less accurate than fastround.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, prange, vectorize


def literal_sum(x: Any, k: Any, out: Any) -> None:
    """The sum over the integers next to x, with an extra axis for them."""
    n = np.rint(x)[:, None] + np.arange(-5, 6, dtype=x.dtype)
    t = k * (x[:, None] - n)
    np.sum(n * (1 / (1 + np.exp(-t - k / 2)) - 1 / (1 + np.exp(-t + k / 2))), axis=1, out=out)


@vectorize
def jitted_sum(x: Any, k: Any) -> Any:
    """The same in one loop, so that nothing between the terms goes through memory."""
    real = type(x)
    one, half, total = real(1), real(0.5), real(0)
    for i in range(-5, 6):
        n = np.rint(x) + real(i)
        t = k * (x - n)
        total += n * (one / (one + math.exp(-t - half * k)) - one / (one + math.exp(-t + half * k)))
    return total


@vectorize
def leak_free_terms(x: Any, k: Any) -> Any:
    """Terms relative to the nearest integer, of which three are enough."""
    real = type(x)
    c = np.rint(x)
    z = k * (x - c)
    total = real(0)
    for j in range(3):
        total += math.sinh(z) / (math.cosh(z) + math.cosh(k * (real(j) + real(0.5))))
    return c + total


@njit
def shared(w: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """The sum of the terms from w = e^(−k|r|) and twice the cosines of k, over one denominator."""
    one = type(w)(1)
    s = one + w * w
    d1, d2, d3 = s + w * c1, s + w * c2, s + w * c3
    return (one - w) * (one + w) * (d1 * (d2 + d3) + d2 * d3) / (d1 * d2 * d3)


@njit
def cosines(k: Any) -> Any:
    """Twice the hyperbolic cosines of k(j − ½)."""
    real = type(k)
    two = real(2)
    return two * math.cosh(real(0.5) * k), two * math.cosh(real(1.5) * k), two * math.cosh(real(2.5) * k)


@vectorize
def one_exponential(x: Any, k: Any) -> Any:
    """One exponential and one division for all terms, beside what depends on k alone."""
    c = np.rint(x)
    c1, c2, c3 = cosines(k)
    return c + math.copysign(shared(math.exp(-k * abs(x - c)), c1, c2, c3), x - c)


@njit
def hoisted_constants(x: Any, k: Any, out: Any) -> None:
    """A loop of one's own, with one k: what depends on it is computed once."""
    c1, c2, c3 = cosines(k)
    for i in range(x.size):
        c = np.rint(x[i])
        out[i] = c + math.copysign(shared(math.exp(-k * abs(x[i] - c)), c1, c2, c3), x[i] - c)


def polynomial(coefficients: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Horner's rule, written out."""
    first, *others = coefficients
    if not others:
        return njit(lambda x: first)  # type: ignore[no-any-return]
    rest = polynomial(tuple(others))
    return njit(fastmath={"contract"})(lambda x: first + x * rest(x))  # type: ignore[no-any-return]


@cache
def exponential(real: Any) -> Callable[[Any], Any]:
    """e^y for −80 ≤ y ≤ 0, without a branch or a call, so that LLVM computes many at once."""
    integer, bits, bias, degree = (np.int32, 23, 127, 6) if real is np.float32 else (np.int64, 52, 1023, 12)
    mantissa, offset = integer(bits), integer(bias)
    log2_e, ln2_high, ln2_low = real(1 / math.log(2)), real(0.693145751953125), real(1.42860682030941723212e-6)
    series = polynomial(tuple(real(1 / math.factorial(i)) for i in range(degree + 1)))

    @njit(fastmath={"contract"})
    def exp(y: Any) -> Any:
        n = np.rint(y * log2_e)
        f = (y - n * ln2_high) - n * ln2_low
        return series(f) * integer((integer(n) + offset) << mantissa).view(real)

    return exp  # type: ignore[no-any-return]


@cache
def vectorised(real: Any, parallel: bool = False) -> Callable[..., None]:
    """The same with such an exponential; and with threads."""
    exp = exponential(real)

    @njit(error_model="numpy", parallel=parallel)
    def run(x: Any, k: Any, out: Any) -> None:
        c1, c2, c3 = cosines(k)
        for i in prange(x.size):
            c = np.rint(x[i])
            out[i] = c + math.copysign(shared(exp(-k * abs(x[i] - c)), c1, c2, c3), x[i] - c)

    return run  # type: ignore[no-any-return]
