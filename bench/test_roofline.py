"""What bounds the loops: the rates of the machine, and what the generated code does for each element."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numba
import numpy as np
import pytest
from baselines import CACHED, DEPTH, rate
from conftest import Call, Timed
from test_contiguous import copied

from fastround import cache
from fastround.loops import SIGNATURE, loop
from fastround.table import UFUNCS

# What a vector operation of LLVM counts for; all others do no arithmetic.
FLOPS = {"fadd": 1, "fsub": 1, "fmul": 1, "fdiv": 1, "llvm.fma": 2, "llvm.fmuladd": 2}
# These become part of other instructions, or none.
FREE = {"fneg", "bitcast", "phi", "getelementptr", "insertelement", "shufflevector"}
NAMES = ("sigmoid_round", "sigmoid_round_grad", "sigmoid_round_grad_k", "sigmoid_round_value_and_grad", "density_round")

threads = pytest.mark.parametrize("threads", [1, None], ids=["one thread", "all threads"])


@threads
def test_copy(timed: Timed, x: Any, dtype: str, threads: int | None) -> None:
    timed(copied(x, threads=threads))


@threads
@pytest.mark.parametrize("operation", ["multiply-adds", "divisions"])
def test_rate(timed: Timed, smoke: bool, dtype: str, operation: str, threads: int | None) -> None:
    """Arithmetic on numbers in the first cache; here an element is an operation."""
    count, repeat = threads or numba.config.NUMBA_NUM_THREADS, 1 if smoke else 5000
    divide = operation == "divisions"
    operations = count * repeat * CACHED * (1 if divide else DEPTH)
    timed(Call(rate(dtype, divide), count, repeat, elements=operations))


@pytest.mark.parametrize("name", NAMES)
def test_generated_code(timed: Timed, smoke: bool, dtype: str, name: str) -> None:
    """The time to compile a loop, and what the vectorised loop of each regime of the sharpness does."""
    if smoke and name != "sigmoid_round_grad":
        pytest.skip("one will do for what takes seconds")
    row = next(row for row in UFUNCS if row.name == name)

    loops: list[dict[str, float]] = []

    def compiled() -> None:
        # A function of its own each time, which no cache knows.
        function = loop(row, np.dtype(dtype).type, varying=False)
        module = cache._optimised(cache.numba_module(name, function, SIGNATURE), name)
        loops[:] = _vector_loops(module)

    timed(Call(compiled), rounds=1, loops=loops)


def _vector_loops(module: Any) -> list[dict[str, float]]:
    """Of each vectorised loop that computes, in the order of the code: what it does for one element."""
    blocks = [
        _per_element(block) for function in module.functions if not function.is_declaration for block in function.blocks
    ]
    loops = [block for block in blocks if block["lanes"] > 1 and block["flops"] > 4]
    widest = max(block["lanes"] for block in loops)
    return [block for block in loops if block["lanes"] == widest]


def _per_element(block: Any) -> dict[str, float]:
    counts: Counter[str] = Counter()
    lanes = 0
    for instruction in block.instructions:
        operands = list(instruction.operands)
        name, kind = instruction.opcode, str(instruction.type)
        if name == "store":
            kind = str(operands[0].type)
        if not kind.startswith("<"):
            continue
        if name == "call":
            name = operands[-1].name.rpartition(".")[0]
        if name in ("load", "store"):
            lanes = max(lanes, int(kind[1:].split()[0]))
        if name not in FREE:
            counts[name] += 1
    # One load of x for each vector of elements.
    vectors = max(1, counts["load"])
    arithmetic = sum(counts.values()) - counts["load"] - counts["store"]
    return {
        "lanes": lanes,
        "instructions": arithmetic / vectors,
        "flops": sum(FLOPS.get(name, 0) * count for name, count in counts.items()) / vectors,
        "divisions": counts["fdiv"] / vectors,
    }
