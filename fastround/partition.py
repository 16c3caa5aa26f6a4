"""Elements of a block, sorted so that those of one regime lie side by side, and put back.

A number of elements, or a place in a block, for each of some regimes is packed into one integer: a regime is known by
the shift of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cache import compresses, vector_bytes
from .kernels.elementary import kernel
from .memory import load, store

PLACE_BITS = 12
PLACE = 2**PLACE_BITS - 1


def partition(real: Any, regimes: int, radii: bool) -> tuple[Callable[..., None], Callable[..., None]]:
    """The nopython functions that sort elements, and that put back results.

    `sort` copies x, k and, if there are any, the radii from blocks to others; `put_back` copies results of sorted
    elements to a block where they stand as the elements did before.  Either takes how many there are, the address of
    their shifts, and for each regime its first place and its number.  Between the two calls, shifts may be replaced.
    Up to a vector of numbers behind the last place may be overwritten.
    """
    if compresses() and not radii:
        return _compressed(real, regimes, vector_bytes() // real(0).itemsize)
    return _one_by_one(real, radii)


def _one_by_one(real: Any, radii: bool) -> tuple[Any, Any]:
    @kernel
    def sort(n, shifts, starts, counts, unsorted, sorted_):
        x, k, radius = unsorted
        x_sorted, k_sorted, radius_sorted = sorted_
        following = starts
        for i in range(n):
            shift = int(load(shifts, i, np.int32))
            place = (following >> shift) & PLACE
            following += 1 << shift
            store(shifts, i, np.int32(place), np.int32)
            store(x_sorted, place, load(x, i, real), real)
            store(k_sorted, place, load(k, i, real), real)
            if radii:
                store(radius_sorted, place, load(radius, i, np.float64), np.float64)

    @kernel
    def put_back(n, places, starts, counts, results, block):
        for i in range(n):
            store(block, i, load(results, np.int64(load(places, i, np.int32)), real), real)

    return sort, put_back


def _compressed(real: Any, regimes: int, lanes: int) -> tuple[Any, Any]:
    """Vector by vector, for one regime after the other."""
    bits = PLACE_BITS * regimes
    no_regime, mask_of, bits_set, compress, expand = _vectors(real, lanes)

    def each_vector(move: Callable[..., None]) -> Any:
        """The nopython function that calls another for the elements of each regime in each vector."""

        @kernel
        def each(n, shifts, starts, counts, sources, targets):
            # What fills up the last vector is of no regime.
            no_regime(shifts, n)
            for shift in range(0, bits, PLACE_BITS):
                place = (starts >> shift) & PLACE
                if (counts >> shift) & PLACE > 0:
                    for i in range(0, n, lanes):
                        mask = mask_of(shifts, i, shift)
                        move(i, mask, place, sources, targets)
                        place += bits_set(mask)

        return each

    @kernel
    def together(i, mask, place, unsorted, sorted_):
        x, k, _ = unsorted
        x_sorted, k_sorted, _ = sorted_
        # Behind them, numbers of no meaning are left where those of the next regime will be.
        compress(x, i, mask, x_sorted, place)
        compress(k, i, mask, k_sorted, place)

    @kernel
    def apart(i, mask, place, results, block):
        expand(results, place, mask, block, i)

    return each_vector(together), each_vector(apart)


def _vectors(real: Any, lanes: int) -> tuple[Any, Any, Any, Any, Any]:
    """The nopython functions of one vector that `_compressed` is made of."""
    integer, shift_kind, bits_kind = ir.IntType(types.intp.bitwidth), ir.IntType(32), ir.IntType(lanes)
    number = ir.FloatType() if real is np.float32 else ir.DoubleType()
    shifts_kind, vector = ir.VectorType(shift_kind, lanes), ir.VectorType(number, lanes)
    mask_kind = ir.VectorType(ir.IntType(1), lanes)
    shift_size, size = 4, real(0).itemsize

    def at(builder: Any, address: Any, i: Any, kind: Any) -> Any:
        """The address of the vector that begins with number i."""
        first = builder.gep(builder.inttoptr(address, kind.element.as_pointer()), [i])
        return builder.bitcast(first, kind.as_pointer())

    def called(builder: Any, name: str, *args: Any) -> Any:
        kind = ir.FunctionType(vector, [arg.type for arg in args])
        name = f"llvm.{name}.v{lanes}f{8 * size}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    @intrinsic
    def no_regime(typingctx, shifts, i):
        """Let the shifts of the vector that begins with number i be those of no regime."""

        def codegen(context, builder, signature, args):
            shifts, i = args
            none = ir.Constant(shifts_kind, [-1] * lanes)
            builder.store(none, at(builder, shifts, i, shifts_kind), align=shift_size)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    @intrinsic
    def mask_of(typingctx, shifts, i, shift):
        """A mask of bits, set where the shifts of a vector are this one."""

        def codegen(context, builder, signature, args):
            shifts, i, shift = args
            those = builder.load(at(builder, shifts, i, shifts_kind), align=shift_size)
            first = builder.insert_element(those, builder.trunc(shift, shift_kind), shift_kind(0))
            mask = builder.icmp_signed(
                "==", those, builder.shuffle_vector(first, first, ir.Constant(shifts_kind, None))
            )
            return builder.zext(builder.bitcast(mask, bits_kind), integer)

        return types.intp(types.intp, types.intp, types.intp), codegen

    @intrinsic
    def bits_set(typingctx, mask):
        """How many bits are set."""

        def codegen(context, builder, signature, args):
            return builder.ctpop(args[0])

        return types.intp(types.intp), codegen

    def as_mask(builder: Any, bits: Any) -> Any:
        return builder.bitcast(builder.trunc(bits, bits_kind), mask_kind)

    @intrinsic
    def compress(typingctx, source, i, mask, target, place):
        """Store the numbers of a vector for which a bit is set side by side, from a place on."""

        def codegen(context, builder, signature, args):
            source, i, mask, target, place = args
            numbers = builder.load(at(builder, source, i, vector), align=size)
            undefined = ir.Constant(vector, ir.Undefined)
            together = called(builder, "experimental.vector.compress", numbers, as_mask(builder, mask), undefined)
            builder.store(together, at(builder, target, place, vector), align=size)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), codegen

    @intrinsic
    def expand(typingctx, source, place, mask, target, i):
        """Replace those numbers of a vector for which a bit is set by what is side by side from a place on."""

        def codegen(context, builder, signature, args):
            source, place, mask, target, i = args
            first = builder.gep(builder.inttoptr(source, number.as_pointer()), [place])
            numbers = at(builder, target, i, vector)
            others = builder.load(numbers, align=size)
            apart = called(builder, "masked.expandload", first, as_mask(builder, mask), others)
            builder.store(apart, numbers, align=size)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), codegen

    return no_regime, mask_of, bits_set, compress, expand
