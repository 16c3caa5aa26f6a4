"""The pool of threads that large arrays are shared among: Numba's, entered by one call at a time.

The compiled loops see `state`: the lock word of the pool, the addresses of Numba's scheduler, and the number of
elements from which it is used.  A call that finds the pool taken, or closed, runs in its own thread, with the same
result.  Numba's OpenMP pool must not be entered in a forked child, nor its work queue by two threads at once.
"""

from __future__ import annotations

import ctypes
import os

import numba
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock

FREE, BUSY, CLOSED, UNLAUNCHED = range(4)

# From measurements in bench/: below, waking the other threads costs more than they save.
THRESHOLD = 32768

# Lock word, parallel_for, get_num_threads, threshold, launch.
state = (ctypes.c_ssize_t * 5)(UNLAUNCHED, 0, 0, THRESHOLD, 0)


def layer() -> str:
    """The name of Numba's threading layer, whose pool is launched for it.

    Raises
    ------
    RuntimeError
        If no threading layer can be launched.
    """
    try:
        numba.get_num_threads()
        return str(numba.threading_layer())
    except (ImportError, ValueError) as error:
        raise RuntimeError(f"Numba has no threading layer here: {error}") from error


@ctypes.CFUNCTYPE(None)
def launch() -> None:
    """Launch the pool when the first large array comes."""
    with global_compiler_lock:
        if state[0] != UNLAUNCHED:
            return
        try:
            layer()
            state[1] = binding.address_of_symbol("numba_parallel_for") or 0
            state[2] = binding.address_of_symbol("get_num_threads") or 0
        except Exception:
            state[1] = 0
        state[0] = FREE if state[1] and state[2] else CLOSED


def _after_in_child() -> None:
    state[0] = CLOSED
    global_compiler_lock.release()


state[4] = ctypes.cast(launch, ctypes.c_void_p).value or 0
if hasattr(os, "register_at_fork"):
    # A child of a process that compiles would find the lock held by a thread that it does not have.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=_after_in_child,
    )
