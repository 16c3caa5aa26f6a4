"""A window as one fraction: the staircase is c + Y·n(y)/w(y), with y = 2cosh(kr) − 2 and Y = 2sinh(kr).

The coefficients of the polynomials n and w depend on k and the window.  From them follow the derivatives, since
∂y/∂r = kY, ∂Y/∂r = k(2+y) and Y² = y(4+y):

    ∂/∂x = k·R/w²,  R = (2+y)·n·w + y(4+y)·(n′w − nw′),        ∂/∂k = (r·R + Y·C)/w²,  C = w·∂n/∂k − n·∂w/∂k.

All coefficients of n, w and R are positive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils

from .elementary import nopython
from .polynomial import PYTHON, Arithmetic, instructions

# The distances of a window that are in the fraction one by one.
NEAR = 3


class _Number:
    """A number that depends on k, and its derivative if that is wanted: Python's numbers or LLVM's."""

    def __init__(self, arithmetic: Arithmetic, value: Any, change: Any = None):
        self.arithmetic, self.value, self.change = arithmetic, value, change

    def __add__(self, other: Any) -> _Number:
        """The sum with another or with a constant."""
        add, change = self.arithmetic.add, self.change
        if not isinstance(other, _Number):
            # 0, with which `sum` begins, is no change.
            value = add(self.value, self.arithmetic.number(other)) if other else self.value
            return _Number(self.arithmetic, value, change)
        if change is not None:
            change = add(change, other.change)
        return _Number(self.arithmetic, add(self.value, other.value), change)

    def __mul__(self, other: Any) -> _Number:
        """The product with another or with a constant."""
        multiply, change = self.arithmetic.multiply, self.change
        if not isinstance(other, _Number):
            other = self.arithmetic.number(other)
            change = None if change is None else multiply(change, other)
            return _Number(self.arithmetic, multiply(self.value, other), change)
        if change is not None:
            change = self.arithmetic.add(multiply(change, other.value), multiply(self.value, other.change))
        return _Number(self.arithmetic, multiply(self.value, other.value), change)

    __radd__, __rmul__ = __add__, __mul__


# Coefficients from the lowest power on.
_Polynomial = Sequence[Any]


def _plus(*polynomials: _Polynomial) -> _Polynomial:
    # The first is the largest.
    return [sum(p[i] for p in reversed(polynomials) if i < len(p)) for i in range(max(map(len, polynomials)))]


def _times(*polynomials: _Polynomial) -> _Polynomial:
    return reduce(_product, polynomials)


def _product(a: _Polynomial, b: _Polynomial) -> _Polynomial:
    return [
        sum(a[i] * b[n - i] for i in reversed(range(len(a))) if 0 <= n - i < len(b)) for n in range(len(a) + len(b) - 1)
    ]


def _derivative(a: _Polynomial) -> _Polynomial:
    return [i * c for i, c in enumerate(a)][1:]


def _window(method: str, arithmetic: Arithmetic, *window: Any) -> tuple[_Polynomial, _Polynomial]:
    """The polynomials n and w.

    A window is e and t·e of the near distances s, and Σ e^(i+1), Σ s·t·e^(i+1) and Σ s²·e^(i+1) over all others, whose
    fractions make a power series in y.
    """
    multiply, add, number = arithmetic.multiply, arithmetic.add, arithmetic.number

    def combined(a: float, x: Any, b: float, y: Any) -> Any:
        return add(multiply(number(a), x), multiply(number(b), y))

    # The derivatives of e and t by k are −s·t·e and 2s·e, and t² is 1 − 4e.
    all_e, all_te, sums, moments, squares = window
    offset = {"sigmoid": 0.5, "density": 0.0}[method]
    near = []
    for s, e, te in zip([j - offset for j in range(1, NEAR + 1)], all_e, all_te, strict=True):
        change = multiply(e, combined(6 * s, e, -s, number(1)))
        near.append((s, _Number(arithmetic, e, multiply(number(-s), te)), _Number(arithmetic, te, change)))
    power = range(len(sums) - 1)
    e_sums = [_Number(arithmetic, sums[i], multiply(number(-i - 1), moments[i])) for i in power]
    te_sums = [_Number(arithmetic, moments[i], combined(4 * i + 6, squares[i + 1], -i - 1, squares[i])) for i in power]
    # The products of all 1 + ey but one.
    others = [_times(*([1, e] for i, (_, e, _) in enumerate(near) if i != j)) for j in range(NEAR)]
    if method == "sigmoid":
        # Σ e/(1+ey)
        w = _times(others[0], [1, near[0][1]])
        return _plus(_derivative(w), _times(w, [(-1) ** i * e_sums[i] for i in power])), w
    # Σ s·t·e/(1+ey)² over 1/(4+y) + Σ e(2+(1−2e)y)/(1+ey)²
    whole = _times(others[0], [1, near[0][1]], others[0], [1, near[0][1]])
    weights = [_times([2 * e, e + -2 * (e * e)], q, q) for (_, e, _), q in zip(near, others, strict=True)]
    sides = [_times([s * te], q, q) for (s, _, te), q in zip(near, others, strict=True)]
    far_weights = [(-1) ** i * ((4 * i + 2) * e_sums[i] + (-i * e_sums[i - 1] if i else 0)) for i in power]
    far_sides = [(-1) ** i * (i + 1) * te_sums[i] for i in power]
    n = _times([4, 1], _plus(*sides, _times(whole, far_sides)))
    return n, _plus(whole, _times([4, 1], _plus(*weights, _times(whole, far_weights))))


def _intrinsic(evaluate: Callable[..., Sequence[_Polynomial]]) -> Any:
    """The nopython function that returns what `evaluate(arithmetic, …)` does: tuples of float64."""

    def values(arithmetic: Arithmetic, *args: Any) -> list[list[Any]]:
        return [
            [c.value if isinstance(c, _Number) else arithmetic.number(c) for c in each]
            for each in evaluate(arithmetic, *args)
        ]

    @nopython(lambda *args: tuple(map(tuple, values(PYTHON, *args))))
    def function(typingctx, e, te, sums, moments, squares):
        args = e, te, sums, moments, squares
        # Only their number counts here.
        probe = values(PYTHON, *(np.ones(each.count) for each in args))
        result = types.Tuple([types.UniTuple(types.float64, len(each)) for each in probe])

        def codegen(context, builder, signature, args):
            parts = values(instructions(builder), *(cgutils.unpack_tuple(builder, arg) for arg in args))
            return context.make_tuple(
                builder, result, [context.make_tuple(builder, *each) for each in zip(result, parts, strict=True)]
            )

        return result(*args), codegen

    return function


def fraction(method: str, lengths: tuple[int, int, int]) -> Any:
    """The nopython function of a window that returns n, w, R, ½R + (2+y)·C and C, cut to so many coefficients."""
    for_n, for_w, for_r = lengths

    def evaluate(arithmetic: Arithmetic, *window: Any) -> Sequence[_Polynomial]:
        n, w = _window(method, arithmetic, *window)
        slope, change = _slope(*map(_constant, (n, w))), _change(n, w)
        middle = _plus([0.5 * c for c in slope], _times([2, 1], change))
        return n[:for_n], w[:for_w], slope[:for_r], middle[:for_r], change[:for_r]

    return _intrinsic(evaluate)


def _constant(a: _Polynomial) -> _Polynomial:
    return [_Number(c.arithmetic, c.value) if isinstance(c, _Number) else c for c in a]


def _slope(n: _Polynomial, w: _Polynomial) -> _Polynomial:
    """R, without what cancels."""
    terms: list[list[Any]] = [[] for _ in range(len(n) + len(w))]
    for i, a in enumerate(n):
        for j, b in enumerate(w):
            for power, multiple in ((i + j, 2 + 4 * (i - j)), (i + j + 1, 1 + i - j)):
                if multiple:
                    terms[power].append(multiple * (a * b))
    return [sum(reversed(each)) for each in terms if each]


def _change(n: _Polynomial, w: _Polynomial) -> _Polynomial:
    """C"""
    by_k = [[_Number(c.arithmetic, c.change) if isinstance(c, _Number) else 0 for c in a] for a in (n, w)]
    n, w = map(_constant, (n, w))
    return _plus(_times(by_k[0], w), [-1 * c for c in _times(n, by_k[1])])
