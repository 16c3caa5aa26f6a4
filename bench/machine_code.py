"""What the loops of the ufuncs are compiled to: operations of LLVM, and instructions of the machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding

from fastround import cache
from fastround.loops import SIGNATURE, loop
from fastround.table import Ufunc

# What a vector operation of LLVM counts for; all others do no arithmetic.
FLOPS = {"fadd": 1, "fsub": 1, "fmul": 1, "fdiv": 1, "llvm.fma": 2, "llvm.fmuladd": 2}
# These become part of other instructions, or none.
FREE = {"fneg", "bitcast", "phi", "getelementptr", "insertelement", "shufflevector"}
# Loops with less arithmetic for an element copy or convert.
LEAST = 5


def compiled(ufunc: Ufunc, real: Any, varying: bool = False) -> Any:
    """The LLVM module of a loop, compiled anew: no cache has more than its object code."""
    integer = np.int64 if ufunc.function.windowed else None
    return compiled_function(loop(ufunc, real, varying, integer), ufunc.name)


def compiled_function(function: Callable[..., None], name: str) -> Any:
    """The LLVM module of a Python function with the signature of loops."""
    return cache._optimised(cache.numba_module(name, function, SIGNATURE), name)


def vector_loops(module: Any) -> list[dict[str, float]]:
    """Of each vectorised loop that computes, in the order of the code: what it does for one element.

    Of loops for the same, it is the one that takes most elements at a time.
    """
    blocks = [
        _per_element(block) for function in module.functions if not function.is_declaration for block in function.blocks
    ]
    loops = [block for block in blocks if block["lanes"] > 1 and block["flops"] >= LEAST]
    most = max(block["lanes"] * block["vectors"] for block in loops)
    return [block for block in loops if block["lanes"] * block["vectors"] == most]


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
        "vectors": vectors,
        "instructions": arithmetic / vectors,
        "flops": sum(FLOPS.get(name, 0) * count for name, count in counts.items()) / vectors,
        "divisions": counts["fdiv"] / vectors,
    }


class InnerLoop(NamedTuple):
    """The arithmetic of an innermost loop: bits of its registers (0 if any is scalar), and its operations."""

    width: int
    operations: Counter[str]

    def resembles(self, other: InnerLoop) -> bool:
        """Whether both compute the same, perhaps for different numbers of elements at a time."""
        # Sums and products may be arranged otherwise.
        counts = ({name: n for name, n in loop.operations.items() if "other" not in name} for loop in (self, other))
        ours, theirs = counts
        multiples = all(theirs[n] % ours[n] == 0 or ours[n] % theirs[n] == 0 for n in ours.keys() & theirs.keys())
        return bool(ours) and ours.keys() == theirs.keys() and multiples


def full_width() -> int | None:
    """The bits of the widest registers of the CPU that code is compiled for; None where its code is not read here."""
    triple, features = binding.get_process_triple(), cache.target()[1].split(",")
    has = {feature[1:]: feature[0] == "+" for feature in features if feature}
    if triple.startswith("x86_64"):
        # Without this, a fused multiply-add is a function call.
        if not has.get("fma"):
            return None
        return 512 if has.get("avx512f") else 256
    return 128 if triple.startswith(("aarch64", "arm64")) else None


def inner_loops(module: Any) -> list[InnerLoop]:
    """The innermost loops that compute, in the order of the machine code."""
    machine = cache._new_machine(cache._may_be_compact())
    # LLVM's comments say what is a loop.
    machine.set_asm_verbosity(True)
    bodies: dict[str, list[str]] = {}
    innermost = set()
    label, header = "", None
    for line in machine.emit_assembly(module).splitlines():
        if start := re.match(r"\.?L?(BB\d+_\d+):|\S+:|\S+ %bb\.", line):
            label, header = start[1] or "", None
        if "Inner Loop Header" in line:
            innermost.add(label)
            header = label
        elif inside := re.search(r"in Loop: Header=(BB\d+_\d+)", line):
            header = inside[1]
        elif header and line.startswith("\t"):
            bodies.setdefault(header, []).append(line)
    loops = [_inner_loop(body) for header, body in bodies.items() if header in innermost]
    return [loop for loop in loops if sum(loop.operations.values()) >= LEAST]


# Mnemonic, and what tells packed from scalar: for x86, its end; for ARM, the first register or the mnemonic's suffix.
_X86 = re.compile(r"\tv?(f?n?m?(?:add|sub)|mul|div)(?:\d{3})?([ps])([sd])\t(.*)")
_ARM = re.compile(r"\tf(n?m?(?:add|sub)|n?mul|n?ml[as]|div)(\.\d[sd])?\t([vzsd])\d+(\.\d?[sd])?(.*)")


def _inner_loop(body: list[str]) -> InnerLoop:
    operations: Counter[str] = Counter()
    widths: dict[str, int] = {}
    for line in body:
        if found := _X86.match(line):
            name, packed, kind, operands = found.groups()
            width = max(bits for letter, bits in zip("xyz", (128, 256, 512), strict=True) if f"{letter}mm" in operands)
            width *= packed == "p"
        elif found := _ARM.match(line):
            name, suffix, register, layout, _ = found.groups()
            lanes = suffix or layout
            kind = lanes[-1] if lanes else register
            width = 0 if not lanes else 64 if lanes == ".2s" else 128
        else:
            continue
        widths[kind] = min(widths.get(kind, width), width)
        fused = re.search("m(add|sub|l)", name)
        operations[f"{'fma' if fused else 'div' if name == 'div' else 'other'} {kind}"] += 1
    if len(widths) == 2:
        # As many numbers of float32 as of float64 fill half a register.
        widths["s"] *= 2
    return InnerLoop(min(widths.values(), default=0), operations)
