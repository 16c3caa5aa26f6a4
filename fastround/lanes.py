"""Vectorised loops over lanes, the elements of a few vectors."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .kernels.stages import Repeated

_INTEGER = ir.IntType(types.intp.bitwidth)


@functools.cache
def vectorised(count: int, width: int) -> Any:
    """The nopython function that calls body(i, operands) for the elements i of so many vectors, all of them at a time.

    For what is done with one vector waits for what was done before, and the processor does not look far enough ahead to
    fill the time.
    """

    @intrinsic
    def each(typingctx, body, operands):
        call = body.get_call_type(typingctx, (types.intp, operands), {})

        def codegen(context, builder, signature, args):
            with _lanes(builder, count, width) as i:
                context.get_function(body, call)(builder, (i, args[1]))
            return context.get_dummy_value()

        return types.void(body, operands), codegen

    return each


def in_stages(first: Any, stages: tuple[Any, ...], last: Any, lanes: int, width: int, last_width: int) -> Any:
    """The nopython function of operands that calls last(i, operands, y) for so many lanes i.

    Here y is what stages, which are as in `kernels.stages`, make of first(i, operands).  Each is a loop over the lanes,
    in vectors of `width`, and what it returns is kept in memory.  A repeated one goes on while any lane needs it.
    """
    vectors = lanes // width

    @intrinsic
    def each(typingctx, operands):
        def call(function: Any, *args: Any) -> _Call:
            kind = typingctx.resolve_value_type(function)
            return _Call(kind, kind.get_call_type(typingctx, args, {}))

        begin = call(first, types.intp, operands)
        calls, state = [], begin.returned
        for stage in stages:
            if isinstance(stage, Repeated):
                count = call(stage.count, state[0]) if callable(stage.count) else None
                calls.append((count, call(stage.step, types.intp, *state)))
            else:
                calls.append((None, call(stage, state)))
                state = calls[-1][1].returned
        end = call(last, types.intp, operands, state)

        def codegen(context, builder, signature, args):
            def result(function: _Call, *args: Any) -> Any:
                return context.get_function(function.kind, function.signature)(builder, args)

            def largest(count: _Call, fixed: _Memory) -> ir.Value:
                """That of all lanes."""
                most = cgutils.alloca_once_value(builder, _INTEGER(0))
                with cgutils.for_range(builder, _INTEGER(lanes)) as loop:
                    this, before = result(count, fixed.load(loop.index)), builder.load(most)
                    builder.store(builder.select(builder.icmp_signed(">", this, before), this, before), most)
                return builder.load(most)

            def repeat(stage: Repeated, count: _Call | None, step: _Call, fixed: _Memory, moving: _Memory) -> None:
                most = largest(count, fixed) if count else _INTEGER(stage.count)
                start, minus_one = builder.sub(most, _INTEGER(1)), _INTEGER(-1)
                numbers = cgutils.for_range_slice(builder, start, minus_one, minus_one, inc=False)
                with numbers as (number, _), _lanes(builder, vectors, width) as i:
                    parts, before = fixed.load(i), moving.load(i)
                    after = result(step, number, parts, before)
                    needed = builder.icmp_signed("<", number, result(count, parts)) if count else None
                    moving.store(i, after, before, needed)

            state = _Memory(context, builder, begin.returned, lanes)
            with _lanes(builder, vectors, width) as i:
                state.store(i, result(begin, i, args[0]))
            for stage, (count, function) in zip(stages, calls, strict=True):
                if isinstance(stage, Repeated):
                    repeat(stage, count, function, *state.parts)
                else:
                    following = _Memory(context, builder, function.returned, lanes)
                    with _lanes(builder, vectors, width) as i:
                        following.store(i, result(function, state.load(i)))
                    state = following
            with _lanes(builder, lanes // last_width, last_width) as i:
                result(end, i, args[0], state.load(i))
            return context.get_dummy_value()

        return types.void(operands), codegen

    return each


class _Call(NamedTuple):
    """A function, to be called with arguments of some types."""

    kind: Any
    signature: Any

    @property
    def returned(self) -> Any:
        """The type of what it returns."""
        return self.signature.return_type


class _Memory:
    """Room on the stack for a number, or a tuple of such, for each lane."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: Any, lanes: int):
        self.context, self.builder, self.kind = context, builder, kind
        if isinstance(kind, types.BaseTuple):
            self.parts = [_Memory(context, builder, part, lanes) for part in kind]
        else:
            with builder.goto_entry_block():
                self.place = builder.alloca(ir.ArrayType(context.get_value_type(kind), lanes))
            self.place.align = 64

    def _at(self, i: ir.Value) -> ir.Value:
        return self.builder.gep(self.place, [_INTEGER(0), i])

    def load(self, i: ir.Value) -> ir.Value:
        """What is there for a lane."""
        if isinstance(self.kind, types.BaseTuple):
            return self.context.make_tuple(self.builder, self.kind, [part.load(i) for part in self.parts])
        return self.builder.load(self._at(i))

    def store(self, i: ir.Value, value: ir.Value, other: Any = None, condition: Any = None) -> None:
        """Set that: under a condition, or else to another value."""
        builder = self.builder
        if isinstance(self.kind, types.BaseTuple):
            for index, part in enumerate(self.parts):
                others = None if condition is None else builder.extract_value(other, index)
                part.store(i, builder.extract_value(value, index), others, condition)
        else:
            chosen = value if condition is None else builder.select(condition, value, other)
            builder.store(chosen, self._at(i))


@contextmanager
def _lanes(builder: ir.IRBuilder, count: int, width: int) -> Iterator[ir.Value]:
    """A loop over the lanes of so many vectors, of which LLVM shall make one step."""
    before, loop, done = builder.block, *map(builder.append_basic_block, ("each", "done"))
    start = len(builder.function.blocks) - 2
    builder.branch(loop)
    builder.position_at_end(loop)
    i = builder.phi(_INTEGER)
    i.add_incoming(_INTEGER(0), before)
    yield i
    following = builder.add(i, _INTEGER(1), flags=["nsw", "nuw"])
    i.add_incoming(following, builder.block)
    inside = (block for block in builder.function.blocks[start:] if block is not done)
    latch = builder.cbranch(builder.icmp_signed("<", following, _INTEGER(count * width)), loop, done)
    instructions = [each for block in inside for each in block.instructions]
    latch.set_metadata("llvm.loop", _one_step(builder.module, instructions, count, width))
    builder.position_at_end(done)


class _Distinct(ir.values.MDValue):  # type: ignore[misc]
    """Metadata that are the same as themselves alone."""

    __eq__, __ne__, __hash__ = object.__eq__, object.__ne__, object.__hash__

    def descr(self, buf):
        buf += ("distinct !{}", "\n")


def _one_step(module: ir.Module, body: list[ir.Instruction], count: int, width: int) -> ir.values.MDValue:
    """What LLVM should make of a loop, and could not see: that no element depends on another."""
    # Calls are of kernels, whose own variables have become registers when LLVM looks at the loop.
    accesses = _Distinct(module, (), name=str(len(module.metadata)))
    for instruction in body:
        if isinstance(instruction, ir.CallInstr | ir.LoadInstr | ir.StoreInstr):
            instruction.set_metadata("llvm.access.group", accesses)
    integer = ir.IntType(32)
    return loop_metadata(
        module,
        ["llvm.loop.parallel_accesses", accesses],
        ["llvm.loop.vectorize.width", integer(width)],
        ["llvm.loop.interleave.count", integer(count)],
        # Beforehand, that is: there would be no loop left.
        ["llvm.loop.unroll.disable"],
    )


def loop_metadata(module: ir.Module, *properties: list[Any]) -> ir.values.MDValue:
    """What LLVM is to know of a loop, to be attached to where it goes back to its head."""
    nodes = map(module.add_metadata, properties)
    metadata = ir.values.MDValue(module, (), name=str(len(module.metadata)))
    # They begin with themselves.
    metadata.operands = (metadata, *nodes)
    return metadata
