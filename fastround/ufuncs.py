"""The ufuncs: made when fastround is imported, compiled when first called.

NumPy reads a ufunc's table of loops at every call.  Each slot holds a Python function at first, which compiles what
the call needs, replaces itself by machine code and finishes the call.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from . import cache, entry, rows, threads, vectorcall
from .callbacks import callback, in_main_thread, stack
from .table import UFUNCS, Ufunc, docstring

__all__ = ["compiled", "ufuncs"]

# Narrow types before wide ones, as NumPy's promotion wants them.
_PRECISIONS: tuple[Any, ...] = (np.float16, np.float32, np.float64)
# Of a window radius: every integer is safely one of these.
_INTEGER_TYPES: tuple[Any, ...] = (np.int64, np.uint64)

_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
_INTEGERS = ctypes.POINTER(ctypes.c_ssize_t)

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_API = ctypes.cast(_get_pointer(_multiarray_umath._UFUNC_API, None), ctypes.POINTER(ctypes.c_void_p))
_from_loops = ctypes.PYFUNCTYPE(
    ctypes.py_object, *[ctypes.c_void_p] * 2, ctypes.c_char_p, *[ctypes.c_int] * 4, *[ctypes.c_char_p] * 2, ctypes.c_int
)(_API[1])


class _Slot:
    """One precision of a ufunc: its place in NumPy's table, and the data that its loop is called with.

    `integer` is the type of a window radius, if the ufunc has one.
    """

    def __init__(self, ufunc: Ufunc, real: Any, integer: Any = None) -> None:
        self.ufunc, self.real, self.integer = ufunc, real, integer
        radius = [np.dtype(integer)] if integer else []
        self.dtypes = [np.dtype(real)] * 2 + radius + [np.dtype(real)] * ufunc.nout
        self.table: Any = None
        self.index = 0
        self.first_call = callback(_LOOP, self._first_call)
        first_call = ctypes.cast(self.first_call, ctypes.c_void_p).value or 0
        # As `fastround.entry` reads it.
        self.data = (ctypes.c_ssize_t * 10)(
            0, 0, first_call, len(self.dtypes), ctypes.addressof(threads.state), ufunc.nin, 0, 0, 0, 0
        )
        # The slot of the infinite sum for the precision of the arithmetic.
        self.computing: _Slot | None = None
        if ufunc.function.windowed:
            infinite = {slot.real: slot for slot in _slots if slot.ufunc == ufunc.infinite}
            same, self.computing = infinite[real], infinite[np.float32 if real is np.float16 else real]
            self.data[6] = ctypes.addressof(same.table) + same.index * ctypes.sizeof(ctypes.c_void_p)
            self.data[7] = ctypes.addressof(same.data)
            self.data[8] = ctypes.addressof(self.computing.data)

    @property
    def name(self) -> str:
        names = [np.dtype(self.real).name] + ["uint64"] * (self.integer is np.uint64)
        return ".".join([self.ufunc.name, *names])

    def _first_call(self, args: int, dims: int, steps: int, data: int) -> None:
        """Finish a call whose loop, or the entry to it, is not compiled yet."""
        n, varies = ctypes.cast(dims, _INTEGERS)[0], any(ctypes.cast(steps, _INTEGERS)[1 : self.ufunc.nin])
        finished = False
        try:
            if numba.config.DISABLE_JIT:
                self._interpret(args, n, steps)
                return
            # The entry first.  It may come back here, for the loop that it wants.
            entered = self.table[self.index] == _addresses.get(entry.NAME)
            varying = (n > 1 and varies) if entered else None
            failure = _undisturbed(lambda: self._compile(varying))
            # A ufunc call clears the floating-point status, so that what compilation left there is not taken for ours.
            np.add(0.0, 0.0)
            if failure is None:
                _LOOP(_addresses[entry.NAME])(args, dims, steps, data)
            elif isinstance(failure, Exception):
                self._interpret(args, n, steps)
                finished = True
                message = f"{self.name} can't be compiled and is interpreted, slowly: {failure!r}"
                warnings.warn(message, RuntimeWarning, 2)
            else:
                raise failure
        except BaseException:
            # What is not finished should not look so.
            if not finished:
                for output in self._operands(args, n, steps)[self.ufunc.nin :]:
                    output[...] = np.nan
            raise

    def _compile(self, varying: bool | None) -> None:
        """Compile the loop for one sharpness or for many, or let the entry take the place of `_first_call`."""
        with global_compiler_lock:
            if varying is None:
                if not _addresses:
                    names = entry.NAME, entry.ROWS, vectorcall.NAME
                    found = cache.function_addresses(entry.NAME, names, _entry_module)
                    _addresses.update(zip(names, found, strict=True))
                    _functions.update({name: _LOOP(_addresses[name]) for name in (entry.NAME, entry.ROWS)})
                    vectorcall.install(ufuncs.values(), _addresses[vectorcall.NAME])
                self.table[self.index] = _addresses[entry.NAME]
            elif varying and self.data[varying] and self.computing:
                # The varying loop over windows calls this one.
                self.computing._compile(varying)
            elif not self.data[varying]:
                name = f"{self.name}.varying" if varying else self.name
                self.data[varying] = cache.function_address(name, lambda: self._module(name, varying))

    def _module(self, name: str, varying: bool) -> Any:
        # Imported here, since neither the kernels nor Numba's compiler are needed where the code is in the cache.
        from .loops import SIGNATURE, loop

        return cache.numba_module(name, loop(self.ufunc, self.real, varying, self.integer), SIGNATURE)

    def _interpret(self, args: int, n: int, steps: int) -> None:
        """The loop without a compiler, by the reference implementation."""
        from . import reference

        function = getattr(reference, f"{self.ufunc.function.name}_value_and_grad")
        function_k = getattr(reference, f"{self.ufunc.function.name}_grad_k")
        operands, nin = self._operands(args, n, steps), self.ufunc.nin
        with np.errstate(all="ignore"):
            negative = [(operand < 0).any() for operand in operands[1:nin]]
            for i in range(n):
                numbers = [operand[i].item() for operand in operands[:nin]]
                if any(number < 0 for number in numbers[2:]):
                    # The reference refuses a negative radius.
                    numbers = [np.nan, np.nan, 0]
                results = (*function(*numbers), function_k(*numbers))
                for output, pick in zip(operands[nin:], self.ufunc.output.picks, strict=True):
                    output[i] = results[pick]
        np.add(0.0, 0.0)
        if any(negative):
            infinity = float("inf")
            # This raises the flag that NumPy reports.
            infinity - infinity

    def _operands(self, args: int, n: int, steps: int) -> list[Any]:
        """The operands as arrays."""
        pointers, strides = ctypes.cast(args, _INTEGERS), ctypes.cast(steps, _INTEGERS)
        interfaces = (
            {
                "version": 3,
                "typestr": dtype.str,
                "data": (pointers[j], False),
                "shape": (n,),
                "strides": (strides[j],),
            }
            for j, dtype in enumerate(self.dtypes)
        )
        return [np.asarray(SimpleNamespace(__array_interface__=interface)) for interface in interfaces]


def _undisturbed(work: Callable[[], None]) -> BaseException | None:
    """Do the work in a thread without signal handlers, and return what it raised.

    Handlers run in the main thread.  There, an exception of theirs ends the waiting, but neither harms the work nor is
    taken for its own.
    """
    failures: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    # Another thread would wait for ever for what this one holds: the compiler's lock, or that of a module it imports.
    importing = any(code.co_filename == "<frozen importlib._bootstrap>" for code in stack())
    if not in_main_thread() or importing or global_compiler_lock.is_locked() or sys.is_finalizing():
        run()
    else:
        worker = threading.Thread(target=run, name="fastround compiler")
        try:
            worker.start()
        except RuntimeError:
            # No thread can be started, as when the process ends.
            run()
        else:
            # An interrupted `join` would let Python 3.11 end without the worker.
            done.wait()
    return failures[0] if failures else None


_addresses: dict[str, int] = {}
_functions: dict[str, Any] = {}
_slots: list[_Slot] = []


def _make(ufunc: Ufunc) -> np.ufunc:
    integers = _INTEGER_TYPES if ufunc.function.windowed else (None,)
    slots = [_Slot(ufunc, real, integer) for real in _PRECISIONS for integer in integers]
    table = (ctypes.c_void_p * len(slots))(*(ctypes.cast(slot.first_call, ctypes.c_void_p).value for slot in slots))
    data = (ctypes.c_void_p * len(slots))(*(ctypes.addressof(slot.data) for slot in slots))
    numbers = np.array([[dtype.num for dtype in slot.dtypes] for slot in slots], np.int8).tobytes()
    for index, slot in enumerate(slots):
        slot.table, slot.index = table, index
    texts = ufunc.name.encode(), docstring(ufunc).encode()
    _slots.extend(slots)
    cache.keep(table, data, numbers, *texts, *slots, threads.state, threads.launch)
    # PyUFunc_FromFuncAndData(loops, data, types, precisions, inputs, outputs, identity, name, doc, unused)
    made: np.ufunc = _from_loops(table, data, numbers, len(slots), ufunc.nin, ufunc.nout, -1, *texts, 0)
    by_rows = rows.by_rows(made, {slot.dtypes[0]: slot for slot in slots if slot.integer is not np.uint64}, _functions)
    hook = vectorcall.hook(made, by_rows)
    for slot in slots:
        slot.data[9] = ctypes.addressof(hook)
    cache.keep(by_rows, hook)
    # Pickle would look for the name in every module.
    made.__module__ = __package__
    return made


def _entry_module() -> Any:
    module = entry.module()
    vectorcall.add_call(module)
    return binding.parse_assembly(str(module))


def compiled() -> list[str]:
    """The names of the loops that are compiled in this process."""
    kinds = ((0, ""), (1, ".varying"))
    return sorted(slot.name + suffix for slot in _slots for kind, suffix in kinds if slot.data[kind])


ufuncs: dict[str, np.ufunc] = {ufunc.name: _make(ufunc) for ufunc in UFUNCS}
