"""The sweep that finds the worst error of every ufunc against mpmath, and writes the table of the documentation.

Run it as `python tests/accuracy.py [COUNT]`, where COUNT is how many sharpnesses are tried for each function and dtype.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from oracle import max_abs_grad_k, oracle, ulp_error

import fastround as fr
from fastround.kernels.distances import SOFT
from fastround.kernels.few import FEW, SHARP
from fastround.kernels.outside import WIDE
from fastround.kernels.windowed import windowed
from fastround.table import FUNCTIONS, WINDOWED, Function

PRECISIONS: tuple[Any, ...] = (np.float32, np.float64)
SHIFTS = {"round": 0.0, "floor": -0.5, "ceil": 0.5}
# What is promised, in ulp, for the outputs that the sweep looks at.
BOUNDS = {"": 4.0, "_grad": 6.0, "_grad_k": 8.0}


class Worst(NamedTuple):
    """The largest error of a sweep in ulp, and where it was found."""

    ulp: float = 0.0
    x: float = 0.0
    k: float = 0.0


def positions(rng: np.random.Generator, count: int, real: Any) -> Any:
    """Positions in [−3, 3], log-uniform up to 2^30, and beside the integers and half-integers."""
    sign = rng.choice([-1.0, 1.0], (2, count))
    near = rng.integers(-6, 7, count) / 2 + sign[0] * 2.0 ** rng.uniform(-60, -1, count)
    far = sign[1] * 2.0 ** rng.uniform(-60, 30, count)
    neighbours = np.nextafter(rng.integers(-6, 7, count).astype(real) / real(2), real(rng.choice([-9, 9])))
    return np.concatenate([rng.uniform(-3, 3, count), far, near, neighbours]).astype(real)


def sharpnesses(rng: np.random.Generator, count: int, function: Function, real: Any) -> Iterator[Any]:
    """Sharpnesses log-uniform in [10^-3, 10^6], and about where something changes."""
    for k in 10.0 ** rng.uniform(-3, 6, count // 3):
        yield real(k)
    # Where there is something to get wrong.
    for k in 10.0 ** rng.uniform(0, 2.5, count - count // 3):
        yield real(k)
    for bound in {bound for picks in ((0, 1), (2,)) for bound in function.staircase(real, picks).bounds}:
        for steps in range(-2, 3):
            yield real(bound) + real(steps) * np.spacing(real(bound))
    # Where the slope next to an integer leaves the normal numbers.
    edge = -np.log(np.finfo(real).tiny) * {"sigmoid": 2, "density": 1}[function.method]
    for k in edge * rng.uniform(1, 1.012, 4):
        yield real(k)


def windows(rng: np.random.Generator, count: int, real: Any) -> Iterator[tuple[Any, int]]:
    """Sharpnesses and radii: small windows, wide ones, those of soft sharpnesses, and beside where these meet."""
    for _ in range(count):
        radius = int(rng.choice([1, 2, 3, 10.0 ** rng.uniform(0.5, 2.5)]))
        yield real(10.0 ** rng.uniform(-3, np.log10(60 / radius))), radius
    for radius in (1, 3, FEW, FEW + 1, 20, 60, 300, 1100):
        edges = {SOFT, SHARP, WIDE / radius}
        for parts in (windowed(method, real, picks) for method in ("sigmoid", "density") for picks in ((0, 1), (2,))):
            # Where k·M is as near as it may be for the infinite sum to do.
            nearest = (parts.nearer + math.sqrt(parts.nearer**2 + 80 * radius)) / (2 * radius)
            edges |= {parts.sharpest, parts.few, parts.reach / radius, parts.soft_reach / radius, nearest}
        for k in sorted(edges):
            yield np.nextafter(real(k), real(0)), radius
            yield real(k), radius


@cache
def _largest_change(method: str, k: float, radius: int | None) -> Any:
    # Below, the derivative by k of the infinite sum is much smaller than any epsilon.
    return 0 if k < 0.3 and radius is None else max_abs_grad_k(method, k, radius)


def sweep(function: Function, real: Any, count: int, seed: int = 0) -> dict[str, Worst]:
    """The worst errors of one function for one precision."""
    rng = np.random.default_rng(seed)
    worst = dict.fromkeys(BOUNDS, Worst())
    tiny, epsilon = np.finfo(real).tiny, np.finfo(real).eps
    pairs: Iterator[tuple[Any, int | None]]
    pairs = (
        windows(rng, count, real) if function.windowed else ((k, None) for k in sharpnesses(rng, count, function, real))
    )
    for k, radius in pairs:
        x = positions(rng, 6 if radius is None else 3, real)
        operands = (x, k) if radius is None else (x, k, radius)
        got = {suffix: getattr(fr, function.name + suffix)(*operands) for suffix in BOUNDS}
        unit = np.spacing(real(max(float(_largest_change(function.method, float(k), radius)), epsilon)))
        for i, position in enumerate(x):
            value, grad, grad_k = oracle(function.method, SHIFTS[function.place], position, k, radius)
            errors = {
                "": ulp_error(got[""][i], value, real),
                "_grad": ulp_error(got["_grad"][i], grad, real) if grad >= tiny else 0.0,
                "_grad_k": float(abs(float(got["_grad_k"][i]) - grad_k) / float(unit)),
            }
            for suffix, error in errors.items():
                # A nan compares as an error of any size.
                if not error <= worst[suffix].ulp:
                    worst[suffix] = Worst(float(error), float(position), float(k))
    return worst


def table(count: int) -> str:
    """The table of the documentation, in Markdown."""
    lines = [
        f"Worst errors in ulp against mpmath, for {count} sharpnesses and the regime switches, 24 positions each.",
        "For windows: a third as many sharpnesses, and 12 positions.",
        "",
        "| function | dtype | value | `_grad` | `_grad_k` |",
        "|---|---|---|---|---|",
    ]
    for function in FUNCTIONS + WINDOWED:
        for real in PRECISIONS:
            worst = sweep(function, real, count // 3 if function.windowed else count)
            cells = " | ".join(f"{worst[suffix].ulp:.2f}" for suffix in BOUNDS)
            lines.append(f"| `{function.name}` | {np.dtype(real).name} | {cells} |")
            print(lines[-1], *worst.values(), sep="\n  ", flush=True)
    lines.append("| *promised* | both | " + " | ".join(f"{bound:g}" for bound in BOUNDS.values()) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    text = table(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    (Path(__file__).parent.parent / "docs" / "accuracy-table.md").write_text(text)
