"""Elementary operations of the point kernels, each of a fixed sequence of roundings.

Everything here is branch-free and rounds the same way in a scalar and in a vector register, so that a result
never depends on how LLVM arranged the loop around it: multiply-adds are explicit `fma`, and nothing may be
contracted or reassociated.  With the JIT disabled the same functions run as plain Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

# How every function of a kernel is compiled: a division by zero is a value, and the whole kernel becomes one stretch
# of straight code in the loop around it.
kernel = njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

# Of each IEEE format: bits of the mantissa, bias of the exponent, and an integer of the same width.
_FORMATS = {types.float32: (23, 127, ir.IntType(32)), types.float64: (52, 1023, ir.IntType(64))}


def _nopython(interpreted: Callable[..., Any]) -> Callable[[Any], Any]:
    """A decorator: the intrinsic in its place, or the interpreted function where the JIT is disabled."""
    return lambda typed: interpreted if config.DISABLE_JIT else intrinsic(typed)


def _interpreted_fma(a: Any, b: Any, c: Any) -> Any:
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    return type(a)(float(exact)) if exact else a * b + c


def _interpreted_horner(x: Any, coefficients: tuple[Any, ...]) -> Any:
    result = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        result = fma(result, x, coefficient)
    return result


def _interpreted_power_of_two(n: Any) -> Any:
    return n if math.isnan(n) else type(n)(math.ldexp(1.0, int(n)))


@_nopython(_interpreted_fma)
def fma(typingctx, a, b, c):
    """a·b + c, rounded once."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@_nopython(_interpreted_horner)
def horner(typingctx, x, coefficients):
    """Σ coefficients[i]·x^i by Horner's rule, one fma a term."""

    def codegen(context, builder, signature, args):
        x, packed = args
        terms = [builder.extract_value(packed, i) for i in range(coefficients.count)]
        result = terms.pop()
        while terms:
            result = builder.fma(result, x, terms.pop())
        return result

    return x(x, coefficients), codegen


@_nopython(_interpreted_power_of_two)
def power_of_two(typingctx, n):
    """2^n for an integral float n, while 2^n is a normal number."""
    mantissa, bias, integer = _FORMATS[n]

    def codegen(context, builder, signature, args):
        # Adding 1.5·2^mantissa leaves n + bias in the low bits, which a shift moves to the exponent field.
        shift = ir.Constant(args[0].type, 1.5 * 2.0**mantissa + bias)
        bits = builder.bitcast(builder.fadd(args[0], shift), integer)
        return builder.bitcast(builder.shl(bits, integer(mantissa)), args[0].type)

    return n(n), codegen


@kernel
def quotient(n: Any, n_low: Any, d: Any, d_low: Any, r: Any) -> Any:
    """(n + n_low)/(d + d_low), with r ≈ 1/d to a few ulp: one rounding, and next to nothing beside."""
    q = n * r
    return fma(fma(-q, d, n) + fma(-q, d_low, n_low), r, q)


def _taylor(real: Any, first: int, terms: int, scale: complex = 1.0) -> tuple[Any, ...]:
    """Coefficients, in powers of z², of every second term of e^(scale·z) from z^first on, up to a factor i."""
    coefficients = (scale**n / math.factorial(n) for n in range(first, first + 2 * terms, 2))
    return tuple(real(c.real + c.imag) for c in map(complex, coefficients))


@cache
def elementary(real: Any) -> SimpleNamespace:
    """The elementary functions for one precision, `real` being np.float32 or np.float64."""
    single = real is np.float32
    zero, one, two, four = real(0), real(1), real(2), real(4)
    least = real(-87 if single else -708)
    log2_e = real(1 / math.log(2))
    # ln 2 in two parts, the first short enough for n·ln2_high to be exact for every n that occurs.
    ln2_high = real(float.fromhex("0x1.62e4p-1" if single else "0x1.62e42fefa38p-1"))
    ln2_low = real(float.fromhex("0x1.7f7d1cf79abcap-20" if single else "0x1.ef35793c7673p-45"))
    # For |f| ≤ ½ ln 2 in the hyperbolic series and |z| ≤ ¼ in the circular ones, Taylor's terms fall fast enough.
    cosh_series, sinh_series = (_taylor(real, first, 3 if single else 6) for first in (2, 3))
    cos_series = _taylor(real, 0, 5 if single else 9, 1j * math.pi)
    sin_series = tuple(real(c / math.pi) for c in _taylor(np.float64, 3, 4 if single else 8, 1j * math.pi))
    minus_4_pi2 = real(-4 * math.pi**2)

    @kernel
    def reduced_series(y, y_low):
        """n, cosh f − 1 and sinh f, where y + y_low = n·ln 2 + f and |f| ≤ ½ ln 2."""
        n = np.rint(y * log2_e)
        f_high, f_low = fma(-n, ln2_high, y), fma(-n, ln2_low, y_low)
        f = f_high + f_low
        f2 = f * f
        return n, f2 * horner(f2, cosh_series), f_high + fma(f * f2, horner(f2, sinh_series), f_low)

    @kernel
    def scaled_exp(y, y_low, exponent):
        """2^exponent · e^(y + y_low), while that is a normal number."""
        n, c, s = reduced_series(y, y_low)
        return power_of_two(n + exponent) * (one + (s + c))

    @kernel
    def exp(y, y_low):
        """e^(y + y_low) for y ≤ 0, and 0 where that is no normal number."""
        underflow = y < least
        return zero if underflow else scaled_exp(least if underflow else y, y_low, zero)

    @kernel
    def exp_sum(y):
        """e^y as a sum, while that is a normal number."""
        n, c, s = reduced_series(y, zero)
        scale = power_of_two(n)
        total = one + (s + c)
        return scale * total, scale * ((one - total) + (s + c))

    @kernel
    def hyperbolic(y, y_low, h):
        """u + v and u − v, each as a sum, and v, of u = h·e^z and v = h·e^(−z) at z = y + y_low ≥ 0."""
        n, c, s = reduced_series(y, y_low)
        up, down = h * power_of_two(n), h * power_of_two(-n)
        # The rounding errors of the leading terms join the small ones.
        total, difference = up + down, up - down
        total_error, difference_error = (up - total) + down, (up - difference) - down
        x_part = fma(total, c, fma(difference, s, total_error))
        y_part = fma(difference, c, fma(total, s, difference_error))
        x, y = total + x_part, difference + y_part
        return x, (total - x) + x_part, y, (difference - y) + y_part, fma(down, c - s, down)

    @kernel
    def circular(a, b):
        """2·cos 2πa and (2/π)·sin 2πa for 0 ≤ a ≤ ½, where b = ½ − a."""
        z = a if a < b else b
        z2 = z * z
        cos, sin = horner(z2, cos_series), fma(z * z2, horner(z2, sin_series), z)
        return np.copysign(fma(minus_4_pi2 * sin, sin, two), b - a), four * sin * cos

    return SimpleNamespace(exp=exp, exp_sum=exp_sum, scaled_exp=scaled_exp, hyperbolic=hyperbolic, circular=circular)
