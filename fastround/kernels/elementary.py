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
from llvmlite import binding, ir
from numba import config, njit, types
from numba._dynfunc import make_function
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Code that is only ever linked into other code, where LLVM optimises the whole once.

    To optimise every function by itself, to make machine code of it, and to link all that it calls into it before it is
    linked into others itself, would take most of the time.
    """

    _shared_module: Any

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = self.linked()
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage == binding.Linkage.external:
                    # Other code may bring the same function with it.
                    function.linkage = "linkonce_odr"
        return self._shared_module

    @global_compiler_lock
    def linked(self) -> binding.ModuleRef:
        """The module of this code and all that it calls."""
        self._ensure_finalized()
        module, found, position = self._final_module.clone(), [self], 0
        while position < len(found):
            # Other libraries have all that they call in them.
            called = found[position]._linking_libraries if isinstance(found[position], _Library) else ()
            found += [library for library in dict.fromkeys(called) if library not in found]
            position += 1
        for library in found[1:]:
            own = library._final_module if isinstance(library, _Library) else library._get_module_for_linking()
            module.link_in(own, preserve=True)
        return module


# Passes of Numba's that are for what is in no kernel, or for people to read.
_NEEDLESS = frozenset(
    ("WithLifting", "InlineClosureLikes", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "InlineInlinables")
    + ("FindLiterallyCalls", "LiteralUnroll", "LiteralPropagationSubPipelinePass", "InlineOverloads")
    + ("NopythonRewrites", "NoPythonSupportedFeatureValidation", "AnnotateTypes", "DumpParforDiagnostics")
)


class LinkedCompiler(Compiler):  # type: ignore[misc]
    """Numba's compiler with less to do, and into such a library."""

    def define_pipelines(self) -> Any:
        self.state.flags.no_compile = True
        self.state.library = _Library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        pipelines = super().define_pipelines()
        for each in pipelines:
            each.passes = [(kind, text) for kind, text in each.passes if kind.__name__ not in _NEEDLESS]
        return pipelines

    def compile_extra(self, func: Any) -> Any:
        compiled = super().compile_extra(func)
        # What Numba knows it by; as before, nothing that Python could call.
        name, library, environment = compiled.fndesc.qualname, compiled.library, compiled.environment
        entry = make_function(compiled.fndesc.lookup_module(), name, "", 0, environment, (library,))
        compiled.target_context.insert_user_function(entry, compiled.fndesc, [library])
        return compiled._replace(entry_point=entry)


# How every function of a kernel is compiled: a division by zero is a value, and the whole kernel becomes one stretch
# of straight code in the loop around it.
_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
    "pipeline_class": LinkedCompiler,
}
kernel = njit(forceinline=True, **_OPTIONS)
# The same for what is long and need not become part of a loop.
kernel_apart = njit(forceinline=False, **_OPTIONS)


def hoistable(function: Any) -> Any:
    """The same function of one argument, as a call that LLVM may move out of a loop even if there is a loop in it.

    It must end for every argument, for LLVM may call it where the program would not.
    """
    if config.DISABLE_JIT:
        return function

    @intrinsic
    def call(typingctx, argument):
        function.compile((argument,))
        compiled = function.overloads[argument,]

        def codegen(context, builder, signature, args):
            context.add_linking_libs([compiled.library])
            kind = ir.FunctionType(context.get_value_type(signature.return_type), [arg.type for arg in args])
            outlined = cgutils.get_or_insert_function(builder.module, kind, f"{compiled.fndesc.mangled_name}.outlined")
            if outlined.is_declaration:
                outlined.linkage = "internal"
                # llvmlite does not know all of these.
                outlined.attributes.update(["noinline", "nounwind", "readnone", "speculatable", "willreturn"])
                body = ir.IRBuilder(outlined.append_basic_block())
                # It raises nothing.
                _, result = context.call_internal_no_propagate(body, compiled.fndesc, signature, outlined.args)
                body.ret(result)
            return builder.call(outlined, args)

        return compiled.signature, codegen

    return call


# Of each IEEE format: bits of the mantissa and bias of the exponent, and then an integer of the same width.
_LIMITS = {np.float32: (23, 127), np.float64: (52, 1023), float: (52, 1023)}
_FORMATS = {types.float32: (23, 127, ir.IntType(32)), types.float64: (52, 1023, ir.IntType(64))}


def nopython(interpreted: Callable[..., Any]) -> Callable[[Any], Any]:
    """A decorator: the intrinsic in its place, or the interpreted function where the JIT is disabled."""
    return lambda typed: interpreted if config.DISABLE_JIT else intrinsic(typed)


def interpreted_fma(a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once, without the JIT."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if not exact:
        return a * b + c
    nearest = float(exact)
    if isinstance(a, np.float32) and Fraction(nearest) != exact and not _is_odd(nearest):
        # Its neighbour beyond the exact number is odd, and never a tie for float32.
        nearest = math.nextafter(nearest, math.inf if exact > nearest else -math.inf)
    return type(a)(nearest)


def _is_odd(x: float) -> bool:
    return bool(np.float64(x).view(np.int64) & 1)


def _interpreted_horner(x: Any, coefficients: tuple[Any, ...]) -> Any:
    result = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        result = fma(result, x, coefficient)
    return result


def _interpreted_power_of_two(t: Any) -> Any:
    mantissa, bias = _LIMITS[type(t)]
    return t if math.isnan(t) else type(t)(math.ldexp(1.0, int(t) - 3 * 2 ** (mantissa - 1) - bias))


def _interpreted_reflected(u: Any, centre: Any) -> Any:
    result = type(u)(float(centre) / float(u) * float(centre))
    return result if result >= np.finfo(type(u)).tiny else type(u)(-1)


def _interpreted_subnormal(n: Any) -> Any:
    mantissa, bias = _LIMITS[type(n)]
    return type(n)(math.ldexp(float(np.rint(n)), 1 - bias - mantissa))


@nopython(interpreted_fma)
def fma(typingctx, a, b, c):
    """a·b + c, rounded once."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@nopython(_interpreted_horner)
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


@nopython(_interpreted_power_of_two)
def power_of_two(typingctx, t):
    """2^n for an integer n kept as t = n + `shift(…)`, while that is a normal number."""
    mantissa, _, integer = _FORMATS[t]

    def codegen(context, builder, signature, args):
        # The low bits of t are n + bias, and a shift moves them to the exponent field.
        bits = builder.bitcast(args[0], integer)
        return builder.bitcast(builder.shl(bits, integer(mantissa)), args[0].type)

    return t(t), codegen


@nopython(_interpreted_reflected)
def reflected(typingctx, u, centre):
    """centre²/u for powers of two, or a negative number where that is too small for a normal one."""
    _, _, integer = _FORMATS[u]

    def codegen(context, builder, signature, args):
        bits, twice = (builder.bitcast(arg, integer) for arg in args)
        return builder.bitcast(builder.sub(builder.add(twice, twice), bits), args[0].type)

    return u(u, centre), codegen


@nopython(_interpreted_subnormal)
def subnormal(typingctx, n):
    """n times the least subnormal number, for n ≥ 0 up to the least normal one, without arithmetic on such numbers."""
    mantissa, _, integer = _FORMATS[n]

    def codegen(context, builder, signature, args):
        # In 2^mantissa + n the low bits are n, rounded; they are those of the subnormal number.
        one = ir.Constant(args[0].type, 2.0**mantissa)
        bits = builder.bitcast(builder.fadd(args[0], one), integer)
        return builder.bitcast(builder.sub(bits, builder.bitcast(one, integer)), args[0].type)

    return n(n), codegen


def shift(real: Any, exponent: int = 0) -> Any:
    """What is added to an integer n to round it, and to have 2^(n + exponent) by `power_of_two`."""
    mantissa, bias = _LIMITS[real]
    return real(1.5 * 2.0**mantissa + bias + exponent)


def _series(first: int, terms: int, farthest: float, sign: int = 1) -> list[float]:
    """Coefficients p_i for which Σ z^n·sign^i/n!, n = first + 2i, is next to z^first·Σ p_i·z^(2i) for |z| ≤ farthest.

    Taylor's polynomial modulo that which vanishes where Chebyshev's has its extrema, but for those next to 0.  So there
    is no error at ±farthest, where the terms of a difference of hyperbolic functions cancel most.
    """
    points = (farthest * math.cos(math.pi * i / (first + 2 * terms - 1)) for i in range(terms))
    divisor = [Fraction(1)]
    for z2 in (Fraction(round(2**20 * z * z), 2**20) for z in points):
        divisor = [a - z2 * b for a, b in zip([Fraction(0), *divisor], [*divisor, Fraction(0)], strict=True)]
    series = [Fraction(sign**i, math.factorial(first + 2 * i)) for i in range(terms + 6)]
    while len(series) > terms:
        leading = series.pop()
        for i in range(1, terms + 1):
            series[-i] -= leading * divisor[-1 - i]
    return list(map(float, series))


@cache
def elementary(real: Any) -> SimpleNamespace:
    """The elementary functions for one precision, `real` being np.float32 or np.float64."""
    single = real is np.float32
    zero, one, two, four = real(0), real(1), real(2), real(4)
    unshifted = shift(real)
    # Of less, what a sum lacks in its first part would be subnormal.
    least = real(-58 if single else -650)
    log2_e = real(1 / math.log(2))
    # ln 2 in two parts, the first short enough for n·ln2_high to be exact for every n that occurs.
    ln2_high = real(float.fromhex("0x1.62e4p-1" if single else "0x1.62e42fefa38p-1"))
    ln2_low = real(float.fromhex("0x1.7f7d1cf79abcap-20" if single else "0x1.ef35793c7673p-45"))
    half_ln2, quarter_turn = math.log(2) / 2, math.pi / 4
    cosh_series = tuple(map(real, _series(2, 3 if single else 5, half_ln2)))
    sinh_series = tuple(map(real, _series(3, 2 if single else 5, half_ln2)))
    cos, sin = _series(0, 5 if single else 8, quarter_turn, -1), _series(3, 3 if single else 6, quarter_turn, -1)
    cos_series = tuple(real(c * math.pi ** (2 * i)) for i, c in enumerate(cos))
    sin_series = tuple(real(-c * math.pi ** (2 * i + 2)) for i, c in enumerate(sin))
    minus_4_pi2 = real(-4 * math.pi**2)
    # What is less is its own sine, and has the exponential 1; its powers would be subnormal.
    least_power = real(2.0**-36 if single else 2.0**-80)

    @kernel
    def precisely_reduced(y, y_low, shifted):
        """n + shifted, cosh f − 1 and sinh f as a sum, where y + y_low = n·ln 2 + f and |f| ≤ ½ ln 2."""
        t = fma(y, log2_e, shifted)
        n = t - shifted
        f_high, f_low = fma(-n, ln2_high, y), fma(-n, ln2_low, y_low)
        f = f_high + f_low
        f2 = f * f
        return t, f2 * horner(f2, cosh_series), f_high, fma(f * f2, horner(f2, sinh_series), f_low)

    @kernel
    def reduced(y, y_low, shifted):
        """The same, but sinh f as a number."""
        t, c, s, s_low = precisely_reduced(y, y_low, shifted)
        return t, c, s + s_low

    @kernel
    def hyperbolic(u, v, less, c, s):
        """u·e^f + v·e^(−f) − less and u·e^f − v·e^(−f), each as a sum, given what `reduced` returns of f."""
        difference, total = u - v, u + v
        x_part, y_part = fma(difference, s, total * c), fma(total, s, difference * c)
        total = total - less
        x, y = total + x_part, difference + y_part
        return x, (total - x) + x_part, y, (difference - y) + y_part

    @kernel
    def near_one(s, rest):
        """1 + s + rest as a sum, where |s| < 1, and |rest| is less still."""
        t = s + rest
        m = one + t
        return m, (one - m) + t + ((s - t) + rest)

    @kernel
    def split_exp(y):
        """m, 1/m, both as sums, and n of e^y = m·2^n, where 0.7 < m < 1.5."""
        t, c, s, s_low = precisely_reduced(y, zero, unshifted)
        return near_one(s, s_low + c), near_one(-s, c - s_low), t - unshifted

    @kernel
    def exp(y, y_low):
        """e^(y + y_low) as a sum for y ≤ 0, and 0 for y < −58 in float32 and −650 in float64."""
        underflow = y < least
        t, c, s, s_low = precisely_reduced(least if underflow else y, y_low, unshifted)
        m, m_low = near_one(s, s_low + c)
        u = zero if underflow else power_of_two(t)
        return u * m, u * m_low

    @kernel
    def circular(a, b):
        """2·cos 2πa and (2/π)·sin 2πa for 0 ≤ a ≤ ½, where b = ½ − a."""
        z = a if a < b else b
        power = max(z, least_power)
        z2 = power * power
        cos, sin = horner(z2, cos_series), fma(z, z2 * horner(z2, sin_series), z)
        return np.copysign(fma(minus_4_pi2 * sin, sin, two), b - a), four * sin * cos

    return SimpleNamespace(
        reduced=reduced,
        hyperbolic=hyperbolic,
        split_exp=split_exp,
        exp=exp,
        circular=circular,
        least_power=least_power,
    )
