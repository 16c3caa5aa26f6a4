"""The ufuncs: made when fastround is imported, compiled when first called.

NumPy reads a ufunc's table of loops at every call.  Each slot holds a Python function at first, which compiles what
the call needs, replaces itself by machine code and finishes the call.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import threading
import warnings
from typing import Any

import numba
import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from . import cache, entry, threads
from .table import UFUNCS, Ufunc, docstring

__all__ = ["compiled", "ufuncs"]

# Narrow types before wide ones, as NumPy's promotion wants them.
_PRECISIONS: tuple[tuple[Any, str, Any], ...] = ((np.float32, "f", ctypes.c_float), (np.float64, "d", ctypes.c_double))

_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
_INTEGERS = ctypes.POINTER(ctypes.c_ssize_t)

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_API = ctypes.cast(_get_pointer(_multiarray_umath._UFUNC_API, None), ctypes.POINTER(ctypes.c_void_p))
_from_loops = ctypes.PYFUNCTYPE(
    ctypes.py_object, *[ctypes.c_void_p] * 2, ctypes.c_char_p, *[ctypes.c_int] * 4, *[ctypes.c_char_p] * 2, ctypes.c_int
)(_API[1])


class _Slot:
    """One precision of a ufunc: its place in NumPy's table, and the data that its loop is called with."""

    def __init__(self, ufunc: Ufunc, precision: tuple[Any, str, Any]) -> None:
        self.ufunc, (self.real, _, self.ctype) = ufunc, precision
        self.first_call = _LOOP(self._first_call)
        first_call = ctypes.cast(self.first_call, ctypes.c_void_p).value or 0
        # As `fastround.entry` reads it.
        self.data = (ctypes.c_ssize_t * 5)(0, 0, first_call, 2 + ufunc.nout, ctypes.addressof(threads.state))
        self.table: Any = None
        self.index = 0

    @property
    def name(self) -> str:
        return f"{self.ufunc.name}.{np.dtype(self.real).name}"

    def _first_call(self, args: int, dims: int, steps: int, data: int) -> None:
        """Finish a call whose loop is not compiled yet.  No exception may leave it: NumPy would not see it."""
        n, sharpness_step = ctypes.cast(dims, _INTEGERS)[0], ctypes.cast(steps, _INTEGERS)[1]
        interrupted, failure = False, None
        while True:
            try:
                address = self._compile(varying=n > 1 and sharpness_step != 0)
                break
            except KeyboardInterrupt:
                # The outputs must be computed whatever happens, so that the interrupt comes after them.
                interrupted = True
            except Exception as error:
                address, failure = 0, error
                break
        # A ufunc call clears the floating-point status, so that what compilation left there is not taken for ours.
        np.add(0.0, 0.0)
        if address:
            _LOOP(address)(args, dims, steps, data)
        else:
            self._interpret(args, n, steps)
        if interrupted:
            # A moment later, for ctypes would swallow what is raised in here.
            threading.Timer(0.01, _interrupt_main_thread).start()
        if failure:
            # Where warnings are errors, ctypes reports this one as an exception that nobody can catch.
            warnings.warn(f"{self.name} can't be compiled and is interpreted, slowly: {failure!r}", RuntimeWarning, 2)

    def _compile(self, varying: bool) -> int:
        """The address of the entry function, when the loop that it will call is there."""
        if numba.config.DISABLE_JIT:
            return 0
        with global_compiler_lock:
            address = cache.function_address(entry.NAME, entry.module) if not _entry else _entry[0]
            _entry[:] = [address]
            if not self.data[varying]:
                name = f"{self.name}.varying" if varying else self.name
                self.data[varying] = cache.function_address(name, lambda: self._module(name, varying))
            self.table[self.index] = address
            return address

    def _module(self, name: str, varying: bool) -> Any:
        # Imported here, since neither the kernels nor Numba's compiler are needed where the code is in the cache.
        from .loops import SIGNATURE, loop

        return cache.numba_module(name, loop(self.ufunc, self.real, varying), SIGNATURE)

    def _interpret(self, args: int, n: int, steps: int) -> None:
        """The loop without a compiler, by the reference implementation."""
        from . import reference

        function = getattr(reference, f"{self.ufunc.function.name}_value_and_grad")
        function_k = getattr(reference, f"{self.ufunc.function.name}_grad_k")
        operands = ctypes.cast(args, _INTEGERS), ctypes.cast(steps, _INTEGERS)
        invalid = False
        for i in range(n):
            x, k, *outputs = (
                self.ctype.from_address(operands[0][j] + i * operands[1][j]) for j in range(2 + self.ufunc.nout)
            )
            invalid = invalid or k.value < 0
            results = (*function(x.value, k.value), function_k(x.value, k.value))
            for output, pick in zip(outputs, self.ufunc.output.picks, strict=True):
                output.value = results[pick]
        np.add(0.0, 0.0)
        if invalid:
            infinity = float("inf")
            # This raises the flag that NumPy reports.
            infinity - infinity


def _interrupt_main_thread() -> None:
    if hasattr(signal, "pthread_kill"):
        # Unlike the other, this one ends also a wait.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


_entry: list[int] = []
_slots: list[_Slot] = []


def _make(ufunc: Ufunc) -> np.ufunc:
    slots = [_Slot(ufunc, precision) for precision in _PRECISIONS]
    table = (ctypes.c_void_p * len(slots))(*(ctypes.cast(slot.first_call, ctypes.c_void_p).value for slot in slots))
    data = (ctypes.c_void_p * len(slots))(*(ctypes.addressof(slot.data) for slot in slots))
    numbers = np.array([[np.dtype(real).num] * (2 + ufunc.nout) for real, _, _ in _PRECISIONS], np.int8).tobytes()
    for index, slot in enumerate(slots):
        slot.table, slot.index = table, index
    texts = ufunc.name.encode(), docstring(ufunc).encode()
    _slots.extend(slots)
    cache.keep(table, data, numbers, *texts, *slots, threads.state, threads.launch)
    # PyUFunc_FromFuncAndData(loops, data, types, precisions, inputs, outputs, identity, name, doc, unused)
    made: np.ufunc = _from_loops(table, data, numbers, len(slots), 2, ufunc.nout, -1, *texts, 0)
    # Pickle would look for the name in every module.
    made.__module__ = __package__
    return made


def compiled() -> list[str]:
    """The names of the loops that are compiled in this process."""
    kinds = ((0, ""), (1, ".varying"))
    return sorted(slot.name + suffix for slot in _slots for kind, suffix in kinds if slot.data[kind])


ufuncs: dict[str, np.ufunc] = {ufunc.name: _make(ufunc) for ufunc in UFUNCS}
