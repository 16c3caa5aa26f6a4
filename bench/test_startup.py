"""New processes: import, the first result with and without compiled code on disk, and the memory of a call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Call, Timed
from test_contiguous import methods, suffixes

FIRST_RESULT = "import fastround as fr; fr.{name}({operands})"
UNIFORM = "0.3, 10.0"
MEMORY = """
import resource, sys
import numpy as np, fastround as fr
x, out = np.ones(2**24, np.float32), np.zeros(2**24, np.float32)
fr.sigmoid_round(x[:10], 10, out=out[:10])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fr.sigmoid_round(x, 10, out=out)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""


def process(code: str, folder: Path | None = None) -> str:
    """What a new process prints."""
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(folder)} if folder else {})}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


PROCESSES = {
    "numpy": "import numpy",
    "fastround": "import fastround",
    "first result": FIRST_RESULT.format(name="sigmoid_round", operands=UNIFORM),
}


@pytest.mark.parametrize("what", PROCESSES)
def test_process(timed: Timed, what: str) -> None:
    beside = {"import numba": Call(process, "import numba"), "nothing": Call(process, "")}
    timed(Call(process, PROCESSES[what]), beside, rounds=7)


# What follows the name of the method, and operands.
KINDS = {
    "": ("", UNIFORM),
    "one k per element": ("", "[0.3, 0.4], [10.0, 11.0]"),
    "a window": ("_windowed", "0.3, 2.0, 3"),
    "windows, one k per element": ("_windowed", "[0.3, 0.4], [2.0, 3.0], 3"),
}


@pytest.mark.parametrize("kind", KINDS)
@suffixes
@methods
def test_first_compilation(timed: Timed, smoke: bool, tmp_path: Path, method: str, suffix: str, kind: str) -> None:
    # One k for each function, and all kinds for that which takes longest; a single case where nothing is timed.
    longest = (method, suffix) == ("density", "_grad_k")
    if not (longest and not kind if smoke else longest or not kind):
        pytest.skip("a few will do for what takes seconds")
    windowed, operands = KINDS[kind]
    code = FIRST_RESULT.format(name=f"{method}_round{windowed}{suffix}", operands=operands)
    timed(Call(process, code, tmp_path), {"import numba": Call(process, "import numba")}, rounds=1)


def test_memory(timed: Timed, benchmark: Any) -> None:
    """How much the largest memory in use grows by a call on 64 MiB, once the function is compiled."""
    printed: list[str] = []
    timed(Call(lambda: printed.append(process(MEMORY))), rounds=1)
    benchmark.extra_info["bytes"] = int(printed[0])
