"""Python functions that machine code calls, whose exceptions nobody would see: they are raised a little later.

Between the call of a ufunc and its return, a signal handler may raise in such a function, at any place of it.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any


def callback(prototype: Any, function: Callable[..., Any]) -> Any:
    """The function for machine code to call.

    What it raises in the main thread is raised there again when the machine code has returned, as a signal handler
    would do it.  In another thread, or when Python ends, ctypes reports it.
    """

    def called(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException as error:
            if not in_main_thread() or sys.is_finalizing():
                raise
            _Later(error, called.__code__).schedule()
            return 0

    return prototype(called)


def in_main_thread() -> bool:
    """Whether this is the thread in which signal handlers run."""
    return threading.current_thread() is threading.main_thread()


def stack() -> Iterator[CodeType]:
    """What this thread executes, the innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame:
        yield frame.f_code
        frame = frame.f_back


class _Later:
    """An exception to be raised in the main thread as soon as it executes no such code."""

    def __init__(self, error: BaseException, code: CodeType) -> None:
        self.error, self.code = error, code

    def schedule(self) -> None:
        _scheduled.append(self)
        # CPython asks for its truth between two instructions of the main thread.
        if _add_pending_call(_is_true, self):
            raise self.error

    def __bool__(self) -> bool:
        _scheduled.remove(self)
        if self.code in stack():
            self.schedule()
            return False
        raise self.error


_scheduled: list[_Later] = []
_is_true = ctypes.cast(ctypes.pythonapi.PyObject_IsTrue, ctypes.c_void_p)
_add_pending_call = ctypes.pythonapi.Py_AddPendingCall
_add_pending_call.argtypes = [ctypes.c_void_p, ctypes.py_object]
