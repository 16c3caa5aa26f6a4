"""The functions that call the loops: they choose the loop and the threads, and keep the floating-point status.

`entry` is what NumPy calls, for every ufunc.  `rows` is for arrays of several axes.  For it, `dims` are the length of
the innermost axis, the number of others and their lengths, and `steps` are those along each axis, of as many operands
as a ufunc can have, all from the innermost axis to the outermost.  When it is done, the first of `dims` says whether
there was a negative sharpness, and the second is 0; if a loop that it needs is not compiled, it does nothing.

Their `data` is, for one ufunc and precision, an array of: the addresses of the uniform and the varying loop (0 until
compiled), that of a function to call where one is not compiled, the number of operands, the address of the `state` of
`fastround.threads`, the number of operands that are inputs, and over windows, else 0, the addresses of the place in
NumPy's table that the ufunc of the infinite sum has, of its data, and of its data for the precision of the arithmetic.
The last number is for `fastround.vectorcall`.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from llvmlite import binding, ir
from numba.core import cgutils

from . import threads

NAME, ROWS = "entry", "rows"

# The most operands that a ufunc here has.
OPERANDS = 5
# From so many equal sharpnesses on, a call of their own is worth it: sooner over windows, whose constants take longer.
_RUN, _WINDOWED_RUN = 128, 16

_VOID, INTEGER, BYTES = ir.VoidType(), ir.IntType(64), ir.IntType(8).as_pointer()
INTEGERS = INTEGER.as_pointer()
_LOOP = ir.FunctionType(_VOID, [BYTES, INTEGERS, INTEGERS, BYTES])

if ctypes.sizeof(ctypes.c_void_p) * 8 != INTEGER.width:
    raise ImportError(f"fastround needs a {INTEGER.width}-bit Python")


class _Work(NamedTuple):
    """A loop, what it is called with, and the data of the ufunc; `flags` are the loop's own data."""

    loop: ir.Value
    args: ir.Value
    dims: ir.Value
    steps: ir.Value
    flags: ir.Value
    fields: ir.Value


def module() -> ir.Module:
    """The LLVM module of both functions."""
    module = ir.Module(NAME)
    module.triple = binding.get_process_triple()
    _add_entry(module)
    _add_rows(module)
    return module


def _add_entry(module: ir.Module) -> None:
    function = ir.Function(module, _LOOP, NAME)
    args, dims, steps, data = function.args
    builder = ir.IRBuilder(function.append_basic_block())

    def place(index: int) -> ir.Value:
        return _place(builder, fields, index)

    fields, pointers = builder.bitcast(data, INTEGERS), builder.bitcast(args, INTEGERS)
    n = item(builder, dims, 0)
    with builder.if_then(builder.icmp_signed("<=", n, INTEGER(0))):
        builder.ret_void()

    def compile_first() -> None:
        """Call what compiles a loop, and calls this function again."""
        with _flags_kept(module, builder):
            _call(builder, item(builder, fields, 2), _LOOP, [args, dims, steps, data])
        builder.ret_void()

    inputs = item(builder, fields, 5)
    with builder.if_then(_crosses(builder, pointers, n, steps, inputs), likely=False):
        # One element after the other, by calls of this function.
        one, element = _array(builder, [1]), builder.alloca(INTEGER, OPERANDS)
        with cgutils.for_range(builder, n) as each:
            for index in range(OPERANDS):
                source = place(index)
                step = builder.load(builder.gep(steps, [source]))
                pointer = builder.add(builder.load(builder.gep(pointers, [source])), builder.mul(each.index, step))
                builder.store(pointer, builder.gep(element, [INTEGER(index)]))
            builder.call(function, [builder.bitcast(element, BYTES), one, steps, data])
        builder.ret_void()

    one_sharpness = _one_sharpness(builder, steps, inputs)
    one_sharpness = builder.or_(one_sharpness, builder.icmp_signed("==", n, INTEGER(1)))
    loop = builder.select(one_sharpness, item(builder, fields, 0), item(builder, fields, 1))
    with builder.if_then(builder.icmp_signed("==", loop, INTEGER(0)), likely=False):
        compile_first()

    ask, flags = _ask(module), _array(builder, [0] * 4)
    windowed = builder.icmp_signed("!=", item(builder, fields, 6), INTEGER(0))
    with builder.if_then(builder.and_(windowed, one_sharpness)):
        # Whether this is the infinite sum, and for which sharpness.
        sharpness = builder.alloca(INTEGER)
        question = _array(builder, [0, builder.ptrtoint(sharpness, INTEGER), 0, 0])
        builder.call(ask, [loop, args, steps, question])
        with builder.if_then(builder.icmp_signed("!=", item(builder, question, 3), INTEGER(0))):
            # Without the radius.
            others, other_steps = (
                _array(builder, [*(item(builder, array, place(index)) for index in (0, 1, 3, 4)), 0])
                for array in (pointers, steps)
            )
            builder.store(builder.ptrtoint(sharpness, INTEGER), builder.gep(others, [INTEGER(1)]))
            infinite = item(builder, builder.inttoptr(item(builder, fields, 6), INTEGERS), 0)
            its_data = builder.inttoptr(item(builder, fields, 7), BYTES)
            # It may have to be compiled.
            with _flags_kept(module, builder):
                _call(builder, infinite, _LOOP, [builder.bitcast(others, BYTES), dims, other_steps, its_data])
            builder.ret_void()

    finish, go_on = map(function.append_basic_block, ("finish", "go_on"))
    # If threads share this call, a run of equal sharpnesses should be long enough for them as well.
    threshold = item(builder, builder.inttoptr(item(builder, fields, 4), INTEGERS), 3)
    least = builder.select(windowed, INTEGER(_WINDOWED_RUN), INTEGER(_RUN))
    least = builder.select(builder.icmp_signed(">=", n, threshold), threshold, least)
    several = builder.and_(builder.icmp_signed(">", n, least), builder.not_(one_sharpness))
    with builder.if_then(several):
        finished = builder.call(_by_runs(module, function, ask), [args, dims, steps, data, loop, least])
        builder.cbranch(finished, finish, go_on)
    builder.branch(go_on)
    builder.position_at_end(finish)
    builder.ret_void()
    builder.position_at_end(go_on)

    with builder.if_then(builder.and_(windowed, builder.not_(one_sharpness))):
        infinite_loop = item(builder, builder.inttoptr(item(builder, fields, 8), INTEGERS), 1)
        builder.store(infinite_loop, builder.gep(flags, [INTEGER(1)]))
        with builder.if_then(builder.icmp_signed("==", infinite_loop, INTEGER(0)), likely=False):
            # For runs of no length, a loop says whether any windows are as the infinite sum.
            question = _array(builder, [0, 0, n, 0])
            builder.call(ask, [loop, args, steps, question])
            with builder.if_then(builder.icmp_signed("!=", builder.load(question), INTEGER(0))):
                compile_first()

    # Where the results all go to one place, the last stays.
    last_output = builder.sub(item(builder, fields, 3), INTEGER(1))
    spread = builder.and_(
        *(builder.icmp_signed("!=", item(builder, steps, output), INTEGER(0)) for output in (inputs, last_output))
    )
    size = builder.select(spread, n, INTEGER(0))
    _in_threads(module, builder, _Work(loop, args, dims, steps, flags, fields), n, size, False)
    builder.ret_void()


def _add_rows(module: ir.Module) -> None:
    function = ir.Function(module, _LOOP, ROWS)
    args, dims, steps, data = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    fields = builder.bitcast(data, INTEGERS)
    n, axes = item(builder, dims, 0), item(builder, dims, 1)
    one_sharpness = _one_sharpness(builder, steps, item(builder, fields, 5))
    loop = builder.select(one_sharpness, item(builder, fields, 0), item(builder, fields, 1))
    with builder.if_then(builder.icmp_signed("==", loop, INTEGER(0)), likely=False):
        builder.ret_void()
    product, flags = _array(builder, [1]), _array(builder, [0, 0, builder.zext(one_sharpness, INTEGER), 0])
    with cgutils.for_range(builder, axes) as axis:
        length = item(builder, dims, builder.add(axis.index, INTEGER(2)))
        builder.store(builder.mul(builder.load(product), length), product)
    rows, work = builder.load(product), _Work(loop, args, dims, steps, flags, fields)
    with builder.if_then(builder.icmp_signed("!=", item(builder, fields, 6), INTEGER(0))):
        uniform, varying = (builder.inttoptr(item(builder, fields, index), INTEGERS) for index in (7, 8))
        infinite_loop = builder.select(one_sharpness, item(builder, uniform, 0), item(builder, varying, 1))
        builder.store(infinite_loop, builder.gep(flags, [INTEGER(1)]))
        with builder.if_then(builder.icmp_signed("==", infinite_loop, INTEGER(0)), likely=False):
            with builder.if_then(builder.not_(one_sharpness)):
                builder.ret_void()
            # For rows of no length, the loop says whether any windows are as the infinite sum.
            builder.call(_share(module, True), _shares(builder, work, INTEGER(0), rows, INTEGER(1)))
            with builder.if_then(builder.icmp_signed("!=", item(builder, flags, 3), INTEGER(0))):
                builder.ret_void()
    _in_threads(module, builder, work, rows, builder.mul(n, rows), True)
    for index, value in ((0, item(builder, flags, 0)), (1, INTEGER(0))):
        builder.store(value, builder.gep(dims, [INTEGER(index)]))
    builder.ret_void()


def _in_threads(
    module: ir.Module, builder: ir.IRBuilder, work: _Work, units: ir.Value, size: ir.Value, by_rows: bool
) -> None:
    """Call the loop for all units, elements or rows, by several threads if the size is worth it."""
    pool = builder.inttoptr(item(builder, work.fields, 4), INTEGERS)
    share, n = _share(module, by_rows), item(builder, work.dims, 0)
    kept = _enter_status(module, builder)
    names = ("alone", "large", "taken", "shared", "parallel", "single", "release", "done")
    alone, large, taken, shared, parallel, single, release, done = map(builder.append_basic_block, names)

    def shares(count: ir.Value) -> tuple[ir.Value, ...]:
        return _shares(builder, work, n, units, count)

    def in_this_thread() -> None:
        if by_rows:
            builder.call(share, shares(INTEGER(1)))
        else:
            flags = builder.bitcast(work.flags, BYTES)
            _call(builder, work.loop, _LOOP, [work.args, work.dims, work.steps, flags])

    builder.cbranch(builder.icmp_signed(">=", size, item(builder, pool, 3)), large, alone)

    builder.position_at_end(large)
    unlaunched = builder.icmp_signed("==", builder.load_atomic(pool, "acquire", 8), INTEGER(threads.UNLAUNCHED))
    with builder.if_then(unlaunched, likely=False):
        _call(builder, item(builder, pool, 4), ir.FunctionType(_VOID, []), [])
    free = builder.cmpxchg(pool, INTEGER(threads.FREE), INTEGER(threads.BUSY), "acq_rel", "acquire")
    builder.cbranch(builder.extract_value(free, 1), taken, alone)

    builder.position_at_end(taken)
    with builder.if_then(builder.icmp_signed("!=", item(builder, pool, 5), INTEGER(0))):
        builder.cbranch(_has_other_threads(module, builder), single, shared)
    builder.branch(shared)

    builder.position_at_end(shared)
    count = _call(builder, item(builder, pool, 2), ir.FunctionType(INTEGER, []), [])
    builder.cbranch(builder.icmp_signed(">", count, INTEGER(1)), parallel, single)

    builder.position_at_end(parallel)
    # parallel_for(loop, args, dims, steps, data, inner dimensions, operands, threads)
    scheduler = ir.FunctionType(_VOID, [BYTES] * 5 + [INTEGER] * 3)
    arrays = [builder.bitcast(array, BYTES) for array in (share, *shares(count))]
    _call(builder, item(builder, pool, 1), scheduler, [*arrays, INTEGER(0), INTEGER(1), count])
    builder.branch(release)

    builder.position_at_end(single)
    in_this_thread()
    builder.branch(release)

    builder.position_at_end(release)
    # A forked child has closed the pool.
    builder.cmpxchg(pool, INTEGER(threads.BUSY), INTEGER(threads.FREE), "acq_rel", "acquire")
    builder.branch(done)

    builder.position_at_end(alone)
    in_this_thread()
    builder.branch(done)

    builder.position_at_end(done)
    raised = builder.icmp_signed("!=", item(builder, work.flags, 0), INTEGER(0))
    _leave_status(module, builder, kept, raised)


def _shares(builder: ir.IRBuilder, work: _Work, n: ir.Value, units: ir.Value, count: ir.Value) -> tuple[ir.Value, ...]:
    """What the function of `_share` is called with for so many shares: their numbers are its only operand."""
    addresses = (builder.ptrtoint(array, INTEGER) for array in (work.args, work.dims, work.steps, work.flags))
    data = _array(builder, [work.loop, *addresses, n, units, count, item(builder, work.fields, 3)])
    first, dims, step = (_array(builder, [value]) for value in (0, count, 1))
    return builder.bitcast(first, BYTES), dims, step, builder.bitcast(data, BYTES)


def _one_sharpness(builder: ir.IRBuilder, steps: ir.Value, inputs: ir.Value) -> ir.Value:
    """Whether the sharpness is the same for all elements, and the radius, in whose place it is where there is none."""
    places = INTEGER(1), builder.sub(inputs, INTEGER(1))
    return builder.and_(*(builder.icmp_signed("==", item(builder, steps, place), INTEGER(0)) for place in places))


def item(builder: ir.IRBuilder, array: ir.Value, index: ir.Value | int) -> ir.Value:
    """A number of an array."""
    return builder.load(builder.gep(array, [INTEGER(index) if isinstance(index, int) else index]))


def _array(builder: ir.IRBuilder, values: Sequence[ir.Value | int]) -> ir.Value:
    """A new array of such numbers."""
    with builder.goto_entry_block():
        array = builder.alloca(INTEGER, len(values))
    for index, value in enumerate(values):
        builder.store(INTEGER(value) if isinstance(value, int) else value, builder.gep(array, [INTEGER(index)]))
    return array


def _call(builder: ir.IRBuilder, address: ir.Value, kind: ir.FunctionType, arguments: Sequence[ir.Value]) -> ir.Value:
    """Call the function at an address."""
    return builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


def _place(builder: ir.IRBuilder, fields: ir.Value, index: int) -> ir.Value:
    """The place of an operand; one that is not there takes that of the first."""
    count = builder.load(builder.gep(fields, [INTEGER(3)]))
    return builder.select(builder.icmp_signed("<", INTEGER(index), count), INTEGER(index), INTEGER(0))


def _ask(module: ir.Module) -> ir.Function:
    """The function that calls a loop for no element, to answer a question."""
    kind = ir.FunctionType(_VOID, [INTEGER, BYTES, INTEGERS, INTEGERS])
    function = ir.Function(module, kind, "ask")
    function.linkage = "internal"
    loop, args, steps, question = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    none = builder.alloca(INTEGER)
    builder.store(INTEGER(0), none)
    kept = _enter_status(module, builder)
    loop = builder.inttoptr(loop, _LOOP.as_pointer())
    builder.call(loop, [args, none, steps, builder.bitcast(question, BYTES)])
    _leave_status(module, builder, kept, ir.IntType(1)(0))
    builder.ret_void()
    return function


def _by_runs(module: ir.Module, entry: ir.Function, ask: ir.Function) -> ir.Function:
    """The function that makes a call of each run of at least so many equal sharpnesses, and of what lies between.

    It returns false, and has done nothing, where there is no such run.
    """
    kind = ir.FunctionType(ir.IntType(1), [BYTES, INTEGERS, INTEGERS, BYTES, INTEGER, INTEGER])
    function = ir.Function(module, kind, "by_runs")
    function.linkage = "internal"
    args, dims, steps, data, loop, least = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    fields, pointers = builder.bitcast(data, INTEGERS), builder.bitcast(args, INTEGERS)
    n, inputs = builder.load(dims), builder.load(builder.gep(fields, [INTEGER(5)]))
    question, count = builder.alloca(INTEGER, 6), builder.alloca(INTEGER)
    # Of the sharpness and the radius of a run.
    copies = [builder.ptrtoint(builder.alloca(INTEGER), INTEGER) for _ in range(2)]
    part, part_steps = builder.alloca(INTEGER, OPERANDS), builder.alloca(INTEGER, OPERANDS)
    # From which element on, and then: the first of the next run, and the one after its last.
    first_of, end_of = (builder.gep(question, [INTEGER(index)]) for index in range(2))
    builder.store(INTEGER(0), end_of)
    for index, value in enumerate((n, least, *copies), 2):
        builder.store(value, builder.gep(question, [INTEGER(index)]))
    following, none, parts, done = map(function.append_basic_block, ("following", "none", "parts", "done"))
    builder.branch(following)

    builder.position_at_end(following)
    start = builder.load(end_of)
    builder.store(start, first_of)
    builder.call(ask, [loop, args, steps, question])
    first, end = builder.load(first_of), builder.load(end_of)
    builder.cbranch(builder.icmp_signed("==", builder.sub(first, start), n), none, parts)

    builder.position_at_end(none)
    builder.ret(ir.IntType(1)(0))

    builder.position_at_end(parts)
    for begin, stop, run in ((start, first, False), (first, end, True)):
        with builder.if_then(builder.icmp_signed(">", stop, begin)):
            for index in range(OPERANDS):
                source = _place(builder, fields, index)
                step, pointer = (builder.load(builder.gep(array, [source])) for array in (steps, pointers))
                pointer = builder.add(pointer, builder.mul(begin, step))
                if run and index in (1, 2):
                    is_copied = builder.icmp_signed("<", INTEGER(index), inputs)
                    step = builder.select(is_copied, INTEGER(0), step)
                    pointer = builder.select(is_copied, copies[index - 1], pointer)
                builder.store(pointer, builder.gep(part, [INTEGER(index)]))
                builder.store(step, builder.gep(part_steps, [INTEGER(index)]))
            builder.store(builder.sub(stop, begin), count)
            builder.call(entry, [builder.bitcast(part, BYTES), count, part_steps, data])
    builder.cbranch(builder.icmp_signed("<", end, n), following, done)

    builder.position_at_end(done)
    builder.ret(ir.IntType(1)(1))
    return function


def _crosses(builder: ir.IRBuilder, pointers: ir.Value, n: ir.Value, steps: ir.Value, inputs: ir.Value) -> ir.Value:
    """Whether the output overlaps an input otherwise than element for element, so that the order matters.

    NumPy passes on an input that runs ahead of the output, as of `f(a[1:], k, out=a[:-1])`, and in `reduce` and
    `accumulate` the input is the output of the element before.  With two outputs neither occurs.
    """

    def both(*conditions: ir.Value) -> ir.Value:
        return functools.reduce(builder.and_, conditions)

    def span(index: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
        first, step = (builder.load(builder.gep(array, [index])) for array in (pointers, steps))
        last = builder.add(first, builder.mul(builder.sub(n, INTEGER(1)), step))
        ascending = builder.icmp_signed(">=", step, INTEGER(0))
        return first, step, builder.select(ascending, first, last), builder.select(ascending, last, first)

    crosses = builder.alloca(ir.IntType(1))
    builder.store(ir.IntType(1)(0), crosses)
    output, output_step, output_low, output_high = span(inputs)
    for index in range(3):
        first, step, low, high = span(INTEGER(index))
        # Elements are aligned, so that two of them overlap where they begin at one address.
        meets = both(
            builder.icmp_signed("<", INTEGER(index), inputs),
            builder.icmp_signed(">", n, INTEGER(1)),
            builder.icmp_unsigned("<=", low, output_high),
            builder.icmp_unsigned("<=", output_low, high),
        )
        with builder.if_then(meets, likely=False):
            # With one step, they share all elements or, like real and imaginary parts, none: or else it crosses.
            alike = both(builder.icmp_signed("==", step, output_step), builder.icmp_signed("!=", step, INTEGER(0)))
            distance = builder.sub(first, output)
            remainder = builder.srem(distance, builder.select(alike, step, INTEGER(1)))
            shared = builder.icmp_signed("==", distance, INTEGER(0))
            apart = builder.icmp_signed("!=", remainder, INTEGER(0))
            harmless = both(alike, builder.or_(shared, apart))
            builder.store(builder.or_(builder.load(crosses), builder.not_(harmless)), crosses)
    return builder.load(crosses)


def _has_other_threads(module: ir.Module, builder: ir.IRBuilder) -> ir.Value:
    """Whether Python has other threads than this one."""

    def call(name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        return builder.call(cgutils.get_or_insert_function(module, kind, name), arguments)

    held = call("PyGILState_Ensure", ir.IntType(32))
    first = call("PyInterpreterState_ThreadHead", BYTES, call("PyInterpreterState_Main", BYTES))
    second = call("PyThreadState_Next", BYTES, first)
    call("PyGILState_Release", _VOID, held)
    return builder.icmp_unsigned("!=", second, BYTES(None))


def _share(module: ir.Module, by_rows: bool) -> ir.Function:
    """The loop that the scheduler calls, for one or more shares that lie side by side.

    Its operand is the number of the first, and its data are, of the whole call: the loop, the addresses of what it was
    called with and of the flags, the length of the innermost axis, how many units there are, elements or rows, how many
    shares, and how many operands.
    """
    name = "share_of_rows" if by_rows else "share"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, _LOOP, name)
    function.linkage = "internal"
    args, dims, _, data = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    work = builder.bitcast(data, INTEGERS)
    values = (item(builder, work, index) for index in range(9))
    loop, pointers, lengths, steps, flags, n, units, shares, operands = values
    pointers, lengths, steps = (builder.inttoptr(array, INTEGERS) for array in (pointers, lengths, steps))
    first = builder.load(builder.bitcast(args, INTEGERS))
    begin, end = (
        builder.sdiv(builder.mul(number, units), shares) for number in (first, builder.add(first, builder.load(dims)))
    )
    its_pointers, place = _array(builder, [0] * OPERANDS), _array(builder, [begin])

    def go(axis: ir.Value, distance: ir.Value, sources: ir.Value) -> None:
        """Go so far along an axis."""
        with cgutils.for_range(builder, operands) as each:
            step = item(builder, steps, builder.add(builder.mul(axis, INTEGER(OPERANDS)), each.index))
            pointer = builder.add(item(builder, sources, each.index), builder.mul(distance, step))
            builder.store(pointer, builder.gep(its_pointers, [each.index]))

    kept = _enter_status(module, builder)
    head, body, done = map(function.append_basic_block, ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    here = builder.load(place)
    builder.cbranch(builder.icmp_signed("<", here, end), body, done)

    builder.position_at_end(body)
    count = builder.sub(end, here)
    go(INTEGER(0), INTEGER(0) if by_rows else here, pointers)
    if by_rows:
        # Until the axis of the rows comes to its end; one row where the loop takes no more.
        rows, number = item(builder, lengths, 2), _array(builder, [here])
        takes_rows = builder.icmp_signed("!=", item(builder, builder.inttoptr(flags, INTEGERS), 2), INTEGER(0))
        left = builder.select(takes_rows, builder.sub(rows, builder.srem(here, rows)), INTEGER(1))
        count = builder.select(builder.icmp_signed("<", count, left), count, left)
        with cgutils.for_range(builder, item(builder, lengths, 1)) as axis:
            further, length = builder.load(number), item(builder, lengths, builder.add(axis.index, INTEGER(2)))
            go(builder.add(axis.index, INTEGER(1)), builder.srem(further, length), its_pointers)
            builder.store(builder.sdiv(further, length), number)
    its_dims = _array(builder, [n, count] if by_rows else [count])
    arguments = [builder.bitcast(its_pointers, BYTES), its_dims, steps, builder.inttoptr(flags, BYTES)]
    _call(builder, loop, _LOOP, arguments)
    builder.store(builder.add(here, count), place)
    builder.branch(head)

    builder.position_at_end(done)
    _leave_status(module, builder, kept, ir.IntType(1)(0))
    builder.ret_void()
    return function


class _Status(NamedTuple):
    """How a processor's floating-point control and status are read and set, each by a function of the builder."""

    control: Callable[[ir.IRBuilder], ir.Value]
    set_control: Callable[[ir.IRBuilder, ir.Value], None]
    flags: Callable[[ir.IRBuilder], ir.Value]
    set_flags: Callable[[ir.IRBuilder, ir.Value], None]
    # Bits of the control, and what they are by default: nearest numbers, subnormal ones too, and no traps.
    controlled: int
    default: int
    # The flags that NumPy looks at: invalid, which is the lowest bit, division by zero, overflow and underflow.
    watched: int


def _status(module: ir.Module) -> _Status | None:
    """That of the processor, if it is a known one."""
    if module.triple.startswith("x86_64"):
        # Both are in one register, which is read and set by way of memory.
        def room(builder: ir.IRBuilder) -> ir.Value:
            with builder.goto_entry_block():
                return builder.alloca(ir.IntType(32))

        def get(builder: ir.IRBuilder) -> ir.Value:
            place = room(builder)
            builder.call(_intrinsic(module, "llvm.x86.sse.stmxcsr"), [builder.bitcast(place, BYTES)])
            return builder.load(place)

        def put(builder: ir.IRBuilder, value: ir.Value) -> None:
            place = room(builder)
            builder.store(value, place)
            builder.call(_intrinsic(module, "llvm.x86.sse.ldmxcsr"), [builder.bitcast(place, BYTES)])

        return _Status(get, put, get, put, 0xFFC0, 0x1F80, 0x1D)
    if module.triple.startswith(("aarch64", "arm64")):

        def reading(name: str) -> Callable[[ir.IRBuilder], ir.Value]:
            kind = ir.FunctionType(INTEGER, [])
            return lambda builder: builder.asm(kind, f"mrs $0, {name}", "=r", [], True)

        def writing(name: str) -> Callable[[ir.IRBuilder, ir.Value], None]:
            kind = ir.FunctionType(_VOID, [INTEGER])
            return lambda builder, value: builder.asm(kind, f"msr {name}, $0", "r", [value], True)

        return _Status(reading("fpcr"), writing("fpcr"), reading("fpsr"), writing("fpsr"), -1, 0, 0x0F)
    return None


@contextmanager
def _flags_kept(module: ir.Module, builder: ir.IRBuilder) -> Iterator[None]:
    """Raise the flags that there are again after a call that may clear them, in the midst of another of NumPy's."""
    status = _status(module)
    if status is None:
        yield
        return
    before = status.flags(builder)
    yield
    after = status.flags(builder)
    raised = builder.and_(before, before.type(status.watched))
    status.set_flags(builder, builder.or_(after, raised))


def _enter_status(module: ir.Module, builder: ir.IRBuilder) -> tuple[ir.Value, ...]:
    """Compute as IEEE 754 does by default, whatever rounding or treatment of subnormal numbers a thread is set to.

    What is returned keeps that, and the flags that NumPy looks at: comparisons with nan and lanes that are not used
    raise some of no meaning.  To set either empties the pipeline, so that it is done only where it makes a difference.
    """
    status = _status(module)
    if status is None:
        return ()
    control = status.control(builder)
    flags = control if status.flags is status.control else status.flags(builder)
    kind = control.type
    differs = builder.icmp_unsigned("!=", builder.and_(control, kind(status.controlled)), kind(status.default))
    with builder.if_then(differs, likely=False):
        status.set_control(builder, kind(status.default))
    return control, flags, differs


def _leave_status(module: ir.Module, builder: ir.IRBuilder, kept: tuple[ir.Value, ...], raised: ir.Value) -> None:
    """Put back what was kept, and add "invalid value" to the status, where it is the lowest bit, if `raised`."""
    status = _status(module)
    if status is not None:
        control, flags, differs = kept
        wanted = builder.or_(flags, builder.zext(raised, flags.type))
        with builder.if_then(differs, likely=False):
            status.set_control(builder, control)
        others = builder.and_(builder.xor(status.flags(builder), wanted), flags.type(status.watched))
        with builder.if_then(builder.icmp_unsigned("!=", others, flags.type(0)), likely=False):
            status.set_flags(builder, wanted)
    else:
        with builder.if_then(raised, likely=False):
            # 0/0, which LLVM can neither foresee nor leave out: the accesses are atomic.
            number = builder.alloca(INTEGER)
            builder.store(INTEGER(0), number)
            zero = builder.bitcast(builder.load_atomic(number, "monotonic", 8), ir.DoubleType())
            builder.store_atomic(builder.bitcast(builder.fdiv(zero, zero), INTEGER), number, "monotonic", 8)


def _intrinsic(module: ir.Module, name: str) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(_VOID, [BYTES]), name)
