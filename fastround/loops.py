"""The inner loops of the ufuncs: point kernels laid over memory.

A loop has NumPy's signature `void(char **args, npy_intp *dims, npy_intp *steps, void *data)`.  Here `data` points to
integers, the first of which the loop sets where a sharpness was negative.  Where the third is not 0, the call is for
several rows: their number follows the first of `dims`, and the steps from row to row follow `OPERANDS` of `steps`.
There are two loops for each ufunc and precision:

* uniform: one sharpness for the call, or for each row, whose constants are computed once;
* varying: one sharpness for each element, its constants computed in the vectorised loop.  A block is sorted by regime,
  so that the elements of each are taken together.  It takes one row.

For windows, a sharpness comes with a radius, and constants take a vectorised loop for each of their stages.  The
uniform loop is only for windows that differ from the infinite sum.  For others, the varying one, and the uniform one
for rows, call the same loop of the infinite sum, the address of which is the second number in `data`.

Called for no element, a loop answers a question that is in `data`.  The uniform loop for windows sets the fourth number
if any are as the infinite sum, and where there are no rows, leaves the sharpness of that at an address.  A varying loop
says where many sharpnesses side by side are equal, for which the uniform one is faster: NumPy repeats a sharpness where
it is broadcast.  Or, asked for runs of no length, it says how many windows are as the infinite sum.

Either goes through the operands in blocks.  An operand that is not contiguous is copied through a small buffer on the
stack, so that the arithmetic is vectorised for every layout.  So is one of float16, which is computed in float32, and
what does not fill a vector; where the sharpness varies, so is what does not fill a block, and every radius.
An output may take the place of an input, but may not overlap it otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cache import vector_bytes
from .entry import OPERANDS
from .kernels.elementary import kernel
from .kernels.staircase import Windows
from .kernels.theta import Regime, Shorter
from .lanes import in_stages, vectorised
from .memory import LINE, buffers, copies, fetches, load, prefetch_to_read, prefetch_to_write, store
from .partition import PLACE, PLACE_BITS, bits_of, number_of_bounds, partition
from .table import Ufunc

_BLOCK = 1024
# From so many elements on, a last vector that is not whole is worth a turn of its own.
_APART = 128
# How many vectors are computed at a time where k is the same.
_GROUP = 4
# Within so many bytes at most, a processor fetches ahead.
_PAGE = 4096

SIGNATURE = types.void(*[types.CPointer(types.intp)] * 4)


@intrinsic
def _call_loop(typingctx, loop, pointers, dims, steps, data):
    """Call the loop at an address."""

    def codegen(context, builder, signature, args):
        address, *numbers, data = args

        def array(numbers):
            with builder.goto_entry_block():
                place = builder.alloca(address.type, len(numbers))
            for index, number in enumerate(numbers):
                builder.store(number, builder.gep(place, [ir.IntType(32)(index)]))
            return place

        arguments = *(array(cgutils.unpack_tuple(builder, each)) for each in numbers), data
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)
        return context.get_dummy_value()

    return types.void(loop, pointers, dims, steps, data), codegen


def _successively(first: Callable[..., None], second: Callable[..., None]) -> Any:
    @kernel
    def both(*args):
        first(*args)
        second(*args)

    return both


def loop(ufunc: Ufunc, real: Any, varying: bool, integer: Any = None) -> Callable[..., None]:
    """The Python function that `cache.numba_module` compiles to a loop of a ufunc, for one precision.

    `integer` is the type of the window radius, if there is one.
    """
    # float16 is a format of memory: all of it goes through buffers of float32.
    memory, real = real, np.float32 if real is np.float16 else real
    zero, size, memory_size, plain = real(0), real(0).itemsize, memory(0).itemsize, memory is real
    picks = ufunc.output.picks
    line = ufunc.staircase(real)
    regimes = line.regimes
    first, last = picks[0], picks[-1]
    two_outputs, windowed = len(picks) == 2, isinstance(line, Windows)
    unsigned, infinity = bits_of(real)
    of_infinite: Any = None
    own_number: Any = None
    if isinstance(line, Windows):
        of_infinite, own_number = line.of_infinite(), line.number()

    gather, scatter = copies(memory, real)
    vector, group = vector_bytes(), vector_bytes() * _GROUP
    # The elements of a vector, and of the vectors that are taken at a time.
    width, taken = vector // size, group // size
    fetch_to_read, fetch_to_write = fetches(taken)
    one_vector, some_vectors = vectorised(1, width), vectorised(_GROUP, width)

    @kernel
    def whole(n, unit):
        """n rounded up to a multiple of a power of two."""
        return (n + unit - 1) & -unit

    @kernel
    def in_next_page(address):
        """A place in the first quarter of the next page, all of which comes while this page is gone through.

        For a processor fetches no page before it is met, and would wait at each.
        """
        here = address & (_PAGE - 1)
        return address - here + _PAGE + (here >> 2)

    def uniform_regime(regime: Regime) -> Any:
        constants_of, point = regime.constants, regime.point

        @kernel
        def element(i, operands):
            x, y, z, constants = operands
            result = point(load(x, i, real), constants)
            store(y, i, result[first], real)
            if two_outputs:
                store(z, i, result[last], real)

        @kernel
        def blocks(sharpness, rows, x, y, z, x_step, y_step, z_step, n, buffers):
            constants = constants_of(sharpness)
            x_buffer, y_buffer, z_buffer = buffers
            x_contiguous = plain and x_step == size
            y_contiguous, z_contiguous = plain and y_step == size, plain and z_step == size
            some_contiguous = x_contiguous or y_contiguous or z_contiguous
            count, x_row, y_row, z_row = rows
            for row in range(count):
                start = 0
                while start < n:
                    m = min(_BLOCK, n - start)
                    if some_contiguous and m >= _APART:
                        # What is no whole vector is taken later, so that the others need no copy.
                        m &= -width
                    end = whole(m, width)
                    x_at = x + row * x_row + start * x_step
                    y_at, z_at = y + row * y_row + start * y_step, z + row * z_row + start * z_step
                    # What is not a whole number of vectors is filled up in a buffer.
                    x_direct = x_contiguous and m == end
                    y_direct, z_direct = y_contiguous and m == end, z_contiguous and m == end
                    if not x_direct:
                        for i in range(end - width, end):
                            store(x_buffer, i, zero, real)
                        gather(x_at, x_step, m, x_buffer)
                    x_block = x_at if x_direct else x_buffer
                    y_block, z_block = y_at if y_direct else y_buffer, z_at if z_direct else z_buffer
                    rest = end * size & -group
                    copied = not (x_direct and y_direct and z_direct)
                    # The next block, of this row or the next.
                    start += m
                    x_next = x + (row + 1) * x_row if start == n else x_at + m * x_step
                    x_step_ahead = 0 if x_direct or (start == n and row + 1 == count) else x_step
                    for i in range(0, rest, group):
                        if copied:
                            # What is copied next, to or from a buffer, comes into the cache meanwhile.
                            j = i // size
                            fetch_to_read(x_next + j * x_step, x_step_ahead)
                            fetch_to_write(y_at + j * y_step, 0 if y_direct else y_step)
                            if two_outputs:
                                fetch_to_write(z_at + j * z_step, 0 if z_direct else z_step)
                        prefetch_to_read(in_next_page(x_block + i))
                        prefetch_to_write(in_next_page(y_block + i))
                        if two_outputs:
                            prefetch_to_write(in_next_page(z_block + i))
                        some_vectors(element, (x_block + i, y_block + i, z_block + i, constants))
                    for i in range(rest, end * size, vector):
                        one_vector(element, (x_block + i, y_block + i, z_block + i, constants))
                    if not y_direct:
                        scatter(y_block, m, y_at, y_step)
                    if two_outputs and not z_direct:
                        scatter(z_block, m, z_at, z_step)

        return blocks

    @kernel
    def sharpness_at(i, operands):
        """The sharpness of an element, with the radius where there is one."""
        _, k_at, radius_at, _, _ = operands
        k = np.float64(load(k_at, i, real))
        return (k, load(radius_at, i, np.float64)) if windowed else k

    @kernel
    def prefetch_at(offset, operands):
        """Let come what is so many elements further."""
        (x, x_step), (k, k_step), (y, y_step), (z, z_step) = operands
        prefetch_to_read(x + offset * x_step)
        prefetch_to_read(k + offset * k_step)
        prefetch_to_read(y + offset * y_step)
        if two_outputs:
            prefetch_to_read(z + offset * z_step)

    def varying_regime(regime: Regime, number: int) -> Any:
        *stages, constants_of = regime.stages or (regime.constants,)
        point, shift, varying_width = regime.point, PLACE_BITS * number, regime.vectors * width

        def with_point_of(constants_of: Any) -> Any:
            @kernel
            def with_point(i, operands, state):
                x, _, _, y, z = operands
                result = point(load(x, i, real), constants_of(state))
                store(y, i, result[first], real)
                if two_outputs:
                    store(z, i, result[last], real)

            return with_point

        def group_of(constants_of: Any) -> Any:
            with_point, all_at_once = with_point_of(constants_of), vectorised(regime.vectors, width)

            @kernel
            def element(i, operands):
                with_point(i, operands, sharpness_at(i, operands))

            @kernel
            def group(operands, extremes):
                all_at_once(element, operands)

            return group

        def group_or_longer(shorter: Shorter, longer: Any) -> Any:
            group = group_of(shorter.constants)
            radius, k = np.float64(shorter.radius).view(np.uint64), real(shorter.least).view(unsigned)

            @kernel
            def either(operands, extremes):
                greatest, least = extremes
                if greatest <= radius and least >= k:
                    group(operands, extremes)
                else:
                    longer(operands, extremes)

            return either

        if stages:
            with_point = with_point_of(constants_of)
            staged = in_stages(sharpness_at, tuple(stages), with_point, varying_width, vector // 8, width)

            @kernel
            def group(operands, extremes):
                staged(operands)
        else:
            group = group_of(constants_of)
            for shorter in regime.shorter[::-1]:
                group = group_or_longer(shorter, group)
        any_shorter = bool(regime.shorter)

        @kernel
        def run(operands, starts, ends, data, following):
            """Take the elements of this regime from their places, and fill up the last group.

            Meanwhile, what follows in memory comes into the cache.
            """
            x, k, radius, y, z = operands
            start, end = (starts >> shift) & PLACE, (ends >> shift) & PLACE
            stop = start + whole(end - start, varying_width)
            for j in range(end, stop):
                store(x, j, load(x, start, real), real)
                store(k, j, load(k, start, real), real)
                if windowed:
                    store(radius, j, load(radius, start, np.float64), np.float64)
            # The bits of positive numbers are in their order, and are compared by vectors.
            greatest, least = np.uint64(0), infinity
            if any_shorter:
                for j in range(start, end):
                    greatest, least = max(greatest, load(radius, j, np.uint64)), min(least, load(k, j, unsigned))
            for j in range(start, stop, varying_width):
                for offset in range(j, j + varying_width, LINE // memory_size):
                    prefetch_at(offset, following)
                i = j * size
                group((x + i, k + i, radius + j * 8, y + i, z + i), (greatest, least))

        return run

    @kernel
    def infinite_elements(operands, starts, ends, data, following):
        """Let the loop of the infinite sum take the windows that are as that, which come first."""
        x, k, _, y, z = operands
        n = (ends & PLACE) - (starts & PLACE)
        if data[1] != 0:
            if n > 0:
                _call_loop(data[1], (x, k, y, z), (n,), (size, size, size, size), data)
        else:
            # Another thread has just changed the sharpness: there was no need for that loop.
            for i in range(n):
                store(y, i, real(np.nan), real)
                store(z, i, real(np.nan), real)

    y_place = 3 if windowed else 2
    z_place = y_place + len(picks) - 1

    @kernel
    def rows_of(dims, steps, data):
        """How many rows there are, and the steps of x, k, the radius and the outputs from one to the next."""
        if data[2] == 0:
            return 1, 0, 0, 0, 0, 0
        x_row, k_row, radius_row = steps[OPERANDS], steps[OPERANDS + 1], steps[OPERANDS + 2] if windowed else 0
        return dims[1], x_row, k_row, radius_row, steps[OPERANDS + y_place], steps[OPERANDS + z_place]

    single = buffers(1)
    if not varying:
        buffer = buffers(_BLOCK)
        if isinstance(line, Windows):
            blocks = line.chosen_own(list(map(uniform_regime, line.own)))
        else:
            blocks = line.chosen(list(map(uniform_regime, regimes)))

        def uniform(args, dims, steps, data):
            n, x, y, z = dims[0], args[0], args[y_place], args[z_place]
            x_step, y_step, z_step = steps[0], steps[y_place], steps[z_place]
            count, x_row, k_row, radius_row, y_row, z_row = rows_of(dims, steps, data)
            # Rows of one sharpness are taken together, others one after the other.
            turns, together = (1, count) if k_row == 0 and radius_row == 0 else (count, 1)
            rows, buffers = (together, x_row, y_row, z_row), (buffer(real), buffer(real), buffer(real))
            for turn in range(turns):
                k = np.float64(load(args[1] + turn * k_row, 0, memory))
                x_at, y_at, z_at = x + turn * x_row, y + turn * y_row, z + turn * z_row
                if windowed:
                    radius = np.float64(load(args[2] + turn * radius_row, 0, integer))
                    differs, infinite_k = of_infinite((k, radius))
                    if n == 0:
                        if not differs:
                            data[3] = 1
                            if data[2] == 0:
                                store(data[1], 0, real(infinite_k), memory)
                    elif differs or data[1] == 0:
                        blocks((k, radius), rows, x_at, y_at, z_at, x_step, y_step, z_step, n, buffers)
                    else:
                        k_at = single(np.float64)
                        store(k_at, 0, real(infinite_k), memory)
                        its_steps = x_step, 0, y_step, z_step, 0, x_row, 0, y_row, z_row, 0
                        _call_loop(data[1], (x_at, k_at, y_at, z_at), (n, together), its_steps, data)
                else:
                    if k < 0:
                        data[0] = 1
                    blocks(k, rows, x_at, y_at, z_at, x_step, y_step, z_step, n, buffers)

        return uniform

    @kernel
    def all_equal(address, step, first, count, kind, kind_size):
        """Whether so many numbers from one on are as that."""
        number, others = load(address + first * step, 0, kind), 0
        if step == 0:
            return True
        if load(address + (first + count - 1) * step, 0, kind) != number:
            return False
        if step == kind_size:
            for i in range(first, first + count):
                others += load(address, i, kind) != number
        else:
            for i in range(first, first + count):
                others += load(address + i * step, 0, kind) != number
        return others == 0

    @kernel
    def alike(args, steps, first, count):
        """Whether so many sharpnesses from one on are as that."""
        same = all_equal(args[1], steps[1], first, count, memory, memory_size)
        return same and all_equal(args[2], steps[2], first, count, integer, 8) if windowed else same

    @kernel
    def long_run(args, steps, asked):
        """Where, from a place on, so many or more of the first n sharpnesses are alike, and until where.

        A copy of the sharpness and the radius is left at two addresses, since outputs may take the place of either.
        """
        first, n, least = asked[0], asked[2], asked[3]
        while first + least <= n:
            if alike(args, steps, first, least):
                start, end, more = asked[0], first + least, least
                while more > 0:
                    if end + more <= n and alike(args, steps, end - 1, more + 1):
                        end, more = end + more, more + more
                    else:
                        more >>= 1
                more = least >> 1
                while more > 0:
                    if first - more >= start and alike(args, steps, first - more, more + 1):
                        first -= more
                    else:
                        more >>= 1
                asked[0], asked[1] = first, end
                store(asked[4], 0, load(args[1] + first * steps[1], 0, memory), memory)
                if windowed:
                    store(asked[5], 0, load(args[2] + first * steps[2], 0, integer), integer)
                return
            first += least
        asked[0] = asked[1] = n

    @kernel
    def regime_at(k_bits, radius, place):
        """The number of the regime of a window."""
        store(place, 0, k_bits, unsigned)
        sharpness = np.float64(load(place, 0, real)), np.float64(radius)
        differs, _ = of_infinite(sharpness)
        return number_of(own_number(sharpness) if differs else -1.0)

    @kernel
    def one_regime(m, ks, radius, radius_step, place):
        """The number of the regime that all windows of a block are of, or −1 where it takes longer to tell.

        It is that of the softest with the least radius, if it is also that of the sharpest with this and the greatest.
        """
        least = greatest = load(ks, 0, unsigned)
        least_radius = greatest_radius = load(radius, 0, integer)
        for i in range(m):
            bits = load(ks, i, unsigned)
            least, greatest = min(least, bits), max(greatest, bits)
        if radius_step != 0:
            for i in range(m):
                this = load(radius + i * radius_step, 0, integer)
                least_radius, greatest_radius = min(least_radius, this), max(greatest_radius, this)
        number = regime_at(least, least_radius, place)
        # A negative or nan sharpness has greater bits.
        others = greatest > infinity or least_radius <= 0
        for greater_radius in (least_radius, greatest_radius):
            others = others or number != regime_at(greatest, greater_radius, place)
        return -1 if others else number

    @kernel
    def any_infinite(args, steps, asked, place):
        """Whether any of the first n windows is as the infinite sum."""
        n = asked[2]
        for start in range(0, n, _BLOCK):
            stop, regime = min(start + _BLOCK, n), -1
            ks, radius = args[1] + start * steps[1], args[2] + start * steps[2]
            if plain and steps[1] == size:
                regime = one_regime(stop - start, ks, radius, steps[2], place)
            if regime <= 0:
                for i in range(start, stop):
                    k = np.float64(load(args[1] + i * steps[1], 0, memory))
                    differs, _ = of_infinite((k, np.float64(load(args[2] + i * steps[2], 0, integer))))
                    if not differs:
                        asked[0] = 1
                        return
        asked[0] = 0

    if isinstance(line, Windows):
        runs = [infinite_elements, *map(varying_regime, line.own, range(1, len(line.own) + 1))]
    else:
        runs = list(map(varying_regime, regimes, range(len(regimes))))
    run, widest = functools.reduce(_successively, runs), width * max(regime.vectors for regime in regimes)
    # With room for each regime to end on a whole group of vectors, and for a vector behind the last.
    buffer = buffers(_BLOCK + len(runs) * widest + width)
    count, sort, put_back = partition(real, line.bounds, windowed)
    number_of = number_of_bounds(line.bounds)
    bits = PLACE_BITS * len(runs)
    # A whole block is of whole groups: it may stay where it is, since nothing is filled up.
    direct = plain and _BLOCK % widest == 0

    def varying_(args, dims, steps, data):
        n = dims[0]
        if n == 0:
            if windowed and data[3] == 0:
                any_infinite(args, steps, data, single(real))
            else:
                long_run(args, steps, data)
            return
        x, k, radius, y, z = args[0], args[1], args[2], args[y_place], args[z_place]
        x_step, k_step, radius_step, y_step, z_step = steps[0], steps[1], steps[2], steps[y_place], steps[z_place]
        notes, x_block, k_block = buffer(np.int32), buffer(real), buffer(real)
        x_sorted, k_sorted, z_sorted = buffer(real), buffer(real), buffer(real)
        radius_block, radius_sorted = k_block, k_sorted
        if windowed:
            radius_block, radius_sorted = buffer(np.float64), buffer(np.float64)
        x_contiguous, k_contiguous = direct and x_step == size, direct and k_step == size
        y_contiguous, z_contiguous = direct and y_step == size, direct and z_step == size
        # Whether that is in its block already.
        one_radius = False
        for start in range(0, n, _BLOCK):
            m = min(_BLOCK, n - start)
            x_at, k_at, radius_at = x + start * x_step, k + start * k_step, radius + start * radius_step
            y_at, z_at = y + start * y_step, z + start * z_step
            x_direct, k_direct = m == _BLOCK and x_contiguous, m == _BLOCK and k_contiguous
            y_direct, z_direct = m == _BLOCK and y_contiguous, m == _BLOCK and z_contiguous
            if not k_direct:
                gather(k_at, k_step, m, k_block)
            ks, regime = k_at if k_direct else k_block, -1
            if windowed:
                regime = one_regime(m, ks, radius_at, radius_step, notes)
                if regime == 0 and plain and data[1] != 0:
                    # Where it is.
                    _call_loop(data[1], (x_at, k_at, y_at, z_at), (m,), (x_step, k_step, y_step, z_step), data)
                    continue
            if not x_direct:
                gather(x_at, x_step, m, x_block)
            xs = x_at if x_direct else x_block
            # Other results come by way of the same buffers: less memory is in the cache sooner.
            ys, zs = y_at if y_direct else x_block, z_at if z_direct else k_block
            if windowed and not one_radius:
                for i in range(m):
                    radius_i = np.float64(load(radius_at + i * radius_step, 0, integer))
                    store(radius_block, i, radius_i, np.float64)
                one_radius = radius_step == 0
            # A last vector is filled up with elements like the last.
            end = whole(m, width)
            for i in range(m, end):
                store(x_block, i, load(x_block, m - 1, real), real)
                store(k_block, i, load(k_block, m - 1, real), real)
                if windowed:
                    store(radius_block, i, load(radius_block, m - 1, np.float64), np.float64)
            sharpnesses = ks
            if windowed and regime <= 0:
                # What is as the infinite sum, is so with a sharpness of its own, and comes first.
                sharpnesses = k_sorted
                for i in range(end):
                    sharpness = sharpness_at(i, (x, ks, radius_block, y, z))
                    differs, infinite_k = of_infinite(sharpness)
                    store(k_block, i, real(infinite_k), real)
                    store(sharpnesses, i, real(own_number(sharpness) if differs else -1.0), real)
                ks = k_block
            if windowed and regime > 0:
                counts, negative, alone = end << PLACE_BITS * int(regime), False, True
            else:
                counts, negative, alone = count(end, sharpnesses, notes)
            if negative and not windowed:
                data[0] = 1
            # Of one type from the beginning, or all that takes it would be compiled twice.
            starts, place = np.int64(0), np.int64(0)
            for shift in range(0, bits, PLACE_BITS):
                starts += place << shift
                place += whole((counts >> shift) & PLACE, widest)
            following = (
                (x_at + _BLOCK * x_step, x_step),
                (k_at + _BLOCK * k_step, k_step),
                (y_at + _BLOCK * y_step, y_step),
                (z_at + _BLOCK * z_step, z_step),
            )
            unsorted = xs, ks, radius_block, ys, zs
            sorted_ = x_sorted, k_sorted, radius_sorted, x_sorted, z_sorted
            if not alone:
                sort(end, notes, starts, counts, unsorted[:3], sorted_[:3])
            run(unsorted if alone else sorted_, starts, starts + counts, data, following)
            if not alone:
                put_back(end, notes, starts, counts, x_sorted, ys)
                if two_outputs:
                    put_back(end, notes, starts, counts, z_sorted, zs)
            if not y_direct:
                scatter(ys, m, y_at, y_step)
            if two_outputs and not z_direct:
                scatter(zs, m, z_at, z_step)

    return varying_
