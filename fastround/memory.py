"""Numbers in memory, by their addresses: those of operands, and of blocks on the stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from .cache import compresses, vector_bytes
from .kernels.elementary import kernel, kernel_apart

# How many bytes a line of the cache has, at least.
LINE = 64


@intrinsic
def load(typingctx, address, i, real):
    """Number i of those at an address; one of float16 as float32."""
    half = real.dtype == types.float16

    def codegen(context, builder, signature, args):
        element = _SHORT if half else context.get_value_type(real.dtype)
        value = builder.load(builder.gep(builder.inttoptr(args[0], element.as_pointer()), [args[1]]))
        return _from_half(builder, value) if half else _frozen(builder, value)

    return (types.float32 if half else real.dtype)(types.intp, types.intp, real), codegen


@intrinsic
def store(typingctx, address, i, value, real):
    """Set number i of those at an address; one of float16 from float32."""
    half = real.dtype == types.float16

    def codegen(context, builder, signature, args):
        number = _to_half(builder, args[2]) if half else args[2]
        builder.store(number, builder.gep(builder.inttoptr(args[0], number.type.as_pointer()), [args[1]]))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, value, real), codegen


def _frozen(builder, value):
    """The same value: a loop that copies would otherwise become a call of memcpy, and see `cache.object_code`."""
    freeze = ir.instructions.Instruction(builder.block, value.type, "freeze", [value])
    return builder._insert(freeze) or freeze


# The conversions are arithmetic of integers, for not every CPU has instructions for them, and LLVM's functions that
# stand in are not there at run time.
_SHORT, _WORD, _SINGLE = ir.IntType(16), ir.IntType(32), ir.FloatType()


def _from_half(builder, half):
    bits = builder.zext(half, _WORD)
    sign = builder.shl(builder.and_(bits, _WORD(0x8000)), _WORD(16))
    magnitude = builder.shl(builder.and_(bits, _WORD(0x7FFF)), _WORD(13))
    # Exponents of float32 are greater by 112, but for those of nan and infinity.
    scaled = builder.fmul(builder.bitcast(magnitude, _SINGLE), _SINGLE(2.0**112))
    special = builder.icmp_unsigned(">=", magnitude, _WORD(0x7C00 << 13))
    finite = builder.bitcast(scaled, _WORD)
    magnitude = builder.select(special, builder.or_(magnitude, _WORD(0x7F800000)), finite)
    return builder.bitcast(builder.or_(magnitude, sign), _SINGLE)


def _to_half(builder, single):
    bits = builder.bitcast(single, _WORD)
    sign = builder.lshr(builder.and_(bits, _WORD(0x80000000)), _WORD(16))
    magnitude = builder.and_(bits, _WORD(0x7FFFFFFF))
    # Ties to even: half of what is cut off is added, less one if the last bit that stays is 0.
    odd = builder.and_(builder.lshr(magnitude, _WORD(13)), _WORD(1))
    biased = builder.sub(builder.add(magnitude, builder.add(odd, _WORD(0xFFF))), _WORD(112 << 23))
    normal = builder.lshr(biased, _WORD(13))
    # Beside ½, numbers of float32 lie as close as the subnormal ones of float16.
    beside_half = builder.fadd(builder.bitcast(magnitude, _SINGLE), _SINGLE(0.5))
    subnormal = builder.sub(builder.bitcast(beside_half, _WORD), _WORD(0x3F000000))
    nan = builder.or_(_WORD(0x7E00), builder.and_(builder.lshr(magnitude, _WORD(13)), _WORD(0x3FF)))
    is_nan = builder.icmp_unsigned(">", magnitude, _WORD(0x7F800000))
    special = builder.select(is_nan, nan, _WORD(0x7C00))
    small = builder.icmp_unsigned("<", magnitude, _WORD(113 << 23))
    large = builder.icmp_unsigned(">=", magnitude, _WORD(143 << 23))
    result = builder.select(large, special, builder.select(small, subnormal, normal))
    return builder.trunc(builder.or_(result, sign), _SHORT)


def _prefetch(builder: Any, address: Any, to_write: bool) -> None:
    number = ir.IntType(32)
    place = builder.inttoptr(address, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    # Into all levels of the cache, of data.
    builder.call(function, [place, number(int(to_write)), number(3), number(1)])


def _prefetching(to_write: bool) -> Any:
    @intrinsic
    def prefetch(typingctx, address):
        """Let the line of memory at an address come, be it one of the process or not."""

        def codegen(context, builder, signature, args):
            _prefetch(builder, args[0], to_write)
            return context.get_dummy_value()

        return types.void(types.intp), codegen

    return prefetch


prefetch_to_read, prefetch_to_write = _prefetching(False), _prefetching(True)


def fetches(count: int) -> tuple[Any, Any]:
    """The nopython functions that let all lines come that hold so many numbers which are `step` bytes apart.

    One is for numbers to read, one for those to write.  For step 0, they do nothing.
    """

    def fetching(to_write: bool) -> Any:
        @intrinsic
        def fetch(typingctx, address, step):
            def codegen(context, builder, signature, args):
                builder.call(_fetch(builder.module, count, to_write), args)
                return context.get_dummy_value()

            return types.void(types.intp, types.intp), codegen

        return fetch

    return fetching(False), fetching(True)


def _fetch(module: Any, count: int, to_write: bool) -> Any:
    """That function, which is not inlined, for it is seldom wanted and takes longer to compile than to call."""
    integer = ir.IntType(types.intp.bitwidth)
    kind = ir.FunctionType(ir.VoidType(), [integer, integer])
    function = cgutils.get_or_insert_function(module, kind, f"fetch{count}.{'write' if to_write else 'read'}")
    if function.is_declaration:
        function.linkage = "internal"
        function.attributes.update(["noinline", "nounwind"])
        builder = ir.IRBuilder(function.append_basic_block())
        address, step = function.args
        backward = builder.icmp_signed("<", step, integer(0))
        distance = builder.select(backward, builder.neg(step), step)
        first = builder.add(address, builder.select(backward, builder.mul(step, integer(count - 1)), integer(0)))
        long = builder.icmp_signed(">", distance, integer(LINE))
        stop, unit = builder.mul(distance, integer(count)), builder.select(long, distance, integer(LINE))
        with cgutils.for_range_slice(builder, integer(0), stop, unit, inc=True) as (offset, _):
            _prefetch(builder, builder.add(first, offset), to_write)
        builder.ret_void()
    return function


def buffers(count: int) -> Any:
    """The nopython function that makes a block of so many numbers on the stack, and returns its address."""

    @intrinsic
    def buffer(typingctx, real):
        def codegen(context, builder, signature, args):
            element = context.get_value_type(real.dtype)
            # Not filled with zeros, as by Numba's function for this.
            with builder.goto_entry_block():
                block = builder.alloca(ir.ArrayType(element, count))
            block.align = 64
            return builder.ptrtoint(block, ir.IntType(types.intp.bitwidth))

        return types.intp(real), codegen

    return buffer


def _by_eights(function: Callable[..., None]) -> Any:
    """The nopython function that calls another for i < n, eight times in each turn of its loop."""

    @kernel
    def each(n, *args):
        rest = n & -8
        for start in range(0, rest, 8):
            for i in range(start, start + 8):
                function(i, *args)
        for i in range(rest, n):
            function(i, *args)

    return each


def _apart(real: Any, lanes: int) -> Any:
    """The nopython function that stores so many numbers of a block, from number i on, with as large gaps between."""

    @intrinsic
    def store_apart(typingctx, block, i, address):
        def codegen(context, builder, signature, args):
            element = context.get_value_type(real_type)
            vector, index = ir.VectorType(element, lanes), ir.IntType(32)
            first = builder.gep(builder.inttoptr(args[0], element.as_pointer()), [args[1]])
            numbers = builder.load(builder.bitcast(first, vector.as_pointer()), align=size)
            places = ir.VectorType(index, lanes)
            mask = ir.Constant(ir.VectorType(ir.IntType(1), lanes), [1 - n % 2 for n in range(lanes)])
            kind = ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), index, mask.type])
            # What lies in the gaps is neither read nor written.
            masked = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.v{lanes}f{8 * size}.p0")
            for half in (0, lanes // 2):
                spread = ir.Constant(places, [half + n // 2 for n in range(lanes)])
                target = builder.gep(
                    builder.inttoptr(args[2], element.as_pointer()),
                    [builder.add(builder.add(args[1], args[1]), args[1].type(2 * half))],
                )
                vectors = builder.shuffle_vector(numbers, ir.Constant(vector, ir.Undefined), spread)
                builder.call(masked, [vectors, builder.bitcast(target, vector.as_pointer()), index(size), mask])
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp), codegen

    size, real_type = real(0).itemsize, from_dtype(np.dtype(real))
    return store_apart


@intrinsic
def _stay_outside(typingctx):
    """Let LLVM optimise the function around once, and not at every call."""

    def codegen(context, builder, signature, args):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


def copies(memory: Any, real: Any) -> tuple[Any, Any]:
    """The nopython functions that copy numbers to a block of `real`, and back, from where they are, as `memory`."""
    size, plain = real(0).itemsize, memory is real
    # On many processors, masked stores of narrower vectors take longer than as many stores of one number.
    lanes, masks = vector_bytes() // size, compresses()
    store_apart = _apart(real, lanes)

    @kernel
    def gather_one(i, address, step, block):
        store(block, i, load(address + i * step, 0, memory), real)

    @kernel
    def scatter_one(i, address, step, block):
        store(address + i * step, 0, load(block, i, real), memory)

    gather_each, scatter_each = _by_eights(gather_one), _by_eights(scatter_one)

    @kernel_apart
    def gather(address, step, n, block):
        """Copy n numbers that are `step` bytes apart to a block without gaps."""
        _stay_outside()
        # The first three are made with vectors, whose elements are shuffled.
        if plain and step == size:
            for i in range(n):
                store(block, i, load(address, i, real), real)
        elif plain and step == 2 * size:
            for i in range(n):
                store(block, i, load(address, 2 * i, real), real)
        elif plain and step == -size:
            for i in range(n):
                store(block, i, load(address, -i, real), real)
        else:
            gather_each(n, address, step, block)

    @kernel_apart
    def scatter(block, n, address, step):
        """Copy n numbers from a block to places `step` bytes apart."""
        _stay_outside()
        # As above.
        if plain and step == size:
            for i in range(n):
                store(address, i, load(block, i, real), real)
        elif plain and masks and step == 2 * size:
            rest = n & -lanes
            for i in range(0, rest, lanes):
                store_apart(block, i, address)
            for i in range(rest, n):
                scatter_one(i, address, step, block)
        elif plain and step == -size:
            for i in range(n):
                store(address, -i, load(block, i, real), real)
        else:
            scatter_each(n, address, step, block)

    return gather, scatter
