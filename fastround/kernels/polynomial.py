"""Polynomials in X = u + v from sums over u^l ± v^l with uv = p, as linear maps on tuples of coefficients."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils

from .elementary import interpreted_fma, nopython
from .power_series import Coefficient


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


class Arithmetic(NamedTuple):
    """What the sums below are made with: Python's numbers, or LLVM's instructions.

    As instructions they are made at once.  Numba would take seconds to type and translate them one by one.
    """

    multiply: Callable[[Any, Any], Any]
    add: Callable[[Any, Any], Any]
    fma: Callable[[Any, Any, Any], Any]
    number: Callable[[float], Any]
    # x in another precision.
    rounded: Callable[[Any, Any], Any]
    # x, or zero where |x| is less.
    at_least: Callable[[Any, Any], Any]
    # x, or zero where a > b.
    if_most: Callable[[Any, Any, Any], Any]
    inverse: Callable[[Any], Any]

    def combination(self, pairs: list[tuple[Any, Any]]) -> Any:
        """Σ a·b from the last to the first, which is the largest, so that it has the rounding errors of few."""
        if not pairs:
            return self.number(0.0)
        total = self.multiply(*pairs[-1])
        for a, b in pairs[-2::-1]:
            total = self.fma(a, b, total)
        return total

    def derivative(self, a: list[Any]) -> list[Any]:
        """That of a polynomial."""
        return [self.multiply(self.number(float(i)), c) for i, c in enumerate(a)][1:]

    def factors(self, numbers: Sequence[tuple[Any, ...]], length: int) -> list[list[Any]]:
        """Π (1 + ey), cut, and its first derivatives by what e depends on: numbers are e and as many derivatives.

        A coefficient None is 0.
        """
        one, orders = self.number(1.0), range(len(numbers[0]))
        results = [[None if order else one] for order in orders]

        def coefficient(i: int, order: int, each: tuple[Any, ...]) -> Any:
            # This times e or, by Leibniz's rule, times its derivatives, and the others, to which e·c is added at once.
            pairs = [(each[l], results[order - l][i - 1], math.comb(order, l)) for l in range(order + 1)]
            products = [(a if m == 1 else self.multiply(self.number(m), a), b) for a, b, m in pairs if b is not None]
            others = [(one, c) for c in results[order][i : i + 1] if c is not None]
            return self.combination(products + others)

        for each in numbers:
            upper = range(1, min(len(results[0]) + 1, length))
            results = [[results[order][0], *(coefficient(i, order, each) for i in upper)] for order in orders]
        return results

    def bilinear(self, length: int, *products: tuple[list[Any], list[Any], Callable[[int, int], Any]]) -> list[Any]:
        """Σ multiple·a_i·b_j·y^power, cut, over the (power, multiple) of all i and j, for each (a, b, multiples).

        A coefficient None is 0.  The polynomials are as products of factors 1 + ey, where each e is much less than the
        one before.
        """
        terms: dict[int, list[Any]] = {}
        for a, b, multiples in products:
            pairs = itertools.product(range(len(a)), range(len(b)))
            for i, j in sorted(pairs, key=lambda pair: sum(n * (n + 1) for n in pair)):
                if a[i] is None or b[j] is None:
                    continue
                for power, multiple in multiples(i, j):
                    if multiple and power < length:
                        factor = self.number(multiple)
                        exact = (self.multiply(factor, a[i]), b[j]) if abs(multiple) == 1 else None
                        terms.setdefault(power, []).append(exact or (factor, self.multiply(a[i], b[j])))
        return [self.combination(terms[n]) if n in terms else None for n in range(max(terms) + 1)]

    def inverses(self, numbers: list[Any]) -> list[Any]:
        """Next to 1/x of all, with one division."""
        others = [*itertools.accumulate(numbers[:0:-1], self.multiply)][::-1]
        rest, results = self.inverse(self.multiply(others[0], numbers[0])), []
        for x, product in zip(numbers, [*others, self.number(1.0)], strict=True):
            results.append(self.multiply(rest, product))
            rest = self.multiply(rest, x)
        return results

    def minus(self, x: Any) -> Any:
        return self.multiply(self.number(-1.0), x)

    def exact_sum(self, a: Any, b: Any) -> tuple[Any, Any]:
        """a + b, and what that lacks."""
        total = self.add(a, b)
        rest = self.add(total, self.minus(a))
        return total, self.add(
            self.add(a, self.minus(self.add(total, self.minus(rest)))), self.add(b, self.minus(rest))
        )


PYTHON = Arithmetic(
    operator.mul,
    operator.add,
    interpreted_fma,
    np.float64,
    lambda x, real: real(x),
    lambda x, least: x if abs(x) > least else 0 * x,
    lambda a, b, x: x if a <= b else 0 * x,
    lambda x: 1 / x,
)


def interpreted(real: Any) -> Arithmetic:
    """The same for one precision."""
    return PYTHON._replace(number=real)


def instructions(builder: ir.IRBuilder, real: Any = np.float64) -> Arithmetic:
    kind = ir.FloatType() if real is np.float32 else ir.DoubleType()

    def at_least(x: ir.Value, least: ir.Value) -> ir.Value:
        magnitude = builder.call(builder.module.declare_intrinsic("llvm.fabs", [kind]), [x])
        # Not the constant zero: LLVM would choose after the conversion below, which could make a subnormal number.
        return builder.select(builder.fcmp_ordered(">", magnitude, least), x, builder.fsub(x, x))

    def rounded(x: ir.Value, real: Any) -> ir.Value:
        return builder.fptrunc(x, ir.FloatType()) if real is np.float32 else x

    def if_most(a: ir.Value, b: ir.Value, x: ir.Value) -> ir.Value:
        return builder.select(builder.fcmp_ordered("<=", a, b), x, kind(0.0))

    def inverse(x: ir.Value) -> ir.Value:
        return builder.fdiv(kind(1.0), x)

    return Arithmetic(builder.fmul, builder.fadd, builder.fma, kind, rounded, at_least, if_most, inverse)


def polynomial(
    real: Any, coefficients: Sequence[Coefficient], start: float = 1.0, unit: float = 1.0, first: int = 0
) -> Any:
    """The nopython function (h, q, factors, rests) ↦ coefficients of a polynomial.

    With j = i + first, that of X^i is start·unit^j·(factors[j] + rests[j]) times the given series in h = m·q·unit,
    where the next factors are m times these.  So m^n times a factor is another factor, and has one rounding error; and
    q is a power of two, and has none.  In large coefficients, which have h² at most, h is made of these.
    """
    # No product may be subnormal, which would slow it down a hundredfold.  Third powers of less do not matter, nor does
    # what the factors lack, in a product with q.
    least_h, least_rest = float(np.finfo(real).eps) ** 0.5 / 8, float(np.finfo(real).tiny) ** 0.5 / 4096

    def evaluate(arithmetic: Arithmetic, h: Any, q: Any, factors: Sequence[Any], rests: Sequence[Any]) -> list[Any]:
        multiply, fma, number = arithmetic.multiply, arithmetic.fma, arithmetic.number
        above_least = arithmetic.at_least(h, number(least_h))

        @functools.cache
        def power_of(x: Any, n: int) -> Any:
            return multiply(power_of(x, n // 2), power_of(x, n - n // 2)) if n > 1 else x

        def power(n: int) -> Any:
            return power_of(h if n <= 2 else above_least, n)

        @functools.cache
        def factor(i: int, order: int) -> tuple[Any, Any]:
            if order == 0:
                return factors[i], rests[i]
            x, rest = factor(i, order - 1)
            # Without a unit, q is never so small.
            rest = rest if unit == 1 else arithmetic.at_least(rest, number(least_rest))
            return multiply(x, q), multiply(rest, q)

        def series(terms: Sequence[tuple[int, float]], scale: float) -> Any:
            """By Horner's rule, without the power of the first."""
            (n, c), *others = terms
            first_term = number(scale * c)
            return fma(series(others, scale), power(others[0][0] - n), first_term) if others else first_term

        def coefficient(i: int, order: int, terms: Sequence[tuple[int, float]], large: bool) -> Any:
            if not terms:
                return number(0.0)
            if order > 2 or (order and not large):
                return multiply(multiply(factors[i], power(order)), series(terms, start * unit**i))
            x, rest = factor(i + order, order)
            scale = start * unit ** (i + order)
            (_, c), *others = terms
            leading = number(scale * c)
            # What is added to the leading term makes next to no rounding errors.
            more = multiply(rest, leading)
            if others:
                more = fma(x, multiply(series(others, scale), power(others[0][0])), more)
            return fma(x, leading, more)

        return [coefficient(i, *each) for i, each in enumerate(coefficients, first)]

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, h, q, factors, rests):
        return _signature(real, len(coefficients), h, q, factors, rests), _codegen(evaluate, real)

    return function


def powers(real: Any, count: int) -> Any:
    """The nopython function of two sums x + x_low and y + y_low that returns so many x·y^i, and then what they lack."""

    def evaluate(arithmetic: Arithmetic, x: Any, x_low: Any, y: Any, y_low: Any) -> list[Any]:
        multiply, fma = arithmetic.multiply, arithmetic.fma
        results, rests = [x], [x_low]
        while len(results) < count:
            last, x = x, multiply(x, y)
            x_low = fma(last, y_low, fma(x_low, y, fma(last, y, arithmetic.minus(x))))
            results.append(x)
            rests.append(x_low)
        return results + rests

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, x, x_low, y, y_low):
        return _signature(real, 2 * count, x, x_low, y, y_low), _codegen(evaluate, real)

    return function


def multiplied(real: Any, count: int) -> Any:
    """The nopython function that multiplies so many sums, behind which stands what they lack."""

    def evaluate(arithmetic: Arithmetic, sums: Sequence[Any], factor: Any) -> list[Any]:
        multiply, fma = arithmetic.multiply, arithmetic.fma
        results = [multiply(x, factor) for x in sums[:count]]
        rests = [fma(x, factor, arithmetic.minus(result)) for x, result in zip(sums[:count], results, strict=True)]
        return results + [fma(low, factor, rest) for low, rest in zip(sums[count:], rests, strict=True)]

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, sums, factor):
        return _signature(real, 2 * count, sums, factor), _codegen(evaluate, real)

    return function


def linear_map(matrix: Any, real: Any = np.float64) -> Any:
    """The nopython function c ↦ matrix·c on tuples of numbers of one precision."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any]) -> list[Any]:
        return [
            arithmetic.combination([(arithmetic.number(float(m)), c[j]) for j, m in enumerate(row) if m])
            for row in matrix
        ]

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, c):
        return _signature(real, len(matrix), c), _codegen(evaluate, real)

    return function


def with_term(real: Any, count: int, at: int, value: float) -> Any:
    """The nopython function that adds a value to one of `count` coefficients."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any]) -> list[Any]:
        return [arithmetic.add(x, arithmetic.number(value)) if i == at else x for i, x in enumerate(c)]

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, c):
        return _signature(real, count, c), _codegen(evaluate, real)

    return function


def precise_linear_map(matrix: Any) -> Any:
    """The nopython function (c, c_low) ↦ matrix·(c + c_low): the results, and behind them what they lack."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any], c_low: Sequence[Any]) -> list[Any]:
        add, multiply, number = arithmetic.add, arithmetic.multiply, arithmetic.number
        results, lows = [], []
        for row in matrix:
            total, lost = number(0.0), number(0.0)
            for j in np.flatnonzero(row)[::-1]:
                m = number(float(row[j]))
                term = multiply(m, c[j])
                total, low = arithmetic.exact_sum(total, term)
                low = add(arithmetic.fma(m, c[j], arithmetic.minus(term)), low)
                lost = add(lost, add(low, multiply(m, c_low[j])))
            results.append(total)
            lows.append(lost)
        return results + lows

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, c, c_low):
        return _signature(np.float64, 2 * len(matrix), c, c_low), _codegen(evaluate)

    return function


def product(count: int, other: int) -> Any:
    """The nopython function that multiplies polynomials of `count` and `other` coefficients."""

    def evaluate(arithmetic: Arithmetic, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        return [
            arithmetic.combination([(a[i], b[n - i]) for i in range(count) if 0 <= n - i < other])
            for n in range(count + other - 1)
        ]

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, a, b):
        return _signature(np.float64, count + other - 1, a, b), _codegen(evaluate)

    return function


def power_sums(count: int) -> Any:
    """The nopython function (sums, weight, weight_low, e) ↦ sums_i + weight·e^i for i < count.

    Behind the sums stands what the first of them has lost to rounding so far, and lacks of the weight.
    """

    def evaluate(arithmetic: Arithmetic, sums: Sequence[Any], weight: Any, weight_low: Any, e: Any) -> list[Any]:
        add = arithmetic.add
        _, lost = arithmetic.exact_sum(sums[0], weight)
        results = []
        for each in sums[:-1]:
            results.append(add(each, weight))
            weight = arithmetic.multiply(weight, e)
        return [*results, add(sums[-1], add(lost, weight_low))]

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, sums, weight, weight_low, e):
        return _signature(np.float64, count + 1, sums, weight, weight_low, e), _codegen(evaluate)

    return function


def row_of(matrix: Any) -> Any:
    """The nopython function i ↦ row i of a matrix of constants."""
    rows, columns = matrix.shape

    @nopython(lambda i: tuple(matrix[i]))
    def function(typingctx, i):
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            row = ir.ArrayType(ir.DoubleType(), columns)
            table = ir.ArrayType(row, rows)
            constant = cgutils.global_constant(builder, "rows", ir.Constant(table, matrix.tolist()))
            # One by one, for the sake of loops around it.
            zero = ir.IntType(32)(0)
            places = (builder.gep(constant, [zero, args[0], ir.IntType(32)(i)]) for i in range(columns))
            return context.make_tuple(builder, signature.return_type, [builder.load(place) for place in places])

        return types.UniTuple(types.float64, columns)(i), codegen

    return function


def chebyshev_sums(count: int, precise: bool = False) -> Any:
    """The nopython function (sums, right, left, row) ↦ sums_i + right·T_i(z) + left·T_i(−z), T_i(z) being the row.

    T_i are multiples of Chebyshev's polynomials.  Behind precise sums stands what each has lost to rounding so far.
    """

    def evaluate(arithmetic: Arithmetic, sums: Sequence[Any], right: Any, left: Any, row: Sequence[Any]) -> list[Any]:
        add, fma, minus = arithmetic.add, arithmetic.fma, arithmetic.minus
        even, odd = add(right, left), add(right, minus(left))
        terms = [(odd if i % 2 else even, value) for i, value in enumerate(row)]
        results = [fma(*term, total) for term, total in zip(terms, sums[:count], strict=True)]
        if not precise:
            return results
        rests = [add(total, minus(result)) for total, result in zip(sums[:count], results, strict=True)]
        lost = [add(low, fma(*term, rest)) for term, low, rest in zip(terms, sums[count:], rests, strict=True)]
        return results + lost

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, sums, right, left, row):
        return _signature(np.float64, count * (1 + precise), sums, right, left, row), _codegen(evaluate)

    return function


def without_noise(count: int) -> Any:
    """The nopython function (c, least) ↦ c_i, or zero where |c_i| is not above `least`."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any], least: Any) -> list[Any]:
        return [arithmetic.at_least(x, least) for x in c]

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, c, least):
        return _signature(np.float64, count, c, least), _codegen(evaluate)

    return function


def weighted(count: int, real: Any = np.float64) -> Any:
    """The nopython function (c, weight, e) ↦ c_i·weight·e^i for i < count."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any], weight: Any, e: Any) -> list[Any]:
        results = []
        for x in c:
            results.append(arithmetic.multiply(x, weight))
            weight = arithmetic.multiply(weight, e)
        return results

    @nopython(lambda *args: tuple(evaluate(interpreted(real), *args)))
    def function(typingctx, c, weight, e):
        return _signature(real, count, c, weight, e), _codegen(evaluate, real)

    return function


def tanh_series(count: int) -> Any:
    """The nopython function of tanh(z/2) and its derivative that returns `count` coefficients of the Taylor series."""

    def evaluate(arithmetic: Arithmetic, value: Any, slope: Any) -> list[Any]:
        # From 2·(tanh(z/2))′ = 1 − tanh²(z/2).
        series = [value, slope]
        while len(series) < count:
            n = len(series)
            square = arithmetic.combination([(series[i], series[n - 1 - i]) for i in range(n)])
            series.append(arithmetic.multiply(arithmetic.number(-0.5 / n), square))
        return series

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, value, slope):
        return _signature(np.float64, count, value, slope), _codegen(evaluate)

    return function


def series_quotient(count: int) -> Any:
    """The nopython function of two power series and 1/(the first coefficient of the second) that divides them."""

    def evaluate(arithmetic: Arithmetic, a: Sequence[Any], b: Sequence[Any], inverse: Any) -> list[Any]:
        minus_b = [arithmetic.minus(x) for x in b]
        results: list[Any] = []
        for i in range(count):
            pairs = [(results[l], minus_b[i - l]) for l in range(i)]
            results.append(
                arithmetic.multiply(arithmetic.combination([*pairs, (arithmetic.number(1.0), a[i])]), inverse)
            )
        return results

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, a, b, inverse):
        return _signature(np.float64, count, a, b, inverse), _codegen(evaluate)

    return function


def evaluated(evaluate: Callable[..., list[list[Any]]], real: Any) -> Any:
    """The nopython function of a tuple of numbers that returns, as tuples, the lists of evaluate(arithmetic, …)."""

    @nopython(lambda numbers: tuple(map(tuple, evaluate(interpreted(real), *numbers))))
    def function(typingctx, numbers):
        # Only their lengths count here.
        probe = evaluate(interpreted(real), *np.ones(numbers.count, real))
        kind = from_dtype(np.dtype(real))
        result = types.Tuple([types.UniTuple(kind, len(each)) for each in probe])

        def codegen(context, builder, signature, args):
            lists = evaluate(instructions(builder, real), *cgutils.unpack_tuple(builder, args[0]))
            parts = [context.make_tuple(builder, *each) for each in zip(result, lists, strict=True)]
            return context.make_tuple(builder, result, parts)

        return result(numbers), codegen

    return function


def rounded(real: Any, count: int) -> Any:
    """The nopython function that rounds `count` coefficients to `real`: to zero, where one would be subnormal."""

    def evaluate(arithmetic: Arithmetic, c: Sequence[Any]) -> list[Any]:
        least = arithmetic.number(float(np.finfo(real).tiny))
        return [arithmetic.rounded(arithmetic.at_least(x, least), real) for x in c]

    @nopython(lambda *args: tuple(evaluate(PYTHON, *args)))
    def function(typingctx, c):
        return _signature(real, count, c), _codegen(evaluate)

    return function


def _signature(real: Any, count: int, *args: Any) -> Any:
    return types.UniTuple(from_dtype(np.dtype(real)), count)(*args)


def _codegen(evaluate: Callable[..., list[Any]], real: Any = np.float64) -> Callable[..., Any]:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = [
            cgutils.unpack_tuple(builder, arg) if isinstance(kind, types.BaseTuple) else arg
            for kind, arg in zip(signature.args, args, strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, evaluate(instructions(builder, real), *values))

    return codegen
