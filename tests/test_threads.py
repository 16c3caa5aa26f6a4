"""Calls from several threads and from forked children, under each of Numba's threading layers."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import compile_ahead, run

_LINUX = sys.platform.startswith("linux")

# Where Numba's wheels and the packages of the extra "test" bring them.
LAYERS = [
    "workqueue",
    *["omp"] * (os.name == "nt" or _LINUX),
    *["tbb"] * (_LINUX and platform.machine() == "x86_64"),
]

layers = pytest.mark.parametrize("layer", LAYERS)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    suffixes = ("", "_grad", "_grad_k", "_value_and_grad")
    compile_ahead(f"{name}{suffix}.float64" for name in ("sigmoid_round", "density_floor") for suffix in suffixes)


# The expected results are of pieces too small to be shared among threads.  The size leaves a rest for any number of
# threads.
_SETUP = """
import os, threading, time
import numba, numpy as np, fastround as fr
from fastround import threads
x = np.random.default_rng(0).normal(scale=5, size=1_000_003)
suffixes = ("", "_grad", "_grad_k", "_value_and_grad")
functions = [getattr(fr, name + suffix) for name in ("sigmoid_round", "density_floor") for suffix in suffixes]

def outputs(result):
    return result if isinstance(result, tuple) else (result,)

def check(which=range(8), size=x.size):
    for i in which:
        for y, expected in zip(outputs(functions[i](x[:size], 10.0)), serial[i], strict=True):
            assert np.array_equal(y.view(np.uint64), expected[:size].view(np.uint64)), functions[i]

pieces = np.array_split(x, 64)
assert len(pieces[0]) < threads.THRESHOLD
serial = [[np.concatenate(y) for y in zip(*(outputs(f(piece, 10.0)) for piece in pieces))] for f in functions]
assert threads.state[0] == threads.UNLAUNCHED

def beside(work, calls, seconds=2):
    # Runs work() in threads of its own, again and again, while this one makes the calls.
    failures, counts, end = [], [], time.monotonic() + seconds
    def repeat(*arguments):
        try:
            count = 0
            while not count or time.monotonic() < end:
                work(*arguments)
                count += 1
            counts.append(count)
        except BaseException as error:
            failures.append(error)
    workers = [threading.Thread(target=repeat, args=arguments) for arguments in calls]
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.join()
    assert not failures, failures
    assert len(counts) == len(workers)
"""


def run_with(layer: str, code: str) -> str:
    """What a process prints that has four of Numba's threads in this layer."""
    # Where pip puts TBB's libraries the loader does not look by itself.
    libraries = os.pathsep.join([str(Path(sys.prefix, "lib")), os.environ.get("LD_LIBRARY_PATH", "")])
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4", "LD_LIBRARY_PATH": libraries}
    return run(_SETUP + code, timeout=180, **settings)


@layers
def test_many_threads_get_the_bits_of_one(layer: str) -> None:
    """Sixteen threads call different functions at once, each on an array that all of Numba's threads would share."""
    code = f"""
check([0])
for _ in beside(lambda i: check([i % 8, (i + 1 + i // 8) % 8]), [(i,) for i in range(16)]):
    pass
assert numba.threading_layer() == {layer!r}
# The pool was there to be taken, and was given back.
assert threads.state[0] == threads.FREE
for count in range(1, 5):
    numba.set_num_threads(count)
    check()
"""
    run_with(layer, code)


@layers
def test_beside_parallel_code_of_the_caller(layer: str) -> None:
    """The caller's `parallel=True` functions run in other threads, except that the work queue admits but one thread."""
    code = f"""
@numba.njit(parallel=True)
def double(a):
    return 2 * a
double(x)
check()
calls = [(), ()] if {layer!r} != "workqueue" else [()]
for _ in beside(lambda: np.testing.assert_array_equal(double(x), 2 * x), calls, seconds=1):
    for _ in range(10):
        check()
check()
double(x)
"""
    run_with(layer, code)


@layers
def test_inside_parallel_code_of_the_caller(layer: str) -> None:
    """A `prange` whose body goes back to Python."""
    code = """
@numba.njit(parallel=True)
def sums(x):
    y = np.zeros(4)
    for i in numba.prange(4):
        with numba.objmode(total="float64"):
            total = float(fr.sigmoid_round(x, 10.0).sum())
        y[i] = total
    return y
check([0])
for _ in range(5):
    np.testing.assert_array_equal(sums(x), np.full(4, serial[0][0].sum()))
"""
    run_with(layer, code)


def test_the_work_queue_is_for_a_lone_thread() -> None:
    """Numba ends the process when two threads enter it; one that finds others does all work itself."""
    code = """
check([0])
assert threads.state[5] == 1
used = []
def count(*arguments, call=ctypes.CFUNCTYPE(ctypes.c_ssize_t)(threads.state[2])):
    used.append(1)
    return call()
counter = ctypes.CFUNCTYPE(ctypes.c_ssize_t)(count)
threads.state[2] = ctypes.cast(counter, ctypes.c_void_p).value
check([0])
end = threading.Event()
worker = threading.Thread(target=end.wait)
worker.start()
check([0])
end.set()
worker.join()
check([0])
assert len(used) == 2, used
"""
    run_with("workqueue", "import ctypes\n" + code)


@layers
def test_a_thread_that_outlives_the_main_one(layer: str) -> None:
    """It computes as if nothing had happened, be it the first large call of all."""
    code = """
def work():
    threading.main_thread().join()
    time.sleep(0.1)
    check()
    print("done")
threading.Thread(target=work).start()
"""
    assert run_with(layer, code) == "done\n"


@layers
def test_blocks_of_a_dask_array(layer: str) -> None:
    """Under dask's scheduler of threads, beside calls of this thread."""
    code = """
import dask.array as da
blocks = da.from_array(x, chunks=120_000)
for i in (0, 5):
    def work():
        for _ in range(4):
            y = functions[i](blocks, 10.0).compute(scheduler="threads", num_workers=8)
            np.testing.assert_array_equal(y, serial[i][0])
    for _ in beside(work, [()], seconds=0.5):
        check([i])
"""
    run_with(layer, code)


@layers
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers")
def test_a_signal_during_a_long_call(layer: str) -> None:
    """What its handler raises comes when the call is over, and does no harm."""
    code = """
import signal
class Timeout(Exception):
    pass
def handler(*arguments):
    raise Timeout
signal.signal(signal.SIGALRM, handler)
check([0])
large, y = np.tile(x, 20), np.empty(20 * x.size)
caught = 0
for delay in (1e-4, 1e-3, 5e-3, 1e-2, 2e-2):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        fr.sigmoid_round(large, 10.0, out=y)
        time.sleep(60)
    except Timeout:
        caught += 1
    check()
assert caught == 5
"""
    run_with(layer, code)


@forks
@layers
def test_children_of_every_start_method_compute(layer: str) -> None:
    """After the parent used the pool, and also what the parent never called."""
    code = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
check(range(7))
for method in ("fork", "spawn", "forkserver"):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        for i in (0, 3, 7):
            for result in pool.map(functions[i], [x[:200_000]] * 2, [10.0] * 2):
                for y, expected in zip(outputs(result), serial[i], strict=True):
                    np.testing.assert_array_equal(y, expected[:200_000])
    check()
"""
    run_with(layer, code)


@forks
@layers
def test_a_fork_during_calls_of_other_threads(layer: str) -> None:
    """The child computes, whoever holds the pool, and the parent goes on."""
    code = """
import warnings
# Python itself warns of a fork beside threads.
warnings.simplefilter("ignore", DeprecationWarning)
# The pool is launched in the thread that forks, as else Numba's layer for TBB complains.
check()
for _ in beside(check, [(), ()]):
    for _ in range(15):
        time.sleep(0.01)
        child = os.fork()
        if not child:
            try:
                check(size=100_000)
                assert threads.state[0] == threads.CLOSED
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
check()
"""
    run_with(layer, code)


@layers
@pytest.mark.parametrize("before", ["", "check()"], ids=["first use", "used before"])
def test_calls_at_exit(layer: str, before: str) -> None:
    """Functions registered with `atexit` may call with large arrays, be it the first such call of all."""
    assert run_with(layer, f"import atexit; atexit.register(lambda: (check(), print('done')))\n{before}") == "done\n"


def test_one_thread_of_many_compiles(tmp_path: Path) -> None:
    """Sixteen threads want one loop that is neither compiled nor in the cache: it is made once, and all go on."""
    code = """
import threading
import numpy as np, fastround as fr
from fastround import cache
calls, results, barrier = [], [], threading.Barrier(16)
def numba_module(name, *arguments, original=cache.numba_module):
    calls.append(name)
    return original(name, *arguments)
cache.numba_module = numba_module
def work():
    barrier.wait()
    results.append(fr.sigmoid_round(np.arange(10) / 7, 10.0).tobytes())
workers = [threading.Thread(target=work) for _ in range(16)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert (len(results), len(set(results))) == (16, 1)
assert calls == fr.ufuncs.compiled() == ["sigmoid_round.float64"]
"""
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    names = sorted(file.name.split("-")[0] for file in (tmp_path / "fastround").iterdir())
    assert names == ["entry", "sigmoid_round.float64"]


@forks
@layers
@pytest.mark.parametrize("launched_by", ["nobody", "Numba", "us"])
def test_a_child_has_threads_if_its_parent_had_none(layer: str, launched_by: str) -> None:
    """As when a server forks before it works."""
    code = f"""
import warnings
# Python itself warns of a fork beside threads.
warnings.simplefilter("ignore", DeprecationWarning)
if {launched_by!r} == "Numba":
    numba.get_num_threads()
if {launched_by!r} == "us":
    check([0])
child = os.fork()
if not child:
    try:
        check([0, 3])
        assert threads.state[0] == (threads.FREE if {launched_by!r} == "nobody" else threads.CLOSED)
        os._exit(0)
    finally:
        os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    run_with(layer, code)


@pytest.mark.skipif(not _LINUX, reason="GNU's OpenMP is the one of Linux")
def test_a_child_of_a_parent_that_used_openmp(tmp_path: Path) -> None:
    """GNU's OpenMP hangs in a child whose parent used it, be it by another library."""
    source, library = tmp_path / "openmp.c", tmp_path / "openmp.so"
    source.write_text("void f(void) {\n#pragma omp parallel\n;}\n")
    try:
        subprocess.run(["cc", "-fopenmp", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no compiler for C with OpenMP")
    code = f"""
import ctypes, signal, warnings
# Python itself warns of a fork beside threads.
warnings.simplefilter("ignore", DeprecationWarning)
try:
    ctypes.CDLL({str(library)!r}).f()
except OSError:
    os._exit(0)
child = os.fork()
if not child:
    signal.alarm(30)
    check([0])
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    run_with("omp", code)


@forks
def test_a_fork_during_a_compilation(tmp_path: Path) -> None:
    """The child of a process that compiles in another thread can compile too."""
    code = """
import os, threading, warnings
import fastround as fr
from fastround import cache
# Python itself warns of a fork beside threads.
warnings.simplefilter("ignore", DeprecationWarning)
begun = threading.Event()
def numba_module(*arguments, original=cache.numba_module):
    begun.set()
    return original(*arguments)
cache.numba_module = numba_module
worker = threading.Thread(target=fr.sigmoid_round, args=(0.3, 10.0))
worker.start()
begun.wait()
child = os.fork()
if not child:
    os._exit(int(fr.sigmoid_round(1.0, 10.0) != 1))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
worker.join()
"""
    run(code, timeout=90, NUMBA_CACHE_DIR=str(tmp_path))
