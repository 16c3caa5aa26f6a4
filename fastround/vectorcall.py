"""What Python calls for `f(...)`, where f is one of the ufuncs: a function here, before NumPy's own.

A ufunc holds the address of a function for this, CPython's `vectorcallfunc`, and `call` takes its place.  It looks
whether the first operand is a large array with gaps, or one for which some sharpnesses are repeated.  Then it calls a
function of `fastround.rows`.  Where that returns NotImplemented, and in all other cases, NumPy's function is called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from . import threads
from .entry import BYTES, INTEGER, INTEGERS, item

NAME = "call"

_C_INT = ir.IntType(32)
# Objects begin with so many bytes, the last of which are the address of their type.
HEAD = object.__basicsize__
_TYPE = HEAD - 8
# Of a ufunc, the table of its loops' data; of an array, how many axes it has, their lengths and strides, and its flags.
_DATA, _AXES, _LENGTHS, _STRIDES, _FLAGS = (HEAD + offset for offset in (24, 8, 16, 24, 48))
# Of a type: where it says at which place its objects hold such an address, and the flag that says that they do.
_PLACE, _HAS_VECTORCALL = HEAD + 40, 1 << 11
# The flag of an array that is contiguous in Fortran's order.
_FORTRAN = 2
# Beside the number of arguments, there may be this bit.
_OFFSET = 1 << 63


def add_call(module: ir.Module) -> None:
    """Add `call` to an LLVM module.

    The data of a ufunc's loops hold, at number 9, the address of what `hook` made for it.
    """
    kind = ir.FunctionType(BYTES, [BYTES, BYTES.as_pointer(), INTEGER, BYTES])
    function = ir.Function(module, kind, NAME)
    ufunc, arguments, count, _ = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    usual, by_rows = map(function.append_basic_block, ("usual", "by_rows"))

    def field(address: ir.Value, offset: int, type_: ir.Type = INTEGER) -> ir.Value:
        place = builder.gep(builder.bitcast(address, BYTES), [INTEGER(offset)])
        return builder.load(builder.bitcast(place, type_.as_pointer()))

    def is_(a: ir.Value, relation: str, b: ir.Value | int) -> ir.Value:
        return builder.icmp_signed(relation, a, a.type(b) if isinstance(b, int) else b)

    def go_on_if(condition: ir.Value) -> None:
        following = function.append_basic_block("following")
        builder.cbranch(condition, following, usual)
        builder.position_at_end(following)

    def elements(array: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """How many axes an array has, how many elements that are not repeated, and whether there are gaps."""
        axes = builder.sext(field(array, _AXES, _C_INT), INTEGER)
        lengths, strides = (field(array, offset, INTEGERS) for offset in (_LENGTHS, _STRIDES))
        with builder.goto_entry_block():
            product, gaps, last = (builder.alloca(INTEGER) for _ in range(3))
        for place, value in ((product, 1), (gaps, 0), (last, 0)):
            builder.store(INTEGER(value), place)
        with cgutils.for_range(builder, axes) as axis:
            length, stride = (item(builder, numbers, axis.index) for numbers in (lengths, strides))
            different = builder.select(is_(stride, "!=", 0), length, INTEGER(1))
            builder.store(builder.mul(builder.load(product), different), product)
            # From the second axis on, all elements of one are one step of that before.
            beyond = builder.sub(builder.load(last), builder.mul(stride, length))
            gap = builder.select(is_(axis.index, "==", 0), INTEGER(0), beyond)
            builder.store(builder.or_(builder.load(gaps), gap), gaps)
            builder.store(stride, last)
        return axes, builder.load(product), is_(builder.load(gaps), "!=", 0)

    data = item(builder, field(ufunc, _DATA, INTEGERS.as_pointer()), 0)
    known = builder.inttoptr(item(builder, data, 9), INTEGERS)
    numpys, ours, array_type, not_implemented = (item(builder, known, index) for index in range(4))

    go_on_if(is_(builder.and_(count, INTEGER(_OFFSET - 1)), ">", 1))
    x, k = (item(builder, arguments, index) for index in range(2))
    go_on_if(is_(field(x, _TYPE), "==", array_type))
    axes, size, gaps = elements(x)
    go_on_if(builder.and_(is_(axes, ">", 1), is_(size, ">=", threads.THRESHOLD)))
    gaps = builder.and_(gaps, is_(builder.and_(field(x, _FLAGS, _C_INT), _C_INT(_FORTRAN)), "==", 0))
    with builder.if_then(is_(field(k, _TYPE), "==", array_type)):
        k_axes, k_size, _ = elements(k)
        repeated = builder.and_(is_(k_axes, ">", 0), is_(k_size, "<", size))
        builder.cbranch(builder.or_(gaps, repeated), by_rows, usual)
    builder.cbranch(gaps, by_rows, usual)

    builder.position_at_end(by_rows)
    python = ir.Function(module, kind, "PyObject_Vectorcall")
    result = builder.call(python, [builder.inttoptr(ours, BYTES), *function.args[1:]])
    with builder.if_then(is_(builder.ptrtoint(result, INTEGER), "!=", not_implemented)):
        builder.ret(result)
    builder.call(ir.Function(module, ir.FunctionType(ir.VoidType(), [BYTES]), "Py_DecRef"), [result])
    builder.branch(usual)

    builder.position_at_end(usual)
    builder.ret(builder.call(builder.inttoptr(numpys, kind.as_pointer()), function.args))


def hook(ufunc: np.ufunc, by_rows: Callable[..., Any]) -> Any:
    """What `call` has to know of a ufunc: two functions, and two objects to know by their addresses.

    It and the function must outlive the ufunc.
    """
    numpys = _place(ufunc).value if _known() else 0
    return (ctypes.c_ssize_t * 4)(numpys, id(by_rows), id(np.ndarray), id(NotImplemented))


def install(ufuncs: Iterable[np.ufunc], address: int) -> None:
    """Let Python call the function at this address, which is `call`, for each of the ufuncs."""
    if _known():
        for ufunc in ufuncs:
            _place(ufunc).value = address


def _known() -> bool:
    """Whether ufuncs are called as CPython's documentation says."""
    inside = HEAD <= _offset() <= np.ufunc.__basicsize__ - 8
    return bool(np.ufunc.__flags__ & _HAS_VECTORCALL) and inside


def _place(ufunc: np.ufunc) -> Any:
    """Where a ufunc holds the address of the function that is called for it."""
    return ctypes.c_ssize_t.from_address(id(ufunc) + _offset())


def _offset() -> int:
    return ctypes.c_ssize_t.from_address(id(np.ufunc) + _PLACE).value
