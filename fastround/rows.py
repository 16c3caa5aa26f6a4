"""Arrays that are computed row by row, where they are, and by several threads: NumPy would copy them.

For `f(x[::2, ::2], k)` or `f(x, k[:, None])` NumPy calls no loop for each row.  It copies elements of several rows to
a buffer of 8192, in one thread, which takes longer than to compute them.  A function here takes such calls if operands
are simply arrays of one type, or numbers, and leaves everything else to NumPy by returning NotImplemented.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import entry, threads
from .entry import OPERANDS
from .vectorcall import HEAD

# Of so few bytes, NumPy's copy costs less than it takes to find the rows.
_LEAST_BYTES = 2**18
# Of rows of less bytes, it costs less than their beginnings and ends.
_LEAST_ROW = 256
# So few elements take no longer than a call.
_FEW = 1024
# Where rows are shorter, columns of so many of them are long enough, if so many rows take so many bytes at most: in the
# nearest cache, a line of memory stays for the next column.
_LEAST_COLUMN, _COLUMN, _CACHE = 64, 512, 2**15
# With one sharpness, this is worth it for rows as short as that.
_SHORT = 8
# Of shorter rows, NumPy's copy costs less where each element has its own sharpness.
_LEAST_VARYING = 128


class _Axis(NamedTuple):
    """An axis: its length, and the steps of all operands along it."""

    length: int
    steps: tuple[int, ...]


class _Part(NamedTuple):
    """A part of a call: how far from their first elements the operands begin, and the axes, the innermost first."""

    offsets: Sequence[int]
    axes: Sequence[_Axis]


_integer_at = ctypes.c_ssize_t.from_address
_largest = {np.dtype(real): float(np.finfo(real).max) for real in (np.float16, np.float32, np.float64)}
_largest[np.dtype(np.int64)] = np.iinfo(np.int64).max


def by_rows(ufunc: np.ufunc, slots: Mapping[np.dtype[Any], Any], functions: Mapping[str, Any]) -> Callable[..., Any]:
    """The function that takes calls of a ufunc, by the functions of `fastround.entry`.

    The slots are those of floating-point types.
    """
    nin, nout, at_end = ufunc.nin, ufunc.nout, sys.is_finalizing

    def call(*operands: Any, out: Any = None, **keywords: Any) -> Any:
        if at_end() or keywords or (out is not None and len(operands) != nin):
            # At the very end, Python has taken away what is used below.
            return NotImplemented
        x, results = operands[0], operands[nin:]
        if out is not None:
            results = out if type(out) is tuple else (out,)
        new = out is None and not results
        slot = slots.get(x.dtype)
        if slot is None or x.nbytes < _LEAST_BYTES or not x.flags.aligned:
            return NotImplemented
        if len(operands) < nin or not (new or len(results) == nout):
            return NotImplemented
        inputs = [x, *map(_parameter, operands[1:nin], slot.dtypes[1:])]
        if any(each is None for each in inputs) or not (new or _separate(results, inputs)):
            return NotImplemented
        results = tuple([np.empty_like(x) for _ in range(nout)]) if new else results
        arrays = [*inputs, *results]
        axes = _axes(arrays, x.shape)
        if new and not _in_order(axes, nin):
            return NotImplemented
        first, *others = _parts(axes, nin, _LEAST_ROW // x.itemsize) or (None,)
        if first is None:
            return NotImplemented
        starts = [_integer_at(id(array) + HEAD).value for array in arrays]

        def compute(part: _Part) -> tuple[int, int]:
            return _call(functions, starts, part, slot.data)

        if any(first.axes[0].steps[1:nin]):
            # NumPy compiles what is missing.  And where a sharpness was negative, it computes all again, and warns.
            if any(result is x for result in results) or any(compute(first)):
                return NotImplemented
        elif any(map(_any_negative, inputs[1:])):
            return NotImplemented
        else:
            # A loop that is missing is there after a call on one element: with this window, and with radius 0.
            for factor in (1, 0)[: nin - 1]:
                _, missing = compute(first)
                if not missing:
                    break
                x_0, k_0, *radius_0 = (array[(0,) * array.ndim] for array in inputs)
                ufunc(x_0, k_0, *(factor * each for each in radius_0))
            else:
                _, missing = compute(first)
                if missing:
                    return NotImplemented
            for part in others:
                compute(part)
        return results[0] if nout == 1 else results

    return call


def _call(functions: Mapping[str, Any], starts: Sequence[int], part: _Part, data: Any) -> tuple[int, int]:
    """Compute a part, and return the first two dimensions as a function of `fastround.entry` leaves them."""
    innermost, *outer = part.axes
    nothing = [0] * (OPERANDS - len(starts))
    numbers = [start + offset for start, offset in zip(starts, part.offsets, strict=True)]
    numbers += [*nothing, innermost.length, len(outer), *[axis.length for axis in outer]]
    steps = [step for axis in part.axes for step in (*axis.steps, *nothing)]
    integers = (ctypes.c_ssize_t * (len(numbers) + len(steps)))(*numbers, *steps)
    address = ctypes.addressof(integers)
    functions[entry.ROWS if outer else entry.NAME](address, address + 8 * OPERANDS, address + 8 * len(numbers), data)
    return integers[OPERANDS], integers[OPERANDS + 1]


def _parts(axes: Sequence[_Axis], nin: int, least: int) -> list[_Part]:
    """What to compute one after the other, or nothing where NumPy may do it: rows have at least so many elements."""
    # What may be the innermost axis: along it, x and the results move.
    possible = [axis for axis in axes if axis.steps[0] and all(axis.steps[nin:])]
    if len(axes) < 2 or axes[0] not in possible:
        return []
    innermost, *outer = axes
    start = (0,) * len(innermost.steps)
    if innermost.length >= least and not any(innermost.steps[1:nin]):
        if innermost.length >= threads.THRESHOLD:
            # Each row by itself, so that threads share its elements.
            places = itertools.product(*[[[i * step for step in steps] for i in range(n)] for n, steps in outer])
            return [_Part([sum(each) for each in zip(*place, strict=True)], [innermost]) for place in places]
        if innermost.length * outer[0].length < _FEW:
            # As many rows at a time as can be.
            outer.sort(key=lambda axis: -axis.length)
        return [_Part(start, [innermost, *outer])]
    uniform = [axis for axis in possible if not any(axis.steps[1:nin])]
    columns = _columns(axes, max(uniform, key=lambda axis: axis.length)) if uniform else []
    if len(uniform) == len(axes):
        return columns if innermost.length <= _SHORT else []
    return columns or ([_Part(start, axes)] if _LEAST_VARYING <= innermost.length < threads.THRESHOLD else [])


def _columns(axes: Sequence[_Axis], longest: _Axis) -> list[_Part]:
    """Columns of many rows, along this axis, if they are long enough."""
    length, steps = longest
    column = min(_COLUMN, _CACHE // max(1, sum(map(abs, steps))), length)
    if column < _LEAST_COLUMN:
        return []
    count, rest = divmod(length, column)
    others = [axis for axis in axes if axis is not longest]
    further = _Axis(count, tuple([column * step for step in steps]))
    parts = [_Part((0,) * len(steps), [_Axis(column, steps), *others, further])]
    if rest:
        parts.append(_Part([count * step for step in further.steps], [_Axis(rest, steps), *others]))
    return parts


def _axes(arrays: Sequence[Any], shape: tuple[int, ...]) -> list[_Axis]:
    """The axes of arrays that are broadcast to a shape, the innermost first, or none where they can't be.

    Those that all arrays go through as if they were one are one.
    """
    strides = []
    for array in arrays:
        each = _strides(array, shape)
        if each is None:
            return []
        strides.append(each)
    axes: list[_Axis] = []
    every = [_Axis(n, steps) for n, steps in zip(shape, zip(*strides, strict=True), strict=True) if n > 1]
    for length, steps in sorted(every, key=lambda axis: -abs(axis.steps[0])):
        if axes and axes[-1].steps == tuple([length * step for step in steps]):
            length *= axes.pop().length
        axes.append(_Axis(length, steps))
    return axes[::-1]


def _strides(array: Any, shape: tuple[int, ...]) -> Sequence[int] | None:
    """Those of an array that is broadcast to a shape, or None where it can't be."""
    if array.shape == shape:
        strides: tuple[int, ...] = array.strides
        return strides
    added = len(shape) - array.ndim
    if added < 0:
        return None
    steps = [0] * added
    for n, whole, step in zip(array.shape, shape[added:], array.strides, strict=True):
        if n not in (1, whole):
            return None
        steps.append(step if n > 1 else 0)
    return steps


def _in_order(axes: Sequence[_Axis], nin: int) -> bool:
    """Whether NumPy orders the axes of new arrays as those of x, through which each input goes in the same order."""
    if any(not axis.steps[0] for axis in axes):
        return False
    for each in range(1, nin):
        steps = [abs(axis.steps[each]) for axis in axes if axis.steps[each]]
        if steps != sorted(steps):
            return False
    return True


def _parameter(value: Any, dtype: np.dtype[Any]) -> Any:
    """A sharpness or a radius as an array of this type, or None where it is not simply one."""
    kind = type(value)
    if kind is int or (kind is float and dtype.kind == "f"):
        return np.array(value, dtype) if 0 <= value <= _largest[dtype] or value == math.inf else None
    if kind is dtype.type:
        return np.asarray(value)
    return value if kind is np.ndarray and value.dtype == dtype and value.flags.aligned else None


def _any_negative(parameter: Any) -> bool:
    """Whether any is negative, of which NumPy will warn."""
    # Each but once.
    few = parameter[tuple([slice(0, None if step else 1) for step in parameter.strides])]
    return bool((few < 0).any())


def _separate(results: Sequence[Any], inputs: Sequence[Any]) -> bool:
    """Whether these are arrays for the results, which share no memory but with x if they take its place."""
    x = inputs[0]
    for result in results:
        if type(result) is not np.ndarray or result.dtype != x.dtype or result.shape != x.shape:
            return False
        if not (result.flags.aligned and result.flags.writeable) or _overlaps_itself(result):
            return False
    others = [(result, other) for result in results for other in inputs if not (result is other is x)]
    return not any(itertools.starmap(np.may_share_memory, [*others, *itertools.combinations(results, 2)]))


def _overlaps_itself(array: Any) -> bool:
    """Whether two elements may lie at one place."""
    end = 0
    for step, length in sorted((abs(step), length) for step, length in zip(array.strides, array.shape, strict=True)):
        if length > 1:
            if step <= end:
                return True
            end += step * (length - 1)
    return False
