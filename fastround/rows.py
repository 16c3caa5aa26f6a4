"""Arrays that are computed row by row, where they are, and by several threads: NumPy would copy them.

For `f(x[::2, ::2], k)` or `f(x, k[:, None])` NumPy calls no loop for each row.  It copies elements of several rows to
a buffer of 8192, in one thread, which takes longer than to compute them.  A function here takes such calls if operands
are simply arrays of one type, or numbers, and leaves everything else to NumPy by returning NotImplemented.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import entry, threads
from .entry import OPERANDS
from .vectorcall import HEAD

# The length of an axis, and the steps of all operands along it.
_Axis = tuple[int, tuple[int, ...]]
# A part of the call: how far from their first elements its operands begin, and its axes, the innermost first.
_Part = tuple[Sequence[int], Sequence[_Axis]]

# Of shorter rows, NumPy's copy costs less than their beginnings and ends.
_LEAST = 32
# So few elements take no longer than a call.
_FEW = 1024
# Where rows are shorter, columns of so many of them are long enough, if so many rows take so many bytes at most: in the
# nearest cache, a line of memory stays for the next column.
_LEAST_COLUMN, _COLUMN, _CACHE = 64, 512, 2**15
# With one sharpness, this is worth it for rows as short as that.
_SHORT = 8

_functions: dict[str, Any] = {}
_integer_at = ctypes.c_ssize_t.from_address
_largest = {np.dtype(real): float(np.finfo(real).max) for real in (np.float16, np.float32, np.float64)}
_largest[np.dtype(np.int64)] = np.iinfo(np.int64).max


def use(**addresses: int) -> None:
    """Call the functions of `fastround.entry` at these addresses."""
    _functions.update({name: ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(each) for name, each in addresses.items()})


def by_rows(ufunc: np.ufunc, slots: Mapping[np.dtype[Any], Any]) -> Callable[..., Any]:
    """The function that takes calls of a ufunc, whose slots of floating-point types are given."""
    nin, nout = ufunc.nin, ufunc.nout

    def call(*operands: Any, out: Any = None, **others: Any) -> Any:
        if out is not None:
            operands += out if type(out) is tuple else (out,)
        x = operands[0]
        slot = slots.get(x.dtype)
        if others or slot is None or len(operands) not in (nin, nin + nout) or not x.flags.aligned:
            return NotImplemented
        inputs = [x, *map(_parameter, operands[1:nin], slot.dtypes[1:])]
        if any(each is None for each in inputs):
            return NotImplemented
        results = operands[nin:] or tuple([np.empty_like(x) for _ in range(nout)])
        if operands[nin:] and not _separate(results, inputs):
            return NotImplemented
        arrays = [*inputs, *results]
        axes = _axes(arrays, x.shape)
        if not operands[nin:] and not _in_order(axes, nin):
            # NumPy would not order the axes of new arrays as those of x.
            return NotImplemented
        parts = _parts(axes, nin)
        if not parts or any(map(_any_negative, inputs[1:])):
            return NotImplemented
        starts = [_integer_at(id(array) + HEAD).value for array in arrays]
        # A loop that is missing is there after a call on one element: with this window, and with radius 0.
        for factor in (1, 0):
            if _done(starts, parts[0], slot.data):
                break
            x_0, k_0, *radius_0 = (array[(0,) * array.ndim] for array in inputs)
            ufunc(x_0, k_0, *(factor * each for each in radius_0))
        else:
            if not _done(starts, parts[0], slot.data):
                return NotImplemented
        for part in parts[1:]:
            _done(starts, part, slot.data)
        return results[0] if nout == 1 else results

    return call


def _done(starts: Sequence[int], part: _Part, data: Any) -> bool:
    """Compute a part, or return false, since a loop is missing."""
    offsets, axes = part
    (n, _), *outer = axes
    nothing = [0] * (OPERANDS - len(starts))
    numbers = [start + offset for start, offset in zip(starts, offsets, strict=True)]
    numbers += [*nothing, n, len(outer), *[length for length, _ in outer]]
    steps = [step for _, each in axes for step in (*each, *nothing)]
    integers = (ctypes.c_ssize_t * (len(numbers) + len(steps)))(*numbers, *steps)
    address = ctypes.addressof(integers)
    function = _functions[entry.ROWS if outer else entry.NAME]
    function(address, address + 8 * OPERANDS, address + 8 * len(numbers), data)
    return not integers[OPERANDS + 1]


def _parts(axes: Sequence[_Axis], nin: int) -> list[_Part]:
    """What to compute one after the other, or nothing where NumPy may do it."""
    if len(axes) < 2:
        return []
    # What may be the innermost axis: along it, there is one sharpness, and one radius, and all others move.
    possible = [axis for axis in axes if not any(axis[1][1:nin]) and 0 not in (axis[1][0], *axis[1][nin:])]
    start = (0,) * len(axes[0][1])
    innermost, *outer = axes
    if innermost in possible and innermost[0] >= _LEAST:
        if innermost[0] >= threads.THRESHOLD:
            # Each row by itself, so that threads share its elements.
            places = itertools.product(*[[[i * step for step in steps] for i in range(n)] for n, steps in outer])
            return [([sum(distances) for distances in zip(*place, strict=True)], [innermost]) for place in places]
        if innermost[0] * outer[0][0] < _FEW:
            # As many rows at a time as can be.
            outer.sort(key=lambda axis: -axis[0])
        return [(start, [innermost, *outer])]
    longest = max(possible, default=(0, start), key=lambda axis: axis[0])
    n, steps = longest
    column = min(_COLUMN, _CACHE // max(1, sum(map(abs, steps))), n)
    if column < _LEAST_COLUMN or (len(possible) == len(axes) and innermost[0] > _SHORT):
        return []
    count, rest = divmod(n, column)
    others = [axis for axis in axes if axis is not longest]
    further = tuple([column * step for step in steps])
    parts: list[_Part] = [(start, [(column, steps), *others, (count, further)])]
    if rest:
        parts.append(([count * step for step in further], [(rest, steps), *others]))
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
    every = [axis for axis in zip(shape, zip(*strides, strict=True), strict=True) if axis[0] > 1]
    for length, steps in sorted(every, key=lambda axis: -abs(axis[1][0])):
        if axes and axes[-1][1] == tuple([length * step for step in steps]):
            length *= axes.pop()[0]
        axes.append((length, steps))
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
    """Whether each input goes through the axes in the order that x does."""
    for each in range(1, nin):
        steps = [abs(axis[1][each]) for axis in axes if axis[1][each]]
        if steps != sorted(steps):
            return False
    return True


def _parameter(value: Any, dtype: np.dtype[Any]) -> Any:
    """A sharpness or a radius as an array of this type, or None where it is not simply one."""
    kind = type(value)
    if kind is int or (kind is float and dtype.kind == "f"):
        return np.array(value, dtype) if 0 <= value <= _largest[dtype] or value == math.inf else None
    if isinstance(value, np.generic):
        value = np.asarray(value)
    return value if type(value) is np.ndarray and value.dtype == dtype and value.flags.aligned else None


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
    others = [(result, other) for result in results for other in inputs if result is not other]
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
