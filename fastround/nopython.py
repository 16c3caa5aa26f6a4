"""The same names in nopython code.

There a function with one output is a DUFunc of the point kernel, so that Numba fuses array expressions around it into
one loop.  With two outputs, and over windows, it returns scalars or fills arrays in a loop of its own, for whose sake
the regime is chosen once.  None of it starts threads: the caller's `parallel=True` does.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import errors, njit, types
from numba.core.registry import cpu_target
from numba.core.typing.typeof import Purpose
from numba.extending import intrinsic, overload, typeof_impl

from .table import UFUNCS, Ufunc


def register(ufuncs: dict[str, np.ufunc]) -> None:
    """Let Numba see the ufuncs."""
    for row in UFUNCS:
        (_register_loops if row.function.windowed or row.nout == 2 else _register_dufunc)(row, ufuncs[row.name])


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
        _inline_always(builder)
        return args[0]

    return value(value), codegen


def _inline_always(builder):
    """Let the function around be inlined, unless it must not be, as under Numba's `debug=True`."""
    attributes = builder.function.attributes
    if "noinline" not in attributes:
        attributes.add("alwaysinline")


def _widen(builder):
    """Let loops in the function around use registers of full width, as the ufuncs' own loops do.

    LLVM would leave half of them unused on many CPUs.  Where there are none so wide, it means nothing.
    """
    # llvmlite does not know it.
    builder.function.attributes.update(['"prefer-vector-width"="512"'])


def _interleave(builder, sharpness=None):
    """Let a loop around a call that is built here take two vectors a turn, which wait for memory together.

    LLVM thinks that a loop of so many instructions gains nothing by it.  It would obey also where it does not
    vectorise, and think for minutes about all regimes at once: a loop of the user's must be plain, for one sharpness.
    """
    calls = vars(builder).setdefault("calls", [])
    if not calls:
        # Importing the package shall not import this.
        from .lanes import loop_metadata

        metadata = loop_metadata(builder.module, ["llvm.loop.interleave.count", ir.IntType(32)(2)])
        ends = builder.branch, builder.cbranch
        builder.branch, builder.cbranch = (_marking(end, builder, calls, metadata) for end in ends)
    calls.append((builder.block, sharpness))


def _marking(end_block, builder, calls, metadata):
    """The method that ends a block, and marks where that ends a loop around one of the calls."""

    def end(*args):
        instruction = end_block(*args)
        for target in args:
            if isinstance(target, ir.Block) and target.is_terminated:
                inside = _loop(target, builder.block)
                called = [sharpness for block, sharpness in calls if block in inside]
                if len(called) == 1 and (called[0] is None or _is_plain(inside, called[0])):
                    instruction.set_metadata("llvm.loop", metadata)
        return instruction

    return end


def _loop(head, last):
    """The blocks of a loop."""
    before = defaultdict(list)
    for block in last.function.blocks:
        for place in block.terminator.operands if block.is_terminated else ():
            before[place].append(block)
    inside, found = {head, last}, [last]
    while found:
        following = found.pop()
        if following is not head:
            more = [block for block in before[following] if block not in inside]
            inside.update(more)
            found += more
    return inside


def _is_plain(blocks, values):
    """Whether a loop has but a head and a body, calls one function, and sets none of the variables with the values."""
    # Numba names blocks of the user's code so, and those that it adds otherwise.
    own = [block for block in blocks if re.fullmatch(r"B\d+", block.name)]
    variables = [value.operands[0] for value in values if isinstance(value, ir.LoadInstr)]
    known = sum(isinstance(value, ir.Constant) for value in values)
    known += sum(isinstance(variable, ir.AllocaInstr) for variable in variables)
    called, changed = 0, False
    for instruction in (each for block in blocks for each in block.instructions):
        if isinstance(instruction, ir.CallInstr):
            called += not getattr(instruction.callee, "name", "").startswith("llvm.")
        elif isinstance(instruction, ir.StoreInstr):
            changed |= instruction.operands[1] in variables
    return len(own) <= 2 and called == 1 and known == len(values) and not changed


def _from_nopython(act):
    """The nopython function that does so where it is called."""

    @intrinsic
    def function(typingctx):
        def codegen(context, builder, signature, args):
            act(builder)
            return context.get_dummy_value()

        return types.void(), codegen

    return function


_wide, _interleaved = _from_nopython(_widen), _from_nopython(_interleave)


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


_NO_KEYWORDS = "{}() takes no keyword arguments in nopython code"
_OPTIONS = {"error_model": "numpy", "forceinline": True}
_inline = njit(**_OPTIONS)


class _Parts(NamedTuple):
    """What a ufunc is made of in nopython code, for one precision."""

    line: Any
    # The function of k and the radius, or of k twice, that returns what the regimes take.
    sharpness: Any
    # The function of that and of one x that returns all there is.
    results: Any
    # The function of the first and the last output that returns what the ufunc does.
    outputs: Any


@cache
def _parts(row: Ufunc, real: Any) -> _Parts:
    from .kernels.staircase import at_point

    line = row.staircase(real)
    windowed, pair = row.function.windowed, row.nout == 2

    @_inline
    def sharpness(k, radius):
        return (np.float64(k), np.float64(radius)) if windowed else np.float64(k)

    @_inline
    def outputs(first, last):
        return (first, last) if pair else first

    # The regime is chosen around all that depends on it, so that a loop-invariant k leaves the loop.
    results = line.chosen(list(map(at_point, line.regimes)))
    return _Parts(line, sharpness, results, outputs)


def _of_numbers(row: Ufunc, real: Any) -> Callable[..., Any]:
    """The ufunc in nopython code where all operands are scalars."""
    _, sharpness_of, results_of, outputs = _parts(row, real)
    first, last = row.output.picks[0], row.output.picks[-1]

    def of_numbers(x, *sharpness):
        results = results_of(sharpness_of(sharpness[0], sharpness[-1]), real(x))
        return outputs(results[first], results[last])

    return of_numbers


@cache
def _filled(row: Ufunc, real: Any) -> Any:
    """The function that fills arrays for one sharpness, with a loop for each regime."""
    first, last, pair = row.output.picks[0], row.output.picks[-1], row.nout == 2

    def filled(regime: Any) -> Any:
        constants_of, point = regime.constants, regime.point

        @_inline
        def fill(sharpness, xs, ys, zs):
            _wide()
            constants = constants_of(sharpness)
            for i in range(xs.size):
                if not pair:
                    _interleaved()
                results = point(real(xs[i]), constants)
                ys[i] = results[first]
                if pair:
                    zs[i] = results[last]

        return fill

    line = _parts(row, real).line
    return line.chosen(list(map(filled, line.regimes)))


def _of_arrays(row: Ufunc, real: Any, uniform: bool) -> Callable[..., Any]:
    """The same where some are arrays, with one sharpness for all elements or with many."""
    _, sharpness_of, results_of, outputs = _parts(row, real)
    first, last, pair = row.output.picks[0], row.output.picks[-1], row.nout == 2
    if uniform:
        fill = _filled(row, real)

        def of_arrays(x, *sharpness):
            y = np.empty(x.shape, real)
            z = np.empty(x.shape, real) if pair else y
            fill(sharpness_of(sharpness[0], sharpness[-1]), x.ravel(), y.reshape(-1), z.reshape(-1))
            return outputs(y, z)

    else:

        def of_arrays(x, *sharpness):
            k, radius = sharpness[0], sharpness[-1]
            shape = np.broadcast_shapes(np.shape(x), np.shape(k), np.shape(radius))
            y = np.empty(shape, real)
            z = np.empty(shape, real) if pair else y
            # Of what lies otherwise than the results, these are copies.
            xs, ks = np.broadcast_to(x, shape).ravel(), np.broadcast_to(k, shape).ravel()
            radii, ys, zs = np.broadcast_to(radius, shape).ravel(), y.reshape(-1), z.reshape(-1)
            _wide()
            for i in range(xs.size):
                results = results_of(sharpness_of(ks[i], radii[i]), real(xs[i]))
                ys[i] = results[first]
                if pair:
                    zs[i] = results[last]
            return outputs(y, z)

    return of_arrays


def _register_loops(row: Ufunc, ufunc: np.ufunc) -> None:
    """As a function of scalars, or with loops that fill arrays."""

    def call(x, *sharpness):
        raise NotImplementedError

    call.__name__ = row.name
    widening = _widening(call, row)
    _stand_ins[ufunc] = lambda: widening

    @overload(call, jit_options=_OPTIONS)
    def compile_call(x, *sharpness):
        operands = (x, *sharpness)
        if len(operands) != row.nin:
            return None
        if (real := _real(*operands)) is not None:
            return _of_numbers(row, real)
        if (real := _real(*map(_element, operands))) is None:
            return None
        return _of_arrays(row, real, uniform=not any(isinstance(t, types.Array) for t in sharpness))


def _widening(call: Any, row: Ufunc) -> Any:
    """The same function, which acts on the function that calls it as well."""

    def widening(typingctx, *operands, **keywords):
        if keywords:
            raise errors.NumbaTypeError(_NO_KEYWORDS.format(row.name))
        if len(operands) != row.nin:
            raise errors.NumbaTypeError(f"{row.name}() takes {row.nin} operands in nopython code, not {len(operands)}")
        function = typingctx.resolve_value_type(call)
        called = function.get_call_type(typingctx, operands, {})
        x, sharpness = called.args

        def codegen(context, builder, signature, args):
            _widen(builder)
            # With two outputs, loops over more than the caches hold would be slower.
            if row.nout == 1:
                _interleave(builder, args[1:])
            packed = context.make_tuple(builder, sharpness, args[1:])
            return context.get_function(function, called)(builder, (args[0], packed))

        return called.return_type(x, *sharpness), codegen

    # What Numba looks at.
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in row.function.inputs]
    context = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_ONLY)
    vars(widening)["__signature__"] = inspect.Signature([context, *parameters])
    widening.__name__ = row.name
    return intrinsic(widening)


def _register_dufunc(row: Ufunc, ufunc: np.ufunc) -> None:
    """As a DUFunc, with which array expressions fuse."""

    def scalar(x: Any, k: Any) -> Any:
        raise NotImplementedError

    @overload(scalar, jit_options=_OPTIONS)
    def compile_scalar(x, *sharpness):
        real = _real(x, *sharpness)
        return None if real is None else _of_numbers(row, real)

    def point(x, k):
        return _inlined(scalar(x, k))

    # Numba's messages name it.
    point.__name__ = point.__qualname__ = row.name
    _stand_ins[ufunc] = cache(lambda: _dufunc_class()(point))


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
                    _interleave(self.builder)
                    return super().generate(x, _fence(self.builder, k), *others)

            def lower_for_loops(context, builder, signature, args, ufunc, kernel):
                _widen(builder)
                expression = "__numba_array_expr" in builder.function.name
                if expression:
                    _inline_always(builder)
                if expression or any(isinstance(t, types.Array) for t in signature.args):
                    kernel = LoopKernel
                else:
                    _interleave(builder, args[1:])
                return lower(context, builder, signature, args, ufunc, kernel)

            self._lower_me.make_ufunc_kernel_fn = lower_for_loops
            super()._install_cg(targetctx)

        def _type_me(self, argtys, kwtys):
            if kwtys:
                raise errors.NumbaTypeError(_NO_KEYWORDS.format(self.__name__))
            return super()._type_me(argtys, kwtys)

    return FusedDUFunc


# What Numba takes a ufunc for.  An overload of the ufunc itself would be called for each element of an array.
_stand_ins: dict[np.ufunc, Callable[[], Any]] = {}


@typeof_impl.register(np.ufunc)
def _typeof_ufunc(ufunc: np.ufunc, context: Any) -> Any:
    # As an argument, a ufunc is what every other is: nothing that Numba can pass on.
    if ufunc not in _stand_ins or context.purpose is Purpose.argument:
        return None
    return cpu_target.typing_context.resolve_value_type(_stand_ins[ufunc]())


def _element(t: Any) -> Any:
    return t.dtype if isinstance(t, types.Array) else t
