"""Power series in h = e^(−k/2), from which the coefficients of the direct form come: what compiled code sums is found
here, once.

A series is the array of its coefficients.  These are whole numbers, or fourths, and exact as far as they matter.  In
the end, `significant` cuts them off, or replaces them where fewer do as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

# So many coefficients are kept.
COUNT = 96


class Coefficient(NamedTuple):
    """h^order·Σ c·h^power over its terms (power, c), the first of which has power 0.  Without terms it is 0.

    Of one that is a large part of its polynomial somewhere, more than one rounding error matters.
    """

    order: int
    terms: tuple[tuple[int, float], ...]
    large: bool


# What a coefficient must be there to be large.
_LARGE = 1 / 8


def monomial(power: int) -> Any:
    """h^power."""
    return np.eye(1, COUNT, power)[0]


def moved(a: Any, powers: int) -> Any:
    """h^powers·a; where that is a negative power, `a` begins with as many zeros."""
    zeros = np.zeros(abs(powers))
    return np.concatenate([zeros, a] if powers > 0 else [a, zeros])[max(-powers, 0) :][:COUNT]


def divided(a: Any, b: Any) -> Any:
    """a/b, where b begins with 1."""
    result = np.zeros(COUNT)
    for n in range(COUNT):
        result[n] = a[n] - result[:n] @ b[n:0:-1]
    return result


@cache
def of_totals(weights: Callable[[int], Any], count: int) -> tuple[Any, Any]:
    """c_t and η_t for t = 0 … count, where the sums of (l−m)²·W_l·W_m/2 and (l−m)·(m'−l')·W_l·W_m/2 over all l and m
    are c_0 + Σ c_t·(U^t + V^t) and Σ η_t·(U^t − V^t).

    W_l = A_l·e^(lkr) with the weights A_|l|, whose logarithms have the derivatives l' by k, U = h·e^(kr) and
    V = h·e^(−kr).
    """
    order = np.arange(COUNT)
    c, eta = np.zeros((2, count + 1, COUNT))
    # Of those further out, the product begins after all that is kept.
    reach = count + 14
    series = [weights(l) for l in range(reach + 1)]
    for total in range(count + 1):
        for l in range(total - reach, reach + 1):
            m = total - l
            a, b = series[abs(l)], series[abs(m)]
            c[total] += 0.5 * (l - m) ** 2 * moved(np.convolve(a, b)[:COUNT], -total)
            # h has the derivative −h/2.
            change = np.convolve(order * a, b) - np.convolve(a, order * b)
            eta[total] += 0.25 * (l - m) * moved(change[:COUNT], -total)
    return c, eta


def in_powers(matrix: Any, columns: Any) -> Any:
    """Σ_j matrix[i, j]·h^(j−i)·columns[j].

    They are the coefficients of a polynomial if `matrix` is for h = 1, where UV = 1, and UV = h².
    """
    rows = np.zeros((len(matrix), COUNT))
    for i, j in zip(*np.nonzero(matrix), strict=True):
        rows[i] += matrix[i, j] * moved(columns[j], int(j - i))
    return rows


def significant(rows: Any, whole: Any, sharpness: float, real: Any) -> tuple[Coefficient, ...]:
    """What matters of coefficients to a polynomial on [0, 1], from a sharpness on.

    It is enough to look at this sharpness: what matters less has higher powers of h, and h is less at greater ones.
    """
    h = np.exp(-0.5 * sharpness)
    powers_of_h = h ** np.arange(COUNT)
    # At points between h² and 1, what each power of the variable is worth.
    powers = h ** np.outer(np.linspace(0, 2, 65), np.arange(len(whole)))
    sums = np.maximum(powers @ (abs(whole) @ powers_of_h), np.finfo(float).tiny)
    worths = (powers / sums[:, None]).max(axis=0)[: len(rows)]
    results = []
    for row, worth in zip(rows, worths, strict=True):
        tolerance = np.finfo(real).eps / 16 / worth
        sizes = abs(row) * powers_of_h
        kept = np.flatnonzero(sizes > tolerance)
        order = int(kept[0]) if len(kept) else 0
        terms = [(int(n) - order, float(row[n])) for n in kept]
        if len(terms) > 2 and not any(n % 2 for n, _ in terms):
            others = _economised(row[order + 2 : kept[-1] + 1 : 2], h * h, tolerance / powers_of_h[order + 2])
            terms = min(terms, [terms[0], *others], key=len)
        results.append(Coefficient(order, tuple(terms), bool(sizes.sum() * worth > _LARGE)))
    return tuple(results)


def _economised(series: Any, end: float, tolerance: float) -> list[tuple[int, float]]:
    """Terms in h of p·Σ series[i]·p^i, p = h², by fewer of Chebyshev's polynomials on 0 ≤ p ≤ end."""
    chebyshev = Polynomial(series, [0, end], [0, end]).convert(kind=Chebyshev, domain=[0, end])
    # Chebyshev's coefficients fall so fast that what is left out is hardly more than its first.
    polynomial = chebyshev.trim(tolerance / 2).convert(domain=[0, end], kind=Polynomial, window=[0, end])
    return [(2 * i, float(c)) for i, c in enumerate(polynomial.coef, 1)]
