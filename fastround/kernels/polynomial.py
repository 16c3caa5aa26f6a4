"""Polynomials in X = u + v from sums over u^l ± v^l with uv = p, as linear maps on tuples of coefficients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .elementary import kernel


def symmetric(degree: int) -> Any:
    """Columns l = 0..degree: the powers of X in u^l + v^l for p = 1, but 1 for l = 0."""
    columns = np.zeros((degree + 2, degree + 2))
    columns[0, 0], columns[1, 1] = 2, 1
    _recur(columns)
    columns[0, 0] = 1
    return columns[:-1, :-1]


def antisymmetric(degree: int) -> Any:
    """Columns l = 1..degree: the powers of X in (u^l − v^l)/(u − v) for p = 1."""
    columns = np.zeros((degree + 1, degree + 1))
    columns[0, 1] = 1
    _recur(columns)
    return columns[:-1, 1:]


def about_two(degree: int) -> Any:
    """The powers of X − 2 in those of X."""
    return np.array(
        [[math.comb(i, j) * 2.0 ** (i - j) if i >= j else 0.0 for i in range(degree + 1)] for j in range(degree + 1)]
    )


def _recur(columns: Any) -> None:
    """Fill the columns from 2 on by c_l = X·c_(l−1) − c_(l−2)."""
    for l in range(2, columns.shape[1]):
        columns[1:, l] = columns[:-1, l - 1]
        columns[:, l] -= columns[:, l - 2]


def derivative(degree: int) -> Any:
    """The derivative of a polynomial of this degree."""
    return np.diag(np.arange(1.0, degree + 1), 1)[:-1]


def polynomial(
    real: Any, matrix: Any, degrees: Sequence[int], order: int = 0, lead: int = -1
) -> Callable[..., tuple[Any, ...]]:
    """The nopython function (c, h, unit, scale) ↦ scale·matrix·c, rounded to `real`: a polynomial in X/unit.

    `matrix` is for h = 1.  An entry from c_l of degree l to the power X^i takes the power of h that makes them of one
    degree in u and v, where uv = h² and X^i stands for a quantity of degree i + order, each of them in `unit`.
    The coefficient of X^lead is less by 1.
    What is next to nothing becomes zero: subnormal coefficients would change no result, and slow every operation on
    them down a hundredfold.
    """
    tiny = float(np.finfo(real).tiny)

    def entry(m: float, j: int, i: int) -> str:
        factors = [] if m == 1 else [repr(float(m))]
        power = max(degrees[j] - i - order, 0)
        return " * ".join(factors + [f"h{power}"] * (power > 0) + [f"c[{j}]"])

    # The smallest first, so that the sum has the rounding errors of its last terms alone.
    rows = [[entry(m, j, i) for j, m in enumerate(row) if m][::-1] for i, row in enumerate(matrix)]
    lines = [f"    x{i} = scale{i} * ({' + '.join(row)})" + " - 1.0" * (i == lead) for i, row in enumerate(rows)]
    used = max((i for i in range(1, 40) if f"h{i} " in "".join(lines)), default=0)
    powers = [f"    h{i} = " + (f"h{i - 1} * h" if i > 1 else "h") for i in range(1, used + 1)]
    scales = [f"    scale0 = scale{' * unit' * order}"]
    scales += [f"    scale{i} = scale{i - 1} * unit" for i in range(1, len(rows))]
    items = ", ".join(f"real(x{i}) if abs(x{i}) > tiny else zero" for i in range(len(rows)))
    return _compiled("c, h, unit, scale", powers + scales + lines, items, {"real": real, "tiny": tiny, "zero": real(0)})


def linear_map(matrix: Any) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """The nopython function c ↦ matrix·c on tuples of float64."""
    rows = (" + ".join(f"{float(m)!r} * c[{j}]" for j, m in enumerate(row) if m) or "0.0" for row in matrix)
    return _compiled("c", [], ", ".join(rows), {})


def product(count: int, other: int) -> Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]]:
    """The nopython function that multiplies polynomials of `count` and `other` coefficients."""
    pairs = [[f"a[{i}] * b[{n - i}]" for i in range(count) if 0 <= n - i < other] for n in range(count + other - 1)]
    return _compiled("a, b", [], ", ".join(map(" + ".join, pairs)), {})


def _compiled(arguments: str, lines: list[str], items: str, names: dict[str, Any]) -> Callable[..., tuple[Any, ...]]:
    """A kernel function written out without loops: Numba compiles tuples of known length, not comprehensions."""
    exec("\n".join([f"def function({arguments}):", *lines, f"    return ({items},)"]), names)
    compiled: Callable[..., tuple[Any, ...]] = kernel(names["function"])
    return compiled
