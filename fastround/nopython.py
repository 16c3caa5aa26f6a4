"""The same names in nopython code.

There a function with one output is a DUFunc of the point kernel, so that Numba fuses array expressions around it into
one loop; with two outputs, it is a tuple of scalars or a loop that fills two arrays.  None of it starts
threads: the caller's `parallel=True` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import errors, types
from numba.core.registry import cpu_target
from numba.core.typing.typeof import Purpose
from numba.extending import intrinsic, overload, typeof_impl

from .table import UFUNCS, Ufunc


def register(ufuncs: dict[str, np.ufunc]) -> None:
    """Let Numba see the ufuncs."""
    for row in UFUNCS:
        (_register_pair if row.nout == 2 else _register_single)(row, ufuncs[row.name])


def _real(x: Any, k: Any, radius: Any = types.int64) -> Any:
    """The precision in which numbers of these Numba types are computed, or None if they are not as they should be."""
    if not all(isinstance(t, types.Float | types.Integer | types.Boolean) for t in (x, k)):
        return None
    if not isinstance(radius, types.Integer | types.Boolean):
        return None
    return np.float32 if x == k == types.float32 else np.float64


@intrinsic
def _inlined(typingctx, value):
    """Its argument, and that the function around is always inlined: a DUFunc has no option that says so."""

    def codegen(context, builder, signature, args):
        builder.function.attributes.add("alwaysinline")
        return args[0]

    return value(value), codegen


def _fence(builder, k):
    """The same k, of which LLVM does not see that it is.

    That can leave a loop, but not be vectorised.  Where each element has its own k, LLVM would think for a minute about
    all regimes at once, and find that not worth it.
    """
    if isinstance(k.type, ir.IntType):
        # There is no fence for integers.
        wide, double = ir.IntType(64), ir.DoubleType()
        fenced = _fence(builder, builder.bitcast(builder.zext(k, wide), double))
        return builder.trunc(builder.bitcast(fenced, wide), k.type)
    # A vector: of a number, Numba would say under `fastmath=True` that it is no nan.
    vector = ir.VectorType(k.type, 1)
    name = f"llvm.arithmetic.fence.v1{k.type.intrinsic_name}"
    fence = builder.module.declare_intrinsic(name, fnty=ir.FunctionType(vector, [vector]))
    return builder.bitcast(builder.call(fence, [builder.bitcast(k, vector)]), k.type)


_OPTIONS = {"error_model": "numpy", "forceinline": True}


def _scalar(row: Ufunc) -> Callable[..., Any]:
    """The function of scalars, for use in nopython code."""

    def results_of(real: Any) -> Any:
        from .kernels.elementary import kernel
        from .kernels.staircase import at_point

        line = row.function.staircase(real)
        first, last = row.output.picks[0], row.output.picks[-1]
        # The regime is chosen around all that depends on it, so that a loop-invariant k leaves the loop.
        results = line.chosen(list(map(at_point, line.regimes)))

        @kernel
        def pair(sharpness, x):
            result = results(sharpness, x)
            return result[first], result[last]

        @kernel
        def single(sharpness, x):
            return results(sharpness, x)[first]

        return pair if row.nout == 2 else single

    if row.function.windowed:

        def windowed(x: Any, k: Any, radius: Any) -> Any:
            raise NotImplementedError

        @overload(windowed, jit_options=_OPTIONS)
        def compile_windowed(x, k, radius):
            if (real := _real(x, k, radius)) is None:
                return None
            results = results_of(real)
            return lambda x, k, radius: results((np.float64(k), np.float64(radius)), real(x))

        return windowed

    def scalar(x: Any, k: Any) -> Any:
        raise NotImplementedError

    @overload(scalar, jit_options=_OPTIONS)
    def compile_scalar(x, k):
        if (real := _real(x, k)) is None:
            return None
        results = results_of(real)
        return lambda x, k: results(np.float64(k), real(x))

    return scalar


def _register_single(row: Ufunc, ufunc: np.ufunc) -> None:
    scalar = _scalar(row)

    def point(x, k):
        return _inlined(scalar(x, k))

    def windowed_point(x, k, radius):
        return _inlined(scalar(x, k, radius))

    made = windowed_point if row.function.windowed else point
    # Numba's messages name it.
    made.__name__ = made.__qualname__ = row.name
    _dufuncs[ufunc] = cache(lambda: _dufunc_class()(made))


@cache
def _dufunc_class() -> Any:
    """The class of the DUFuncs.  Made when first wanted: they take a part of Numba that is slow to import."""
    from numba.np.ufunc.dufunc import DUFunc

    class FusedDUFunc(DUFunc):
        def _install_cg(self, targetctx=None):
            """Let k leave the loops over arrays.

            Numba makes a function of an array expression, for one element, with the call in it.  Unless that is inlined
            into the loop, the constants of k are computed each time.
            """
            lower = self._lower_me.make_ufunc_kernel_fn
            plain: Any = self._lower_me.kernel

            class LoopKernel(plain):  # type: ignore[misc]
                def generate(self, x, k, *others):
                    return super().generate(x, _fence(self.builder, k), *others)

            def lower_for_loops(context, builder, signature, args, ufunc, kernel):
                expression = "__numba_array_expr" in builder.function.name
                if expression:
                    builder.function.attributes.add("alwaysinline")
                if expression or any(isinstance(t, types.Array) for t in signature.args):
                    kernel = LoopKernel
                return lower(context, builder, signature, args, ufunc, kernel)

            self._lower_me.make_ufunc_kernel_fn = lower_for_loops
            super()._install_cg(targetctx)

        def _type_me(self, argtys, kwtys):
            if kwtys:
                raise errors.NumbaTypeError(f"{self.__name__}() takes no keyword arguments in nopython code")
            return super()._type_me(argtys, kwtys)

    return FusedDUFunc


# Numba takes a ufunc here for its DUFunc, not for an overload that calls it: only so do array expressions fuse.
_dufuncs: dict[np.ufunc, Callable[[], Any]] = {}


@typeof_impl.register(np.ufunc)
def _typeof_ufunc(ufunc: np.ufunc, context: Any) -> Any:
    # As an argument, a ufunc is what every other is: nothing that Numba can pass on.
    if ufunc not in _dufuncs or context.purpose is Purpose.argument:
        return None
    return cpu_target.typing_context.resolve_value_type(_dufuncs[ufunc]())


def _register_pair(row: Ufunc, ufunc: np.ufunc) -> None:
    scalar = _scalar(row)
    if row.function.windowed:

        @overload(ufunc, jit_options=_OPTIONS)
        def compile_windowed_pair(x, k, radius):
            if _real(x, k, radius) is not None:
                return lambda x, k, radius: scalar(x, k, radius)
            real = _real(*map(_element, (x, k, radius)))
            if real is None:
                return None

            def arrays(x, k, radius):
                shape = np.broadcast_shapes(np.shape(x), np.shape(k), np.shape(radius))
                value, slope = np.empty(shape, real), np.empty(shape, real)
                # Of what lies otherwise than the results, these are copies.
                xs, ks = np.broadcast_to(x, shape).ravel(), np.broadcast_to(k, shape).ravel()
                radii = np.broadcast_to(radius, shape).ravel()
                values, slopes = value.reshape(-1), slope.reshape(-1)
                for i in range(xs.size):
                    values[i], slopes[i] = scalar(xs[i], ks[i], radii[i])
                return value, slope

            return arrays

        return

    @overload(ufunc, jit_options=_OPTIONS)
    def compile_pair(x, k):
        if _real(x, k) is not None:
            return lambda x, k: scalar(x, k)
        real = _real(*map(_element, (x, k)))
        if real is None:
            return None

        if isinstance(k, types.Array):

            def arrays(x, k):
                shape = np.broadcast_shapes(np.shape(x), np.shape(k))
                value, slope = np.empty(shape, real), np.empty(shape, real)
                # Of what lies otherwise than the results, these are copies.
                xs, ks = np.broadcast_to(x, shape).ravel(), np.broadcast_to(k, shape).ravel()
                values, slopes = value.reshape(-1), slope.reshape(-1)
                for i in range(xs.size):
                    values[i], slopes[i] = scalar(xs[i], ks[i])
                return value, slope

        else:

            def arrays(x, k):
                value, slope = np.empty(x.shape, real), np.empty(x.shape, real)
                xs, values, slopes = x.ravel(), value.reshape(-1), slope.reshape(-1)
                for i in range(xs.size):
                    values[i], slopes[i] = scalar(xs[i], k)
                return value, slope

        return arrays


def _element(t: Any) -> Any:
    return t.dtype if isinstance(t, types.Array) else t
