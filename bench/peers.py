"""The same rounding with other tools: the sum that people publish, and the best that an expert would write.

* literal sum: eleven integers around x, as published;
* three terms: relative to the nearest integer, from one exponential for each element, hence without a leak;
* tanh: the first term's shape alone, as in quantisation-aware training; another function, but the same use.

The sharpness is a constant to compilers, which is the best case for them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, prange, vectorize

import fastround as fr

K = 10.0
RADIUS = 5


def literal_sum(xp: Any, x: Any) -> Any:
    """As published, with an extra axis for the integers."""
    n = xp.round(x)[..., None] + xp.arange(-RADIUS, RADIUS + 1, dtype=x.dtype)
    t = K * (x[..., None] - n)
    return (n * (1 / (1 + xp.exp(-t - K / 2)) - 1 / (1 + xp.exp(-t + K / 2)))).sum(-1)


def three_terms(xp: Any, x: Any) -> Any:
    """Three terms of the sum relative to the nearest integer."""
    c = xp.round(x)
    r = x - c
    w = xp.exp(-K * xp.abs(r))
    s = 1 + w * w
    total = sum(1 / (s + w * (2 * math.cosh(K * (j + 0.5)))) for j in range(3))
    return c + xp.copysign((1 - w) * (1 + w) * total, r)


def tanh(xp: Any, x: Any) -> Any:
    """One term."""
    m = xp.floor(x) + 0.5
    return m + xp.tanh((x - m) * (K / 2)) * (0.5 / math.tanh(K / 4))


FORMS: dict[str, Callable[[Any, Any], Any]] = {"literal sum": literal_sum, "three terms": three_terms, "tanh": tanh}


@cache
def scalar(form: str, real: Any) -> Any:
    """A form for one number, in nopython code."""
    one, half, zero, k = real(1), real(0.5), real(0), real(K)
    slope, scale = real(K / 2), real(0.5 / math.tanh(K / 4))
    cosine1, cosine2, cosine3 = (real(2 * math.cosh(K * (j + 0.5))) for j in range(3))

    def literal_sum(x: Any) -> Any:
        total = zero
        for i in range(-RADIUS, RADIUS + 1):
            n = np.rint(x) + real(i)
            t = k * (x - n)
            total += n * (one / (one + math.exp(-t - half * k)) - one / (one + math.exp(-t + half * k)))
        return total

    def three_terms(x: Any) -> Any:
        c = np.rint(x)
        r = x - c
        w = math.exp(-k * abs(r))
        s = one + w * w
        total = one / (s + w * cosine1) + one / (s + w * cosine2) + one / (s + w * cosine3)
        return c + math.copysign((one - w) * (one + w) * total, r)

    def tanh(x: Any) -> Any:
        m = np.floor(x) + half
        return m + math.tanh((x - m) * slope) * scale

    return {"literal sum": literal_sum, "three terms": three_terms, "tanh": tanh}[form]


def numexpr_source(form: str) -> str:
    """A form in the language of numexpr, of r and its centre c, where all other names are scalars."""
    if form == "literal sum":
        sigmoid = "one/(one + exp(k*(n{}{}half - r)))"
        term = f"(c + n{{0}})*({sigmoid.format('{0}', '-')} - {sigmoid.format('{0}', '+')})"
        return " + ".join(term.format(i) for i in range(2 * RADIUS + 1))
    if form == "three terms":
        terms = " + ".join(f"one/(one + w*w + w*cosine{j})" for j in range(3))
        return f"where(r < zero, c - (one - w)*(one + w)*({terms}), c + (one - w)*(one + w)*({terms}))"
    return "c + half + tanh((r - half)*slope)*scale"


def with_numexpr(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """Evaluate a form with numexpr, which has no intermediate variables: those are evaluations of their own."""
    numexpr, real = importlib.import_module("numexpr"), x.dtype.type
    numbers = {"zero": 0, "one": 1, "half": 0.5, "k": K, "slope": K / 2, "scale": 0.5 / math.tanh(K / 4)}
    numbers |= {f"n{i}": i - RADIUS for i in range(2 * RADIUS + 1)}
    numbers |= {f"cosine{j}": 2 * math.cosh(K * (j + 0.5)) for j in range(3)}
    constants = {name: real(number) for name, number in numbers.items()}
    source, centre = numexpr_source(form), "floor(x)" if form == "tanh" else "floor(x + half)"
    c, r, w, out = (np.zeros_like(x) for _ in range(4))

    def run() -> Any:
        operands = {**constants, "x": x, "c": c, "r": r, "w": w}
        numexpr.evaluate(centre, operands, out=c)
        numexpr.evaluate("x - c", operands, out=r)
        if form == "three terms":
            numexpr.evaluate("exp(-k*abs(r))", operands, out=w)
        return numexpr.evaluate(source, operands, out=out)

    return run


def with_numpy(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """NumPy, as it is usually written."""
    return lambda: FORMS[form](np, x)


def with_vectorize(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """Numba's @vectorize."""
    ufunc, out = vectorize(scalar(form, x.dtype.type)), np.zeros_like(x)
    return lambda: ufunc(x, out=out)


def with_parallel_vectorize(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """Numba's @vectorize with threads."""
    signature = f"{x.dtype}({x.dtype})"
    ufunc, out = vectorize([signature], target="parallel")(scalar(form, x.dtype.type)), np.zeros_like(x)
    return lambda: ufunc(x, out=out)


def with_prange(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """A loop of Numba's with threads."""
    function, out = njit(error_model="numpy")(scalar(form, x.dtype.type)), np.zeros_like(x)

    @njit(parallel=True, error_model="numpy")
    def run(x: Any, out: Any) -> None:
        for i in prange(x.size):
            out[i] = function(x[i])

    def call() -> Any:
        run(x, out)
        return out

    return call


def _torch(form: str, x: Any, compiled: bool, gradient: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    function: Any = lambda t: FORMS[form](torch, t)  # noqa: E731
    if compiled:
        function = torch.compile(function, dynamic=False)
    operand = torch.from_numpy(x)
    if not gradient:
        return lambda: function(operand)
    operand.requires_grad_()
    ones = torch.ones_like(operand)

    def run() -> Any:
        value = function(operand)
        return value.detach(), torch.autograd.grad(value, operand, ones)[0]

    return run


def with_torch(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """PyTorch, eager."""
    return _torch(form, x, False, gradient)


def with_compiled_torch(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """PyTorch, compiled."""
    return _torch(form, x, True, gradient)


def with_jax(form: str, x: Any, gradient: bool) -> Callable[[], Any]:
    """JAX, compiled."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    numpy = importlib.import_module("jax.numpy")

    def value(t: Any) -> Any:
        return FORMS[form](numpy, t)

    def value_and_grad(t: Any) -> Any:
        result, pull_back = jax.vjp(value, t)
        return result, pull_back(numpy.ones_like(t))[0]

    function, operand = jax.jit(value_and_grad if gradient else value), numpy.asarray(x)
    return lambda: jax.block_until_ready(function(operand))


# The package that each needs, and what builds the function from a form, an array, and whether for its gradient too.
PEERS: dict[str, tuple[str, Callable[[str, Any, bool], Callable[[], Any]]]] = {
    "NumPy": ("numpy", with_numpy),
    "numexpr": ("numexpr", with_numexpr),
    "Numba @vectorize": ("numba", with_vectorize),
    "Numba @vectorize, target='parallel'": ("numba", with_parallel_vectorize),
    "Numba prange": ("numba", with_prange),
    "PyTorch": ("torch", with_torch),
    "torch.compile": ("torch", with_compiled_torch),
    "JAX jit": ("jax", with_jax),
}
WITH_GRADIENTS = ("PyTorch", "torch.compile", "JAX jit")


def worst_ulp(result: Any, x: Any, k: float, suffix: str = "") -> dict[str, float]:
    """The largest error in ulp of a float32 result among its first elements: against float64, so not for that."""
    if x.dtype != np.float32:
        return {}
    sample = np.asarray(result)[: 2**14]
    exact = getattr(fr, f"sigmoid_round{suffix}")(x[: sample.size].astype(np.float64), k)
    return {"ulp": float(np.max(np.abs(sample - exact) / np.spacing(np.abs(exact).astype(np.float32))))}
