"""Calls from several threads and from forked children, under each of Numba's threading layers."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from processes import run

LAYERS = ["omp", "workqueue", *(["tbb"] if find_spec("tbb") or find_spec("tbb4py") else [])]

layers = pytest.mark.parametrize("layer", LAYERS)

_SETUP = """
import threading, numba, numpy as np, fastround as fr
x = np.random.default_rng(0).normal(scale=50, size=300_000)
functions = [fr.sigmoid_round, fr.sigmoid_round_grad, fr.density_floor]
numba.set_num_threads(1)
serial = [function(x, 10.0) for function in functions]
numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)

def check(repeat=1):
    for _ in range(repeat):
        for function, expected in zip(functions, serial, strict=True):
            np.testing.assert_array_equal(function(x, 10.0), expected)

check()
"""


@layers
def test_many_threads_get_the_bits_of_one(layer: str) -> None:
    code = """
failures = []
def work():
    try:
        check(40)
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failures, failures
assert numba.threading_layer() == LAYER
""".replace("LAYER", repr(layer))
    run(_SETUP + code, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


@layers
def test_children_of_every_start_method_compute(layer: str) -> None:
    code = """
import multiprocessing
if __name__ == "__main__":
    from concurrent.futures import ProcessPoolExecutor
    for method in ("fork", "spawn", "forkserver"):
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            for result in pool.map(fr.sigmoid_round, [x] * 4, [10.0] * 4):
                np.testing.assert_array_equal(result, serial[0])
    check()
"""
    run(_SETUP + code, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


@layers
def test_a_fork_during_a_call_of_another_thread(layer: str) -> None:
    code = """
import os
stop = False
def work():
    while not stop:
        check()
thread = threading.Thread(target=work)
thread.start()
for _ in range(10):
    child = os.fork()
    if not child:
        try:
            check()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop = True
thread.join()
"""
    # Python itself warns of a fork beside threads.
    run("import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n" + _SETUP + code,
        NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")  # fmt: skip


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "workqueue"])
def test_beside_parallel_code_of_the_caller(layer: str) -> None:
    """Numba's work queue admits one thread, so that it is left out."""
    code = """
from numba import njit, prange
@njit(parallel=True)
def total(a):
    s = 0.0
    for i in prange(a.size):
        s += a[i]
    return s
expected = total(x)
failures = []
def work():
    try:
        for _ in range(200):
            assert abs(total(x) - expected) < 1e-6 * abs(x).sum()
    except BaseException as error:
        failures.append(error)
thread = threading.Thread(target=work)
thread.start()
check(40)
thread.join()
assert not failures, failures
"""
    run(_SETUP + code, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")


def test_one_thread_of_many_compiles(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cache")
    code = """
import threading, numpy as np, fastround as fr, fastround.cache as cache
calls = []
original = cache.numba_module
def counted(name, *rest):
    calls.append(name)
    return original(name, *rest)
cache.numba_module = counted
barrier = threading.Barrier(16)
results = []
def work():
    barrier.wait()
    results.append(fr.sigmoid_round(np.arange(10) / 7, 10.0))
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(results) == 16
for result in results:
    np.testing.assert_array_equal(result, results[0])
assert calls == ["sigmoid_round.float64"], calls
"""
    run(code, NUMBA_CACHE_DIR=str(folder))


def test_calls_at_exit() -> None:
    code = "import atexit; atexit.register(lambda: (check(), print('done')))"
    assert run(_SETUP + code).strip() == "done"
