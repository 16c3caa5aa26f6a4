"""The pool of threads that large arrays are shared among: Numba's, entered by one call at a time.

The compiled loops see `state`: the lock word of the pool, the addresses of Numba's scheduler, and the number of
elements from which it is used.  A call that finds the pool taken, or closed, runs in its own thread, with the same
result.

Numba's OpenMP pool must not be entered in a forked child.  Its work queue ends the process that enters it from two
threads at once, be it for code of the user.  So it is used only while Python has no other thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

import numba
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock

from .callbacks import callback

FREE, BUSY, CLOSED, UNLAUNCHED = range(4)

# Below, waking the other threads costs more than they save, by measurements that docs/how-it-is-fast.md tells of.
THRESHOLD = 32768
_WORK_QUEUE_THRESHOLD = 524288

# Lock word, parallel_for, get_num_threads, threshold, launch, and whether the pool is for a process of one thread.
state = (ctypes.c_ssize_t * 6)(UNLAUNCHED, 0, 0, THRESHOLD, 0, 0)


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


def _launch() -> None:
    """Launch the pool when the first large array comes."""
    with global_compiler_lock:
        if state[0] != UNLAUNCHED:
            return
        usable, stuck = False, _forked and _has_gnu_openmp()
        try:
            name = layer()
            if name == "workqueue":
                state[3], state[5] = _WORK_QUEUE_THRESHOLD, 1
            state[1] = binding.address_of_symbol("numba_parallel_for") or 0
            state[2] = binding.address_of_symbol("get_num_threads") or 0
            usable = bool(state[1] and state[2]) and not (stuck and name == "omp")
        except RuntimeError:
            pass
        finally:
            state[0] = FREE if usable else CLOSED


def _has_gnu_openmp() -> bool:
    """Whether GNU's OpenMP is loaded.  If it had threads before a fork, it waits for them in the child, for ever."""
    try:
        ctypes.CDLL("libgomp.so.1", getattr(os, "RTLD_NOLOAD", 0))
    except OSError:
        return False
    return True


def _after_in_child() -> None:
    global _forked
    _forked = True
    with contextlib.suppress(ValueError):
        # No error: Numba has launched its pool, whose threads are not in the child.
        numba.threading_layer()
        state[0] = CLOSED
    global_compiler_lock.release()


_forked = False
launch = callback(ctypes.CFUNCTYPE(None), _launch)
state[4] = ctypes.cast(launch, ctypes.c_void_p).value or 0
if hasattr(os, "register_at_fork"):
    # A child of a process that compiles would find the lock held by a thread that it does not have.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=_after_in_child,
    )
