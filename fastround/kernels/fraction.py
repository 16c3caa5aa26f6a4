"""A window as one fraction: the staircase is c + Y·n(y)/w(y), with y = 2cosh(kr) − 2 and Y = 2sinh(kr).

The coefficients of the polynomials n and w depend on k and the window.  From them follow the derivatives, since
∂y/∂r = kY, ∂Y/∂r = k(2+y) and Y² = y(4+y):

    ∂/∂x = k·R/w²,  R = (2+y)·n·w + y(4+y)·Δ,  Δ = n′w − nw′,        ∂/∂k = (r·R + Y·C)/w²,  C = w·∂n/∂k − n·∂w/∂k.

All coefficients of n, w and R are positive.  At a distance b = ½ − r from a step of a sharp staircase, the terms of
∂/∂k cancel, all but about 2b of them.  With ∂ = ∂/∂k + ½·y·∂/∂y and C̃ = w·(∂n + ½n) − n·∂w it is

    C = C̃ − ½(n·w + y·Δ),        ½R + (2+y)·C = y·Δ + (2+y)·C̃,

and ∂n + ½n and ∂w lack the terms of n and w that matter there.  n and w are products: with each factor stands ∂ − λ of
it, where λ is such that its highest coefficient has next to none, and all λ cancel in C̃.
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
# The distances are j less this, j = 1, 2, …
OFFSETS = {"sigmoid": 0.5, "density": 0.0}


class _Number:
    """A number that depends on k, and a derivative of it if that is wanted: Python's numbers or LLVM's."""

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


def _window(method: str, arithmetic: Arithmetic, *window: Any) -> tuple[_Polynomial, _Polynomial, _Polynomial, Any]:
    """The polynomials n, with ∂n + ½n, and w, with ∂w, both over the first e and less half themselves.

    (In the density method, less themselves.)  Then n again, in the density method less 4 + y, and w at y = 0 less 1/e.

    A window is 1/e of the first distance, e, t, t·e and (1−t)·e of the near distances s, and Σ e^(i+1), Σ s·t·e^(i+1)
    and Σ s²·e^(i+1) over all others, whose fractions make a power series in y.
    """
    multiply, number = arithmetic.multiply, arithmetic.number

    def combined(*terms: Any) -> Any:
        return arithmetic.combination([(number(a), x) for a, x in terms])

    def with_more(c: _Number, multiple: float) -> _Number:
        return _Number(arithmetic, c.value, combined((multiple, c.value), (1.0, c.change)))

    # The derivatives of e and t by k are −s·t·e and 2s·e, and t² is 1 − 4e.
    inverse, *near, sums, moments, squares = window
    offset = OFFSETS[method]
    (_, e, t, te, rest), *others = [(j - offset, *each) for j, each in enumerate(zip(*near, strict=True), 1)]
    less_one = multiply(number(-1.0), multiply(rest, inverse))
    start = _Number(arithmetic, inverse, multiply(number(1 - offset), multiply(less_one, inverse)))
    power = range(len(sums) - 1)
    e_sums = [_Number(arithmetic, sums[i], multiply(number(-i - 1), moments[i])) for i in power]
    # 1 + ey of the other near ones
    factors = [[1, _Number(arithmetic, e, combined((s, rest), (0.5 - s, e)))] for s, e, _, _, rest in others]
    if method == "sigmoid":
        # Σ e/(1+ey)
        w = _times([start, 1], *factors)
        n = _plus(_derivative(w), _times(w, [(-1) ** i * with_more(e_sums[i], 0.5 * i + 0.5) for i in power]))
        return n, w, _constant(n), 0
    # Σ s·t·e/(1+ey)² over 1/(4+y) + Σ e(2+(1−2e)y)/(1+ey)², with ∂ + 1 of the former, and ∂ − ½ of 4 + y.
    four = [_Number(arithmetic, number(4.0), number(-2.0)), 1]
    first = [start, _Number(arithmetic, number(2.0), number(-1.0)), _Number(arithmetic, e, multiply(number(-1.0), te))]
    squared = [_product(factor, factor) for factor in factors]
    high = _Number(arithmetic, combined((-2.0, e), (1.0, number(1.0))), combined((2.0, te)))
    whole = _times(first, *squared)
    weights = [_times([first[1], high], *squared)]
    sides = [_times([_Number(arithmetic, t, combined((2.0, e)))], *squared)]
    for (s, e, _, te, rest), other in zip(others, reversed(squared), strict=True):
        e2 = multiply(e, e)
        low = _Number(arithmetic, combined((2.0, e)), combined((1.0, e), (-2 * s, te)))
        change = combined((s, rest), (4 * s - 2, e2), (-4 * s, multiply(e, rest)), (1 - s, e))
        high = _Number(arithmetic, combined((-2.0, e2), (1.0, e)), change)
        side = _Number(arithmetic, combined((s, te)), combined((6 * s * s, e2), (-s, rest), (s - s * s, e)))
        weights.append(_times([low, high], first, other))
        sides.append(_times([side], first, other))
    te_sums = [
        _Number(arithmetic, moments[i], combined((4 * i + 6, squares[i + 1]), (-i - 1, squares[i]))) for i in power
    ]
    far_weights = [
        (-1) ** i * with_more((4 * i + 2) * e_sums[i] + (-i * e_sums[i - 1] if i else 0), 0.5 * i + 0.5) for i in power
    ]
    far_sides = [(-1) ** i * (i + 1) * with_more(te_sums[i], 0.5 * i + 1) for i in power]
    far_side = _times(whole, far_sides)
    n, above = _times(four, _plus(*sides, far_side)), _times(four, _plus(*weights, _times(whole, far_weights)))
    # The first t less 1.
    sides[0] = [_Number(arithmetic, less_one), *sides[0][1:]]
    w = _plus(whole, above)
    return n, w, _times([4, 1], _plus(*map(_constant, (*sides, far_side)))), above[0]


def _intrinsic(evaluate: Callable[..., Sequence[_Polynomial]]) -> Any:
    """The nopython function that returns what `evaluate(arithmetic, …)` does: tuples of float64."""

    def values(arithmetic: Arithmetic, *args: Any) -> list[list[Any]]:
        return [
            [c.value if isinstance(c, _Number) else arithmetic.number(c) for c in each]
            for each in evaluate(arithmetic, *args)
        ]

    @nopython(lambda *args: tuple(map(tuple, values(PYTHON, *args))))
    def function(typingctx, inverse, e, t, te, rest, sums, moments, squares):
        args = inverse, e, t, te, rest, sums, moments, squares
        # Only their number counts here.
        probe = values(PYTHON, 1.0, *(np.ones(each.count) for each in args[1:]))
        result = types.Tuple([types.UniTuple(types.float64, len(each)) for each in probe])

        def codegen(context, builder, signature, args):
            parts = values(instructions(builder), args[0], *(cgutils.unpack_tuple(builder, arg) for arg in args[1:]))
            return context.make_tuple(
                builder, result, [context.make_tuple(builder, *each) for each in zip(result, parts, strict=True)]
            )

        return result(*args), codegen

    return function


def fraction(method: str, lengths: tuple[int, int, int, int], apart: bool) -> Any:
    """The nopython function of a window that returns n, w, R, ½R + (2+y)·C and C, cut to so many coefficients.

    n and w are over the first e, 1/e = `inverse`, but w at y = 0 is less by that.  If it is to be `apart`, n of the
    density method is less by 4 + y, nearly all of it in the sharp regime.
    """
    for_n, for_w, for_r, for_change = lengths

    def evaluate(arithmetic: Arithmetic, *window: Any) -> Sequence[_Polynomial]:
        varying_n, varying_w, less, start = _window(method, arithmetic, *window)
        n, w = map(_constant, (varying_n, varying_w))
        change = _plus(_times(_changes(varying_n), w), [-1 * c for c in _times(n, _changes(varying_w))])
        y_delta = _bilinear(n, w, lambda i, j: ((i + j, i - j),))
        half = _bilinear(n, w, lambda i, j: ((i + j, -0.5 * (1 + i - j)),))
        slope = _bilinear(n, w, lambda i, j: ((i + j, 2 + 4 * (i - j)), (i + j + 1, 1 + i - j)))
        middle = _plus(_times([2, 1], change), y_delta)
        return (
            (less if apart else n)[:for_n],
            [start, *w[1:for_w]],
            slope[:for_r],
            middle[:for_change],
            _plus(half, change)[:for_change],
        )

    return _intrinsic(evaluate)


def _constant(a: _Polynomial) -> _Polynomial:
    return [_Number(c.arithmetic, c.value) if isinstance(c, _Number) else c for c in a]


def _changes(a: _Polynomial) -> _Polynomial:
    return [_Number(c.arithmetic, c.change) if isinstance(c, _Number) else 0 for c in a]


def _bilinear(n: _Polynomial, w: _Polynomial, parts: Callable[[int, int], Any]) -> _Polynomial:
    """Σ multiple·n_i·w_j·y^power over the (power, multiple) of all i and j: what cancels, does so before."""
    terms: list[list[Any]] = [[] for _ in range(len(n) + len(w))]
    for i, a in enumerate(n):
        for j, b in enumerate(w):
            for power, multiple in parts(i, j):
                if multiple:
                    terms[power].append(multiple * (a * b))
    while not terms[-1]:
        terms.pop()
    return [sum(reversed(each)) for each in terms]
