"""Running code in a process of its own, where a crash, a hang or a signal is seen."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

import fastround
from fastround import cache

_ROOT = str(Path(fastround.__file__).parents[1])


def run(code: str, timeout: float = 240, **environment: str | None) -> str:
    """What a new process prints that runs the code with warnings as errors, and ends well and without complaint.

    The environment is this one with changes, where None removes a variable.
    """
    changed = {"PYTHONPATH": os.pathsep.join([_ROOT, os.environ.get("PYTHONPATH", "")]), **environment}
    with subprocess.Popen(
        [sys.executable, "-P", "-W", "error", "-c", textwrap.dedent(code)],
        env={name: value for name, value in {**os.environ, **changed}.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=timeout)
        finally:
            # Its children too, which may outlive it and hold its pipes.
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
    # What a callback from C raises, as where a loop can't be compiled, changes no exit code.
    assert (process.returncode, complaints) == (0, ""), f"{output}\n{complaints}\nexit code {process.returncode}"
    return output


def compile_ahead(names: Iterable[str]) -> None:
    """Fill the cache folder with these loops, named as in `fastround.ufuncs.compiled()`, by all cores.

    There is a process for each method and precision, whose functions share what takes longest to compile.  Where tests
    run in several processes, one does this while the others wait.
    """
    folder = cache.folder()
    if folder is None:
        return
    code = """
        import numpy as np, fastround as fr
        for name in NAMES:
            ufunc, real, *varying = name.split(".")
            operand = np.ones(2 if varying else 1, real)
            getattr(fr, ufunc)(operand, operand, *[1] * (getattr(fr, ufunc).nin - 2))
    """
    shares = defaultdict(list)
    with FileLock(folder / "tests.lock"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in sorted(set(names).difference(cache.entries())):
            ufunc, real = name.split(".")[:2]
            shares[ufunc.partition("_")[0], real].append(name)
        codes = [code.replace("NAMES", str(share)) for share in shares.values()]
        list(pool.map(lambda code: run(code, timeout=1800), codes))
