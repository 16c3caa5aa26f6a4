"""Elements of a block, sorted so that those of one regime lie side by side, and put back.

A number of elements, or a place in a block, for each of some regimes is packed into one integer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cache import compresses
from .kernels.elementary import kernel
from .memory import load, store

PLACE_BITS = 12
PLACE = 2**PLACE_BITS - 1


def partition(real: Any, bounds: tuple[float, ...], radii: bool) -> tuple[Any, Any, Any]:
    """The nopython functions that count elements by regime, that sort them, and that put back results.

    A regime begins at each bound.  `count` takes how many sharpnesses there are, the address of a block of them, and
    that of one where it notes the regime of each; it returns how many are of each regime, whether any is negative, and
    whether all are known to be of one regime.  If so, what is noted has no meaning.
    `sort` copies x, k and, if there are any, the radii from blocks to others; `put_back` copies results of sorted
    elements to a block where they stand as the elements did before.  Either takes how many elements there are, the
    address of what was noted, and of each regime its first place and how many are of it.

    All take a whole number of vectors, and up to a vector of numbers behind the last place may be overwritten.
    """
    number_of = number_of_bounds(bounds)
    # With eight numbers to a vector, it takes longer vector by vector.
    if compresses() and real is np.float32 and not radii:
        count, sort, put_back = _compressed(bounds)
    else:
        count, sort, put_back = _one_by_one(real, number_of, radii)
    unsigned, infinity = bits_of(real)

    @kernel
    def number_at(address, bits):
        store(address, 0, bits, unsigned)
        return load(address, 0, real)

    @kernel
    def count_unless_alike(n, sharpnesses, notes):
        least = greatest = load(sharpnesses, 0, unsigned)
        for i in range(n):
            bits = load(sharpnesses, i, unsigned)
            least, greatest = min(least, bits), max(greatest, bits)
        k = number_at(notes, least)
        regime = number_of(k)
        if least == greatest or (greatest <= infinity and regime == number_of(number_at(notes, greatest))):
            return n << PLACE_BITS * int(regime), k < 0, True
        counts, negative = count(n, sharpnesses, notes)
        return counts, negative, False

    return count_unless_alike, sort, put_back


def bits_of(real: Any) -> tuple[Any, Any]:
    """The integers that have the bits of numbers, and those of infinity.

    The bits of positive numbers are in their order, and those of all others come behind.
    """
    unsigned = np.uint32 if real is np.float32 else np.uint64
    return unsigned, unsigned(np.array(np.inf, real).view(unsigned))


def number_of_bounds(bounds: tuple[float, ...]) -> Any:
    """The nopython function that returns how many bounds a sharpness is not below."""

    @intrinsic
    def number_of(typingctx, k):
        def codegen(context, builder, signature, args):
            number = ir.IntType(32)(0)
            for bound in bounds:
                reached = builder.fcmp_unordered(">=", args[0], args[0].type(bound))
                number = builder.add(number, builder.zext(reached, number.type))
            return number

        return types.int32(k), codegen

    return number_of


def _one_by_one(real: Any, number_of: Any, radii: bool) -> tuple[Any, Any, Any]:
    @kernel
    def count(n, sharpnesses, regimes):
        # Without branches.
        counts, negative = 0, 0
        for i in range(n):
            k = load(sharpnesses, i, real)
            regime = number_of(k)
            store(regimes, i, regime, np.int32)
            counts += 1 << PLACE_BITS * int(regime)
            negative += int(k < 0)
        return counts, negative > 0

    @kernel
    def sort(n, regimes, starts, counts, unsorted, sorted_):
        x, k, radius = unsorted
        x_sorted, k_sorted, radius_sorted = sorted_
        following = starts
        for i in range(n):
            shift = PLACE_BITS * np.int64(load(regimes, i, np.int32))
            place = (following >> shift) & PLACE
            following += 1 << shift
            store(regimes, i, np.int32(place), np.int32)
            store(x_sorted, place, load(x, i, real), real)
            store(k_sorted, place, load(k, i, real), real)
            if radii:
                store(radius_sorted, place, load(radius, i, np.float64), np.float64)

    @kernel
    def put_back(n, places, starts, counts, results, block):
        for i in range(n):
            store(block, i, load(results, np.int64(load(places, i, np.int32)), real), real)

    return count, sort, put_back


# Numbers of float32 in a vector.
_LANES = 16


def _compressed(bounds: tuple[float, ...]) -> tuple[Any, Any, Any]:
    """Vector by vector, for one regime after the other; what is noted are masks of bits, one for each."""
    regimes = len(bounds) + 1
    none, noted, counted, bits_set, compress, expand = _vectors(bounds)

    @kernel
    def count(n, sharpnesses, masks):
        below = none
        for i in range(0, n, _LANES):
            below = noted(sharpnesses, i, masks, n // _LANES, below)
        return counted(n, below)

    def each_vector(move: Callable[..., None]) -> Any:
        """The nopython function that calls another for the elements of each regime in each vector."""

        @kernel
        def each(n, masks, starts, counts, sources, targets):
            vectors = n // _LANES
            for regime in range(regimes):
                shift = PLACE_BITS * regime
                place = (starts >> shift) & PLACE
                if (counts >> shift) & PLACE > 0:
                    for i in range(vectors):
                        mask = np.int64(load(masks, regime * vectors + i, np.uint16))
                        move(i * _LANES, mask, place, sources, targets)
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

    return count, each_vector(together), each_vector(apart)


def _vectors(bounds: tuple[float, ...]) -> tuple[Any, ...]:
    """The nopython functions of one vector that `_compressed` is made of."""
    integer, bits_kind, number = ir.IntType(types.intp.bitwidth), ir.IntType(_LANES), ir.FloatType()
    vector, mask_kind = ir.VectorType(number, _LANES), ir.VectorType(ir.IntType(1), _LANES)
    totals_kind = types.UniTuple(types.intp, len(bounds) + 1)

    def at(builder: Any, address: Any, i: Any) -> Any:
        """The address of the vector that begins with number i."""
        first = builder.gep(builder.inttoptr(address, number.as_pointer()), [i])
        return builder.bitcast(first, vector.as_pointer())

    def called(builder: Any, name: str, *args: Any) -> Any:
        kind = ir.FunctionType(vector, [arg.type for arg in args])
        name = f"llvm.{name}.v{_LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    @intrinsic
    def noted(typingctx, source, i, masks, vectors, below):
        """Note the mask of each regime for the sharpnesses of the vector that begins with number i.

        What is returned is how many are below each bound, and how many are negative, with these and those before.
        """

        def codegen(context, builder, signature, args):
            source, i, masks, vectors, before = args
            numbers = builder.load(at(builder, source, i), align=4)
            place = builder.gep(builder.inttoptr(masks, bits_kind.as_pointer()), [builder.sdiv(i, integer(_LANES))])
            all_ones = ir.Constant(mask_kind, [1] * _LANES)
            uppers = [
                builder.fcmp_ordered("<", numbers, ir.Constant(vector, [bound] * _LANES)) for bound in (*bounds, 0.0)
            ]
            totals = [
                builder.add(total, builder.zext(builder.ctpop(builder.bitcast(upper, bits_kind)), integer))
                for total, upper in zip(cgutils.unpack_tuple(builder, before), uppers, strict=True)
            ]
            lower = ir.Constant(mask_kind, [0] * _LANES)
            for upper in (*uppers[:-1], all_ones):
                own = builder.and_(upper, builder.xor(lower, all_ones))
                builder.store(builder.bitcast(own, bits_kind), place)
                place, lower = builder.gep(place, [vectors]), upper
            return context.make_tuple(builder, totals_kind, totals)

        return totals_kind(types.intp, types.intp, types.intp, types.intp, totals_kind), codegen

    @intrinsic
    def counted(typingctx, n, below):
        """How many of n sharpnesses are of each regime, and whether any is negative."""

        def codegen(context, builder, signature, args):
            *totals, negative = cgutils.unpack_tuple(builder, args[1])
            counts, lower = integer(0), integer(0)
            for regime, upper in enumerate((*totals, args[0])):
                here = builder.shl(builder.sub(upper, lower), integer(PLACE_BITS * regime))
                counts, lower = builder.add(counts, here), upper
            return context.make_tuple(
                builder, signature.return_type, [counts, builder.icmp_signed(">", negative, integer(0))]
            )

        return types.Tuple([types.intp, types.boolean])(types.intp, totals_kind), codegen

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
            numbers = builder.load(at(builder, source, i), align=4)
            undefined = ir.Constant(vector, ir.Undefined)
            together = called(builder, "experimental.vector.compress", numbers, as_mask(builder, mask), undefined)
            builder.store(together, at(builder, target, place), align=4)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), codegen

    @intrinsic
    def expand(typingctx, source, place, mask, target, i):
        """Replace those numbers of a vector for which a bit is set by what is side by side from a place on."""

        def codegen(context, builder, signature, args):
            source, place, mask, target, i = args
            first = builder.gep(builder.inttoptr(source, number.as_pointer()), [place])
            numbers = at(builder, target, i)
            others = builder.load(numbers, align=4)
            apart = called(builder, "masked.expandload", first, as_mask(builder, mask), others)
            builder.store(apart, numbers, align=4)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), codegen

    return (0,) * (len(bounds) + 1), noted, counted, bits_set, compress, expand
